"""The desk at its three sizes, its header, and what stands where a list is empty."""

from __future__ import annotations

import re

import pytest
from hand import Hand, Start
from textual.geometry import Size

from tui.screens.more import COMMITMENTS, INVOICES, TOOLS, MoreScreen, screen_of
from tui.widgets.detail import DetailPane
from tui.widgets.invoice_table import InvoiceTable


def region(hand: Hand, selector: str | type) -> Size:
    return hand.app.screen.query_one(selector).size


async def test_at_80x24_the_detail_takes_the_lists_place(start: Start) -> None:
    async with start() as hand:
        assert region(hand, InvoiceTable).height >= 13 and region(hand, InvoiceTable).width == 80
        assert hand.text("#tabs").rstrip().endswith("More m")
        await hand.press("enter")
        assert region(hand, DetailPane) == Size(80, region(hand, DetailPane).height)
        assert region(hand, DetailPane).height >= 13
        assert "Scheduled" in hand.invoices.pane.text
        await hand.press("escape")
        assert region(hand, InvoiceTable).width == 80


async def test_at_120x40_the_detail_stands_beside_the_list(start: Start) -> None:
    async with start(size=(120, 40)) as hand:
        assert region(hand, InvoiceTable).width == 80
        assert 38 <= region(hand, DetailPane).width <= 40
        assert hand.text("#tabs").rstrip().endswith("tools: m")
        await hand.until(lambda: "R-00" in hand.invoices.pane.text)
        assert not hand.app.screen.query_one("#views-list").display


async def test_at_200x60_the_views_stand_in_the_right_pane_too(start: Start) -> None:
    async with start(size=(200, 60)) as hand:
        lines = [text.strip("| ") for text in hand.text("#views-list").splitlines()]
        assert lines[0] == "Views" and "[1 Ready to Export 10]" in lines and "3 Failed to Export 2!" in lines
        assert "Filter Invoices By: [1 Ready to Export 10]" in hand.text("#views")
        await hand.until(lambda: "Scheduled" in hand.invoices.pane.text)
        assert region(hand, DetailPane).width >= 90
        assert region(hand, InvoiceTable).width >= 100
        await hand.pilot.click("#views-list", offset=(5, 3))
        await hand.idle()
        assert hand.view() == "failed"
        assert "[3 Failed to Export 2!]" in hand.text("#views-list")


async def test_the_header_tells_when_the_erp_last_answered(start: Start) -> None:
    async with start(size=(120, 40)) as hand:
        assert "synced" not in hand.text("#header")
        db = hand.app.desk.db
        db.execute(
            "INSERT INTO workers (id, host, pid, started_at, heartbeat_at) VALUES ('w', 'h', 1, ?, ?)",
            (db.now(), db.now()),
        )
        await hand.press("f5")
        await hand.until(lambda: re.search(r"synced \d\d:\d\d  jlopez  Approver $", hand.text("#header")))
        db.execute("UPDATE workers SET heartbeat_at = 1000")
        await hand.press("f5")
        await hand.until(lambda: "synced 1970-01-01" in hand.text("#header"))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_long_company_keeps_the_header_on_one_line(start: Start, size: tuple[int, int]) -> None:
    async with start(size=size) as hand:
        db = hand.app.desk.db
        db.execute(
            "INSERT INTO workers (id, host, pid, started_at, heartbeat_at) VALUES ('w', 'h', 1, ?, ?)",
            (db.now(), db.now()),
        )
        company = type(hand.app.desk.company)
        values = {name: getattr(hand.app.desk.company, name) for name in company.__slots__}
        object.__setattr__(hand.app.desk, "company", company(**{**values, "name": "建設会社" * 12}))
        await hand.press("f5")
        header = hand.text("#header")
        assert header.endswith("jlopez  Approver ") and "\n" not in header


@pytest.mark.parametrize(
    ("login", "keys", "words"),
    [
        ("jlopez", ("1",), ("Commitments (m)",)),
        ("jlopez", ("2",), ("(1)", "press x")),
        ("jlopez", ("3",), ("view 2", "view 4")),
        ("jlopez", ("4",), ("(1)", "press x")),
        ("jlopez", ("5",), ("(m: Commitments)",)),
        ("mgarcia", ("1",), ("view 2",)),
        ("mgarcia", ("2",), ("view 1",)),
        ("mgarcia", ("3",), ("(2)", "press f")),
        ("mgarcia", ("4",), ("payapp import",)),
        ("jlopez", ("slash", "z", "z", "enter"), ("Nothing waits for export.", "\\ clears the filter.")),
    ],
)
async def test_an_empty_list_says_why_and_which_key_helps(
    start: Start, login: str, keys: tuple[str, ...], words: tuple[str, ...]
) -> None:
    async with start(login) as hand:
        db = hand.app.desk.db
        for table in ("invoice_lines", "invoices"):
            db.execute(f"DELETE FROM {table}")
        await hand.press("f5", *keys)
        said = hand.app.screen.query_one(InvoiceTable).empty
        for word in words:
            assert word in said, said


async def test_more_shows_no_tool_that_is_not_there(start: Start) -> None:
    async with start() as hand:
        await hand.press("m")
        await hand.dialog(MoreScreen)
        lines = [str(static.render()).strip() for static in hand.app.screen.query("Static")]
        shown = [line for line in lines if line[:1].isdecimal()]
        assert shown == sorted(shown)
        assert {line[3:] for line in shown} == {tool.title for tool in TOOLS}
        for tool in TOOLS:
            screen = screen_of(tool.name, hand.app.desk)
            assert (screen is None) is (tool.name in {INVOICES, COMMITMENTS})
