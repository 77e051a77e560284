"""Deciding about each record of a file in its order: new, changed, the same, locked, or refused.

Applications of a commitment follow one another: what came earlier in the file counts like what is in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from store.domain.invoice import Line, Summary
from store.domain.money import show
from store.domain.status import ErpStatus, Status
from store.intake import contract
from store.intake.books import LINE, Books, Commitment, Stored, ends
from store.intake.draft import Draft, Head, Position
from store.intake.runs import Judged, Runs, clash, short
from store.intake.settle import Settling

_STATUSES = frozenset(Status)
_ROW = attrgetter(*LINE)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a record's source may ask while it makes the draft: its commitment and how things stand there.

    ``application`` is the record's own, or the one that the books give it. ``before`` is where each item stood after
    the previous one, None if that is unknown; ``previous`` are that one's lines in LINE's order, if it has any here.
    """

    head: Head
    books: Books
    commitment: Commitment
    existing: Stored | None
    application: int
    before: Mapping[str, Position] | None
    previous: list[tuple[Any, ...]]


@dataclass(slots=True)
class Verdict:
    """What is to be done: ``action`` is create, update, same or locked."""

    action: str
    name: str
    commitment: Commitment
    draft: Draft
    content: tuple[Any, ...]
    lines: list[tuple[Any, ...]]
    existing: Stored | None


