"""What an import tells its caller: problems with their place, and the result with its counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from store.domain.errors import BadFile
from store.domain.text import safe

# How many problems the message of a refused file names.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: which file (base name), where in it, and the reason. All texts are safe()."""

    file: str
    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, {self.where}: {self.reason}" if self.where else f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Result:
    """What an import did. ``kind`` is one of intake.kinds; the counts are of records, not of rows.

    ``locked`` names the invoices that differ from the store's but are on their way into the ERP, and so were not
    changed. ``problems`` are the records left out of a partial import. ``alike``: of the ``alike_count`` that came and
    may be duplicates of others, in the file or in the store, the first with the others' names.
    """

    kind: str
    created: int
    updated: int
    unchanged: int
    locked: tuple[str, ...]
    problems: tuple[Problem, ...]
    alike: tuple[str, ...] = ()
    alike_count: int = 0


class Refused(Exception):
    """A record is no good; ``where`` in the file and why. It never leaves the intake."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(reason)
        self.where = where
        self.reason = reason


@dataclass(slots=True)
class Report:
    """The problems of one file, as they are found.

    Only a partial import needs every one of them: otherwise the first SHOWN are kept, and the others counted.
    """

    file: str
    partial: bool
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, where: str, reason: str) -> None:
        """Remember a problem."""
        self.count += 1
        if self.partial or len(self.problems) < SHOWN:
            self.problems.append(Problem(self.file, safe(where), safe(reason).rstrip(".")))

    def settle(self) -> None:
        """Raise BadFile when the file has problems and only a whole one may come in."""
        if not self.count or self.partial:
            return
        lines = [f"{p.where}: {p.reason}" if p.where else p.reason for p in self.problems]
        if self.count > len(lines):
            lines.append(f"and {self.count - len(lines):,} more")
        errors = "1 error" if self.count == 1 else f"{self.count:,} errors"
        raise BadFile(
            f"{self.file} has {errors}, nothing was imported",
            why="\n  " + "\n  ".join(lines),
            fix="Correct the file, or import the good records alone with --partial",
        )


def damaged(file: str, reason: str, fix: str = "") -> BadFile:
    """The error for a file that cannot be read to its end: then no record of it comes in, partial or not."""
    return BadFile(f"{safe(file)} cannot be read", why=safe(reason), fix=fix or "Nothing was imported")
