"""The keys that every list has besides its decisions: copying numbers, writing files; for approvers holds and queries."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

from store import asking, holding, holding_on, holds, invoices, looking, sheets, signs
from store.domain.address import valid_address
from store.domain.errors import BadInput, PayappError
from store.domain.hold import EFFECT_WORDS, HoldScope
from store.domain.selection import Marked, Selection, Totals
from store.domain.status import View
from store.domain.text import one_line
from store.holding_on import Subject
from store.invoices import Row
from store.listing import Order, every_id
from tui.keymap import way
from tui.screens.ask import nets
from tui.screens.ask_by_mail import AskByMailScreen
from tui.screens.command_line import CommandScreen
from tui.screens.deciding import Press
from tui.screens.hold import HoldChoice, HoldScreen, On, noun
from tui.screens.listing import V
from tui.screens.writing import Source, WriteChoice, WriteScreen
from tui.text import clock, cut, money

# So many numbers go to the clipboard at once.
COPIED_MOST = 100
# Of more invoices their commitments and vendors are not held together.
SUBJECTS_MOST = 1000
# So much of a vendor's name stands in a title.
NAME_CELLS = 40
D = TypeVar("D")


class ToolScreen(CommandScreen[V], Generic[V]):
    """A list with its small tools."""

    async def _one_or_marked(self, at: Press[V]) -> tuple[Selection, Row | None]:
        """What is marked, else the invoice under the cursor; the row where it is a single one."""
        if at.count:
            selection = at.selection()
            ids = list(selection.versions) if isinstance(selection, Marked) else []
            rows = await self.desk.db.read(invoices.rows, ids, self.desk.me) if len(ids) == 1 else []
            return selection, rows[0] if rows else None
        row = await self.row_at(at)
        return Marked({row.id: row.version}), row

    async def _count_views(self) -> None:
        answered = clock(await self.desk.db.read(signs.last_sync))
        self.synced = f"synced {answered}" if answered else ""
        await super()._count_views()

    def _order(self, at: Press[V], query: str, only: Selection | None) -> Order:
        return Order(at.view, query, self.sort, self.descending, only, self.desk.me)

    # -- copy --------------------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """The number under the cursor, or those of the marked ones, for the clipboard of the terminal."""
        self.attempt(self._copy)

    async def _copy(self, at: Press[V]) -> None:
        if at.count > COPIED_MOST:
            raise BadInput(
                f"{COPIED_MOST} numbers can be copied at once",
                why=f"{at.count:,} are marked",
                fix=f"Mark fewer, or write a file ({way('list.write')})",
            )
        if at.count:
            ids = await self.desk.db.read(every_id, self._order(at, "", at.selection()))
            rows = await self.desk.db.read(invoices.rows, list(ids), self.desk.me)
        else:
            rows = [await self.row_at(at)]
        numbers = [one_line(row.number) for row in rows]
        self.app.copy_to_clipboard("\n".join(numbers))
        what = cut(numbers[0], 40).rstrip() if len(numbers) == 1 else f"{len(numbers):,} numbers"
        self.say(f"{what} copied, if your terminal allows it.")

    # -- files -------------------------------------------------------------------------------------------------

    def action_write(self) -> None:
        """A file of what is listed or marked."""
        self.attempt(self._write)

    async def _write(self, at: Press[V]) -> None:
        sources = []
        if at.count:
            sources.append(Source(f"marked {at.count:,}", self._order(at, "", at.selection())))
        if at.query.strip():
            sources.append(Source(f"listed {at.listing.count:,}", self._order(at, at.query, None)))
        sources.append(Source(f"all of {self.TITLES[at.view]}", self._order(at, "", None)))
        today = datetime.now(UTC).astimezone().date()
        screen = WriteScreen(sources, at.view.value.replace("_", "-"), today, self.desk.files)
        choice = await self.app.push_screen_wait(screen)
        if choice is not None:
            self.say(f"Writing {choice.path.name}; you can go on.")
            self.run_worker(partial(self._write_file, choice), group="file")

    async def _write_file(self, choice: WriteChoice) -> None:
        stop = threading.Event()
        try:
            # Not in the threads for pages and counts: a million rows take their time.
            written = await asyncio.to_thread(
                sheets.write_apart, self.desk.db, self.desk.me, choice.order, choice.path, choice.form,
                replace=choice.replace, stop=stop,
            )  # fmt: skip
        finally:
            stop.set()
        where = written.path if self.desk.files is None else written.path.name
        self.add(f"{one_line(str(where))} is written: {noun(written.count)}{_nets(written.totals)}.")


@dataclass(frozen=True, slots=True)
class Refused:
    """A text that was written for these invoices and could not be saved, and why: the next dialog has it again."""

    about: object
    text: str
    why: str


class ApproverScreen(ToolScreen[View]):
    """What an approver may do with an invoice that stays where it is."""

    _refused: Refused | None = None

    def _before(self, about: object) -> tuple[str, str]:
        """What was written for these invoices and refused, and why; empty where nothing was."""
        refused, self._refused = self._refused, None
        return (refused.text, refused.why) if refused is not None and refused.about == about else ("", "")

    async def _keep(self, fn: Callable[..., D], selection: object, text: str, about: object) -> D:
        """Save a text about these invoices. What others did meanwhile may refuse it: then it is not lost."""
        try:
            return await self.desk.db.write(fn, self.desk.me, selection, text)
        except PayappError as error:
            self._refused = Refused(about, text, str(error))
            raise

    def action_hold(self) -> None:
        """Place or release a hold."""
        self.attempt(self._hold)

    async def _hold(self, at: Press[View]) -> None:
        db, me = self.desk.db, self.desk.me
        me.require_approver("place or release a hold")
        selection, only = await self._one_or_marked(at)
        # Strokes are held to what is shown now.
        selection, totals = await db.count(looking.sealed, selection)
        held, free = await db.count(holding.counts, selection)
        lines = _about(at, only, totals)
        if only is not None:
            standing = (await db.read(holds.of, [only.id])).get(only.id, ())
            lines += [f"{one_line(hold.told)}: {EFFECT_WORDS[hold.effect]}" for hold in standing]
        subjects = await self._subjects(selection, held + free)
        others = [_on(found, *await db.count(holding_on.counts, found)) for found in subjects.values()]
        about = holding.place, _same(selection)
        pays = self.desk.profile.capabilities.payment_hold is True
        choice = await self.app.push_screen_wait(
            HoldScreen(held, free, lines, *self._before(about), others=others, payment_hold=pays)
        )
        if choice is None:
            return
        kept: dict[str, Any] = {
            "kind": choice.kind, "effect": choice.effect, "profile": self.desk.profile,
        }  # fmt: skip
        if choice.scope is not HoldScope.INVOICE:
            await self._hold_all(subjects[choice.scope], choice, about, kept)
        elif choice.place:
            decision = await self._keep(partial(holding.place, **kept), selection, choice.reason, about)
            self.decided(decision, f"{len(decision.done):,} placed on hold.", at, stay=True)
        else:
            decision = await db.write(holding.release, me, selection)
            self.decided(decision, f"{len(decision.done):,} released.", at, stay=True)

    async def _subjects(self, selection: Selection, count: int) -> dict[HoldScope, list[Subject]]:
        """The commitments and vendors of a selection, of which few enough are told to hold them together."""
        if count > SUBJECTS_MOST:
            return {}
        scopes = (HoldScope.COMMITMENT, HoldScope.VENDOR)
        found = {scope: await self.desk.db.count(holding_on.subjects, selection, scope) for scope in scopes}
        return {scope: these for scope, these in found.items() if these}

    async def _hold_all(
        self, subjects: Sequence[Subject], choice: HoldChoice, about: object, kept: dict[str, Any]
    ) -> None:
        """Place or release what stands on all invoices of a commitment or vendor."""
        db, me = self.desk.db, self.desk.me
        if choice.place:
            settled = await self._keep(partial(holding_on.place, **kept), subjects, choice.reason, about)
        else:
            settled = await db.write(holding_on.release, me, subjects)
        done = "placed on hold" if choice.place else "released from hold"
        stay = f" {len(settled.stays):,} stay as they are." if settled.stays else ""
        notes = "".join(f" {note}." for note in settled.notes)
        name = _names(choice.scope, settled.names)
        self.result(f"{name[0].upper()}{name[1:]} {done}: {noun(settled.invoices)}.{stay}{notes}")
        self.request()

    def action_query(self) -> None:
        """Mail a question to the sender."""
        self.attempt(self._query)

    async def _query(self, at: Press[View]) -> None:
        db, me = self.desk.db, self.desk.me
        me.require_approver("mail a query about invoices here")
        selection, only = await self._one_or_marked(at)
        people = await db.read(asking.recipients, me, selection)
        title = (
            f"{cut(only.number, 20).rstrip()} of {cut(only.vendor, 40).rstrip()}" if only else noun(at.count)
        )
        about = asking.ask, _same(selection)
        text = await self.app.push_screen_wait(
            AskByMailScreen(title, people, *self._before(about), answerable=valid_address(me.email))
        )
        if text is not None:
            decision = await self._keep(asking.ask, selection, text, about)
            self.decided(decision, f"{noun(len(decision.done))} asked about.", at, stay=True)
            # The worker sends the mails as well.
            await self.ensure_worker()


def _on(found: Sequence[Subject], held: int, free: int) -> On:
    """The choice that these commitments or vendors are."""
    scope, several = found[0].scope, len(found) > 1
    word = f"their {len(found):,} {scope.value}s" if several else f"its {scope.value}"
    return On(scope, word, _names(scope, [subject.name for subject in found]), held, free)


def _names(scope: HoldScope, names: Sequence[str]) -> str:
    if len(names) != 1:
        return f"{len(names):,} {scope.value}s"
    return f"{scope.value} {cut(names[0], NAME_CELLS).rstrip()}"


def _same(selection: Selection) -> object:
    """The invoices of a selection, whatever others changed of them."""
    return frozenset(selection.versions) if isinstance(selection, Marked) else replace(selection, digest=None)


def _about(at: Press[View], only: Row | None, totals: Sequence[Totals]) -> list[str]:
    """The invoice, or how much the marked ones come to."""
    if only is not None:
        amount = money(only.net, only.currency)
        return [
            f"{cut(only.number, 20).rstrip()}  {cut(only.vendor, 30).rstrip()}  net {amount} {only.currency}"
        ]
    hidden = f"{at.hidden:,} of them {'is' if at.hidden == 1 else 'are'} hidden by the filter"
    return nets(totals) + ([hidden] if at.hidden else [])


def _nets(totals: Sequence[Totals]) -> str:
    return "".join(f", net {money(t.net, t.currency)} {t.currency}" for t in totals[:3])