@dataclass(slots=True)
class Chain:
    """What the file has said so far, by commitment; ``word`` is what the file's source calls its ordinals."""

    books: Books
    word: str = "record"
    seen: dict[str, int] = field(default_factory=dict)
    numbers: dict[tuple[int, str], int] = field(default_factory=dict)
    applications: dict[tuple[int, int], int] = field(default_factory=dict)
    refused: dict[tuple[int, int], int] = field(default_factory=dict)
    given_up: set[tuple[int, str]] = field(default_factory=set)
    runs: Runs = field(default_factory=Runs)
    # Changed applications whose next one in the store still has to come in this file: (ordinal, where, reason).
    unmatched: dict[tuple[int, int], tuple[int, str, str]] = field(default_factory=dict)

    def scene(self, head: Head) -> Scene | tuple[str, str]:
        """The scene of a record, or the field and the reason why there is none."""
        commitment = self.books.commitments.get(head.commitment)
        if commitment is None:
            return (
                "commitment",
                f"there is no commitment {_named(head.commitment)}: import the commitments first",
            )
        if (other := self.seen.get(head.source_id)) is not None:
            together = " (the rows of an invoice stand together)" if self.word == "row" else ""
            return "", f"the same invoice came before, in {self.word} {other}{together}"
        existing = self.books.existing.get(head.source_id)
        if existing and existing.commitment_id != commitment.id:
            return "commitment", f"invoice {existing.number} belongs to another commitment here"
        application = head.application
        if application is None:
            application = existing.application if existing else self._next(commitment)
        elif existing and existing.application != application:
            here = f"invoice {existing.number} is application {existing.application} here"
            return "application", f"{here}, and application {application} in the file"
        before, previous = self._before(commitment, application)
        return Scene(head, self.books, commitment, existing, application, before, previous)

    def _next(self, commitment: Commitment) -> int:
        return 1 + max(
            commitment.opening_application,
            self.books.highest.get(commitment.id, 0),
            self.runs.highest(commitment.id),
        )

    def _before(
        self, commitment: Commitment, application: int
    ) -> tuple[Mapping[str, Position] | None, list[tuple[Any, ...]]]:
        if application == commitment.opening_application + 1:
            if application == 1:
                return {}, []
            return {line.item: line.opening for line in self.books.schedule(commitment)}, []
        if last := self.runs.ending(commitment.id, application - 1):
            return ends(last.rows), last.rows
        stored = self.books.at.get((commitment.id, application - 1))
        return (ends(stored.lines), stored.lines) if stored else (None, [])

    def judge(self, scene: Scene, draft: Draft) -> Verdict | list[tuple[str, str]]:
        """The verdict, or everything that is wrong with the record as (where, reason)."""
        problems = self._conflicts(scene, draft)
        problems += contract.check(draft, scene.commitment, self.books, scene.existing)
        unknown = ""
        if scene.before is None:
            failed = self.refused.get((scene.commitment.id, scene.application - 1))
            unknown = (
                f"application {scene.application - 1}, {self.word} {failed} of the file, was refused"
                if failed is not None
                else f"import application {scene.application - 1} of the commitment first, or its opening balance"
            )
        settling = Settling(draft, scene.before, scene.commitment.currency, unknown)
        lines = settling.lines()
        if scene.before is None:
            problems += self._short(scene, draft, lines)
        summary = settling.footed(lines)
        problems += settling.problems
        if problems:
            return problems
        verdict = self._verdict(scene, draft, lines, summary)
        if problem := self._remember(scene, draft, verdict):
            return [problem]
        return verdict

    def refuse(self, head: Head) -> tuple[int, int] | None:
        """Remember that a record was no good: what follows it cannot build on it. Returns its place, if it has one."""
        commitment = self.books.commitments.get(head.commitment)
        if commitment is None or head.application is None:
            return None
        place = (commitment.id, head.application)
        self.refused[place] = head.ordinal
        return place

    def _conflicts(self, scene: Scene, draft: Draft) -> list[tuple[str, str]]:
        """What stands against the record before its amounts are looked at."""
        found: list[tuple[str, str]] = []

        def wrong(field: str, reason: str) -> None:
            found.append((draft.place(field, None), reason))

        covered = scene.commitment.opening_application
        if draft.status not in _STATUSES:
            known = ", ".join(Status)
            wrong("status", f"{draft.status!r} is none of {known}" if draft.status else "it is missing")
        if scene.application <= covered:
            reason = f"application {scene.application} is part of the opening balance, which covers {covered}"
            wrong("application", reason)
        if draft.period_start and draft.period_end and draft.period_start > draft.period_end:
            wrong("period", "the period ends before it starts")
        if used := self._number_used(scene, draft):
            number = f"number {draft.number} is on commitment {scene.commitment.number} already"
            wrong("number", f"{number}, {used}")
        if used := self._application_used(scene):
            place = (
                f"application {scene.application} of commitment {scene.commitment.number} is there already"
            )
            wrong("application", f"{place}, {used}")
        return found

    def _number_used(self, scene: Scene, draft: Draft) -> str:
        """Who else has the invoice number on the commitment; "" for nobody."""
        key = (scene.commitment.id, draft.number)
        if (other := self.numbers.get(key)) is not None:
            return f"in {self.word} {other}"
        owner = self.books.numbers.get(key)
        if owner is None or key in self.given_up or owner == (self.books.source, draft.source_id):
            return ""
        return f"as invoice {owner[1]} from {owner[0]}"

    def _application_used(self, scene: Scene) -> str:
        """Who else is that application of the commitment; "" for nobody."""
        place = (scene.commitment.id, scene.application)
        if (other := self.applications.get(place)) is not None:
            return f"in {self.word} {other}"
        stored = self.books.at.get(place)
        return f"as invoice {stored.number}" if stored and stored is not scene.existing else ""

    def _verdict(self, scene: Scene, draft: Draft, lines: list[Line], summary: Summary) -> Verdict:
        content = (
            scene.application,
            draft.number,
            draft.period_start,
            draft.period_end,
            draft.billing_date,
            draft.status,
            scene.commitment.currency,
            summary.gross,
            summary.retainage,
            summary.net,
            summary.tax,
            summary.completed,
            summary.retainage_to_date,
            any(line.overbilled for line in lines),
            draft.final,
            draft.creator_login,
            draft.creator_name,
            draft.creator_email,
        )
        rows = [_ROW(line) for line in lines]
        existing = scene.existing
        action = "create"
        if existing:
            same = existing.content == content and existing.lines == rows
            free = existing.erp_status == ErpStatus.NOT_SENT
            booked = free and draft.origin_id is not None
            action = "same" if same and not booked else "update" if free else "locked"
        name = f"{scene.commitment.number} {draft.number}"
        return Verdict(action, name, scene.commitment, draft, content, rows, existing)

    def _remember(self, scene: Scene, draft: Draft, verdict: Verdict) -> tuple[str, str] | None:
        """Let the records after this one build on it; returns what keeps it from coming in after all."""
        cid, n = scene.commitment.id, scene.application
        ordinal, place = scene.head.ordinal, draft.place("", None)
        locked = verdict.action == "locked" and scene.existing is not None
        rows = scene.existing.lines if locked and scene.existing else verdict.lines
        if problem := self._overtakes(scene, verdict, rows, place):
            return problem
        if not locked:
            self.unmatched.pop((cid, n), None)
        self.seen[draft.source_id] = ordinal
        self.numbers[(cid, draft.number)] = ordinal
        self.applications[(cid, n)] = ordinal
        if verdict.action == "update" and scene.existing and scene.existing.number != draft.number:
            self.given_up.add((cid, scene.existing.number))
        self.runs.add(cid, Judged(ordinal, n, rows), first=n == scene.commitment.opening_application + 1)
        return None

    def _short(self, scene: Scene, draft: Draft, lines: list[Line]) -> list[tuple[str, str]]:
        """Where a record after a gap starts below the last that is known of its commitment.

        The applications in between may have been billed elsewhere, so it may well start above.
        """
        name, stood = self._last_known(scene)
        currency = scene.commitment.currency
        first = f"import application {scene.application - 1} first"
        at = {line.item: i for i, line in enumerate(lines)}
        found = []
        for item, (total, start) in short(
            stood, ((x.item, x.scheduled, x.total_before) for x in lines)
        ).items():
            where = draft.place("total_before", at[item]) if item in at else draft.place("lines", None)
            says = f"it says {show(start, currency)}" if item in at else f"line item {item} is missing"
            found.append((where, f"{says}, but {name} ends at {show(total, currency)}: {first}"))
        return found

    def _last_known(self, scene: Scene) -> tuple[str, Mapping[str, Position]]:
        """The last application before a gap, else the opening balance: its name, and where each item stood."""
        commitment = scene.commitment
        judged = self.runs.below(commitment.id, scene.application)
        stored = self.books.beyond(commitment.id, scene.application, later=False)
        if judged and (not stored or stored.application <= judged.application):
            return f"application {judged.application}, {self.word} {judged.ordinal} of the file,", ends(
                judged.rows
            )
        if stored:
            return f"application {stored.application}, invoice {stored.number} here,", ends(stored.lines)
        opening = {x.item: x.opening for x in self.books.schedule(commitment)}
        return "the opening balance", opening if commitment.opening_application else {}

    def _overtakes(
        self, scene: Scene, verdict: Verdict, rows: list[tuple[Any, ...]], place: str
    ) -> tuple[str, str] | None:
        """Hold a record against the next application that is known: one of the file, or else of the store.

        What the store has may still come corrected in this file, so that is noted in ``unmatched`` for now.
        """
        cid, n, currency = scene.commitment.id, scene.application, scene.commitment.currency
        judged = self.runs.above(cid, n)
        stored = self.books.at.get((cid, n + 1))
        if stored is None and self.books.highest.get(cid, 0) > n:
            stored = self.books.beyond(cid, n, later=True)
        if judged and (not stored or judged.application <= stored.application):
            if found := clash(rows, judged.rows, currency, adjacent=judged.application == n + 1):
                name = f"application {judged.application}, {self.word} {judged.ordinal} of the file"
                return place, f"{name}, starts elsewhere: {found}"
        elif stored and verdict.action in {"create", "update"}:
            then = stored.application
            if found := clash(rows, stored.lines, currency, adjacent=then == n + 1):
                name = f"application {then}, invoice {stored.number} here"
                reason = f"{name}, starts elsewhere: {found}; import the two together"
                self.unmatched[(cid, then)] = (scene.head.ordinal, place, reason)
        return None


def _named(commitment: str | tuple[str, str]) -> str:
    return commitment if isinstance(commitment, str) else f"{commitment[1]} on project {commitment[0]}"
