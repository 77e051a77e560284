"""How every screen and dialog looks, at 80x24 and 120x40, and the lists at 200x60. The clock stands still."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from hand import NOW, PROFILE, Counter, Hand, add_invoice
from textual.pilot import Pilot
from textual.screen import Screen

from store import directory, known, mapping, policies, review, saved_views, signing
from store.db import Database
from store.directory import actor
from store.domain.actor import Level, UserValues
from store.domain.knowing import Fact, Kind
from store.domain.selection import Marked
from store.domain.status import View
from store.invoices import SortBy
from store.mapping import Want
from store.models import ExportAttempt, ExportJob, Project, Vendor
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.activity import ActivityScreen
from tui.screens.activity_entry import EntryScreen
from tui.screens.ask import AskScreen
from tui.screens.ask_by_mail import AskByMailScreen
from tui.screens.changes import ChangesScreen
from tui.screens.commitments import CommitmentsScreen
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
from tui.screens.invoices import InvoicesScreen
from tui.screens.mapping_edit import MappingEdit
from tui.screens.mappings import MappingsScreen
from tui.screens.more import MoreScreen
from tui.screens.overview import OverviewScreen
from tui.screens.payload import PayloadScreen
from tui.screens.reconciled import ReconciledScreen
from tui.screens.reject import RejectScreen
from tui.screens.set_status import StatusScreen
from tui.screens.signing import SigningScreen
from tui.screens.too_small import TooSmallScreen
from tui.screens.undoing import UndoScreen
from tui.screens.user_form import UserForm
from tui.screens.user_page import UserPage
from tui.screens.views import ViewsScreen
from tui.screens.welcome import WelcomeScreen
from tui.screens.writing import WriteScreen

SIZES = [(80, 24), (120, 40)]
ROOT = Path(__file__).parents[2]
VAST = (200, 60)


@dataclass(frozen=True, slots=True)
class Scene:
    """Keys pressed one by one on a desk; ``books`` changes the books before, ``vast``: at 200x60 too.

    ``shows`` is the screen that is seen then.
    """

    keys: tuple[str, ...] = ()
    login: str = "jlopez"
    books: Callable[[Database], object] | None = None
    vast: bool = False
    shows: type[Screen[Any]] = InvoicesScreen


def varied(db: Database) -> None:
    """A large amount, a credit, a long number, a hold."""
    project, vendor = Project.get_by_id(1), Vendor.get_by_id(1)
    add_invoice(project, vendor, "BIG-1", "ready_to_export", 123_456_789_00)
    add_invoice(project, vendor, "CM-1", "ready_to_export", -45_000)
    add_invoice(project, Vendor.get_by_id(2), "A-NUMBER-THAT-IS-TOO-LONG", "ready_to_export")


def much(db: Database) -> None:
    """Several that cannot go, and a company that has counts typed."""
    for n in range(4):
        add_invoice(
            Project.get_by_id(1), Vendor.get_by_id(2), f"A-NUMBER-THAT-IS-TOO-LONG-{n}", "ready_to_export"
        )
    db.execute("UPDATE company SET confirm_count = 3")


def running(db: Database) -> None:
    """A batch of eight under way: two acknowledged, one refused, one being sent, one uncertain, one parked."""
    ids = range(1, 9)
    review.accept(db, actor(db, "jlopez"), Marked(dict.fromkeys(ids, 1)), PROFILE)
    states = {
        1: ("done", "synced"), 2: ("done", "synced"), 3: ("failed", "failed_to_export"), 4: ("sending", "exporting"),
        5: ("uncertain", "uncertain"), 6: ("parked", "parked"),
    }  # fmt: skip
    for number, (job, invoice) in states.items():
        db.execute("UPDATE export_jobs SET state = ? WHERE invoice_id = ?", (job, number))
        db.execute("UPDATE invoices SET erp_status = ? WHERE id = ?", (invoice, number))
        if job == "done":
            ExportAttempt.create(
                job=ExportJob.get(ExportJob.invoice == number), attempt=1, worker="w", kind="end", outcome="ok",
                at=NOW + 4_000 * number,
            )  # fmt: skip
    error = ("vendor.unknown", "Vendor V3 is not in the ERP", "Add the vendor to the ERP, then retry (x)")
    db.execute("UPDATE export_jobs SET error_code = ?, error_text = ? WHERE invoice_id = 3", error[:2])
    db.execute("UPDATE invoices SET error_code = ?, error_cause = ?, error_fix = ? WHERE id = 3", error)


def anothers(db: Database) -> None:
    """A batch that somebody else exported, held."""
    db.execute("UPDATE company SET hold_ms = 600000")
    review.accept(db, actor(db, "admin"), Marked({1: 1, 2: 1}), PROFILE)


def views(db: Database) -> None:
    """Two saved views, and one that cannot be read any more."""
    me = actor(db, "jlopez")
    for name, view, query in (
        ("month end", View.READY, "bell net>1k"), ("what failed", View.FAILED, ""), ("old", View.ALL, "apex"),
    ):  # fmt: skip
        saved_views.save(db, me, name, view, query, SortBy.NET, descending=True)
    db.execute("UPDATE saved_views SET query = 'colour:red' WHERE name = 'old'")


def named(db: Database) -> None:
    """A vendor without a name in the ERP, a mapping that is gone there, one of a single job, what the ERP has."""
    db.execute("UPDATE vendors SET erp_ref = '' WHERE source_id = 'v3'")
    me = actor(db, "jlopez")
    for want in (Want(Kind.ACCOUNT, "03-300", "5100"), Want(Kind.TERMS, "default", "30 days", "24-101")):
        mapping.put(db, me, want)
    known.put(db, "sandbox", [Fact(Kind.ACCOUNT, "5100", known=False), Fact(Kind.VENDOR, "V1", known=True)])


def ones_own(db: Database) -> None:
    """Two that Ada sent and exported herself: one waits, one was objected to."""
    admin, juan = actor(db, "admin"), actor(db, "jlopez")
    policies.put(db, admin, "self", "review", "Ada is alone [/] in November")
    for n in (1, 3):
        made = add_invoice(
            Project.get_by_id(1), Vendor.get_by_id(n), f"O-{n}", "ready_to_export", sender=admin.id
        )
        review.accept(db, admin, Marked({made: 1}), PROFILE)
    first = signing.listed(db, juan)[0]
    signing.sign(db, juan, [first.id], agree=False, comment="not in the contract [/]")
    db.execute("UPDATE sign_offs SET made_at = ?, signed_at = signed_at * 0 + ?", (NOW, NOW))
    said = {"self": {"comment": "Ada is alone [/] in November", "by": "admin", "at": NOW}}
    db.execute("UPDATE company SET policy_comments = ?", (json.dumps(said),))


def granted(db: Database) -> None:
    """Vera, with a history: levels, the privilege, a limit; all of it now."""
    vera = UserValues("viewer", "Vera Viewer", "vera@acme.example", Level.STANDARD, Level.READ_ONLY)
    for values in (vera, replace(vera, can_push=True, limit_invoice=5_000_000, limit_day=20_000_000)):
        directory.put_user(db, actor(db, "admin"), values)
    db.execute("UPDATE audit_events SET at = ?", (NOW,))


def happened(db: Database) -> None:
    """A batch, and a rejection with a hostile reason that nobody is mailed."""
    me = actor(db, "jlopez")
    review.accept(db, me, Marked({1: 1, 2: 1, 3: 1}), PROFILE)
    db.execute("UPDATE invoices SET creator_email = '', creator_login = '', sender_id = NULL WHERE id = 4")
    review.reject(db, me, Marked({4: 1}), "Retainage [/] \x1b[2J is 5 percent")
    db.execute("UPDATE audit_events SET at = ?", (NOW,))


def emptied(db: Database) -> None:
    for table in ("invoice_lines", "invoices"):
        db.execute(f"DELETE FROM {table}")


FILTER_BELL = ("slash", *"bell", "enter")
SCENES = {
    "ready": Scene(("space", "space"), books=varied, vast=True),
    "ready-range": Scene(("j", "v", "j", "j")),
    "exporting": Scene(("2",), books=running, vast=True),
    "failed": Scene(("3", "enter", "e"), vast=True),
    "synced": Scene(("4",)),
    "all": Scene(("5",), books=running, vast=True),
    "empty": Scene(books=emptied),
    "no-match": Scene(("slash", *"zebra", "enter")),
    "filter": Scene(("slash", *"vendor:be", "tab")),
    "filter-at-fault": Scene(("slash", *"bell net>x apex")),
    "marks-hidden": Scene(("a", *FILTER_BELL), vast=True),
    "query": Scene(("plus", *"bell net>1")),
    "detail-lines": Scene(("enter",), books=varied),
    "detail-history": Scene(("2", "enter", "h"), books=running),
    "commitments-returned": Scene((), "mgarcia", vast=True, shows=CommitmentsScreen),
    "commitments-detail": Scene(("enter",), "mgarcia", shows=CommitmentsScreen),
    "commitments-edit": Scene(("2", "e", "down", *["backspace"] * 10, *"150000.00"), "mgarcia", shows=EditScreen),
    "contracts": Scene(("m", "6", "enter"), "mgarcia", shows=ContractsScreen),
    "overview": Scene(("m", "8"), shows=OverviewScreen),
    "commitments-status": Scene(("2", "d"), "mgarcia", shows=StatusScreen),
    "commitments-files": Scene(("2", "F"), "mgarcia", shows=FilesScreen),
    "commitments-changes": Scene(("2", "C"), "mgarcia", shows=ChangesScreen),
    "commitments-send": Scene(("2", "A", "f"), "mgarcia", shows=AskScreen),
    "confirm": Scene(("a", "x"), shows=ConfirmExport),
    "confirm-hidden": Scene(("A", *FILTER_BELL, "x", "y"), books=much, shows=ConfirmExport),
    "dry-run": Scene(("A", *FILTER_BELL, "d"), books=much, shows=DryRunScreen),
    "dry-list": Scene(("A", *FILTER_BELL, "d", "enter"), books=much, shows=DryListScreen),
    "payload": Scene(("space", "space", "d", "p"), shows=PayloadScreen),
    "reject-one": Scene(("space", "r"), shows=RejectScreen),
    "reject-many": Scene((*["space"] * 4, "r", *"Retainage is 5 percent", "shift+tab", "down", "o", *"Wrong period"), shows=RejectScreen),
    "export-values": Scene(("D",), shows=ExportValuesScreen),
    "export-values-many": Scene(("space", "space", "D"), shows=ExportValuesScreen),
    "hold": Scene(("space", "space", "H"), shows=HoldScreen),
    "query-mail": Scene(("space", "space", "i"), shows=AskByMailScreen),
    "write": Scene(("space", *FILTER_BELL, "w"), shows=WriteScreen),
    "views": Scene(("o", "down", "enter"), books=views, shows=ViewsScreen),
    "views-save": Scene((*FILTER_BELL, "o", "s", *"bell only"), shows=ViewsScreen),
    "views-delete": Scene(("o", "x"), books=views, shows=AskScreen),
    "command-invoices": Scene(("colon", *"R-0", "down")),
    "command-words": Scene(("colon", *"mark")),
    "help": Scene(("question_mark",), shows=HelpScreen),
    "help-commitments": Scene(("question_mark",), "mgarcia", shows=HelpScreen),
    "more": Scene(("m",), shows=MoreScreen),
    "mappings": Scene(("m", "3", "j"), books=named, shows=MappingsScreen),
    "mappings-edit": Scene(("m", "3", "slash", *"account", "enter", "e"), books=named, shows=MappingEdit),
    "activity": Scene(("m", "4", "j"), books=happened, shows=ActivityScreen),
    "activity-entry": Scene(("m", "4", "t", "enter", "j"), books=happened, shows=EntryScreen),
    "signing": Scene(("m", "7", "u"), books=ones_own, shows=SigningScreen),
    "mark-exported": Scene(("colon", *"mark", "minus", *"exported", "enter"), shows=UndoScreen),
    "directory": Scene(("m", "5", "G"), "admin", books=granted, shows=DirectoryScreen),
    "user": Scene(("m", "5", "G", "enter"), "admin", books=granted, shows=UserPage),
    "user-form": Scene(("m", "5", "G", "e", "down", "down"), "admin", books=granted, shows=UserForm),
    "recall": Scene(("Z",), books=anothers, shows=AskScreen),
}  # fmt: skip


class StandingClock(datetime):
    """It is always NOW."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a datetime will do
        return datetime.fromtimestamp(NOW / 1000, tz or UTC)


