"""Commitments, Invoices: where invoices come from and return to. Sending, retrieving, editing, approving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from store import commitments, detail, invoices, review, selecting
from store.domain.errors import Disallowed
from store.domain.selection import Marked
from store.domain.status import PROJECT_VIEW_TITLES, SENDABLE, ErpStatus, Outcome, ProjectView, Status
from store.domain.text import one_line
from store.invoices import Row
from tui.keymap import Place, bindings
from tui.screens.ask import AskScreen, nets
from tui.screens.deciding import Press
from tui.screens.edit import EditScreen, InvoiceEdit
from tui.screens.gestures import GestureScreen

if TYPE_CHECKING:
    from tui.bootstrap import Desk


class CommitmentsScreen(GestureScreen[ProjectView]):
    """The invoices of all commitments: returned, not sent, sent."""

    BINDINGS = bindings(Place.COMMITMENTS)
    PLACES = (Place.TABLE, Place.LIST, Place.COMMITMENTS)
    TITLES = PROJECT_VIEW_TITLES
    WITH_STATUS = frozenset(ProjectView)
    TOOL = "Commitments"
    TABS = "INVOICES"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, ProjectView.RETURNED)

    async def count_views(self) -> Mapping[ProjectView, int]:
        """Counts of the four views."""
        return await self.desk.db.count(invoices.project_counts)

    def belongs(self, row: Row) -> bool:
        """By being sent or not, and by the outcome."""
        not_sent = row.erp_status is ErpStatus.NOT_SENT
        match self.view:
            case ProjectView.RETURNED:
                return not_sent and row.outcome == Outcome.REJECTED
            case ProjectView.NOT_SENT:
                return not_sent
            case ProjectView.SENT:
                return not not_sent
            case ProjectView.ALL:
                return True

    def empty_text(self) -> str:
        """Each view's own way to be empty."""
        if self.query_text or self.only_marked:
            return super().empty_text()
        match self.view:
            case ProjectView.RETURNED:
                return "Nothing was rejected. What is not sent yet is in view 2."
            case ProjectView.NOT_SENT:
                return "Every invoice is sent. What came back is in view 1."
            case ProjectView.SENT:
                return "Nothing is sent. Mark in Not Sent (2) and press f."
            case ProjectView.ALL:
                return "There are no invoices yet: payapp import brings them in."

    # -- decisions ---------------------------------------------------------------------------------------------

    def action_send(self) -> None:
        """Send what is marked."""
        self.attempt(self._send)

    def action_retrieve(self) -> None:
        """Take back what is marked."""
        self.attempt(self._retrieve)

    def action_approve(self) -> None:
        """Approve what is marked."""
        self.attempt(self._approve)

    def action_edit(self) -> None:
        """Edit the invoice under the cursor."""
        self.attempt(self._edit)

    async def _sure(self, selection: Marked, word: str) -> bool:
        """Asked above one invoice: what is marked may be more than what is seen."""
        count = len(selection.versions)
        if count == 1:
            return True
        totals = await self.desk.db.read(selecting.totals, selection)
        question = AskScreen(f"{word} {count:,} invoices?", nets(totals), word.lower())
        return await self.app.push_screen_wait(question)

    async def _send(self, at: Press[ProjectView]) -> None:
        self.desk.me.require_sender()
        if await self._sure(at.marked(), "Send"):
            decision = await self.desk.db.write(review.send, self.desk.me, at.marked())
            self.decided(decision, f"{len(decision.done):,} sent to ERP Integrations.", at)

    async def _retrieve(self, at: Press[ProjectView]) -> None:
        self.desk.me.require_sender()
        if await self._sure(at.marked(), "Retrieve"):
            decision = await self.desk.db.write(review.retrieve, self.desk.me, at.marked())
            self.decided(decision, f"{len(decision.done):,} retrieved.", at)

    async def _approve(self, at: Press[ProjectView]) -> None:
        me = self.desk.me
        me.require_sender()
        rows = await self.desk.db.read(invoices.rows, list(at.marked().versions), me)
        going = Marked({row.id: at.versions[row.id] for row in rows if row.status not in SENDABLE})
        alone = len(at.versions) - len(going.versions)
        if not going.versions:
            raise Disallowed("Nothing was approved", why=f"{alone:,} need no approval", fix="f sends them")
        if await self._sure(going, "Approve"):
            decision = await self.desk.db.write(commitments.set_status, me, going, Status.APPROVED)
            left = f" {alone:,} left alone: approved already." if alone else ""
            self.decided(decision, f"{len(decision.done):,} approved.{left}", at, stay=True)

    async def _edit(self, at: Press[ProjectView]) -> None:
        self.desk.me.require_sender()
        row = await self.row_at(at)
        found = await self.desk.db.read(detail.detail, row.id, self.desk.me)

        async def save(edit: InvoiceEdit) -> None:
            decision = await self.desk.db.write(
                commitments.edit,
                self.desk.me,
                found.row.id,
                found.row.version,
                number=edit.number,
                billing_date=edit.billing_date,
                lines=edit.lines,
            )
            self._followed.update(decision.done)

        if await self.app.push_screen_wait(EditScreen(found, save)):
            self.result(f"{one_line(row.number)} is saved. y approves, f sends what is marked.")
            self.request()
