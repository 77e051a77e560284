"""A hypothesis state machine: marks, filters, sorts, others' changes and decisions on a desk, against a plain model.

The model holds sets of invoice numbers. After every step the boxes on the screen and the control totals are the
model's, and what is decided is what was shown as marked, less what others changed meanwhile or a rule keeps.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hand import NOW, PROFILE, Counter, Hand, add_invoice
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from people import founded

from store import db as database
from store import directory, review
from store.domain.money import show
from store.domain.selection import Marked, Matching
from store.domain.status import VIEW_STATES, View
from store.models import TABLES, ErpPeriod, Project, Vendor
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.confirm import ConfirmExport
from tui.screens.gestures import GestureScreen
from tui.screens.reject import RejectScreen

VENDORS = ("Apex Drywall", "Bell Mechanical", "建設 [/] & Co")
# A filter as it is typed, and the same as a rule of the model over (vendor, number, net in cents).
FILTERS: dict[str, Callable[[str, str, int], bool]] = {
    "": lambda _vendor, _number, _net: True,
    "apex": lambda vendor, _number, _net: vendor.startswith("Apex"),
    "-vendor:bell": lambda vendor, _number, _net: not vendor.startswith("Bell"),
    "net>=2790": lambda _vendor, _number, net: net >= 279_000,
    "number:R-1": lambda _vendor, number, _net: number.startswith("R-1"),
    "nothing-matches-this": lambda _vendor, _number, _net: False,
}
FEW = 24
# So many rows the window has at once: the model compares whole lists.
LOADED = 32
COLUMNS = 8


class DeskMachine(RuleBasedStateMachine):
    """One desk of an approver, one other approver beside it."""

    limit = 10_000

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="payapp-machine-"))
        self.view, self.filter = View.READY, ""
        # Per view the marked numbers with the version seen then, and every marking that z takes back.
        self.marked: dict[View, dict[str, int]] = {view: {} for view in View}
        self.past: dict[View, list[dict[str, int]]] = {view: [] for view in View}
        self.only = False
        self.serial = FEW

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        self.runner.run(work)

    # -- the plain model ---------------------------------------------------------------------------------------

    def rows(self) -> dict[str, tuple[str, int, str, bool]]:
        """Number to vendor, net, ERP status and whether it is flagged, straight from the tables."""
        found = self.db.execute(
            "SELECT i.number, v.name, i.net, i.erp_status, i.changed_since OR i.held OR i.overbilled OR i.duplicate"
            " FROM invoices i JOIN vendors v ON v.id = i.vendor_id"
        )
        return {row[0]: (row[1], row[2], row[3], bool(row[4])) for row in found}

    def in_view(self) -> set[str]:
        states = {state.value for state in VIEW_STATES[self.view]}
        return {number for number, row in self.rows().items() if row[2] in states}

    def matching(self) -> set[str]:
        rows, accepts = self.rows(), FILTERS[self.filter]
        return {n for n in self.in_view() if accepts(rows[n][0], n, rows[n][1])}

    @property
    def marks(self) -> set[str]:
        return set(self.marked[self.view])

    def mark(self, now: set[str]) -> None:
        """Another marking; what is marked already keeps the version that was seen then."""
        before, versions = self.marked[self.view], self.versions()
        self.past[self.view].append(before)
        self.marked[self.view] = {number: before.get(number, versions[number]) for number in now}

    def versions(self) -> dict[str, int]:
        return dict(self.db.execute("SELECT number, version FROM invoices").fetchall())

    def stale(self) -> set[str]:
        """Marked ones that others changed since: marks by filter have none."""
        now = self.versions()
        return {n for n, seen in self.marked[self.view].items() if now[n] != seen} if self.by_id() else set()

    def followed(self) -> None:
        """Whatever left its view is marked no more, nor comes back with z."""
        states = {n: row[2] for n, row in self.rows().items()}
        for view in View:
            there = {n for n, state in states.items() if state in {s.value for s in VIEW_STATES[view]}}
            self.marked[view] = {n: v for n, v in self.marked[view].items() if n in there}
            self.past[view] = [{n: v for n, v in marks.items() if n in there} for marks in self.past[view]]

    # -- the desk ----------------------------------------------------------------------------------------------

    @initialize()
    def open(self) -> None:
        self.patch = pytest.MonkeyPatch()
        for name in ("REST", "TYPING", "BETWEEN_REFRESHES"):
            self.patch.setattr(f"tui.screens.listing.{name}", 0.01)
        self.patch.setattr("tui.widgets.marks.LIMIT", self.limit)
        self.db = database.create(f"sqlite:{self.folder / 'payapp.db'}")
        founded(self.db)
        with self.db.pw.bind_ctx(TABLES, bind_refs=False, bind_backrefs=False), self.db.transaction():
            self.project = Project.create(source_id="p", number="24-101", name="Riverside", erp_ref="J")
            ErpPeriod.create(
                erp="sandbox", start_date="2026-10-01", end_date="2026-10-31", is_open=True, fetched_at=NOW
            )
            self.vendors = [Vendor.create(source_id=name, name=name, erp_ref=name[:4]) for name in VENDORS]
            for n in range(FEW):
                self.add(f"R-{n:02}", 100_000 + 1_000 * (n % 5), changed_since=n % 7 == 3)
        self.me, self.other = (directory.actor(self.db, login) for login in ("jlopez", "admin"))
        self.do(self._open())

    def add(self, number: str, work: int, **values: object) -> None:
        add_invoice(
            self.project,
            self.vendors[int(number[2:]) % 3],
            number,
            "ready_to_export",
            work,
            sent_at=NOW,
            **values,
        )

    async def _open(self) -> None:
        counter = Counter()
        app = DeskApp(Desk(self.db, self.me, directory.company(self.db), PROFILE, counter.ensure))
        pilot = await self.stack.enter_async_context(app.run_test(size=(80, 24), notifications=True))
        self.hand = Hand(app, pilot, counter)
        await self.hand.until(lambda: isinstance(app.screen, GestureScreen) and app.screen._counts)
        await self.hand.idle()

    def teardown(self) -> None:
        if hasattr(self, "hand"):
            self.do(self.stack.aclose())
            self.db.close()
            self.patch.undo()
        self.runner.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def table(self) -> Any:
        return self.hand.invoices.table

    # -- looking -----------------------------------------------------------------------------------------------

    @rule(
        keys=st.lists(
            st.sampled_from(["j", "k", "G", "g", "pagedown", "pageup", "n", "p"]), min_size=1, max_size=4
        )
    )
    def move(self, keys: list[str]) -> None:
        self.do(self.hand.press(*keys))

    @rule(text=st.sampled_from(sorted(FILTERS)), burst=st.booleans())
    def narrow(self, text: str, burst: bool) -> None:
        async def keys() -> None:
            await self.hand.press("backslash")
            if text:
                press = self.hand.burst if burst else self.hand.press
                await press("slash", *map(named, text), "enter")

        self.only = False
        self.filter = text
        self.do(keys())

    @rule(steps=st.integers(0, COLUMNS - 1), again=st.booleans())
    def sort(self, steps: int, again: bool) -> None:
        number = self.number_at_cursor()
        self.do(self.hand.press(*["greater_than_sign"] * steps, "s", *["s"] * again))
        assert self.number_at_cursor() == number

    @rule(view=st.sampled_from([View.READY, View.EXPORTING, View.ALL]))
    def look_at(self, view: View) -> None:
        if view is not self.view:
            self.only = False
        self.view = view
        self.do(self.hand.press(str(list(View).index(view) + 1)))

    @rule()
    def refresh(self) -> None:
        number = self.number_at_cursor()
        self.do(self.hand.press("f5"))
        assert self.number_at_cursor() == number

    @rule()
    def only_marked(self) -> None:
        self.do(self.hand.press("t"))
        self.only = bool(self.marks) and not self.only

    def number_at_cursor(self) -> str | None:
        return None if self.table.current is None else self.hand.current()

    # -- marking -----------------------------------------------------------------------------------------------

    @rule(times=st.integers(1, 3))
    def space(self, times: int) -> None:
        for _ in range(times):
            number = self.number_at_cursor()
            self.do(self.hand.press("space"))
            if number is not None:
                self.mark(self.marks ^ {number})
            self.shrunk()

    @rule(steps=st.integers(0, 5))
    def range(self, steps: int) -> None:
        self.do(self.hand.press("v", *["j"] * steps))
        numbers = self.numbers_in_range()
        self.do(self.hand.press("v"))
        if len(numbers) > self.limit:
            # Refused, with the way that marks more; the range stays.
            self.do(self.hand.press("escape"))
        elif numbers:
            self.mark(self.marks | numbers)
        self.shrunk()

    def numbers_in_range(self) -> set[str]:
        """What the screen shows as the range: it is never longer than the window here."""
        return {n for n, prefix in self.shown().items() if prefix[0] in ">|"}

    @rule()
    def all_clean(self) -> None:
        clean = {n for n in self.listed() if not self.rows()[n][3]}
        self.do(self.hand.press("a"))
        self.mark(self.marks - clean if clean and clean <= self.marks else self.marks | clean)
        self.shrunk()

    @rule()
    def everything(self) -> None:
        listed = self.listed()
        self.do(self.hand.press("A"))
        self.mark(self.marks | listed)
        self.shrunk()

    @rule()
    def invert(self) -> None:
        listed = self.listed()
        self.do(self.hand.press("asterisk"))
        self.mark(self.marks ^ listed)
        self.shrunk()

    @rule()
    def none(self) -> None:
        empty = self.hand.invoices.marks.empty
        self.do(self.hand.press("u"))
        if not empty:
            self.mark(set())
        self.shrunk()

    @rule()
    def undo(self) -> None:
        self.do(self.hand.press("z"))
        if self.past[self.view]:
            self.marked[self.view] = self.past[self.view].pop()
        self.followed()
        self.shrunk()

    def listed(self) -> set[str]:
        return self.matching() & self.marks if self.only else self.matching()

    def shrunk(self) -> None:
        self.only = self.only and bool(self.marks)

    # -- others ------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    @precondition(lambda self: self.ready())
    def another_rejects(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.ready())))
        review.reject(self.db, self.other, self.one(number), "Wrong")
        self.others_did()

    @rule(data=st.data())
    @precondition(lambda self: self.ready())
    def another_describes(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.ready())))
        review.set_export_values(self.db, self.other, self.one(number), description="By another")
        self.others_did()

    @rule()
    @precondition(lambda self: self.serial < LOADED)
    def another_sends(self) -> None:
        with self.db.pw.bind_ctx(TABLES, bind_refs=False, bind_backrefs=False), self.db.transaction():
            self.add(f"R-{self.serial:02}", 100_000)
        self.serial += 1
        self.others_did()

    def ready(self) -> set[str]:
        return (
            {n for n, row in self.rows().items() if row[2] == "ready_to_export"}
            if hasattr(self, "db")
            else set()
        )

    def one(self, number: str) -> Marked:
        row = self.db.execute("SELECT id, version FROM invoices WHERE number = ?", (number,)).fetchone()
        return Marked({row[0]: row[1]})

    def others_did(self) -> None:
        self.do(self.hand.press("f5"))
        self.joined()
        self.followed()
        self.shrunk()

    def joined(self) -> None:
        """What strokes mark is told by their filters, so that others' invoices may join: the store says which.

        Where another view is on the screen, too, and where z brings such marks back.
        """
        newest = {f"R-{self.serial - 1:02}"}
        for view, marks in self.hand.invoices._marks.items():
            earlier = zip(reversed(marks._past), reversed(self.past[view]), strict=False)
            for value, marked in [(marks.value, self.marked[view]), *earlier]:
                if isinstance(value, Matching):
                    for number in self.decidable(value) & newest:
                        marked.setdefault(number, 1)

    def decidable(self, value: Matching) -> set[str]:
        from store.selecting import matched

        ids = [pair[0] for pair in matched(self.db, value)]
        return {self.db.execute("SELECT number FROM invoices WHERE id = ?", (i,)).fetchone()[0] for i in ids}

    # -- deciding ----------------------------------------------------------------------------------------------

    @rule(visible=st.booleans())
    @precondition(lambda self: self.view is View.READY)
    def export(self, visible: bool) -> None:
        shown = set(self.marks)
        seen = shown & self.matching()
        if not shown:
            self.do(self.refused("x"))
            return
        hidden = shown - seen
        only_visible = visible and bool(hidden) and bool(seen)
        wanted = seen if only_visible else shown
        before, stale = self.states(), self.stale()
        self.do(self._export(only_visible=only_visible))
        self.decided(before, wanted, stale & wanted, "queued")

    async def _export(self, *, only_visible: bool) -> None:
        await self.hand.press("x")
        await self.hand.until(
            lambda: isinstance(self.hand.app.screen, ConfirmExport) or self.said(), "neither"
        )
        if not isinstance(self.hand.app.screen, ConfirmExport):
            return
        await self.hand.dialog(ConfirmExport)
        screen = self.hand.app.screen
        if only_visible:
            await self.hand.press("v")
            await self.hand.until(lambda: screen._plan is not None)
        await self.hand.press("y")
        await self.hand.until(
            lambda: not isinstance(self.hand.app.screen, ConfirmExport) or problem(self.hand), "y"
        )
        if isinstance(self.hand.app.screen, ConfirmExport):
            await self.hand.press("escape")
        await self.hand.until(lambda: not self.hand.invoices._deciding)
        await self.hand.idle()

    @rule()
    @precondition(lambda self: self.view is View.READY)
    def reject(self) -> None:
        shown = set(self.marks)
        if not shown:
            self.do(self.refused("r"))
            return
        before, stale = self.states(), self.stale()
        self.do(self._reject())
        self.decided(before, shown, stale, "not_sent")

    async def _reject(self) -> None:
        await self.hand.press("r")
        await self.hand.until(
            lambda: isinstance(self.hand.app.screen, RejectScreen) or self.said(), "neither"
        )
        if not isinstance(self.hand.app.screen, RejectScreen):
            return
        await self.hand.dialog(RejectScreen)
        await self.hand.press("n", "o")
        await self.hand.focus("#reject")
        await self.hand.press("enter")
        await self.hand.until(lambda: not self.hand.invoices._deciding)
        await self.hand.idle()

    async def refused(self, key: str) -> None:
        await self.hand.press(key)
        await self.hand.says("Nothing is marked")

    def said(self) -> bool:
        return not self.hand.invoices._deciding and bool(self.hand.invoices._message)

    def states(self) -> dict[str, tuple[str, int]]:
        found = self.db.execute("SELECT number, erp_status, version FROM invoices")
        return {row[0]: (row[1], row[2]) for row in found}

    def decided(
        self, before: dict[str, tuple[str, int]], wanted: set[str], stale: set[str], target: str
    ) -> None:
        """Nothing but what was shown as marked has moved; what stays is named by a rule or was changed by others."""
        after = self.states()
        moved = {number for number in before if after[number] != before[number]}
        assert moved <= wanted
        assert all(after[number][0] == target for number in moved)
        # What others changed since it was marked stays, and stays marked with the version that was seen then.
        assert wanted - moved == stale
        self.do(self.hand.press("f5"))
        self.followed()
        if not self.hand.invoices.marks._past:
            self.past[self.view] = []
        self.shrunk()

    # -- what is always so ---------------------------------------------------------------------------------------

    @invariant()
    def boxes_are_the_models(self) -> None:
        if not hasattr(self, "hand"):
            return
        for number, prefix in self.shown().items():
            assert (prefix[2] == "x") == (number in self.marks), (number, sorted(self.marks))

    @invariant()
    def totals_are_the_models(self) -> None:
        if not hasattr(self, "hand"):
            return
        foot = self.hand.text("#foot")
        if not self.marks:
            assert "MARKED" not in foot
            return
        rows = self.rows()
        assert f"MARKED {len(self.marks):,}" in foot, (foot, sorted(self.marks))
        fresh = self.marks - self.stale()
        if not self.hand.invoices._message:
            assert show(sum(rows[n][1] for n in fresh), "USD") in foot

    def by_id(self) -> bool:
        return isinstance(self.hand.invoices.marks.value, Marked)

    @invariant()
    def the_list_is_the_models(self) -> None:
        if not hasattr(self, "hand"):
            return
        assert set(self.hand.listed()) == self.listed()

    def shown(self) -> dict[str, str]:
        """Number to gutter and box of each line on the screen."""
        known = set(self.rows())
        found = {}
        for line in self.table._drawn:
            number = next((word for word in line.text.split() if word in known), None)
            if number is not None:
                found[number] = line.prefix
        return found


class StrokesMachine(DeskMachine):
    """The same where more than three marks are kept as filters."""

    limit = 3


def named(character: str) -> str:
    """A character as Textual names its key."""
    return {"-": "minus", ":": "colon", ">": "greater_than_sign", "=": "equals_sign", " ": "space"}.get(
        character, character
    )


def problem(hand: Hand) -> str:
    return hand.text("#problem")


# A step takes a desk's time: failing examples are printed with their seed as they are, not made smaller.
MODEST = settings(
    max_examples=8,
    stateful_step_count=16,
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
TestMarksById = pytest.mark.filterwarnings("ignore::ResourceWarning")(DeskMachine.TestCase)
TestMarksById.settings = MODEST
TestMarksByFilter = StrokesMachine.TestCase
TestMarksByFilter.settings = MODEST
