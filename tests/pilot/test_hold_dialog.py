"""A vendor is held from the list: chosen, told, flagged, exported with a payment hold, and released."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hand import Counter, Hand, Start
from textual.widgets import Static

from erp import profiles
from store import directory, holding_on
from store.db import Database
from store.domain.hold import HoldKind, HoldScope
from tui.bootstrap import Desk
from tui.screens.confirm import ConfirmExport
from tui.screens.gestures import GestureScreen
from tui.screens.hold import HoldScreen
from tui.widgets.choice_line import ChoiceLine


@pytest.fixture
def desk_of(books: Database) -> Callable[[str], tuple[Desk, Counter]]:
    """A wired desk whose ERP can hold a payment."""

    def wire(login: str) -> tuple[Desk, Counter]:
        counter, me = Counter(), directory.actor(books, login)
        return Desk(books, me, directory.company(books), profiles.load("sandbox"), counter.ensure), counter

    return wire


async def to_list(hand: Hand) -> None:
    await hand.until(lambda: isinstance(hand.app.screen, GestureScreen))
    await hand.idle()


def flagged(hand: Hand) -> int:
    return int(hand.app.desk.db.execute("SELECT count(*) FROM invoices WHERE held").fetchone()[0])


async def test_a_vendor_is_held_for_its_insurance(start: Start) -> None:
    async with start() as hand:
        await hand.press("H")
        await hand.dialog(HoldScreen)
        screen = hand.app.screen
        assert "Place 1 invoice on hold" in hand.text("#what")
        await hand.press("shift+tab", "shift+tab", "shift+tab", "left")
        await hand.until(lambda: "Place vendor" in hand.text("#what"))
        await hand.press("tab", "right", "right")
        await hand.until(lambda: screen.query_one("#kind", ChoiceLine).chosen == 2)
        # What the kind does by default is chosen with it, and the kind is reason enough.
        await hand.until(lambda: "[holds payment]" in screen.query_one("#effect", ChoiceLine).text)
        await hand.press("tab", "tab", "tab", "tab", "enter")
        await to_list(hand)
        await hand.says("placed on hold: ")
        assert flagged(hand) > 1
        await hand.press("A", "x")
        await hand.dialog(ConfirmExport)
        told = " ".join(str(text.render()) for text in hand.app.screen.query(Static))
        assert "with the ERP's hold on the payment" in " ".join(told.split())
        await hand.press("y")
        await to_list(hand)
        await hand.until(lambda: hand.state("R-00")[0] == "queued")
        row = hand.app.desk.db.execute(
            "SELECT payload FROM export_jobs j JOIN invoices i ON i.id = j.invoice_id WHERE i.number = 'R-00'"
        ).fetchone()
        assert json.loads(row[0])["payment_hold"] == "insurance lapsed"


async def test_the_key_offers_to_release_what_is_on_hold(start: Start) -> None:
    async with start() as hand:
        db = hand.app.desk.db
        name = db.execute(
            "SELECT v.name FROM vendors v JOIN invoices i ON i.vendor_id = v.id WHERE i.number = 'R-00'"
        ).fetchone()[0]
        vendor = holding_on.named(db, HoldScope.VENDOR, name)
        holding_on.place(db, directory.actor(db, "jlopez"), [vendor], "", kind=HoldKind.CONTRACT)
        await hand.until(lambda: "H" in hand.invoices.table.rows[0].flags)
        await hand.press("H")
        await hand.dialog(HoldScreen)
        assert hand.text("#what").startswith("Release vendor")
        assert "contract unsigned, placed by jlopez" in hand.text(".about")
        assert not hand.app.screen.query_one("#place").display
        await hand.press("enter")
        await to_list(hand)
        assert flagged(hand) > 1
        await hand.press("H")
        await hand.dialog(HoldScreen)
        await hand.press("tab", "enter")
        await to_list(hand)
        await hand.says("released from hold: ")
        assert flagged(hand) == 0
