"""Z takes back one's own last Export, whole; another's only when asked."""

from __future__ import annotations

import pytest
from hand import Start, add_invoice

from store import review
from store.db import Database
from store.directory import actor
from store.domain.selection import Marked
from store.models import Project, Vendor
from tui.screens.ask import AskScreen
from tui.screens.confirm import ConfirmExport

pytestmark = pytest.mark.usefixtures("held")


@pytest.fixture
def held(books: Database) -> Database:
    """The books with a hold of a minute, and one ready invoice in another currency."""
    books.execute("UPDATE company SET hold_ms = 60000")
    add_invoice(
        Project.get_by_id(1), Vendor.get_by_id(1), "E-00", "ready_to_export", currency="EUR", sender_id=None
    )
    return books


async def test_ones_own_batch_is_recalled_though_anothers_is_newer(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("space", "x")
        await hand.dialog(ConfirmExport)
        await hand.pilot.press("y")
        await hand.says("Batch 1: 1 accepted")
        assert "Z recalls" not in hand.invoices._message
        review.accept(books, actor(books, "admin"), Marked({2: 1}), hand.app.desk.profile)
        await hand.press("Z")
        await hand.says("Batch 1: 1 recalled")
        assert hand.state("R-00")[0] == "ready_to_export"
        assert hand.state("R-01")[0] == "queued"


@pytest.mark.parametrize("same_desk", [True, False])
async def test_all_batches_of_the_press_are_recalled(start: Start, books: Database, same_desk: bool) -> None:
    async with start() as hand:
        if same_desk:
            await hand.press("A", "x")
            await hand.dialog(ConfirmExport)
            await hand.pilot.press("y")
            await hand.says("Batches 1, 2: 11 accepted")
        else:
            ids = dict.fromkeys([*range(1, 11), 17], 1)
            review.accept(books, actor(books, "jlopez"), Marked(ids), hand.app.desk.profile)
        await hand.pilot.press("Z")
        await hand.says("Batches 1, 2: 11 recalled")
        assert hand.state("E-00")[0] == hand.state("R-00")[0] == "ready_to_export"


async def test_anothers_batch_is_recalled_only_when_asked(start: Start, books: Database) -> None:
    async with start() as hand:
        review.accept(books, actor(books, "admin"), Marked({1: 1}), hand.app.desk.profile)
        await hand.press("Z")
        await hand.dialog(AskScreen)
        assert "admin exported it" in str(hand.app.screen.query("Static").first().render())
        assert "1 in USD   Net 2,700.00" in hand.text("#about")
        await hand.press("enter")
        assert hand.app.screen is hand.invoices
        assert hand.state("R-00")[0] == "queued"
        await hand.press("Z")
        await hand.dialog(AskScreen)
        await hand.pilot.press("y")
        await hand.says("Batch 1: 1 recalled")
        assert hand.state("R-00")[0] == "ready_to_export"
