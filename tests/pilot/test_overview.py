"""The tab Overview: the aging in characters, at 80x24."""

from __future__ import annotations

import threading
from typing import cast

import pytest
from hand import Start

from store import reports
from store.db import Database
from store.domain.actor import Actor
from tui.screens import rows
from tui.screens.more import MoreScreen
from tui.screens.overview import Age, OverviewScreen
from tui.widgets.row_table import RowTable


async def test_what_waits_is_drawn_by_its_age_and_follows_others(start: Start, books: Database) -> None:
    waiting = books.execute("SELECT count(*) FROM invoices WHERE phase = 'ready_to_export'").fetchone()[0]
    with books.transaction():
        books.execute("UPDATE invoices SET sent_at = ? WHERE sent_at IS NOT NULL", (books.now(),))
    async with start() as hand:
        await hand.press("m")
        await hand.dialog(MoreScreen)
        await hand.press("8")
        await hand.dialog(OverviewScreen)
        table: RowTable[Age] = hand.app.screen.query_one(RowTable)
        await hand.until(lambda: table.count, "nothing is listed")
        before = [row for row in table.rows if row.title == "Ready to Export"]
        assert sum(row.invoices for row in before) == waiting
        with books.transaction():
            books.execute(
                "UPDATE invoices SET sent_at = ? WHERE id = (SELECT min(id) FROM invoices WHERE phase = 'ready_to_export')",
                (books.now() - 90 * 86_400_000,),
            )
        await hand.until(lambda: any(row.age == "over 60 days" for row in table.rows))
        place = next(n for n, row in enumerate(table.rows) if row.age == "over 60 days")
        drawn = "".join(table._drawn[place])
        assert drawn.startswith(("! ", " !", ">!")) and "over 60 days" in drawn and "#" in drawn
        await hand.press("slash", *"over", "enter")
        assert table.count == 1 and "1 invoice waits" in hand.text("#info")
        assert "sent over 60 days ago" in hand.text("#foot")
        await hand.press("q")
        await hand.until(lambda: hand.app.screen is hand.invoices)


async def test_what_takes_long_to_count_is_shown_however_often_others_commit(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, asked = [threading.Event(), threading.Event()], []
    real = reports.waiting

    def slow(db: Database, actor: Actor) -> list[tuple[str, int, str, int, int]]:
        asked.append(actor.login)
        waits[min(len(asked), len(waits)) - 1].wait(20)
        return real(db, actor)

    monkeypatch.setattr(reports, "waiting", slow)
    monkeypatch.setattr(rows, "BETWEEN_LOOKS", 0.01)
    async with start() as hand:
        await hand.press("m")
        await hand.dialog(MoreScreen)
        await hand.pilot.press("8")
        await hand.dialog(OverviewScreen)
        screen = cast("OverviewScreen", hand.app.screen)
        await hand.until(lambda: asked)
        # Somebody commits all the time; the desk looks again as often as it may.
        for _ in range(30):
            screen.store_changed()
            await hand.pilot.pause(0.002)
        waits[0].set()
        await hand.until(lambda: screen.table.count, "what was counted is not shown")
        waits[1].set()
