"""Commitments, Invoices: where invoices come from and return to. Sending, retrieving, approving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from store import commitments, invoices, looking, review
from store.domain import approval
from store.domain.errors import Disallowed
from store.domain.selection import Marked, Selection
from store.domain.status import PROJECT_VIEW_TITLES, SENDABLE, ErpStatus, ProjectView, Status
from tui.keymap import Place, bindings, way
from tui.screens.ask import AskScreen, nets
from tui.screens.deciding import Press
from tui.screens.hold import noun
from tui.screens.preparing import PreparingScreen
from tui.screens.regarding import LookingScreen

if TYPE_CHECKING:
    from tui.bootstrap import Desk


# A filter for what needs approval: what cannot be sent as it is.
UNAPPROVED = " ".join(f"-status:{status.value}" for status in sorted(SENDABLE))
# Filters for what a decision lets go: the rest of it stays where it is.
SENT = " ".join(
    [f"status:{ErpStatus.NOT_SENT.value}"]
    + [f"-status:{status.value}" for status in sorted(set(Status) - SENDABLE)]
)
RETRIEVED = f"status:{ErpStatus.READY.value}"


class CommitmentsScreen(PreparingScreen, LookingScreen[ProjectView]):
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

    def require_decider(self) -> None:
        """Who has Standard or Admin on Commitments prepares invoices here; some of it only an Admin does."""
        approval.require_preparer(self.desk.me)

    def empty_view(self) -> str:
        """Each view's own way to be empty."""
        match self.view:
            case ProjectView.RETURNED:
                return f"Nothing was rejected. What is not sent yet is in view {way('list.view-2')}."
            case ProjectView.NOT_SENT:
                return f"Every invoice is sent. What came back is in view {way('list.view-1')}."
            case ProjectView.SENT if self.decides:
                return f"Nothing is sent. Mark in Not Sent ({way('list.view-2')}) and press {way('commitments.send')}."
            case ProjectView.SENT:
                return (
                    f"Nothing is sent. Who has Admin on Commitments sends from Not Sent ({way('list.view-2')});"
                    " a Directory Admin grants it."
                )
            case ProjectView.ALL if self.decides:
                return "There are no invoices yet: payapp import brings them in."
            case ProjectView.ALL:
                return "There are no invoices yet. Who has Admin on Commitments imports them."

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

    async def _sure(
        self, view: ProjectView, selection: Selection, word: str, goes: str = ""
    ) -> Selection | None:
        """Asked above one invoice: what is marked may be more than what is seen. What was shown, or None.

        Where nothing matches ``goes``, a filter for what can go, nothing is asked: the decision refuses all of it.
        """
        db = self.desk.db
        thread = db.read if isinstance(selection, Marked) else self.insist
        # Sealed before it is looked at: what others let go meanwhile is another version, and does not go unasked.
        selection, totals = await thread(looking.sealed, selection)
        count = len(selection.versions) if isinstance(selection, Marked) else sum(t.count for t in totals)
        if count == 1:
            return selection
        if goes and not (await thread(looking.matching_part, view, selection, goes, self.desk.me))[1]:
            return selection
        question = AskScreen(f"{word} {count:,} invoices?", nets(totals), word.lower())
        return selection if await self.app.push_screen_wait(question) else None

    async def _send(self, at: Press[ProjectView]) -> None:
        self.desk.me.require_sender("send invoices to ERP Integrations")
        if going := await self._sure(at.view, at.selection(), "Send", SENT):
            decision = await self.carry_out(
                f"Sending {noun(at.count)}", review.send, self.desk.me, going, self.desk.profile
            )
            self.decided(decision, f"{len(decision.done):,} sent to ERP Integrations.", at)

    async def _retrieve(self, at: Press[ProjectView]) -> None:
        self.desk.me.require_sender("retrieve invoices")
        if going := await self._sure(at.view, at.selection(), "Retrieve", RETRIEVED):
            decision = await self.carry_out(
                f"Retrieving {noun(at.count)}", review.retrieve, self.desk.me, going
            )
            self.decided(decision, f"{len(decision.done):,} retrieved.", at)

    async def _approve(self, at: Press[ProjectView]) -> None:
        me, db = self.desk.me, self.desk.db
        me.require_sender("approve invoices")
        selection = at.selection()
        thread = db.read if isinstance(selection, Marked) else self.insist
        part, count = await thread(looking.matching_part, at.view, selection, UNAPPROVED, me)
        alone = at.count - count
        if not count:
            raise Disallowed(
                "Nothing was approved",
                why=f"{alone:,} {'needs' if alone == 1 else 'need'} no approval",
                fix=f"{{commitments.send}} sends {'it' if alone == 1 else 'them'}",
            )
        if going := await self._sure(at.view, part, "Approve"):
            decision = await self.carry_out(
                f"Approving {noun(count)}", commitments.set_status, me, going, Status.APPROVED
            )
            left = f" {alone:,} left alone: approved already." if alone else ""
            self.decided(decision, f"{len(decision.done):,} approved.{left}", at, stay=True)
