"""Commitments, Invoices: what prepares an invoice. Creating the next one, editing, statuses, attachments, field history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store import attaching, commitments, contracts, detail, discarding, drafting, looking
from store.domain import approval
from store.domain.errors import NothingMatched
from store.domain.selection import Marked
from store.domain.status import ProjectView
from store.domain.text import one_line
from tui.keymap import pressed, way
from tui.screens.ask import AskScreen, nets
from tui.screens.changes import ChangesScreen
from tui.screens.deciding import Press
from tui.screens.edit import EditScreen, InvoiceEdit
from tui.screens.edit_text import form_of, form_of_next
from tui.screens.files import FilesScreen
from tui.screens.hold import noun
from tui.screens.set_status import StatusScreen
from tui.screens.tools import ToolScreen
from tui.text import STATUS_TITLES, cut

if TYPE_CHECKING:
    from textual.app import App

    from store.db import Database
    from store.decision import Decision
    from store.domain.actor import Actor


async def create_next(
    app: App[object], db: Database, me: Actor, commitment_id: int
) -> tuple[str, Decision] | None:
    """Ask for the next invoice of a commitment in its form and create it; its number and what was done, None: left."""
    made = await db.read(drafting.propose, commitment_id)
    known = await db.read(drafting.periods, made.project_id)
    done: list[tuple[str, Decision]] = []

    async def save(edit: InvoiceEdit) -> None:
        decision = await db.write(
            drafting.create,
            me,
            commitment_id,
            number=edit.number,
            period=edit.period,
            billing_date=edit.billing_date,
            lines=edit.lines,
            application=made.application,
        )
        done.append((edit.number or made.number, decision))

    await app.push_screen_wait(EditScreen(form_of_next(made, known), save))
    return done[0] if done else None


def said_of_new(number: str, decision: Decision) -> str:
    """What is said when an invoice was created."""
    notes = "".join(f" {note}." for note in decision.notes)
    return f"{one_line(number)} is created, a draft: in Not Sent.{notes}"


class PreparingScreen(ToolScreen[ProjectView]):
    """The keys that change an invoice before it is sent, and its attachments after it too."""

    def action_new(self) -> None:
        """The next invoice of the commitment under the cursor."""
        self.attempt(self._new)

    def action_edit(self) -> None:
        """Edit the invoice under the cursor."""
        self.attempt(self._edit)

    def action_status(self) -> None:
        """Set the status of what is marked, else of the invoice under the cursor."""
        self.attempt(self._status)

    def action_discard(self) -> None:
        """Discard what is marked, else the invoice under the cursor: created here, and never sent."""
        self.attempt(self._discard)

    def action_files(self) -> None:
        """The attachments of the invoice under the cursor."""
        self.attempt(self._files)

    def action_changes(self) -> None:
        """The field history of the invoice under the cursor."""
        self.attempt(self._changes)

    async def _new(self, at: Press[ProjectView]) -> None:
        approval.require_preparer(self.desk.me)
        if at.current is None:
            raise NothingMatched(
                "There is no invoice here to go on from",
                fix=f"{way('list.more')} {pressed('more.contracts-tool')} lists the commitments: create it there",
            )
        row = await self.row_at(at)
        commitment, _ = await self.desk.db.read(contracts.of_invoice, row.id)
        if made := await create_next(self.app, self.desk.db, self.desk.me, commitment):
            self._followed.update(made[1].done)
            self.result(said_of_new(*made))
            self.request()

    async def _edit(self, at: Press[ProjectView]) -> None:
        db, me = self.desk.db, self.desk.me
        approval.require_preparer(me, "edit invoices")
        row = await self.row_at(at)
        found = await db.read(detail.detail, row.id, me)
        _, project = await db.read(contracts.of_invoice, row.id)
        known = await db.read(drafting.periods, project)

        notes: list[str] = []

        async def save(edit: InvoiceEdit) -> None:
            decision = await db.write(
                commitments.edit,
                me,
                found.row.id,
                found.row.version,
                number=edit.number,
                period=edit.period,
                billing_date=edit.billing_date,
                lines=edit.lines,
            )
            self._followed.update(decision.done)
            notes.extend(f" {note}." for note in decision.notes)

        if await self.app.push_screen_wait(EditScreen(form_of(found, known), save)):
            keys = f"{way('commitments.approve')} approves, {way('commitments.send')} sends what is marked"
            self.result(f"{one_line(row.number)} is saved.{''.join(notes)} {keys}.")
            self.request()

    async def _status(self, at: Press[ProjectView]) -> None:
        me = self.desk.me
        approval.require_preparer(me, "change the status of invoices")
        selection, only = await self._one_or_marked(at)
        count = len(selection.versions) if isinstance(selection, Marked) else at.count
        about = one_line(only.number) if only is not None else f"{count:,} invoices"
        choice = await self.app.push_screen_wait(StatusScreen(about, approval.settable(me), only))
        if choice is not None:
            decision = await self.carry_out(
                f"Setting the status of {about}",
                commitments.set_status,
                me,
                selection,
                choice.status,
                choice.comment,
            )
            done = f"{len(decision.done):,} set to {STATUS_TITLES[choice.status]}."
            self.decided(decision, done, at, stay=True)

    async def _discard(self, at: Press[ProjectView]) -> None:
        me, db = self.desk.me, self.desk.db
        approval.require_preparer(me, "discard invoices")
        selection, only = await self._one_or_marked(at)
        thread = db.read if isinstance(selection, Marked) else self.insist
        selection, totals = await thread(looking.sealed, selection)
        count = sum(total.count for total in totals)
        about = f"{cut(only.number, 30).rstrip()} of {cut(only.vendor, 30).rstrip()}" if only else noun(count)
        lines = [*nets(totals), "", "What is discarded is gone; the audit trail keeps what it said."]
        if await self.app.push_screen_wait(AskScreen(f"Discard {about}?", lines, "discard")):
            decision = await self.carry_out(f"Discarding {about}", discarding.discard, me, selection)
            self.decided(decision, f"{len(decision.done):,} discarded.", at)

    async def _files(self, at: Press[ProjectView]) -> None:
        row = await self.row_at(at)
        screen = FilesScreen(self.desk, row.id, row.number, may=approval.prepares(self.desk.me))
        if await self.app.push_screen_wait(screen):
            self._followed.add(row.id)
            count = len(await self.desk.db.read(attaching.of_invoice, row.id))
            noun = "attachment" if count == 1 else "attachments"
            self.result(f"{one_line(row.number)} has {count:,} {noun}.")
            self.request()

    async def _changes(self, at: Press[ProjectView]) -> None:
        row = await self.row_at(at)
        await self.app.push_screen_wait(ChangesScreen(self.desk, row))
