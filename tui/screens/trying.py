"""What a dry run tries: shared by its screens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from store.causes import Snag
from store.domain.checking import Local
from store.domain.status import Action
from store.review import Plan


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tried: the action, the accounting date and description given; ``again`` looks at all of it anew.

    ``override``: why what may be a duplicate would go. ``local``: the connector that it is put to, as far as that needs no
    network; ``said``: what another one said of some of it, by id.
    """

    action: Action
    day: date | None
    again: Callable[[], Awaitable[Plan]]
    override: str | None = None
    description: str | None = None
    local: Local | None = None
    said: Mapping[int, Sequence[Snag]] = field(default_factory=dict)
