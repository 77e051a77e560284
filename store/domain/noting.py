"""What stands against one bill: the rules of an ERP's profile that it breaks, and what it has that the ERP does not support."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from store.domain.bill import Bill, BillLine, Written
from store.domain.profile import (
    LINES,
    TELLABLE,
    Apart,
    Effect,
    Finding,
    Kind,
    Note,
    Phase,
    Point,
    Profile,
    Rule,
    Unsupported,
)  # fmt: skip

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_NOTHING = Decimal(0)


def met(rule: Rule, value: str) -> bool:
    """Whether a field that has this text meets the rule. Amounts are plain decimals such as "-1200.00"."""
    match rule.kind:
        case Kind.PRESENT:
            return bool(value.strip())
        case Kind.NUMERIC:
            return _NUMBER.fullmatch(value) is not None
        case Kind.POSITIVE:
            return Decimal(value) > 0
        case Kind.NONZERO:
            return Decimal(value) != 0
        case Kind.MAX_LENGTH:
            return len(value) <= rule.value
        case Kind.MAX_LENGTH_DECIMAL:
            return len(value.partition(".")[2].rstrip("0")) <= rule.value
        case Kind.MAX_LENGTH_UNITS:
            return len(value.partition(".")[0].lstrip("+-").lstrip("0")) <= rule.value
        case Kind.MAX_LINE_LENGTH:
            return all(len(line) <= rule.value for line in value.splitlines())
        case Kind.UNIQUE:
            # By itself it does.
            return True


class Checks:
    """A profile's rules and unsupported points of one phase, made ready for many bills."""

    def __init__(self, profile: Profile, phase: Phase = Phase.EXPORT) -> None:
        phases = {Phase.SAVE, phase}
        rules = [rule for rule in profile.rules if rule.phase in phases]
        self.own = tuple(rule for rule in rules if not rule.field.startswith(LINES))
        self.of_lines = tuple(rule for rule in rules if rule.field.startswith(LINES))
        self.points = {each.point: each for each in profile.unsupported if each.phase in phases}
        self._policy = {each.case: each for each in profile.policy}

    def broken(self, rule: Rule, value: str, line: int | None = None) -> Note:
        """The note of a rule that this value breaks."""
        return self._note(
            rule,
            rule.message.format(value=value, limit=rule.value),
            rule.message.format(value="…", limit=rule.value),
            line,
        )

    def notes(self, bill: Bill | Written, apart: Apart | None = None) -> list[Note]:
        """Everything of the bill that breaks a rule or that the ERP does not support; ``apart``: what it does not carry."""
        found = [
            self.broken(rule, value)
            for rule in self.own
            if not met(rule, value := str(getattr(bill, rule.field)))
        ]
        found += [
            self.broken(rule, value, line.position)
            for rule in self.of_lines
            for line in bill.lines
            if not met(rule, value := str(getattr(line, rule.field.removeprefix(LINES))))
        ]
        if self.points:
            found += self.amounts(bill.gross, bill.retainage, bill.tax)
            found += self.details(
                bill.lines, apart, released=not any(note.code == Point.RELEASE_ONLY for note in found)
            )
        if any(note.policy for note in found):
            found = _posting(bill, found, apart)
        return found

    def amounts(self, gross: str, retainage: str, tax: str) -> list[Note]:
        """What the ERP does not support of these amounts of a bill, by themselves."""
        if not self.points:
            return []
        found = []
        whole, kept, taxed = Decimal(gross), Decimal(retainage), Decimal(tax)
        if whole == 0 and kept < 0 and Point.RELEASE_ONLY in self.points:
            found.append(self._point(Point.RELEASE_ONLY, str(-kept)))
        elif whole == 0 and Point.ZERO in self.points:
            found.append(self._point(Point.ZERO, gross))
        if whole < 0 and Point.NEGATIVE in self.points:
            found.append(self._point(Point.NEGATIVE, gross))
        if taxed != 0 and Point.TAX in self.points:
            found.append(self._point(Point.TAX, tax))
        return found

    def details(
        self, lines: Sequence[BillLine], apart: Apart | None, *, released: bool = True
    ) -> Iterator[Note]:
        """What the ERP does not support of the bill's lines, and of what the invoice has apart from its bill.

        ``released``: whether retainage that is released is told of.
        """
        if Point.RETAINAGE_HELD in self.points:
            for line in lines:
                if Decimal(line.retainage) > 0:
                    yield self._point(Point.RETAINAGE_HELD, line.retainage, line.position)
        if released and Point.RETAINAGE_RELEASED in self.points:
            for position, value in apart.released if apart else _released(lines):
                yield self._point(Point.RETAINAGE_RELEASED, value, position)
        if apart is None:
            return
        if Point.STORED_MATERIALS in self.points:
            for position, value in apart.stored:
                yield self._point(Point.STORED_MATERIALS, value, position)
        if apart.attachments and Point.ATTACHMENTS in self.points:
            yield self._point(Point.ATTACHMENTS, str(apart.attachments))
        if apart.purchase_order and Point.PURCHASE_ORDERS in self.points:
            yield self._point(Point.PURCHASE_ORDERS, "")

    def _point(self, point: Point, value: str, line: int | None = None) -> Note:
        rule = self.points[point]
        note = self._note(rule, rule.message.format(value=value), rule.message.format(value="…"), line)
        return msgspec.structs.replace(note, lost=value) if note.policy and point in TELLABLE else note

    def _note(self, rule: Rule | Unsupported, cause: str, kind: str, line: int | None) -> Note:
        if line is not None:
            cause = f"line {line}: {cause}"
        if not rule.guarded or rule.effect is Effect.BLOCKED:
            return Note(rule.effect, rule.code, cause, rule.fix, line, "", kind)
        if (policy := self._policy.get(rule.code)) is None:
            return Note(Effect.BLOCKED, rule.code, cause, rule.fix, line, "", kind)
        return Note(rule.effect, rule.code, cause, rule.fix, line, policy.reason, kind)


