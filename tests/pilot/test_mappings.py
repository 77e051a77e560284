"""The tab Mappings, driven by keys at 80x24: finding, editing, removing, what the ERP said, who may, hostile text."""

from __future__ import annotations

from collections.abc import Mapping

from hand import HOSTILE, Hand, Start
from textual.widgets import Input

from erp.knowing import Asked
from store import directory, known, mapping
from store.db import Database
from store.domain.knowing import Fact, Kind
from store.mapping import Want
from store.mapping_list import Row
from tui.screens.ask import AskScreen
from tui.screens.mapping_edit import MappingEdit
from tui.screens.mappings import MappingsScreen
from tui.screens.more import MoreScreen
from tui.widgets.row_table import RowTable


async def open_tab(hand: Hand) -> RowTable[Row]:
    """The tab, with its list read."""
    await hand.press("m")
    await hand.dialog(MoreScreen)
    await hand.press("3")
    await hand.dialog(MappingsScreen)
    table = hand.app.screen.query_one(RowTable)
    await hand.until(lambda: table.count, "nothing is listed")
    await hand.idle()
    return table


def targets(db: Database) -> dict[tuple[str, str, int], str]:
    rows = db.execute("SELECT kind, code, coalesce(project_id, 0), target FROM mappings").fetchall()
    return {(kind, code, project): target for kind, code, project, target in rows}


def lines(table: RowTable[Row]) -> list[str]:
    """What stands on the screen, without the header."""
    return ["".join(parts) for parts in table._drawn]


