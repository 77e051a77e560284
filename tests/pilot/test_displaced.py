"""A desk on a copied database: it shows everything, says that nothing is sent, and does not export."""

from __future__ import annotations

import pytest
from hand import Hand, Start

from store import epochs
from tui import app
from tui.screens.invoices import InvoicesScreen


def made_a_copy(hand: Hand) -> None:
    hand.app.desk.db.execute("UPDATE epochs SET place = ?", (epochs.COPY,))


async def test_export_is_refused_before_anything_is_asked(start: Start) -> None:
    async with start() as hand:
        made_a_copy(hand)
        await hand.press("space", "x")
        await hand.says("Nothing is sent from this database")
        assert isinstance(hand.app.screen, InvoicesScreen)
        assert hand.state("R-00")[0] == "ready_to_export"


async def test_an_approvers_desk_says_it_by_itself(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "TEND", 0.05)
    async with start() as hand:
        made_a_copy(hand)
        await hand.says("it is a copy for trying out")