@pytest.fixture(autouse=True)
def standing(monkeypatch: pytest.MonkeyPatch, books: Database) -> None:
    """No picture depends on when or where it was taken; dialogs take keys at once."""
    monkeypatch.setattr(Database, "now", lambda _: NOW + 60_000)
    monkeypatch.setattr("tui.screens.tools.datetime", StandingClock)
    monkeypatch.setattr("tui.text.datetime", StandingClock)
    monkeypatch.setattr("tui.text.moment", told_in_utc)
    for where in (
        "tui.user_text",
        "tui.widgets.detail",
        "tui.widgets.export_panel",
        "tui.widgets.command_line",
        "tui.screens.activity",
    ):
        monkeypatch.setattr(f"{where}.moment", told_in_utc)
    monkeypatch.setattr("store.activity_whole._moment", told_in_utc)
    monkeypatch.setattr("tui.widgets.command_line.day", lambda moment: told_in_utc(moment)[:10])
    monkeypatch.setattr(Dialog, "GUARD", 0.0)


def told_in_utc(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


async def lead(hand: Hand, keys: tuple[str, ...]) -> None:
    """Press them one by one, each when the one before is done with."""
    await hand.idle()
    for key in keys:
        await hand.press(key)
        if isinstance(hand.app.screen, Dialog):
            await hand.dialog(type(hand.app.screen))
            await acted(hand)
    await hand.idle()


async def acted(hand: Hand) -> None:
    """All that a dialog's key does is done: it hands a key on from queue to queue, and lays out what that has told."""
    dialog, looks = hand.app.screen, []

    def rests() -> bool:
        looks.append([(widget.region, widget.has_focus) for widget in dialog.query("*")])
        busy = isinstance(dialog, Dialog) and (dialog._keys or dialog._under_way)
        return not busy and looks[-2:-1] == looks[-1:]

    await hand.until(rests)


LOOKS = [
    pytest.param(name, size, id=f"{name}-{size[0]}x{size[1]}")
    for name, scene in SCENES.items()
    for size in [*SIZES, *[VAST] * scene.vast]
]


@pytest.mark.parametrize(("name", "size"), LOOKS)
def test_look(
    name: str,
    size: tuple[int, int],
    snap_compare: Callable[..., bool],
    desk_of: Callable[[str], tuple[Desk, Counter]],
    books: Database,
) -> None:
    scene = SCENES[name]
    if scene.books is not None:
        scene.books(books)
    desk, counter = desk_of(scene.login)
    app = DeskApp(desk)

    async def arrange(pilot: Pilot[Any]) -> None:
        await lead(Hand(app, pilot, counter), scene.keys)
        assert type(app.screen) is scene.shows

    assert snap_compare(app, terminal_size=size, run_before=arrange)


def test_too_small(snap_compare: Callable[..., bool], desk_of: Callable[[str], tuple[Desk, Counter]]) -> None:
    desk, counter = desk_of("jlopez")
    app = DeskApp(desk)

    async def arrange(pilot: Pilot[Any]) -> None:
        await Hand(app, pilot, counter).until(lambda: isinstance(app.screen, TooSmallScreen))

    assert snap_compare(app, terminal_size=(60, 20), run_before=arrange)


def test_first_run(snap_compare: Callable[..., bool], desk_of: Callable[[str], tuple[Desk, Counter]]) -> None:
    """The card over the list as a newcomer sees both."""
    desk, counter = desk_of("jlopez")
    app = DeskApp(desk, welcome=True)

    async def arrange(pilot: Pilot[Any]) -> None:
        await lead(Hand(app, pilot, counter), ())

    assert snap_compare(app, terminal_size=SIZES[0], run_before=arrange)


def drawn(kind: type[Screen[Any]]) -> set[type[Screen[Any]]]:
    """The desk's screens that no other builds upon."""
    below = kind.__subclasses__()
    return {kind} if not below else set().union(*map(drawn, below))


def test_every_screen_has_its_picture() -> None:
    # A tool's screen is imported when it is opened; which were, the other tests of this process decide.
    for module in (ROOT / "tui" / "screens").glob("*.py"):
        importlib.import_module(f"tui.screens.{module.stem}")
    ours = {kind for kind in drawn(Screen) if kind.__module__.startswith("tui.")}
    shown = {scene.shows for scene in SCENES.values()} | {TooSmallScreen, WelcomeScreen, ReconciledScreen}
    assert ours - shown == set()
