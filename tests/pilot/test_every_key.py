"""Every key of the table, pressed where it works: what it brings about is there after it, and was not there before."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from hand import PROFILE, Hand, Start, add_invoice
from seen import (
    Seen,
    a_page,
    active,
    at,
    back,
    bell,
    box,
    boxed,
    choice,
    command,
    detail_top,
    filled,
    filtered,
    focused,
    gone,
    line,
    listed,
    mappings,
    marked,
    on,
    panel,
    row,
    says,
    scrolled,
    section,
    state,
    status,
    view,
)
from textual.widgets import Input, OptionList

from store import mapping, policies, review, saved_views, signing
from store.db import Database
from store.directory import actor
from store.domain.knowing import Kind
from store.domain.selection import Marked
from store.domain.status import View
from store.invoices import SortBy
from store.models import Project, Vendor
from tui.keymap import KEYS
from tui.screens.activity import ActivityScreen
from tui.screens.activity_entry import EntryScreen
from tui.screens.ask import AskScreen
from tui.screens.ask_by_mail import AskByMailScreen
from tui.screens.changes import ChangesScreen
from tui.screens.confirm import ConfirmExport
from tui.screens.contracts import ContractsScreen
from tui.screens.dialog import Dialog
from tui.screens.directory import DirectoryScreen
from tui.screens.dry_list import DryListScreen
from tui.screens.dry_run import DryRunScreen
from tui.screens.edit import EditScreen
from tui.screens.export_values import ExportValuesScreen
from tui.screens.files import FilesScreen
from tui.screens.help import HelpScreen
from tui.screens.hold import HoldScreen
from tui.screens.mapping_edit import MappingEdit
from tui.screens.mappings import MappingsScreen
from tui.screens.more import MoreScreen
from tui.screens.overview import OverviewScreen
from tui.screens.payload import PayloadScreen
from tui.screens.reject import RejectScreen
from tui.screens.set_status import StatusScreen
from tui.screens.signing import SigningScreen
from tui.screens.too_small import TooSmallScreen
from tui.screens.undoing import UndoScreen
from tui.screens.user_form import UserForm
from tui.screens.user_page import UserPage
from tui.screens.views import ViewsScreen
from tui.screens.writing import WriteScreen
from tui.widgets.command_line import CommandInput
from tui.widgets.detail import DetailPane
from tui.widgets.filter_line import FilterInput
from tui.widgets.invoice_table import InvoiceTable
from tui.widgets.query_line import QueryInput

READY = ["R-00", "R-03", "R-06", "R-09", "R-01", "R-04", "R-07", "R-02", "R-05", "R-08"]
LONG = 40
# What the tab Mappings lists: three vendors, a job, sixteen commitments, a cost code, tax and terms.
MAPPED = 23


class Step(NamedTuple):
    """A key of a binding and what is seen after it; ``before`` are the keys that lead there."""

    name: str
    key: str
    seen: Seen
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """Steps on one desk. ``books`` changes the books before it starts, ``arrange`` the desk after it has."""

    steps: Sequence[Step]
    login: str = "jlopez"
    books: Callable[[Database], object] | None = None
    arrange: Callable[[Hand], Awaitable[object]] | None = None


# -- the steps ---------------------------------------------------------------------------------------------------


def long_list(db: Database) -> None:
    project, vendor = Project.get_by_id(1), Vendor.get_by_id(2)
    with db.transaction():
        for n in range(LONG):
            add_invoice(project, vendor, f"L-{n:02}", "ready_to_export")


def chosen(line: int) -> Seen:
    return lambda hand: hand.app.screen.query_one("#causes", OptionList).highlighted == line


def much_to_read(db: Database) -> None:
    for n in range(9):
        add_invoice(
            Project.get_by_id(1), Vendor.get_by_id(2), f"A-NUMBER-THAT-IS-TOO-LONG-{n}", "ready_to_export"
        )


def a_view(db: Database) -> None:
    saved_views.save(db, actor(db, "jlopez"), "mine", View.READY, "bell", SortBy.NET, descending=True)


def unapproved(db: Database) -> None:
    add_invoice(Project.get_by_id(1), Vendor.get_by_id(2), "N-02", "not_sent", status="under_review")
    for name in ("a.pdf", "b.pdf"):
        db.execute(
            "INSERT INTO attachments (invoice_id, filename, url) SELECT id, ?, ? FROM invoices",
            (name, f"https://acme.example/{name}"),
        )


def a_mapping(db: Database) -> None:
    mapping.put(db, actor(db, "jlopez"), mapping.Want(Kind.VENDOR, "v1", "V-1"))


def two_of_ones_own(db: Database) -> None:
    """One waits for another person, one was signed off."""
    admin, juan = actor(db, "admin"), actor(db, "jlopez")
    policies.put(db, admin, "self", "review", "alone")
    for n in range(2):
        number = add_invoice(
            Project.get_by_id(1), Vendor.get_by_id(2), f"O-{n}", "ready_to_export", sender=admin.id
        )
        review.accept(db, admin, Marked({number: 1}), PROFILE)
    signing.sign(db, juan, [signing.listed(db, juan)[0].id], agree=True)


def a_held_batch(db: Database) -> None:
    db.execute("UPDATE company SET hold_ms = 600000")
    review.accept(db, actor(db, "jlopez"), Marked({1: 1, 2: 1}), PROFILE)


def a_batch_of_three(db: Database) -> None:
    review.accept(db, actor(db, "jlopez"), Marked({1: 1, 2: 1, 3: 1}), PROFILE)


async def others_rename(hand: Hand) -> None:
    """Nothing looks for it in these tests: only a key brings it."""
    hand.app.desk.db.execute("UPDATE invoices SET number = 'Q-00' WHERE number = 'R-00'")


async def shrink(hand: Hand) -> None:
    await hand.pilot.resize_terminal(60, 20)
    await hand.until(lambda: isinstance(hand.app.screen, TooSmallScreen))


FILTER_BELL = ("slash", *"bell", "enter")
TO_TABLE = [
    Step("table.cursor-down", "j", at(1)),
    Step("table.cursor-down", "down", at(2)),
    Step("table.cursor-up", "k", at(1)),
    Step("table.cursor-up", "up", at(0)),
    Step("table.page-down", "pagedown", a_page),
    Step("table.page-up", "pageup", at(0)),
    Step("table.last", "G", at(-1)),
    Step("table.first", "g", at(0)),
    Step("table.last", "end", at(-1)),
    Step("table.first", "home", at(0)),
    Step("table.mark", "space", lambda hand: marked("R-00")(hand) and at(1)(hand)),
    Step("table.mark", "insert", lambda hand: marked("R-00", "R-03")(hand) and at(2)(hand)),
    Step("table.range", "v", marked("R-00", "R-03", "R-06", "R-09"), ("v", "j")),
    Step("list.unmark-all", "u", marked()),
    Step("list.next-invoice", "n", at(1), ("home",)),
    Step("list.previous-invoice", "p", at(0)),
]
TO_DETAIL = [
    Step("list.open", "enter", lambda hand: hand.focused(DetailPane) and "R-00" in hand.invoices.pane.text),
    Step("detail.scroll-down", "j", detail_top(lambda _: 1)),
    Step("detail.scroll-down", "down", detail_top(lambda _: 2)),
    Step("detail.scroll-up", "k", detail_top(lambda _: 1)),
    Step("detail.scroll-up", "up", detail_top(lambda _: 0)),
    Step("detail.page-down", "pagedown", detail_top(lambda pane: pane.size.height - 3)),
    Step("detail.page-up", "pageup", detail_top(lambda _: 0)),
    Step("detail.page-down", "space", detail_top(lambda pane: pane.size.height - 3)),
    Step("detail.scroll-home", "g", detail_top(lambda _: 0)),
    Step("detail.scroll-end", "G", detail_top(lambda pane: len(pane._body) - pane.size.height + 2)),
    Step("detail.scroll-home", "home", detail_top(lambda _: 0)),
    Step("detail.scroll-end", "end", detail_top(lambda pane: len(pane._body) - pane.size.height + 2)),
    Step("invoices.show-errors", "e", section("errors")),
    Step("list.show-history", "h", section("history")),
    Step("list.show-lines", "l", section("lines")),
    *(Step("list.cancel", key, focused(InvoiceTable), before)
      for key, before in (("escape", ()), ("ctrl+g", ("enter",)), ("f12", ("enter",)))),
    Step("list.next-pane", "tab", focused(DetailPane)),
    Step("list.previous-pane", "shift+tab", focused(InvoiceTable)),
]  # fmt: skip
MARKS = [
    Step("list.mark-all", "a", marked(*set(READY) - {"R-04"})),
    Step("list.mark-every", "A", marked(*READY)),
    Step("list.undo-marking", "z", marked(*set(READY) - {"R-04"})),
    Step("list.invert", "asterisk", marked("R-04")),
    Step("list.only-marked", "t", lambda hand: hand.listed() == ["R-04"]),
    Step("list.mark-query", "plus", lambda hand: hand.focused(QueryInput) and "Mark" in hand.text("#query-word"), ("t",)),
    Step("list.unmark-query", "minus", lambda hand: hand.focused(QueryInput) and "Unmark" in hand.text("#query-word"),
         ("escape",)),
    Step("list.copy", "c", lambda hand: hand.app.clipboard == "R-00", ("escape", "u", "g")),
]  # fmt: skip
VIEWS = [
    *(Step(f"list.view-{n}", str(n), view(wanted))
      for n, wanted in [(n, list(View)[n - 1]) for n in (2, 3, 4, 5, 1)]),
    Step("list.view-right", "right_square_bracket", view(View.EXPORTING)),
    Step("list.view-left", "left_square_bracket", view(View.READY)),
    Step("list.column-left", "less_than_sign", active(SortBy.NUMBER)),
    Step("list.column-right", "greater_than_sign", active(SortBy.VENDOR)),
    Step("list.sort", "s", lambda hand: hand.listed() == READY[::-1]),
    Step("list.filter", "slash", focused(FilterInput)),
    Step("filter.complete", "tab", filtered("vendor:"), tuple("ven")),
    Step("filter.complete-back", "shift+tab", filtered("status:p"), (*["backspace"] * 7, *"status:p", "tab")),
    Step("filter.filter-done", "enter", bell, ("backslash", *["backspace"] * 9, *"bell")),
    Step("filter.filter-done", "down", bell, ("slash",)),
    Step("list.clear-filter", "backslash", lambda hand: len(hand.listed()) == len(READY)),
]  # fmt: skip
COMMANDS = [
    Step("list.command", "colon", focused(CommandInput)),
    Step("command.command-down", "down", command(1), tuple("R-0")),
    Step("command.command-up", "up", command(0)),
    Step("list.command", "ctrl+p", focused(CommandInput), ("escape",)),
    Step("command.command-done", "enter", lambda hand: (hand.view(), hand.current()) == (View.FAILED, "F-01"),
         tuple("F-01")),
]  # fmt: skip
OPENING = [
    *(Step("list.help", key, on(HelpScreen)) for key in ("question_mark", "f1")),
    *(Step("invoices.export", key, on(ConfirmExport), ("space",)) for key in ("x", "f6")),
    *(Step("invoices.reject", key, on(RejectScreen), ("space",)) for key in ("r", "f8")),
    Step("list.saved-views", "o", on(ViewsScreen)),
    Step("list.more", "m", on(MoreScreen)),
    Step("list.write", "w", on(WriteScreen)),
    Step("invoices.hold", "H", on(HoldScreen)),
    Step("invoices.query", "i", on(AskByMailScreen)),
    Step("invoices.dry-run", "d", on(DryRunScreen), ("space",)),
    Step("invoices.export-values", "D", on(ExportValuesScreen)),
]
# Each is opened from the list, and the keys that leave any dialog are gone through in turn.
LEAVING = ("escape", "ctrl+g", "f12")
OPENED = [
    step
    for n, opens in enumerate(OPENING)
    for step in (opens, Step("dialog.leave", LEAVING[n % len(LEAVING)], back))
]
CONFIRM = [
    Step("confirm.scroll-down", "down", scrolled(lambda _: 1), ("A", *FILTER_BELL, "x")),
    Step("confirm.scroll-down", "j", scrolled(lambda _: 2)),
    Step("confirm.scroll-up", "up", scrolled(lambda _: 1)),
    Step("confirm.scroll-up", "k", scrolled(lambda _: 0)),
    Step(
        "confirm.page-down", "pagedown", scrolled(lambda text: min(text.size.height - 1, text.max_scroll_y))
    ),
    Step("confirm.page-up", "pageup", scrolled(lambda _: 0)),
    Step("confirm.list", "d", on(DryRunScreen)),
    Step("confirm.visible", "v", says("#hidden", "Visible ones only"), ("escape",)),
    Step("confirm.cancel", "enter", back),
    Step("confirm.commit", "y", state("R-00", "queued"), ("backslash", "u", "g", "space", "x")),
]
REJECT = [
    Step(
        "reject.override",
        "o",
        says("#word", "Reason for R-03 alone"),
        ("space", "space", "r", "shift+tab", "down"),
    ),
]
DRY_RUN = [
    Step("dry-run.scroll-down", "j", chosen(1), ("A", "d")),
    Step("dry-run.scroll-up", "k", chosen(0)),
    Step("dry-run.open", "enter", on(DryListScreen)),
    Step("dry-list.down", "j", says("#which", "2 of 9")),
    Step("dry-list.down", "down", says("#which", "3 of 9")),
    Step("dry-list.up", "k", says("#which", "2 of 9")),
    Step("dry-list.up", "up", says("#which", "1 of 9")),
    Step("dry-list.last", "G", says("#which", "9 of 9")),
    Step("dry-list.first", "g", says("#which", "1 of 9")),
    Step("dry-list.last", "end", says("#which", "9 of 9")),
    Step("dry-list.first", "home", says("#which", "1 of 9")),
    Step("dry-list.page-down", "pagedown", says("#which", "9 of 9")),
    Step("dry-list.page-up", "pageup", says("#which", "1 of 9")),
    Step("dry-list.open", "enter", on(PayloadScreen)),
    Step("dry-list.open", "p", on(PayloadScreen), ("q",)),
    Step("dry-list.close", "q", on(DryRunScreen), ("q",)),
    *(Step("dry-run.close", key, back, before) for key, before in (("q", ()), ("d", ("d",)))),
    Step("dry-run.payload", "p", on(PayloadScreen), ("d",)),
    Step("payload.next", "n", says("#which", "Payload 2 of 1")),
    Step("payload.previous", "p", says("#which", "Payload 1 of 10")),
    Step("payload.scroll-down", "j", scrolled(lambda _: 1)),
    Step("payload.scroll-up", "k", scrolled(lambda _: 0)),
    Step("payload.close", "q", on(DryRunScreen)),
    Step("payload.close", "enter", on(DryRunScreen), ("p",)),
]
SMALL_ONES = [
    *(Step("help.close", key, back, ("f1",)) for key in ("q", "enter", "question_mark")),
    Step("choice.right", "right", choice(1), ("w", "tab")),
    Step("choice.right", "space", choice(2)),
    Step("choice.left", "left", choice(1)),
    Step("dialog.suspend", "ctrl+z", lambda hand: "There is no shell to go to" in hand.text("#problem")),
    Step("choice.go-on", "enter", focused(Input)),
    Step("views.save", "s", filled("#name", ""), ("escape", "o")),
    Step("views.edit", "e", filled("#query", "bell"), ("escape", "o")),
    *(Step("views.delete", key, lambda hand: on(AskScreen)(hand) and "bell" in hand.text("#about"), ("escape", "o"))
      for key in ("x", "delete")),
    Step("more.second-tool", "2", lambda hand: hand.app.screen is hand.commitments, ("escape", "escape", "m")),
    Step("more.first-tool", "1", lambda hand: hand.app.screen is hand.invoices, ("m",)),
    Step("more.third-tool", "3", on(MappingsScreen), ("m",)),
    Step("more.overview-tool", "8", on(OverviewScreen), ("q", "m")),
]  # fmt: skip
PROJECT = [
    Step("commitments.approve", "y", status("N-00", "approved"), ("2", "space")),
    Step("commitments.send", "f", state("N-00", "ready_to_export")),
    Step("commitments.retrieve", "r", state("N-00", "not_sent"), ("3", "slash", *"n-00", "enter", "space")),
    Step("commitments.edit", "e", on(EditScreen), ("backslash", "2")),
    Step("edit.line-down", "down", line(1)),
    Step("edit.line-up", "up", line(0)),
    *(Step("ask.cancel", key, back, before)
      for key, before in (("n", ("escape", "slash", *"n-0", "enter", "A", "y")), ("enter", ("y",)))),
    Step("ask.agree", "y", status("N-01", "approved"), ("y",)),
    Step("commitments.new", "i", on(EditScreen), ("u", "backslash")),
    Step("commitments.status", "d", on(StatusScreen), ("escape",)),
    Step("commitments.changes", "C", on(ChangesScreen), ("escape",)),
    Step("commitments.files", "F", on(FilesScreen), ("q",)),
    Step("files.down", "down", says("#whole", "https://acme.example/b.pdf"), ("up",)),
    Step("files.up", "up", says("#whole", "https://acme.example/a.pdf")),
    Step("more.contracts-tool", "6", on(ContractsScreen), ("escape", "m")),
    Step("contracts.open", "enter", says("#info", "commitments of job 24-101")),
    Step("contracts.new", "i", on(EditScreen)),
]  # fmt: skip
MAPPINGS = [
    *(Step("rows.down", key, row(n), before)
      for n, key, before in ((1, "j", ("m", "3")), (2, "down", ()))),
    *(Step("rows.up", key, row(n)) for n, key in ((1, "k"), (0, "up"))),
    *(Step("rows.last", key, row(-1), ("g",)) for key in ("G", "end")),
    *(Step("rows.first", key, row(0), ("G",)) for key in ("g", "home")),
    *(Step("rows.page-down", key, row(16), ("g",)) for key in ("pagedown", "space")),
    Step("rows.page-up", "pageup", row(0)),
    Step("mappings.wanting", "u", mappings(1)),
    Step("rows.clear-filter", "backslash", mappings(MAPPED)),
    Step("rows.filter", "slash", focused(Input)),
    Step("rows.clear-filter", "backslash", mappings(MAPPED), (*"bell", "enter")),
    *(Step("rows.help", key, on(HelpScreen), before) for key, before in (("question_mark", ()), ("f1", ("escape",)))),
    *(Step("mappings.edit", key, on(MappingEdit), ("escape", "g")) for key in ("e", "enter")),
    *(Step("mappings.remove", key, on(AskScreen), before) for key, before in (
        ("x", ("escape", "slash", *"apex", "enter")), ("delete", ("escape",)))),
    Step("mappings.ask", "i", says("#foot", "This ERP cannot be asked."), ("escape",)),
    *(Step("rows.refresh", key, says("#foot", "Everything is read anew."), ("j", "G", "g", "i")) for key in ("f5", "ctrl+r")),
    Step("rows.more", "m", on(MoreScreen)),
    Step("rows.close", "q", back, ("escape",)),
]  # fmt: skip
ACTIVITY = [
    Step("more.activity-tool", "4", on(ActivityScreen), ("m",)),
    Step("activity.kind", "t", boxed("type:batch")),
    Step("activity.outcome", "o", boxed("type:batch outcome:failed")),
    Step("activity.operator", "b", boxed("by:admin"), ("backslash",)),
    Step("activity.period", "p", boxed("since:today"), ("backslash",)),
    Step("activity.reconcile", "c", says("#foot", "This ERP cannot be asked.")),
    Step("activity.open", "enter", on(EntryScreen), ("backslash", "t")),
    *(Step("entry.down", key, row(n)) for n, key in ((1, "j"), (2, "down"))),
    *(Step("entry.up", key, row(n)) for n, key in ((1, "k"), (0, "up"))),
    Step("entry.page-down", "pagedown", row(-1)),
    Step("entry.page-up", "pageup", row(0)),
    Step("entry.page-down", "space", row(-1)),
    Step("entry.close", "q", on(ActivityScreen)),
    *(Step("entry.jump", key, focused(DetailPane), before) for key, before in (
        ("i", ("enter",)), ("enter", ("escape", "m", "4", "t", "enter")))),
    Step("activity.jump", "i", filtered("batch:1"), ("escape", "m", "4", "t")),
]  # fmt: skip
SIGNING = [
    Step("more.signing-tool", "7", on(SigningScreen), ("m",)),
    Step("signing.everything", "u", says("#info", "2 of 2")),
    Step("signing.agree", "y", on(AskScreen)),
    Step("signing.object", "o", on(UndoScreen), ("escape",)),
]
DIRECTORY = [
    Step("more.directory-tool", "5", on(DirectoryScreen), ("m",)),
    *(Step("directory.open", key, on(UserPage), before) for key, before in (("enter", ("j",)), ("h", ("escape",)))),
    Step("user.scroll-down", "j", scrolled(lambda _: 1), ("g",)),
    Step("user.scroll-up", "k", scrolled(lambda _: 0)),
    *(Step("user.close", key, on(DirectoryScreen), before) for key, before in (("q", ()), ("enter", ("h",)))),
    Step("directory.edit", "e", on(UserForm), ("j",)),
    Step("user-form.field-down", "down", box("email")),
    Step("user-form.field-up", "up", box("name")),
    Step("directory.add", "n", on(UserForm), ("escape",)),
    *(Step("directory.remove", key, on(AskScreen), ("escape",)) for key in ("x", "delete")),
    Step("directory.removed", "u", says("#foot", "Removed users are listed too."), ("escape",)),
    Step("directory.summary", "s", says("#foot", "not mailed to you any more")),
]  # fmt: skip
BATCH = [
    Step("invoices.panel", "b", panel(shown=False)),
    Step("invoices.panel", "b", panel(shown=True)),
    Step("invoices.recall", "Z", state("R-00", "ready_to_export")),
]


SCENES = {
    "table": Scene(TO_TABLE, books=long_list),
    "detail": Scene(TO_DETAIL),
    "marks": Scene(MARKS),
    "views": Scene(VIEWS),
    "commands": Scene(COMMANDS),
    "opened": Scene(OPENED),
    "confirm": Scene(CONFIRM, books=much_to_read),
    "reject": Scene(REJECT),
    "dry run": Scene(DRY_RUN, books=much_to_read),
    "small ones": Scene(SMALL_ONES, books=a_view),
    "project": Scene(PROJECT, "mgarcia", unapproved),
    "mappings": Scene(MAPPINGS, books=a_mapping),
    "activity": Scene(ACTIVITY, books=a_batch_of_three),
    "directory": Scene(DIRECTORY, "admin"),
    "signing": Scene(SIGNING, books=two_of_ones_own),
    "batch": Scene(BATCH, books=a_held_batch),
    "f5": Scene([Step("list.refresh", "f5", listed("Q-00"))], arrange=others_rename),
    "ctrl+r": Scene([Step("list.refresh", "ctrl+r", listed("Q-00"))], arrange=others_rename),
    "q": Scene([Step("list.quit", "q", gone)]),
    "f3": Scene([Step("list.quit", "f3", gone)]),
    "q too small": Scene([Step("too-small.leave", "q", gone)], arrange=shrink),
    "f3 too small": Scene([Step("too-small.leave", "f3", gone)], arrange=shrink),
}
# What only a terminal shows: the test of test_terminal.py that sends the key's byte, and the byte.
IN_A_TERMINAL = {
    ("list.redraw", "ctrl+l"): ("test_what_the_terminal_lost_is_written_again", b"\x0c"),
    ("list.suspend", "ctrl+z"): ("test_stopped_it_gives_the_terminal_back_and_fg_draws_it_again", b"\x1a"),
}


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dialogs take keys at once, and no commit shows itself: what is seen is the key's doing."""
    monkeypatch.setattr(Dialog, "GUARD", 0.0)
    monkeypatch.setattr("tui.app.LOOK", 3600.0)