def _posting(bill: Bill | Written, found: Sequence[Note], apart: Apart | None) -> list[Note]:
    """The notes, those that policy lets pass with what is invoiced and what will post."""
    words = {Point.TAX.value: f"payment due {_sum(bill.net, bill.tax)} invoiced, {bill.net} will post"}
    freed = [f"-{value}" for _, value in (apart.released if apart else _released(bill.lines))]
    words[Point.RETAINAGE_RELEASED.value] = f"net {bill.net} invoiced, {_sum(bill.net, *freed)} will post"
    return [
        msgspec.structs.replace(note, cause=f"{note.cause}: {words[note.code]}")
        if note.policy and note.code in words
        else note
        for note in found
    ]


def _sum(*amounts: str) -> str:
    return str(sum((Decimal(each.replace("--", "")) for each in amounts), Decimal(0)))


def _released(lines: Sequence[BillLine]) -> list[tuple[int, str]]:
    """The lines that release retainage, by what the bill alone tells of them: held less released."""
    return [
        (line.position, line.retainage.removeprefix("-"))
        for line in lines
        if Decimal(line.retainage) < _NOTHING
    ]


def notes(
    profile: Profile,
    bill: Bill | Written,
    apart: Apart | None = None,
    phase: Phase = Phase.EXPORT,
) -> list[Note]:
    """Every rule that the bill breaks and every point of it that the ERP does not support, with its effect."""
    return Checks(profile, phase).notes(bill, apart)


def findings(profile: Profile, bill: Bill | Written) -> list[Finding]:
    """What keeps the bill from going."""
    return [
        Finding(note.code, note.cause, note.fix)
        for note in notes(profile, bill)
        if note.effect is Effect.BLOCKED
    ]
