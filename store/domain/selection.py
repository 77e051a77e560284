"""What a decision is about: marked invoices, or all that match a filter (ARCHITECTURE.md, "Selection")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from store.domain.status import ProjectView, View


@dataclass(frozen=True, slots=True)
class Marked:
    """Marked invoices: id to the version that the user saw. Those that others changed since are skipped and named."""

    versions: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Matching:
    """All invoices of a view that match a query, less exceptions.

    ``digest`` is that of the (id, version) pairs the user saw; the decision refuses when it differs. None: the
    selection was never shown (a command), and is taken as it stands.
    """

    view: View | ProjectView
    query: str = ""
    exceptions: frozenset[int] = field(default_factory=frozenset)
    digest: str | None = None


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