async def test_a_code_is_found_and_mapped_and_the_mapping_taken_away_again(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        table = await open_tab(hand)
        assert "Subcontractor Invoices | Activity | MAPPINGS" in hand.text("#tabs")
        await hand.press("slash", *"bell", "enter")
        assert hand.focused(RowTable) and table.count == 1
        assert "Vendor v2 Bell Mechanical: V2 (its master)" in hand.text("#foot")
        await hand.press("e")
        await hand.dialog(MappingEdit)
        await hand.press(*"V9", "enter", "enter", "enter")
        await hand.dialog(MappingsScreen)
        assert targets(books) == {("vendor", "v2", 0): "V9"}
        await hand.until(lambda: "V9 (its mapping)" in hand.text("#foot"))
        assert "is V9 in the ERP" in hand.text("#foot")

        await hand.press("x")
        await hand.dialog(AskScreen)
        # Enter cancels; y agrees.
        await hand.press("enter")
        await hand.dialog(MappingsScreen)
        assert targets(books)
        await hand.press("delete")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.until(lambda: "has no mapping any more" in hand.text("#foot"))
        assert targets(books) == {}


async def test_one_job_is_named_in_the_dialog_and_what_cannot_be_is_refused_there(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await open_tab(hand)
        await hand.press("slash", *"account", "enter", "e")
        await hand.dialog(MappingEdit)
        await hand.press("enter", "enter", "enter")
        await hand.until(lambda: "Write what the ERP calls it" in hand.text("#problem"))
        await hand.press(*"5100", "enter", *"99-999", "enter", "enter")
        await hand.until(lambda: "there is no job 99-999" in hand.text("#problem"))
        assert targets(books) == {}
        hand.app.screen.query_one("#job", Input).value = "24-101"
        await hand.press("enter")
        await hand.dialog(MappingsScreen)
        project = books.execute("SELECT id FROM projects").fetchone()[0]
        assert targets(books) == {("account", "03-300", project): "5100"}


async def test_what_another_has_mapped_meanwhile_is_not_written_over(start: Start, books: Database) -> None:
    async with start() as hand:
        await open_tab(hand)
        await hand.press("slash", *"bell", "enter", "e")
        await hand.dialog(MappingEdit)
        mapping.put(books, directory.actor(books, "admin"), Want(Kind.VENDOR, "v2", "THEIRS"))
        await hand.press(*"MINE", "enter", "enter", "enter")
        await hand.until(lambda: "it is THEIRS by now" in hand.text("#problem"))
        assert targets(books) == {("vendor", "v2", 0): "THEIRS"}


async def test_what_is_gone_in_the_erp_comes_first_and_says_so_in_words(
    start: Start, books: Database
) -> None:
    mapping.put(books, directory.actor(books, "jlopez"), Want(Kind.ACCOUNT, "03-300", "5100"))
    known.put(
        books, "sandbox", [Fact(Kind.ACCOUNT, "5100", known=False), Fact(Kind.VENDOR, "V2", known=True)]
    )
    async with start() as hand:
        table = await open_tab(hand)
        first = lines(table)[0]
        assert first.startswith(">! account") and first.rstrip().endswith(" NO")
        assert "1 NOT in the ERP" in hand.text("#info")
        assert "ERP: NO" in hand.text("#foot")
        await hand.press("slash", *"gone", "enter")
        assert table.count == 1
        await hand.press("backslash", "slash", *"v2", "enter")
        assert lines(table)[0].rstrip().endswith("yes")


async def test_the_erp_is_asked_about_what_is_listed_and_about_a_new_name(
    start: Start, books: Database
) -> None:
    asked: list[Mapping[Kind, object]] = []

    async def ask(codes: Mapping[Kind, set[str]]) -> Asked:
        asked.append(codes)
        await hand.app.desk.db.write(
            known.put,
            "sandbox",
            [Fact(kind, code, known=False) for kind, own in codes.items() for code in own],
        )
        return Asked(1)

    async with start() as hand:
        object.__setattr__(hand.app.desk, "ask_afresh", ask)
        table = await open_tab(hand)
        await hand.press("slash", *"bell", "enter", "i")
        await hand.until(lambda: "The ERP DOES NOT HAVE IT." in hand.text("#foot"))
        assert asked == [{Kind.VENDOR: {"V2"}}] and lines(table)[0].rstrip().endswith(" NO")
        await hand.press("e")
        await hand.dialog(MappingEdit)
        await hand.press(*"V9", "enter", "enter", "enter")
        await hand.until(lambda: asked[1:] == [{Kind.VENDOR: {"V9"}}])


async def test_a_reader_sees_and_is_told_why_nothing_is_changed(start: Start, books: Database) -> None:
    async with start("viewer") as hand:
        table = await open_tab(hand)
        assert table.count and "edit" not in hand.text("#foot")
        await hand.press("e")
        assert "viewer may not change mappings" in hand.text("#foot").replace("\n ", " ")
        await hand.press("j", "x")
        assert "viewer may not change mappings" in hand.text("#foot").replace("\n ", " ")
        assert targets(books) == {}


async def test_hostile_names_and_codes_reach_the_terminal_visibly(start: Start, books: Database) -> None:
    books.execute(
        "UPDATE vendors SET source_id = ?, erp_ref = '' WHERE source_id = 'v3'",
        ("v3 [/]\x1b]52;c;x\x07\u202e",),
    )
    async with start() as hand:
        table = await open_tab(hand)
        seen = lines(table)[0] + hand.text("#foot")
        assert ">! vendor     v3 [/]^[]5" in seen and "NONE" in seen and "NO NAME in the ERP" in seen
        await hand.press("e")
        await hand.dialog(MappingEdit)
        screen = "\n".join(strip.text for strip in hand.app.screen._compositor.render_strips())
        for text in (seen, screen):
            assert not set(text) & {"\x1b", "\x07", "\u202e"}
        assert HOSTILE[:11] in screen
        await hand.press(*"V3", "enter", "enter", "enter")
        await hand.dialog(MappingsScreen)
        assert list(targets(books).values()) == ["V3"]


async def test_a_hostile_job_s_number_is_in_no_box_and_its_mapping_stays_its_own(
    start: Start, books: Database
) -> None:
    hostile = "24 [/]\x1b]52;c;x\x07\u202e"
    mapping.put(books, directory.actor(books, "jlopez"), Want(Kind.ACCOUNT, "03-300", "5100", "24-101"))
    books.execute("UPDATE projects SET number = ?", (hostile,))
    async with start() as hand:
        await open_tab(hand)
        await hand.press("slash", *"5100", "enter", "e")
        await hand.dialog(MappingEdit)
        screen = "\n".join(strip.text for strip in hand.app.screen._compositor.render_strips())
        assert not set(screen) & {"\x1b", "\x07", "\u202e"}
        await hand.press(*["backspace"] * 4, *"5200", "enter", "enter")
        await hand.dialog(MappingsScreen)
        project = books.execute("SELECT id FROM projects").fetchone()[0]
        assert targets(books) == {("account", "03-300", project): "5200"}


async def test_what_another_maps_shows_itself_and_the_cursor_stays(start: Start, books: Database) -> None:
    async with start() as hand:
        table = await open_tab(hand)
        await hand.press("j", "j")
        was = table.current
        assert was is not None
        mapping.put(books, directory.actor(books, "admin"), Want(Kind.ACCOUNT, "03-300", "5100"))
        known.put(books, "sandbox", [Fact(Kind.ACCOUNT, "5100", known=False)])
        await hand.until(lambda: lines(table)[0].rstrip().endswith(" NO"), "it does not show itself")
        assert table.current is not None and table.current.code == was.code and table.cursor == 3


async def test_from_a_failed_invoice_the_tab_opens_on_what_its_error_is_about(start: Start) -> None:
    async with start() as hand:
        await hand.press("3")
        table = await open_tab(hand)
        assert [row.kind for row in table.rows] == [Kind.ACCOUNT]
        # Esc leads back to the failed invoice.
        await hand.press("escape")
        assert hand.app.screen is hand.invoices and hand.current() == "F-00"


async def test_the_tools_are_reached_from_the_tab_and_it_from_commitments(start: Start) -> None:
    async with start() as hand:
        await open_tab(hand)
        await hand.press("m")
        await hand.dialog(MoreScreen)
        await hand.press("2")
        await hand.until(lambda: hand.app.screen is hand.commitments)
        await open_tab(hand)
        await hand.press("q")
        assert hand.app.screen is hand.commitments


async def test_thousands_of_codes_are_listed_and_one_move_draws_two_rows(
    start: Start, books: Database
) -> None:
    books.executemany(
        "INSERT INTO vendors (source_id, name, erp_ref) VALUES (?, ?, ?)",
        [(f"w{n:05}", f"Vendor {n}", f"W{n}") for n in range(5000)],
    )
    async with start() as hand:
        table = await open_tab(hand)
        assert table.count == 5023
        drawn: list[object] = []
        real = table.refresh

        def refresh(*regions: object, **rest: object) -> object:
            drawn.extend(regions)
            return real(*regions, **rest)  # type: ignore[arg-type] # handed on as it came

        table.refresh = refresh  # type: ignore[method-assign, assignment] # it only counts
        await hand.press("j")
        assert len(drawn) == 2
        await hand.press("G")
        assert table.cursor == 5022 and table.current is not None and table.current.kind is Kind.TERMS


async def test_a_key_that_does_nothing_there_says_so(start: Start) -> None:
    async with start() as hand:
        await open_tab(hand)
        await hand.press("5")
        assert "5 does nothing here. ? lists the keys." in hand.text("#foot")
        await hand.press("r")
        assert "r works in ERP Integrations" in hand.text("#foot")
        await hand.press("u")
        assert "only what is not in the ERP or has no name of its own there" in hand.text("#info")