async def lead(hand: Hand, keys: Sequence[str]) -> None:
    """Press them one by one, each when what the one before opened takes keys."""
    for key in keys:
        await hand.press(key)
        if isinstance(hand.app.screen, Dialog):
            await hand.dialog(type(hand.app.screen))


@pytest.mark.parametrize("name", SCENES)
async def test_what_a_key_does(start: Start, books: Database, name: str) -> None:
    scene = SCENES[name]
    if scene.books is not None:
        scene.books(books)
    async with start(scene.login) as hand:
        if scene.arrange is not None:
            await scene.arrange(hand)
        for step in scene.steps:
            await lead(hand, step.before)
            # A dialog that the keys before open may take its time.
            await hand.until(lambda step=step: not step.seen(hand), f"{step.name}: without {step.key}")  # type: ignore[misc] # bound now
            await hand.pilot.press(step.key)
            await hand.until(lambda step=step: step.seen(hand), f"{step.name}: nothing by {step.key}")  # type: ignore[misc] # bound now
            if step.seen is not gone:
                await lead(hand, ())
                await hand.idle()


def test_every_key_of_the_table_is_pressed() -> None:
    pressed = {(step.name, step.key) for scene in SCENES.values() for step in scene.steps}
    wanted = {(key.name, name) for key in KEYS for name in key.keys}
    assert pressed & IN_A_TERMINAL.keys() == set()
    assert sorted(wanted - pressed - IN_A_TERMINAL.keys()) == []
    assert sorted((pressed | IN_A_TERMINAL.keys()) - wanted) == []


@pytest.mark.parametrize(("test", "byte"), IN_A_TERMINAL.values())
def test_what_only_a_terminal_shows_is_pressed_there(test: str, byte: bytes) -> None:
    source = (Path(__file__).parent / "test_terminal.py").read_text(encoding="utf-8")
    found = {
        node.name: node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    constants = [node.value for node in ast.walk(found[test]) if isinstance(node, ast.Constant)]
    assert byte in constants
