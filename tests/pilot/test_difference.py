"""What was changed since a rejection, as the approver sees it: by the flag C, and first of all in the detail."""

from __future__ import annotations

from datetime import date

import pytest
from hand import Start

from store import commitments, directory, review
from store.db import Database
from store.domain.selection import Marked


def marked(db: Database, number: str) -> Marked:
    return Marked(
        dict([db.execute("SELECT id, version FROM invoices WHERE number = ?", (number,)).fetchone()])
    )


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_who_decides_sees_what_was_changed_and_why_it_was_rejected(
    start: Start, books: Database, size: tuple[int, int]
) -> None:
    approver, sender = directory.actor(books, "jlopez"), directory.actor(books, "mgarcia")
    review.reject(books, approver, marked(books, "R-00"), "The date [/] is wrong")
    [invoice] = marked(books, "R-00").versions
    version = marked(books, "R-00").versions[invoice]
    commitments.edit(books, sender, invoice, version, billing_date=date(2026, 10, 15))
    review.send(books, sender, marked(books, "R-00"))
    async with start("jlopez", size=size) as hand:
        await hand.press("/", *"flag:C")
        await hand.press("enter")
        await hand.until(lambda: "R-00" in hand.listed())
        while hand.current() != "R-00":
            await hand.press("down")
        await hand.press("enter")
        await hand.until(lambda: "Changed since jlopez rejected it" in hand.text("DetailPane"))
        # In the narrow pane lines break anywhere between words.
        shown = " ".join(hand.text("DetailPane").replace("\n|", " ").split())
        assert "The date [/] is wrong" in shown
        assert "-> 2026-10-15" in shown
