"""Marks of one view: a value with undo. Up to LIMIT they are ids with the versions seen, beyond it strokes of filters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from store.domain.selection import Gesture, Marked, Matching, Selection, Stroke
from store.domain.status import ProjectView, View

# So many marks are held as ids; what a gesture meets beyond that is not read, but kept as its filter.
LIMIT = 10_000
# How many markings z takes back.
UNDO = 20


class Marks:
    """What is marked in a view; ``value`` is what a decision takes.

    Of a value made of strokes only the store knows which rows it has: ``learn`` takes that over for rows that are
    loaded. ``counted`` is how many it had when it was last counted, None until then.
    """

    def __init__(self, view: View | ProjectView) -> None:
        self.view = view
        self.value: Selection = Marked({})
        self.counted: int | None = None
        # Set by an own decision: what it left of strokes becomes ids again as soon as it is few.
        self.decided = False
        self._past: list[Selection] = []
        self._boxes: dict[int, bool] = {}
        self._sure: set[int] = set()

    @property
    def empty(self) -> bool:
        """Whether nothing is marked; strokes may well meet nothing."""
        return isinstance(self.value, Marked) and not self.value.versions

    @property
    def versions(self) -> Mapping[int, int]:
        """The marked ids with the versions seen; none where strokes mark."""
        return self.value.versions if isinstance(self.value, Marked) else {}

    @property
    def ids(self) -> set[int]:
        """Every id that is marked with its version, or would be after z."""
        return {
            number for value in (self.value, *self._past) if isinstance(value, Marked) for number in value.versions
        }  # fmt: skip

    # -- what a row's box shows ----------------------------------------------------------------------------------

    def has(self, number: int) -> bool | None:
        """Whether an invoice is marked; None while only the store knows."""
        if isinstance(self.value, Marked):
            return number in self.value.versions
        return self._boxes[number] if number in self._sure else None

    def box(self, number: int) -> bool:
        """What to draw: what is known, or was until now."""
        if isinstance(self.value, Marked):
            return number in self.value.versions
        return self._boxes.get(number, False)

    def learn(self, value: Selection, ids: Iterable[int], marked: Collection[int]) -> None:
        """Which of these invoices the store says ``value`` has; nothing when that is not the value any more."""
        if value is not self.value:
            return
        for number in ids:
            self._boxes[number] = number in marked
            self._sure.add(number)

    def _put(self, value: Selection) -> None:
        self._past.append(self.value)
        del self._past[:-UNDO]
        self.value = value
        self.decided = False

    def _unsure(self) -> None:
        self._sure.clear()
        self.counted = None

    # -- one or some ---------------------------------------------------------------------------------------------

    def toggle(self, number: int, version: int) -> bool:
        """Mark or unmark one; whether it is marked now."""
        marked = not self.box(number)
        if isinstance(self.value, Matching):
            self._put_single(self.value, [number], marked=marked)
            if self.counted is not None:
                self.counted += 1 if marked else -1
        elif marked:
            self._put(Marked({**self.value.versions, number: version}))
        else:
            self._put(Marked({i: v for i, v in self.value.versions.items() if i != number}))
        return marked

    def add(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Mark these (id, version); what is marked already keeps the version that was seen then."""
        if isinstance(self.value, Matching):
            self._put_single(self.value, [number for number, _ in pairs], marked=True)
            self.counted = None
        else:
            self._put(Marked({**dict(pairs), **self.value.versions}))

    def _put_single(self, value: Matching, ids: Collection[int], *, marked: bool) -> None:
        more, fewer = (value.added, value.removed) if marked else (value.removed, value.added)
        more, fewer = more.union(ids), fewer.difference(ids)
        added, removed = (more, fewer) if marked else (fewer, more)
        self._put(replace(value, added=added, removed=removed))
        self._boxes.update(dict.fromkeys(ids, marked))
        self._sure.update(ids)

    def remove(self, ids: Iterable[int]) -> None:
        """Unmark these."""
        gone = set(ids)
        if isinstance(self.value, Matching):
            self._put_single(self.value, gone, marked=False)
            self.counted = None
        else:
            self._put(Marked({i: v for i, v in self.value.versions.items() if i not in gone}))

    def invert(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Of marked ids: mark what is not marked of these, unmark what is; others stay."""
        now = dict(self.versions)
        for number, version in pairs:
            if now.pop(number, None) is None:
                now[number] = version
        self._put(Marked(now))

    def clear(self) -> None:
        """Unmark all; where nothing is marked there is nothing that z could take back."""
        if self.empty:
            return
        self._put(Marked({}))
        self._unsure()

    # -- by a filter ---------------------------------------------------------------------------------------------

    @property
    def exceptions(self) -> frozenset[int]:
        """The single invoices that a stroke may meet."""
        if isinstance(self.value, Matching):
            return self.value.added | self.value.removed
        return frozenset(self.value.versions)

    def stroke(self, stroke: Stroke, met: Collection[int]) -> None:
        """Mark, unmark or invert by a filter; it overrides the single ``exceptions`` that it meets."""
        value = self.value
        if isinstance(value, Marked):
            # What was marked singly stays marked whether the filter meets it or not.
            self._boxes = dict.fromkeys(value.versions, True)
            value = Matching(self.view, (), frozenset(value.versions))
        inverted = stroke.gesture is Gesture.INVERT
        now = replace(
            value,
            strokes=(*value.strokes, stroke),
            added=value.added.difference(met)
            | (value.removed.intersection(met) if inverted else frozenset()),
            removed=value.removed.difference(met)
            | (value.added.intersection(met) if inverted else frozenset()),
        )
        self._put(now)
        self._unsure()

    # -- what others and decisions do ----------------------------------------------------------------------------

    def undo(self) -> bool:
        """Take the last marking back; False when there is none."""
        if not self._past:
            return False
        self.value = self._past.pop()
        self._unsure()
        return True

    def doubt(self) -> None:
        """Others changed something: what strokes mark may be something else now."""
        self._sure.clear()

    def drop(self, ids: Iterable[int]) -> int:
        """Forget those that left the view, in the undo history too; returns how many were marked."""
        gone = set(ids)
        dropped = len(gone & self.versions.keys())

        def without(value: Selection) -> Selection:
            if not isinstance(value, Marked) or gone.isdisjoint(value.versions):
                return value
            return Marked({i: v for i, v in value.versions.items() if i not in gone})

        self._change(without)
        return dropped

    def follow(self, ids: Iterable[int], seen: Mapping[int, int]) -> None:
        """After an own decision on ``ids``: take over the versions that it made, one step on and no further.

        Markings that ``z`` would bring back follow too.
        """
        own = set(ids)

        def following(value: Selection) -> Selection:
            if not isinstance(value, Marked) or own.isdisjoint(value.versions):
                return value
            return Marked(
                {i: v + (i in own and seen.get(i) == v + 1) for i, v in value.versions.items()}
            )  # fmt: skip

        self._change(following)

    def _change(self, how: Callable[[Selection], Selection]) -> None:
        self.value = how(self.value)
        self._past = [how(value) for value in self._past]

    def settle(self, pairs: Iterable[tuple[int, int]]) -> None:
        """An own decision left these of what strokes marked: ids again, and nothing to take back."""
        self.value = Marked(dict(pairs))
        self._past.clear()
        self.decided = False
        self._unsure()
