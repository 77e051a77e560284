"""What a dry run has to say of each invoice, gathered by cause: how many, which ones, and the first by name."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from store.domain.keys import spelled
from store.domain.profile import Note
from store.domain.text import safe
from store.planning import Stay

# What a snag comes to, the gravest first; but for REFUSED and WARNED they are store.domain.profile's Effect.
BLOCKED, REFUSED, WARNED, SKIPPED, IGNORED, TRUNCATED = EFFECTS = (
    "blocked",
    "refused",
    "warned",
    "skipped",
    "ignored",
    "truncated",
)
# So many causes of an effect are told by themselves, and so many invoices of a cause by name.
GROUPS = 50
NAMED = 3
OTHER = "other causes"


class Snag(NamedTuple):
    """One thing about one invoice that an export would meet: the effect, a stable code, the plain cause and the fix.

    ``line`` is the position of the G703 line that it is about. ``kind`` is what its cause has in common with others of
    the same code; "": the code says it all.
    """

    invoice_id: int
    name: str
    effect: str
    code: str
    cause: str
    fix: str
    line: int | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """Invoices with one cause: the code of the first, what they have in common, the fix, all ids and the first names."""

    effect: str
    code: str
    cause: str
    fix: str
    ids: Sequence[int]
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many invoices."""
        return len(self.ids)


def of_stay(stay: Stay, notes: Sequence[Note] = ()) -> list[Snag]:
    """Why an invoice stays, and what its ``notes`` say beside; where it stays for them, each by itself."""
    noted = of_notes(stay.invoice_id, stay.name, notes)
    if any(snag.effect == BLOCKED and snag.code == stay.code for snag in noted):
        return noted
    own = Snag(stay.invoice_id, stay.name, BLOCKED, stay.code, stay.cause, stay.fix, kind=stay.kind)
    return [own, *noted]


def of_notes(invoice_id: int, name: str, notes: Sequence[Note]) -> list[Snag]:
    """What the ERP's profile has to say of one invoice; the first ones block."""
    found = [
        Snag(
            invoice_id,
            name,
            note.effect.value,
            note.code,
            safe(_told(note.cause, note)),
            safe(spelled(note.fix)),
            note.line,
            safe(_told(note.kind, note)) if note.kind else "",
        )
        for note in notes
    ]
    return sorted(found, key=lambda snag: EFFECTS.index(snag.effect))


def _told(words: str, note: Note) -> str:
    return f"{words} (company policy: {note.policy})" if note.policy else words


def with_said(snags: Sequence[Snag], refused: Sequence[Snag]) -> list[Snag]:
    """The snags of one invoice with what its ERP refuses, which is warned of no more; the gravest first."""
    codes = {snag.code for snag in refused}
    kept = [snag for snag in snags if snag.effect != WARNED or snag.code not in codes]
    return sorted([*refused, *kept], key=lambda snag: EFFECTS.index(snag.effect))


class _Cause:
    """One that grows."""

    __slots__ = ("first", "ids", "names")

    def __init__(self, first: Snag) -> None:
        self.first = first
        self.ids = array("q")
        self.names: list[str] = []

    def add(self, snag: Snag) -> None:
        if self.ids and self.ids[-1] == snag.invoice_id:
            return
        self.ids.append(snag.invoice_id)
        if len(self.names) < NAMED:
            self.names.append(snag.name)


class Causes:
    """Grows snag by snag, those of an invoice together. 8 bytes an invoice and cause."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], _Cause] = {}
        self._groups = dict.fromkeys(EFFECTS, 0)
        self._touched = {effect: array("q") for effect in EFFECTS}

    def add(self, snags: Iterable[Snag]) -> None:
        """These too."""
        for snag in snags:
            effect = snag.effect
            touched = self._touched[effect]
            if not touched or touched[-1] != snag.invoice_id:
                touched.append(snag.invoice_id)
            key = (effect, snag.code, snag.kind)
            if key not in self._found:
                if self._groups[effect] >= GROUPS:
                    key = (effect, "", OTHER)
                if key not in self._found:
                    self._found[key] = _Cause(snag)
                    self._groups[effect] += 1
            self._found[key].add(snag)

    def found(self) -> tuple[Cause, ...]:
        """The gravest effects first, of each the cause of the most invoices first."""
        told = [
            Cause(
                effect, one.first.code, kind or one.first.cause, "" if kind == OTHER else one.first.fix, one.ids,
                tuple(one.names),
            )
            for (effect, _, kind), one in self._found.items()
        ]  # fmt: skip
        return tuple(sorted(told, key=lambda cause: (EFFECTS.index(cause.effect), -cause.count)))

    def touched(self) -> dict[str, Sequence[int]]:
        """The ids of the invoices by effect, each once; the effects that any has."""
        return {effect: ids for effect, ids in self._touched.items() if ids}
