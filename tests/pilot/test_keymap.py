"""The one table of keys."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hand import PROFILE, Hand, Start
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.widgets import Input

from store import batches, review
from store.batches import Failure
from store.db import Database
from store.directory import actor
from store.domain.errors import SettingsError
from store.domain.selection import Marked
from store.domain.status import VIEW_TITLES
from tui.app import DeskApp
from tui.commands.keys import page
from tui.keymap import KEYS, TOGETHER, Key, Place, footer, help_places, is_printable, sections, shown
from tui.screens.activity import ActivityScreen
from tui.screens.activity_entry import EntryScreen
from tui.screens.ask import AskScreen
from tui.screens.changes import ChangesScreen
from tui.screens.commitments import CommitmentsScreen
from tui.screens.confirm import ConfirmExport
from tui.screens.contracts import ContractsScreen
from tui.screens.dialog import Dialog
from tui.screens.directory import DirectoryScreen
from tui.screens.dry_list import DryListScreen
from tui.screens.dry_run import DryRunScreen
from tui.screens.edit import EditScreen
from tui.screens.files import FilesScreen
from tui.screens.help import HelpScreen
from tui.screens.invoices import InvoicesScreen
from tui.screens.listing_text import marked_line, tabs_line
from tui.screens.mappings import MappingsScreen
from tui.screens.more import MoreScreen
from tui.screens.overview import OverviewScreen
from tui.screens.payload import PayloadScreen
from tui.screens.reconciled import ReconciledScreen
from tui.screens.reject import RejectScreen
from tui.screens.rows import RowsScreen
from tui.screens.signing import SigningScreen
from tui.screens.too_small import TooSmallScreen
from tui.screens.user_form import UserForm
from tui.screens.user_page import UserPage
from tui.screens.views import ViewsScreen
from tui.user_keymap import forbidden, is_known, laid_over, load, thefts
from tui.widgets.choice_line import ChoiceLine
from tui.widgets.command_line import CommandInput
from tui.widgets.detail import DetailPane
from tui.widgets.export_panel import report
from tui.widgets.filter_line import FilterInput
from tui.widgets.invoice_table import InvoiceTable

OWNERS: dict[Place, tuple[type[DOMNode], ...]] = {
    Place.TABLE: (InvoiceTable,),
    Place.DETAIL: (DetailPane,),
    Place.LIST: (InvoicesScreen, CommitmentsScreen),
    Place.INVOICES: (InvoicesScreen,),
    Place.COMMITMENTS: (CommitmentsScreen,),
    Place.FILTER: (FilterInput,),
    Place.COMMAND: (CommandInput,),
    Place.DIALOG: (Dialog,),
    Place.CONFIRM: (ConfirmExport,),
    Place.REJECT: (RejectScreen,),
    Place.ASK: (AskScreen,),
    Place.EDIT: (EditScreen,),
    Place.DRY_RUN: (DryRunScreen,),
    Place.DRY_LIST: (DryListScreen,),
    Place.PAYLOAD: (PayloadScreen,),
    Place.CHOICE: (ChoiceLine,),
    Place.HELP: (HelpScreen,),
    Place.MORE: (MoreScreen,),
    Place.VIEWS: (ViewsScreen,),
    Place.ROWS: (RowsScreen,),
    Place.MAPPINGS: (MappingsScreen,),
    Place.CONTRACTS: (ContractsScreen,),
    Place.CHANGES: (ChangesScreen,),
    Place.FILES: (FilesScreen,),
    Place.ACTIVITY: (ActivityScreen,),
    Place.ENTRY: (EntryScreen, ReconciledScreen),
    Place.DIRECTORY: (DirectoryScreen,),
    Place.OVERVIEW: (OverviewScreen,),
    Place.SIGNING: (SigningScreen,),
    Place.USER: (UserPage,),
    Place.USER_FORM: (UserForm,),
    Place.TOO_SMALL: (TooSmallScreen,),
}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_of_the_table_is_bound_and_has_its_action(key: Key) -> None:
    for owner in OWNERS[key.place]:
        method = key.action.partition("(")[0]
        target = DeskApp if method.startswith("app.") else owner
        assert hasattr(target, f"action_{method.removeprefix('app.')}"), owner
        assert owner._merged_bindings is not None
        for name in key.keys:
            actions = {bound.action for bound in owner._merged_bindings.key_to_bindings[name]}
            assert actions & {key.action, f"typed('{key.action}')"}, name


@pytest.mark.parametrize("owner", sorted({o for owners in OWNERS.values() for o in owners}, key=str))
def test_no_dialog_and_no_list_has_keys_that_the_table_does_not_know(owner: type[DOMNode]) -> None:
    assert owner._merged_bindings is not None
    places = {place for place, owners in OWNERS.items() if any(issubclass(owner, o) for o in owners)}
    known = {(name, key.action) for key in KEYS if key.place in places for name in key.keys}
    known |= {(name, f"typed('{action}')") for name, action in known}
    ours = {
        (name, bound.action)
        for name, bounds in owner._merged_bindings.key_to_bindings.items()
        for bound in bounds
    }
    inherited = {
        (name, bound.action)
        for parent in (ModalScreen, Input)
        if issubclass(owner, parent) and parent._merged_bindings is not None
        for name, bounds in parent._merged_bindings.key_to_bindings.items()
        for bound in bounds
    }
    screens = {(name, action) for name, action in ours if action.startswith(("app.focus", "screen."))}
    assert ours - inherited - screens - known == set()


def test_no_key_is_one_that_a_terminal_keeps_or_that_putty_sends_for_another() -> None:
    for key in KEYS:
        for name in key.keys:
            assert not forbidden(name), (key.name, name)
            assert is_known(name), (key.name, name)
        if key.place is not Place.DIALOG and any(re.fullmatch(r"f\d+", name) for name in key.keys):
            assert any(not re.fullmatch(r"f\d+", name) for name in key.keys), f"{key.name} has no letter twin"


def test_no_key_does_two_things_where_both_are_live() -> None:
    assert thefts(KEYS) == []
    assert {place for places in TOGETHER for place in places} == set(Place)
    assert len({key.name for key in KEYS}) == len(KEYS)


def test_what_the_capital_letters_of_putty_would_decide_is_nothing() -> None:
    assert forbidden("M") and forbidden("Y") and forbidden("alt+x") and forbidden("ctrl+space")
    assert not forbidden("Z") and not forbidden("L") and not forbidden("shift+tab")


def test_the_footer_fits_and_always_has_help_and_quit() -> None:
    for width in (60, 78, 118, 198):
        text = footer(width, Place.TABLE, Place.LIST, Place.INVOICES)
        assert len(text) <= width
        assert "? Help" in text
        assert "q quit" in text


def test_in_the_detail_the_footer_has_the_details_keys_first() -> None:
    text = footer(78, Place.DETAIL, Place.LIST, Place.INVOICES)
    assert text.startswith("Space page  n next  p previous  Esc list")
    assert "mark" not in text
    assert "x EXPORT  r Reject" in text


def test_while_typing_the_footer_has_no_key_that_would_be_text() -> None:
    for place, own in ((Place.FILTER, "Enter list  Tab complete"), (Place.COMMAND, "Enter go  Down next")):
        text = footer(78, place, Place.LIST, Place.INVOICES)
        assert own in text
        assert "F1 Help  F6 EXPORT" in text
        assert not re.search(r"(?:^| )\S (?:\w)", text), text


def test_who_may_not_decide_is_promised_no_decision() -> None:
    for tool, decision in ((Place.INVOICES, "EXPORT"), (Place.COMMITMENTS, "Send")):
        assert decision in footer(198, Place.TABLE, Place.LIST, tool)
        text = footer(198, Place.TABLE, Place.LIST, tool, decides=False)
        assert not re.search(r"EXPORT|Reject|hold|query|dry run|Send|Retrieve|edit|approve", text)
        assert "Space mark  v range  ? Help  a all" in text
    assert "e errors" in footer(198, Place.TABLE, Place.LIST, Place.INVOICES, decides=False)


async def test_the_foot_follows_the_focus_and_the_user(start: Start) -> None:
    async with start() as hand:
        assert "v range  ? Help  x EXPORT  r Reject  a all  / filter  q quit" in hand.text("#foot")
        await hand.press("enter")
        await hand.until(lambda: "Space page" in hand.text("#foot"))
        await hand.press("escape", "slash")
        await hand.until(lambda: "Tab complete" in hand.text("#foot"))
        await hand.press("escape")
        await hand.until(lambda: "Space mark" in hand.text("#foot"))
    async with start("viewer") as hand:
        assert "EXPORT" not in hand.text("#foot")


def lines_of(hand: Hand) -> list[str]:
    return hand.text("#keys").split("\n")


async def test_help_begins_where_one_is_and_has_the_boxes_and_the_dialogs(start: Start) -> None:
    async with start() as hand:
        await hand.press("question_mark")
        await hand.dialog(HelpScreen)
        lines = lines_of(hand)
        keys = [line.split()[0] for line in lines if re.match(r"  \S", line)]
        assert (lines[0].strip(), keys[:5]) == ("Subcontractor Invoices", ["x", "r", "H", "i", "d"])
        titles = {line for line in lines if line and not line.startswith(" ")}
        assert {"Filter", "Command line", "Every dialog", "Export", "Reject", "Saved views"} <= titles
        assert any(re.fullmatch(r"  3 +the view Failed to Export", line) for line in lines)
        assert max(map(len, lines)) <= 75
        await hand.press("escape", "enter", "question_mark")
        await hand.dialog(HelpScreen)
        assert lines_of(hand)[0].strip() == "Detail pane"


@pytest.mark.parametrize(("size", "columns"), [((120, 40), 2), ((200, 60), 3)])
async def test_help_uses_the_window(start: Start, size: tuple[int, int], columns: int) -> None:
    async with start(size=size) as hand:
        await hand.press("question_mark")
        await hand.dialog(HelpScreen)
        keys, note = hand.app.screen.query_one(".keys"), hand.app.screen.query_one(".note")
        assert keys.size.height >= size[1] - 5
        assert note.region.bottom < size[1]
        cells = (min(size[0], 190) - 5 + 2) // columns
        lines = lines_of(hand)
        listed = [line[n * cells : (n + 1) * cells].rstrip() for n in range(columns) for line in lines]
        # Every key is there, in the order of the help, and what goes on does so under itself.
        whole = re.sub(r" *\n {10,}", " ", "\n".join(listed))
        for title, rows in sections(*help_places(*hand.invoices.live), views=[*VIEW_TITLES.values()]):
            assert re.search(rf"^{title}$", whole, re.MULTILINE), title
            for names, meaning in rows:
                assert re.search(rf"^  {re.escape(names)} +{re.escape(meaning)}$", whole, re.MULTILINE), (
                    meaning
                )
        assert "the fifth view" not in whole


def test_help_has_every_key_of_its_places() -> None:
    rows = [row for _, keys in sections(Place.LIST, Place.INVOICES) for row in keys]
    assert len(rows) == sum(key.place in {Place.LIST, Place.INVOICES} for key in KEYS)


@pytest.mark.parametrize(
    ("name", "written"),
    [("plus", "+"), ("minus", "-"), ("colon", ":"), ("equals_sign", "="), ("slash", "/"), ("underscore", "_"),
     ("at", "@"), ("full_stop", "."), ("reverse_solidus", "\\"), ("a", "a"), ("é", "é"), ("euro_sign", "€")],
)  # fmt: skip
def test_what_writes_a_character_is_known_by_its_name(name: str, written: str) -> None:
    assert is_printable(name)
    assert shown(name) == written


@pytest.mark.parametrize(
    ("name", "word"),
    [("tab", "Tab"), ("escape", "Esc"), ("backspace", "Backspace"), ("delete", "Del"), ("f6", "F6"),
     ("ctrl+r", "Ctrl+R"), ("shift+tab", "Shift+Tab"), ("pagedown", "PgDn"), ("up", "Up")],
)  # fmt: skip
def test_what_writes_nothing_is_known_too(name: str, word: str) -> None:
    assert not is_printable(name)
    assert shown(name) == word


def test_the_page_of_keys_is_what_the_command_prints() -> None:
    written = Path(__file__).parents[2] / "docs" / "keys.md"
    assert written.read_text(encoding="utf-8") == page(KEYS), "payapp keys --markdown > docs/keys.md"


# -- a user's own keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"table.mrk": "x"}, "there is no action 'table.mrk': it is none of payapp's ids. Write table.mark"),
        ({"nonsense": "x"}, "payapp keys lists the ids"),
        (
            {"table.mark": ["space", "page_down"]},
            "the key page_down: there is none of that name. Write pagedown",
        ),
        ({"table.mark": ["esc"]}, "Write escape"),
        ({"table.mark": ["slsh"]}, "Write slash"),
        ({"table.mark": ["x"]}, "table.mark takes x from invoices.export"),
        ({"detail.page-down": ["x"]}, "detail.page-down takes x from invoices.export"),
        ({"list.refresh": ["enter"]}, "list.refresh takes Enter from list.open"),
        ({"table.mark": ["alt+m"]}, "Alt does not reach the desk"),
        ({"table.mark": ["ctrl+space"]}, "many terminals send nothing for it"),
        ({"table.mark": ["ctrl+a"]}, "GNU screen takes it"),
        ({"table.mark": ["ctrl+b"]}, "tmux takes it"),
        ({"table.mark": ["ctrl+s"]}, "stops the output"),
        ({"table.mark": ["ctrl+q"]}, "VS Code"),
        ({"table.mark": ["ctrl+c"]}, "it copies in text boxes"),
        ({"table.mark": ["ctrl+m"]}, "terminals send it for Enter"),
        ({"table.mark": ["ctrl+enter"]}, "few terminals send Ctrl with such a key"),
        ({"table.mark": ["shift+down"]}, "few terminals send Shift"),
        ({"table.mark": ["X"]}, "PuTTY's VT100+ mode"),
        ({"table.mark": ["f10", "space"]}, "terminals open their menu"),
        ({"table.mark": ["f24", "space"]}, "keyboards end at F12"),
        ({"table.mark": ["f7"]}, "function keys alone"),
        ({"list.quit": []}, "list.quit has no key: nothing else does it"),
        ({"list.cancel": []}, "list.cancel has no key"),
        ({"table.mark": 7}, "table.mark has no keys: they are a list of names"),
        ({"table.mark": [7]}, "they are a list of names"),
        ({"confirm.commit": "j"}, "confirm.commit cannot be changed: the dialog itself names its keys"),
    ],
)
def test_a_keymap_that_is_wrong_is_refused_with_why_and_the_fix(keys: dict[str, object], says: str) -> None:
    _, problems = laid_over({"keys": keys})
    assert says in " | ".join(map(str, problems))


def test_a_keymap_names_the_line_and_nothing_of_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('[keys]\n"list.sort" = "S"\n"table.mark" = ["space"]\n"list.qiut" = "q"\n')
    with pytest.raises(SettingsError) as refused:
        load(file)
    said = str(refused.value)
    assert f"{file}, line 2: list.sort cannot have the key S" in said
    assert "1 more: payapp keys --check" in said


@pytest.mark.parametrize("text", ["[keys", "[other]\nx = 1\n", "keys = 3\n", "\xff"])
def test_a_file_that_is_no_keymap_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"keys\.toml"):
        load(file)
    with pytest.raises(SettingsError, match=r"missing\.toml"):
        load(tmp_path / "missing.toml")


async def test_what_is_said_names_the_users_keys(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {
        "table.mark": ["="], "list.mark-all": ["K"], "invoices.export": ["F"], "list.more": ["J"],
        "invoices.recall": ["C"], "invoices.show-errors": ["E"], "invoices.dry-run": ["d"], "list.view-3": [],
    }  # fmt: skip
    laid, problems = laid_over({"keys": own})
    assert problems == []
    monkeypatch.setattr("tui.keymap._table", laid)
    assert (
        marked_line(0, 0, (), 80).one[0].text
        == " Nothing marked: = marks one, v a range, K all clean matches"
    )
    assert tabs_line("INVOICES", (0, ""), 80)[-1].text == "More J "
    review.accept(books, actor(books, "jlopez"), Marked({1: 1}), PROFILE)
    failure = Failure(1, "R-00", "Apex", "x", "why", "")
    batch = replace(batches.progress(books, 1), failed=2, failures=(failure,))
    *_, fix, keys = ["".join(part.text for part in line) for line in report(batch, 80, 9, 4)]
    assert fix == "    Fix: E shows the whole error"
    assert keys == "  and 1 more  C: recall, 9 s left  E: error  F: retry  r: reject"
    async with start() as hand:
        await hand.press("x")
        await hand.says("Nothing is marked. = marks the invoice under the cursor, K all clean matches.")
        await hand.press("4")
        assert hand.invoices.empty_text() == "Nothing is synced yet. Mark in Ready to Export (1) and press F."


def test_keys_may_be_swapped_written_as_characters_and_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(
        '[keys]\n"invoices.export" = ["r", "f6"]\n"invoices.reject" = ["x", "f8"]\n'
        'table.mark = ["=", "insert"]\n"list.undo-marking" = []\n'
    )
    found = {key.name: key for key in load(file)}
    assert found["invoices.export"].keys == ("r", "f6")
    assert found["table.mark"].keys == ("equals_sign", "insert")
    assert found["list.undo-marking"].keys == ()
    assert found["list.sort"].keys == ("s",)
    assert thefts(tuple(found.values())) == []


def test_what_edits_in_a_text_box_stays_the_boxs() -> None:
    laid, problems = laid_over({"keys": {"list.view-left": ["left"], "list.refresh": ["f5", "ctrl+k", "R"]}})
    assert not [p for p in problems if "left" in p.what]
    keys = {key.name: key for key in laid}
    assert keys["list.view-left"].typed("left")
    assert keys["list.refresh"].typed("ctrl+k")
    assert not keys["list.refresh"].typed("f5")
