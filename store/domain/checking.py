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
    """

    fields: tuple[str, ...]
    about: Callable[..., bool]


@dataclass(frozen=True, slots=True)
class Checker:
    """A connector's check() of one bill, and what makes it worth asking. Both are called in one thread at a time.

    Where no doubt is of a bill whose lines come to its totals, ``objections`` finds nothing: of very many invoices only
    those in doubt are made into bills. Either may raise anything; then the connector said nothing.
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
