"""What a connector that needs no network for it says of a bill before it is sent, and where it could object at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from store.domain.bill import Bill
from store.domain.profile import Finding


class Doubt(NamedTuple):
    """Something that may stand against a bill: ``about`` says whether it may, of the texts that these fields have in it.

    Fields are a bill's own by their names, and those of its lines as ``lines.account``: then each line is asked about.
    ``told``: what the connector's objections() find by it, where a bill's own texts tell all of it; then no bill is made.
    ``again``: what stands against the second bill with the same texts, once the first is booked: what is put to the
    connector together is not there yet.
    """

    fields: tuple[str, ...]
    about: Callable[..., bool]
    told: Callable[..., Iterable[Finding]] | None = None
    again: Callable[..., Finding] | None = None

    @classmethod
    def telling(cls, fields: tuple[str, ...], told: Callable[..., Iterable[Finding]]) -> Doubt:
        """One whose findings are all told by a bill's own texts."""
        return cls(fields, lambda *texts: any(True for _ in told(*texts)), told)


@dataclass(frozen=True, slots=True)
class Checker:
    """A connector's check() of one bill, and what makes it worth asking. Both are called in one thread at a time.

    Where no doubt is of a bill whose lines come to its totals, ``objections`` finds nothing: of very many invoices only
    those in doubt are made into bills. ``doubts`` stand in the order in which it finds: what a bill is refused for is
    what comes first. Either may raise anything; then the connector said nothing.
    """

    objections: Callable[[Bill], Iterable[Finding]]
    doubts: tuple[Doubt, ...]


# Opens a connector's checker for the thread that uses it.
Opened = Callable[[], AbstractContextManager[Checker]]


@dataclass(frozen=True, slots=True)
class Local:
    """How invoices are put to a connector before they are sent, where that needs no network.

    Up to ``most`` of them (None: all), for ``seconds`` at most. ``opened``: None where the connector has to be asked
    elsewhere, and none are.
    """

    opened: Opened | None
    most: int | None = None
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Checked:
    """How many bills were put to the connector, and how many were not, or got no answer; ``trouble``: why that ended."""

    asked: int = 0
    left: int = 0
    trouble: str = ""
