"""Discarding a draft from the desk: by its word on the command line, after a question."""

from __future__ import annotations

from hand import Start

from store import contracts, directory, drafting
from store.db import Database
from tui.screens.ask import AskScreen


def there(db: Database, number: int) -> bool:
    return db.execute("SELECT 1 FROM invoices WHERE id = ?", (number,)).fetchone() is not None


async def test_a_draft_is_discarded_after_a_question_and_nothing_else_is(
    start: Start, books: Database
) -> None:
    [first] = books.execute("SELECT id FROM invoices WHERE number = 'S-00'").fetchone()
    made = drafting.create(
        books, directory.actor(books, "mgarcia"), contracts.of_invoice(books, first)[0], number="D-1"
    ).done[0]
    async with start(login="mgarcia") as hand:
        await hand.press("m", "2", "2")
        await hand.command("d-1")
        await hand.command("discard")
        await hand.dialog(AskScreen)
        assert "Discard D-1 of" in hand.text(".title")
        await hand.press("enter")
        assert there(books, made)
        await hand.command("discard")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.says("1 discarded.")
    assert not there(books, made)
