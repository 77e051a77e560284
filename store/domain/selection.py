"""What a decision is about: marked invoices, or all that filters mark (ARCHITECTURE.md, "Selection")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from store.domain.actor import Actor
from store.domain.status import ProjectView, View


@dataclass(frozen=True, slots=True)
class Marked:
    """Marked invoices: id to the version that the user saw. Those that others changed since are skipped and named."""

    versions: Mapping[int, int]


class Gesture(StrEnum):
    """What a stroke does with the invoices that it meets."""

    MARK = "mark"
    UNMARK = "unmark"
    INVERT = "invert"


@dataclass(frozen=True, slots=True)
class Stroke:
    """One marking by a filter; "" meets all of the view. ``clean``: those with a flag are not met.

    ``me`` is whose flags and whose own invoices count; None for a command that has no such terms.
    """

    gesture: Gesture
    query: str = ""
    clean: bool = False
    me: Actor | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """The invoices of a view that strokes have marked, one after the other; then single ones added and removed.

    ``within``: only those of them that this filter matches too; whose flags it asks for is told by the strokes.
    ``digest`` is that of the (id, version) pairs the user saw; the decision refuses when it differs. None: the
    selection was never shown, and is taken as it stands.
    """

    view: View | ProjectView
    strokes: tuple[Stroke, ...]
    added: frozenset[int] = frozenset()
    removed: frozenset[int] = frozenset()
    within: str = ""
    digest: str | None = None


def every(view: View | ProjectView, query: str = "", *, digest: str | None = None) -> Matching:
    """All of a view that match a filter."""
    return Matching(view, (Stroke(Gesture.MARK, query),), digest=digest)


Selection = Marked | Matching


@dataclass(frozen=True, slots=True)
class Totals:
    """Control totals of one currency, in minor units; ``hash_total`` over the ERP invoice numbers."""

    currency: str
    count: int
    gross: int
    retainage: int
    net: int
    hash_total: int
