"""ERP Integrations, Subcontractor Invoices: what an accounting approver sees and decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.timer import Timer

from store import batches, epochs, invoices, looking, reasons, recalling, review
from store.batches import Progress
from store.domain.actor import Level
from store.domain.checking import Local
from store.domain.errors import Changed, Disallowed
from store.domain.money import show
from store.domain.selection import Marked, Matching, Selection
from store.domain.status import VIEW_TITLES, Action, View
from store.domain.text import one_line
from store.review import Plan
from tui import checking
from tui.keymap import Place, bindings, way
from tui.screens.ask import AskScreen
from tui.screens.confirm import ConfirmExport, ExportChoice
from tui.screens.deciding import Press
from tui.screens.dry_run import LISTED, DryRunScreen
from tui.screens.export_values import ExportValues, ExportValuesScreen
from tui.screens.hold import being, noun
from tui.screens.linking import LinkingScreen
from tui.screens.regarding import LookingScreen, unhindered
from tui.screens.reject import RejectChoice, RejectScreen
from tui.screens.trying import Subject
from tui.widgets.detail import MAPPED_KINDS
from tui.widgets.export_panel import ExportPanel, seconds_held

if TYPE_CHECKING:
    from tui.bootstrap import Desk

# While a batch runs its panel is read at most twice a second.
TICK = 0.5


def _action(at: Press[View]) -> Action:
    """What Export does in the view."""
    return Action.RETRY if at.view is View.FAILED else Action.ACCEPT


def _batches(numbers: Sequence[int]) -> str:
    """``Batch 118``, ``Batches 118, 119``."""
    return f"{'Batch' if len(numbers) == 1 else 'Batches'} {', '.join(map(str, numbers))}"


class InvoicesScreen(LinkingScreen, LookingScreen[View]):
    """The views of the Subcontractor Invoices tab, with export, reject, recall and the progress panel."""

    BINDINGS = bindings(Place.INVOICES)
    PLACES = (Place.TABLE, Place.LIST, Place.INVOICES)
    TITLES = VIEW_TITLES
    SHORT = {View.READY: "Ready", View.FAILED: "Failed"}
    # Exporting mixes queued, exporting, uncertain and parked ones: which is which must show.
    WITH_STATUS = frozenset({View.ALL, View.EXPORTING})
    TOOL = "ERP Integrations"
    TABS = "SUBCONTRACTOR INVOICES | Activity | Mappings"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, View.READY)
        self._batch: Progress | None = None
        # The batches of each Export of this desk.
        self._presses: list[tuple[int, ...]] = []
        self._panel_wanted: bool | None = None
        self._tick: Timer | None = None

    def compose_below(self) -> ComposeResult:
        """The progress panel."""
        yield ExportPanel()

    async def count_views(self) -> Mapping[View, int]:
        """Counts of the five views."""
        return await self.desk.db.count(invoices.counts)

    async def read_beside(self) -> None:
        """The newest batch."""
        await self._read_batch()

    def require_decider(self) -> None:
        """Accounting approvers decide here."""
        self.desk.me.require_approver()

    def _where(self) -> str:
        ready = f"Ready to Export ({way('list.view-1')})"
        if self.decides:
            return f"Mark in {ready} and press {way('invoices.export')}."
        return f"An accounting approver exports from {ready}; a Directory Admin says who is one."

    def mappings_text(self) -> str:
        """Of a failed invoice what its error is about: the vendor, or the kind of code that the ERP does not know."""
        row = self.table.current_row
        if row is None:
            return ""
        kind = MAPPED_KINDS.get(row.error_code.partition(".")[0], "")
        named = kind == "vendor" and one_line(row.vendor) == row.vendor
        return f"{kind} {row.vendor}" if named else kind

    def lacks(self) -> str:
        """That the company's integration takes no subcontractor invoices, in the words that fit behind the tabs."""
        return "invoices are not supported" if self.desk.profile.no_invoices else ""

    def empty_view(self) -> str:
        """Each view's own way to be empty."""
        if unsupported := self.desk.profile.no_invoices:
            return f"{unsupported}."
        # No way is named to where this user may not go.
        opens = self.desk.me.commitments_level is not Level.NONE
        match self.view:
            case View.READY:
                commitments = f"Commitments ({way('list.more')})" if opens else "Commitments"
                return f"Nothing waits for export. The project sends from {commitments}."
            case View.EXPORTING:
                return f"Nothing is being exported. {self._where()}"
            case View.FAILED:
                under_way, arrived = way("list.view-2"), way("list.view-4")
                return f"Nothing failed. What is on its way is in view {under_way}, what arrived in view {arrived}."
            case View.SYNCED:
                return f"Nothing is synced yet. {self._where()}"
            case View.ALL:
                commitments = f" ({way('list.more')}: Commitments)" if opens else ""
                return f"No invoice has been sent to ERP Integrations yet{commitments}."

    # -- export and retry --------------------------------------------------------------------------------------

    def action_export(self) -> None:
        """Export what is marked; in Failed to Export retry it."""
        self.attempt(self._export)

    def action_dry_run(self) -> None:
        """What an export would do."""
        self.attempt(self._dry_run)

    def action_reject(self) -> None:
        """Reject what is marked."""
        self.attempt(self._reject)

    def action_export_values(self) -> None:
        """Accounting date, description, ERP invoice number."""
        self.attempt(self._export_values)

    def action_recall(self) -> None:
        """Take the held batch back."""
        self.attempt(self._recall)

    def _exportable(self, at: Press[View], doing: str) -> Selection:
        self.desk.me.require_approver(doing)
        if at.view not in {View.READY, View.FAILED}:
            raise Disallowed(
                f"Nothing can be exported from {VIEW_TITLES[at.view]}",
                fix="Export in Ready to Export ({list.view-1}), retry in Failed to Export ({list.view-3})",
            )
        return at.selection()

    async def _export(self, at: Press[View]) -> None:
        selection, visible, hidden = self._exportable(at, "export"), at.visible, at.hidden
        await self.desk.db.read(epochs.require)
        before, why = None, ""
        local = await checking.local(self.desk, checking.CONFIRMED)
        while True:
            plan = await self._plan(at, selection, visible, hidden, before, local=local)
            choice = await self.app.push_screen_wait(
                ConfirmExport(
                    self.desk, selection, visible, hidden, plan, _action(at), before=before, why=why
                )
            )
            if choice is None:
                return
            try:
                await self._accept(at, choice)
            except Changed as error:
                if choice.seen is None or not isinstance(choice.selection, Matching):
                    raise
                why = await self.difference(error, choice.selection, choice.seen)
                # Where the visible ones alone were chosen they are the selection now.
                selection, before = replace(choice.selection, digest=None), choice
                at = await self.looked(replace(at, selected=selection), anew=True)
                visible, hidden = at.visible, at.hidden
            else:
                return

    async def _plan(
        self,
        at: Press[View],
        selection: Selection,
        visible: Selection | None,
        hidden: int,
        before: ExportChoice | None = None,
        listed: int = review.LISTED,
        local: Local | None = None,
    ) -> Plan:
        """What would go."""
        return await self.look(
            at.count,
            review.plan_export,
            self.desk.me,
            selection,
            self.desk.profile,
            _action(at),
            visible=(visible or Marked({})) if hidden else None,
            accounting_date=before and before.accounting_date,
            description=before and before.description,
            override=before and before.override,
            listed=listed,
            local=local,
        )

    async def _accept(self, at: Press[View], choice: ExportChoice) -> None:
        retry, count = _action(at) is Action.RETRY, choice.expect.count or 0
        with unhindered(count):
            decision = await self.carry_out(
                f"{'Retrying' if retry else 'Exporting'} {noun(count)}",
                review.retry if retry else review.accept,
                self.desk.me,
                choice.selection,
                self.desk.profile,
                accounting_date=choice.accounting_date,
                description=choice.description,
                override=choice.override,
                expect=choice.expect,
            )
        self._panel_wanted = True
        self._presses.append(decision.batches)
        named = _batches(decision.batches)
        self.decided(decision, f"{named}: {len(decision.done):,} accepted for export.", at)
        await self.ensure_worker()

    async def _dry_run(self, at: Press[View]) -> None:
        selection = self._exportable(at, "try what an export would do")
        local = await checking.local(self.desk)
        plan = await self._plan(at, selection, at.visible, at.hidden, listed=LISTED, local=local)

        async def again() -> Plan:
            with unhindered(at.count):
                return await self.desk.db.look(
                    review.plan_export, self.desk.me, selection, self.desk.profile, _action(at),
                    visible=(at.visible or Marked({})) if at.hidden else None, listed=LISTED, local=local,
                )  # fmt: skip

        subject = Subject(_action(at), None, again, local=local)
        await self.app.push_screen_wait(DryRunScreen(self.desk, plan, subject, at.current))

    # -- the other decisions -----------------------------------------------------------------------------------

    async def _reject(self, at: Press[View]) -> None:
        me = self.desk.me
        me.require_approver("reject")
        selection, before, why = at.selection(), None, ""
        while True:
            asked = await self.look(at.count, reasons.rejecting, me, selection)
            choice = await self.app.push_screen_wait(
                RejectScreen(asked, at.hidden, self.desk.templates, before=before, why=why)
            )
            if choice is None:
                return
            try:
                await self._reject_for(at, asked, choice)
            except Changed as error:
                if asked.seen is None or not isinstance(selection, Matching):
                    raise
                why, before = await self.difference(error, selection, asked.seen), choice
                at = await self.looked(at, anew=True)
            else:
                return

    async def _reject_for(self, at: Press[View], asked: reasons.Rejecting, choice: RejectChoice) -> None:
        with unhindered(asked.count):
            decision = await self.carry_out(
                f"Rejecting {noun(asked.count)}",
                review.reject, self.desk.me, asked.selection, choice.reason, reasons=choice.reasons,
            )  # fmt: skip
        count = len(decision.done)
        self.decided(decision, f"{count:,} rejected; {being(count)} in Commitments again.", at)
        # The worker sends the mails as well.
        await self.ensure_worker()

    async def _export_values(self, at: Press[View]) -> None:
        self.desk.me.require_approver("change accounting dates, descriptions or ERP invoice numbers")
        selection, only, count = at.selected, None, at.count
        if not count:
            only = await self.row_at(at)
            selection, count = Marked({only.id: only.version}), 1
        elif count == 1:
            rows = await self.desk.db.read(looking.first_rows, at.view, selection, 1, self.desk.me)
            only = rows[0] if rows else None
        if isinstance(selection, Matching):
            selection, _ = await self.desk.db.count(looking.sealed, selection)
        values = await self.app.push_screen_wait(ExportValuesScreen(count, only))
        if values is not None:
            await self._save_values(at, selection, values, count)

    async def _save_values(
        self, at: Press[View], selection: Selection, values: ExportValues, count: int
    ) -> None:
        decision = await self.carry_out(
            f"Changing {noun(count)}",
            review.set_export_values,
            self.desk.me,
            selection,
            accounting_date=values.accounting_date,
            description=values.description,
            erp_number=values.erp_number,
        )
        self.decided(decision, f"{len(decision.done):,} changed.", at, stay=True)

    async def _recall(self, _at: Press[View]) -> None:
        me = self.desk.me
        me.require_approver("recall a batch")
        held = await self.desk.db.read(recalling.held, me, self._presses)
        chosen = [batch.id for batch in held.own]
        if not chosen and held.other is None:
            raise Disallowed("No batch is held", fix="A batch can be recalled only before it is sent")
        if not chosen and held.other is not None and await self._may_recall(held.other):
            chosen = [held.other.id]
        if chosen:
            named = _batches(sorted(chosen))
            words = f"Recalling {named[0].lower()}{named[1:]}"
            decision = await self.carry_out(words, recalling.recall, me, chosen)
            self.decided(decision, f"{named}: {len(decision.done):,} recalled to Ready to Export.")

    async def _may_recall(self, batch: Progress) -> bool:
        who = one_line(batch.operator)
        net = f"{batch.count:,} in {batch.currency}   Net {show(batch.net, batch.currency)}"
        question = f"Batch {batch.id} is not yours: {who} exported it. Recall it?"
        return await self.app.push_screen_wait(AskScreen(question, [net], f"recall what {who} exported"))

    # -- progress ----------------------------------------------------------------------------------------------

    def action_panel(self) -> None:
        """Show or hide the last batch."""
        if self._batch is None:
            self.say("No batch has been exported yet.")
            return
        self._panel_wanted = not self.query_one(ExportPanel).has_class("shown")
        self._show_batch()

    async def _read_batch(self) -> None:
        found = await self.desk.db.read(partial(batches.recent, limit=1))
        newest = found[0] if found else None
        if newest is not None and self._batch is not None and newest.id != self._batch.id:
            self._panel_wanted = None
        self._batch = newest
        self._show_batch()

    def on_resize(self, event: events.Resize) -> None:
        """Another window has room for more or fewer failures. Not at once: a height set while it is laid out is lost."""
        del event
        self.call_after_refresh(self._show_batch)

    def _show_batch(self) -> None:
        batch, panel = self._batch, self.query_one(ExportPanel)
        # A running batch shows itself; when it has ended it stays until it is hidden.
        if batch is not None and batch.running and self._panel_wanted is None:
            self._panel_wanted = True
        wanted = batch is not None and bool(self._panel_wanted)
        panel.set_class(wanted, "shown")
        if batch is not None and wanted:
            panel.tell(batch, seconds_held(batch), decides=self.decides)
        self._keep_ticking(running=batch is not None and batch.running and wanted)

    def _keep_ticking(self, *, running: bool) -> None:
        """The seconds of a hold and the time left pass without any commit: look twice a second while it runs."""
        if running and self._tick is None:
            self._tick = self.set_interval(TICK, self._look)
        elif not running and self._tick is not None:
            self._tick.stop()
            self._tick = None

    def _look(self) -> None:
        self.run_worker(self._read_batch, group="panel", exclusive=True)
