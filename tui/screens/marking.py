"""The keys that mark: all, every one, none, inverted, by a query, a long range; undone, and marked ones only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic

from textual.widgets import Input

from store import listing as lists
from store import looking
from store.domain.errors import BadInput
from store.domain.filter import BadFilter
from store.domain.selection import Gesture, Marked, Matching, Stroke
from tui.keymap import way
from tui.screens.deciding import MARKING, DecidingScreen, Press
from tui.screens.listing import V
from tui.widgets import marks as marking
from tui.widgets.query_line import QueryLine

# What keys wait for: the query by which to mark.
ASKING = "asking"
_WORDS = {Gesture.MARK: ("Mark matches of", "marks"), Gesture.UNMARK: ("Unmark those of", "unmarks")}


class MarkingScreen(DecidingScreen[V], Generic[V]):
    """Marks by more than one key press can see.

    What a gesture meets is read by its ids up to LIMIT; beyond that it is kept as its filter, and marks at once.
    """

    # What + or - asks for, while it asks.
    _asked: Gesture | None = None

    def in_turn(self, call: Callable[[], object], ready: Callable[[], bool] | None = None) -> None:
        """As everywhere; a key that acts leaves nothing standing that the one before it came to."""

        def act() -> None:
            self.say("")
            call()

        if isinstance(self.focused, Input):
            self.focus_back()
        super().in_turn(act, ready)

    def acted(self) -> None:
        """A key of the table."""
        self.say("")

    def _mark_by(self, work: Callable[[Press[V]], Awaitable[None]]) -> None:
        """Mark beside the screen; keys wait for it, so that a decision has all the marks before it."""
        if self.unread:
            self.say(f"{self.unread} {way('list.clear-filter')} clears the filter.")
            return
        self.table.turns.hold(MARKING)
        self.run_worker(partial(self._marking, work, self.pressed()), group="marking")

    async def _marking(self, work: Callable[[Press[V]], Awaitable[None]], at: Press[V]) -> None:
        try:
            await work(at)
        finally:
            self.table.turns.release(MARKING)

    def _stands(self, at: Press[V]) -> bool:
        """Whether the list is still the one where the key was pressed."""
        return (self.view, self.query_text) == (at.view, at.query)

    def _marked(self, at: Press[V], said: str = "") -> None:
        """Tell what was marked, unless another list is shown by now."""
        if at.marks is self.marks:
            if said and self._stands(at):
                self.say(said)
            self.marks_changed()

    # -- a stroke, by its ids or as its filter -------------------------------------------------------------------

    def _many(self, at: Press[V], query: str) -> bool:
        """Whether it is known, without reading, that a filter meets more than LIMIT."""
        known = query == at.query and not at.only and at.listing.complete
        return known and at.listing.count > marking.LIMIT

    async def _pairs(self, at: Press[V], stroke: Stroke) -> Sequence[tuple[int, int]] | None:
        """What a stroke meets, with the versions that were seen; None where that is more than LIMIT."""
        if self._many(at, stroke.query):
            return None
        ids = at.listing.ids if stroke.query == at.query and at.listing.complete and not at.only else None
        thread = self.desk.db.read if ids is not None else self.insist
        pairs = await thread(looking.pairs, at.view, stroke, marking.LIMIT, ids)
        if pairs is None:
            return None
        seen = {row.id: row.version for row in self.table.rows}
        # What others changed since it was seen is to be skipped and named by a decision.
        return [(number, seen.get(number, version)) for number, version in pairs]

    async def _stroke(self, at: Press[V], stroke: Stroke) -> None:
        """Mark, unmark or invert what it meets."""
        marks = at.marks
        if isinstance(marks.value, Marked):
            if stroke.gesture is Gesture.UNMARK:
                ids = set(marks.versions)
                marks.remove(await self.desk.db.read(looking.met, at.view, stroke, ids))
                return
            pairs = await self._pairs(at, stroke)
            if pairs is not None and len(marks.versions.keys() | dict(pairs).keys()) <= marking.LIMIT:
                change = marks.add if stroke.gesture is Gesture.MARK else marks.invert
                change(pairs)
                return
        met = await self.desk.db.read(looking.met, at.view, stroke, marks.exceptions)
        marks.stroke(stroke, met)

    # -- all, every one, none, the others ------------------------------------------------------------------------

    def action_mark_all(self) -> None:
        """All clean matches, or none of them again."""
        self.in_turn(partial(self._mark_by, self._mark_clean))

    async def _mark_clean(self, at: Press[V]) -> None:
        stroke = Stroke(Gesture.MARK, at.query, clean=True, me=self.desk.me)
        pairs = await self._pairs(at, stroke) if isinstance(at.marks.value, Marked) else None
        if pairs is None:
            await self._mark_clean_filter(at, stroke)
            return
        if at.only:
            pairs = [(number, version) for number, version in pairs if number in at.marks.versions]
        flagged = max(0, at.listing.count - len(pairs)) if at.listing.complete else 0
        if not self._stands(at):
            self.say("Nothing was marked: another list was asked for before it was done.")
        elif pairs and all(number in at.marks.versions for number, _ in pairs):
            at.marks.remove(number for number, _ in pairs)
            self._marked(at, f"{len(pairs):,} unmarked.")
        elif len(at.marks.versions.keys() | dict(pairs).keys()) > marking.LIMIT:
            await self._mark_clean_filter(at, stroke)
        else:
            at.marks.add(pairs)
            self._marked(at, _all_clean(len(pairs), flagged))

    async def _mark_clean_filter(self, at: Press[V], stroke: Stroke) -> None:
        """More than is read: mark by the filter; what it comes to is said when it is counted."""
        if at.only or await self._has_all(at, stroke):
            await self._stroke(at, Stroke(Gesture.UNMARK, at.query, clean=True, me=self.desk.me))
            self._marked(at, "All clean matches are unmarked.")
            return
        await self._stroke(at, stroke)
        said = "All clean matches are marked."
        self._marked(at, said)
        self.run_worker(partial(self._tell_clean, at, stroke, said), group="telling")

    async def _has_all(self, at: Press[V], stroke: Stroke) -> bool:
        """Whether all that it meets is marked already."""
        value = at.marks.value
        if at.marks.empty:
            return False
        if isinstance(value, Matching) and not value.removed:
            last = value.strokes[-1]
            if (
                last.gesture is Gesture.MARK
                and last.query in {"", stroke.query}
                and last.clean <= stroke.clean
            ):
                return True
        if isinstance(value, Marked):
            few = await self.insist(looking.pairs, at.view, stroke, len(value.versions))
            if few is None:
                return False
        met, both = await self.insist(looking.count, at.view, stroke, value)
        return 0 < met == both

    async def _tell_clean(self, at: Press[V], stroke: Stroke, said: str) -> None:
        every = Stroke(Gesture.MARK, at.query, me=self.desk.me)
        clean, _ = await self.insist(looking.count, at.view, stroke)
        matches = (
            at.listing.count if at.listing.complete else (await self.insist(looking.count, at.view, every))[0]
        )
        if self._message == said and self._stands(at):
            self.say(_all_clean(clean, max(0, matches - clean)))

    def action_mark_every(self) -> None:
        """All matches, flagged ones too."""
        self.in_turn(partial(self._mark_by, self._mark_every), lambda: self.table.listing.complete)

    async def _mark_every(self, at: Press[V]) -> None:
        # Of marked ones only, all are marked.
        if not at.only:
            await self._stroke(at, Stroke(Gesture.MARK, at.query, me=self.desk.me))
        too = ", flagged ones too" if at.listing.count > 1 else ""
        self._marked(at, f"{_matches(at.listing.count, '', '', 'marked')}{too}.")

    def action_invert(self) -> None:
        """What is marked is not, within the filter."""
        self.in_turn(partial(self._mark_by, self._invert))

    async def _invert(self, at: Press[V]) -> None:
        gesture = Gesture.UNMARK if at.only else Gesture.INVERT
        await self._stroke(at, Stroke(gesture, at.query, me=self.desk.me))
        self._marked(at)

    def mark_range(self, one: int, other: int) -> None:
        """A range of which not all is loaded."""
        self._mark_by(partial(self._mark_between, one, other))

    async def _mark_between(self, one: int, other: int, at: Press[V]) -> None:
        pairs = await self.desk.db.read(lists.between, at.listing, one, other, marking.LIMIT)
        if pairs is None:
            self.say(
                f"More than {marking.LIMIT:,} lie between: filter for them ({way('list.filter')})"
                f" and press {way('list.mark-every')}, or mark by {way('list.mark-query')}."
            )
        elif not pairs:
            self.say("Nothing was marked: where the range began is not listed any more.")
        else:
            at.marks.add(pairs)
            self._marked(at, f"{len(pairs):,} marked.")

    # -- none, undone, marked ones only --------------------------------------------------------------------------

    def action_unmark_all(self) -> None:
        """None is marked, hidden ones neither."""
        self.in_turn(self._unmark_all)

    def _unmark_all(self) -> None:
        versions, tally = self.marks.versions, self._tally
        if self.marks.empty:
            said = "Nothing was marked."
        else:
            count = len(versions) or (tally.count if tally else 0)
            said = (
                f"{f'{count:,}' if count else 'All'} unmarked; {way('list.undo-marking')} brings them back."
            )
        self.marks.clear()
        self.say(said)
        self.marks_changed()

    def action_undo_marking(self) -> None:
        """The marks as they were before the last marking."""
        self.in_turn(self._undo_marking)

    def _undo_marking(self) -> None:
        self.say("The last marking is undone." if self.marks.undo() else "There is no marking to undo.")
        self.marks_changed()

    def action_only_marked(self) -> None:
        """Marked ones only, or all again."""
        self.in_turn(self._only_marked)

    def _only_marked(self) -> None:
        if not self.only_marked and self.marks.empty:
            self.say(f"Nothing is marked. {way('table.mark')} marks one, {way('list.mark-all')} all.")
            return
        self.only_marked = not self.only_marked
        self.hold()
        self.request()

    # -- by a query ----------------------------------------------------------------------------------------------

    def action_mark_query(self) -> None:
        """Ask which ones to mark."""
        self.in_turn(partial(self._ask, Gesture.MARK))

    def action_unmark_query(self) -> None:
        """Ask which ones to unmark."""
        self.in_turn(partial(self._ask, Gesture.UNMARK))

    def _ask(self, gesture: Gesture) -> None:
        self._asked = gesture
        self.table.turns.hold(ASKING)
        self.query_one(QueryLine).ask(*_WORDS[gesture])

    def close_query(self) -> bool:
        """Leave the question, with nothing done; False when nothing was asked."""
        asked, self._asked = self._asked, None
        if asked is None:
            return False
        self.query_one(QueryLine).close()
        self.focus_back()
        self.table.turns.release(ASKING)
        return True

    def on_query_input_left(self) -> None:
        """All that was typed is there: mark by it, unless it was left."""
        gesture, line = self._asked, self.query_one(QueryLine)
        if gesture is None:
            return
        query = line.box.value.strip()
        if not query:
            self.close_query()
        else:
            stroke = Stroke(gesture, query, clean=gesture is Gesture.MARK, me=self.desk.me)
            self.run_worker(partial(self._mark_query, stroke, self.pressed()), group="marking")

    async def _mark_query(self, stroke: Stroke, at: Press[V]) -> None:
        try:
            met, _ = await self.insist(looking.count, at.view, stroke)
            plain = Stroke(stroke.gesture, stroke.query, me=stroke.me)
            every, _ = await self.insist(looking.count, at.view, plain)
            if self._asked is not stroke.gesture:
                return
            await self._stroke(at, stroke)
        except BadInput as error:
            if self._asked is stroke.gesture:
                self.query_one(QueryLine).ask_again(error.position if isinstance(error, BadFilter) else None)
            self.say(str(error))
            return
        self.close_query()
        if stroke.gesture is Gesture.UNMARK:
            self._marked(at, f"{_matches(met, '', stroke.query, 'unmarked')}.")
        else:
            self._marked(at, _all_clean(met, every - met, stroke.query))


def _all_clean(clean: int, flagged: int, query: str = "") -> str:
    ways = f"{way('table.mark')} marks one, {way('list.mark-every')} all of them"
    if not clean and flagged:
        found = "One flagged one does" if flagged == 1 else f"{flagged:,} flagged ones do"
        return f"Nothing clean matches{query and f' {query}'}, and nothing was marked. {found}: {ways}."
    rest = f"; {flagged:,} flagged {'one' if flagged == 1 else 'ones'} not ({ways})" if flagged else ""
    return f"{_matches(clean, 'clean ', query, 'marked')}{rest}."


def _matches(count: int, clean: str, query: str, done: str) -> str:
    """``All 12 clean matches of bell are marked``; of one and of none in their own words."""
    if not count:
        return f"Nothing matches{query and f' {query}'}, and nothing was {done}"
    of = query and f" of {query}"
    if count == 1:
        return f"The one {clean}match{of} is {done}"
    return f"All {count:,} {clean}matches{of} are {done}"
