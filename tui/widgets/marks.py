"""Marks of one view: invoice ids and the versions that were seen when they were marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# How many markings z takes back.
UNDO = 20


class Marks:
    """A set of marked invoices with undo. ``versions`` is what a decision takes."""

    def __init__(self) -> None:
        self.versions: dict[int, int] = {}
        self._past: list[dict[int, int]] = []

    def __len__(self) -> int:
        return len(self.versions)

    def __contains__(self, invoice_id: int) -> bool:
        return invoice_id in self.versions

    def _remember(self) -> None:
        self._past.append(dict(self.versions))
        del self._past[:-UNDO]

    def toggle(self, invoice_id: int, version: int) -> None:
        """Mark or unmark one."""
        self._remember()
        if self.versions.pop(invoice_id, None) is None:
            self.versions[invoice_id] = version

    def add(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Mark these (id, version); what is marked already keeps the version that was seen then."""
        self._remember()
        for invoice_id, version in pairs:
            self.versions.setdefault(invoice_id, version)

    def remove(self, ids: Iterable[int]) -> None:
        """Unmark these."""
        self._remember()
        for invoice_id in ids:
            self.versions.pop(invoice_id, None)

    def invert(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Mark what is not marked of these, unmark what is; others stay."""
        self._remember()
        for invoice_id, version in pairs:
            if self.versions.pop(invoice_id, None) is None:
                self.versions[invoice_id] = version

    def clear(self) -> None:
        """Unmark all."""
        self._remember()
        self.versions.clear()

    def undo(self) -> bool:
        """Take the last marking back; False when there is none."""
        if not self._past:
            return False
        self.versions = self._past.pop()
        return True

    def drop(self, ids: Iterable[int]) -> int:
        """Forget those that left the view, in the undo history too; returns how many were marked."""
        gone = set(ids)
        dropped = len(gone & self.versions.keys())
        for marked in (self.versions, *self._past):
            for invoice_id in gone & marked.keys():
                del marked[invoice_id]
        return dropped

    def follow(self, ids: Iterable[int], seen: Mapping[int, int]) -> None:
        """After an own decision on ``ids``: take over the versions that it made, one step on and no further.

        Markings that ``z`` would bring back follow too.
        """
        own = set(ids)
        for marked in (self.versions, *self._past):
            for invoice_id in own & marked.keys():
                if seen.get(invoice_id) == marked[invoice_id] + 1:
                    marked[invoice_id] += 1
