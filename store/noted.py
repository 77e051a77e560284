"""What an ERP's profile has to say of invoices: what blocks them, and what of them would be skipped, ignored or truncated.

A chunk at a time. What clearly has nothing is told by its columns, and by one statement for what stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from store import alike, candidates, uniqueness
from store.called import Called
from store.candidates import Candidate
from store.db import Database
from store.directory import Company
from store.domain.bill import BillLine
from store.domain.errors import Blocked
from store.domain.money import decimals, plain, to_minor
from store.domain.noting import Checks, met
from store.domain.profile import (
    COUNTING,
    LINES,
    MONEY,
    Apart,
    Effect,
    Kind,
    Note,
    Phase,
    Point,
    Profile,
    Rule,
)
from store.packed import among, packed

# What a rule let pass is remembered by its value, up to so many of them.
REMEMBERED = 10_000
NOTHING = Apart()

# What a bill has in these fields, of the invoice as it is sent: so rules are kept without making the bill.
FIELDS: dict[str, Callable[[Candidate], str]] = {
    "currency": lambda c: c.currency,
    "vendor": lambda c: c.vendor_ref,
    "vendor_name": lambda c: c.vendor,
    "job": lambda c: c.project_ref or c.project,
    "commitment": lambda c: c.commitment_ref or c.commitment,
    "application": lambda c: str(c.application),
    "number": lambda c: c.posted_number,
    "period_start": lambda c: c.period_start,
    "period_end": lambda c: c.period_end,
    "invoice_date": lambda c: c.billing_date,
    "description": lambda c: c.description,
    "gross": lambda c: plain(c.gross, c.currency),
    "retainage": lambda c: plain(c.retainage, c.currency),
    "net": lambda c: plain(c.net, c.currency),
    "tax": lambda c: plain(c.tax, c.currency),
}
# Minor units of a bill line, as the bill has them.
_AMOUNTS = {
    "lines.amount": "work_before + work_now + stored_now - coalesce(total_before, 0)",
    "lines.retainage": "held - released",
}
# What str.strip() takes for blank.
_BLANK = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
_TEXTS = {f"{LINES}{name}": name for name in ("item_type", "cost_code", "description")}


def require_invoices(profile: Profile) -> None:
    """Raise Blocked where the integration takes no subcontractor invoices at all."""
    if profile.no_invoices:
        raise Blocked(
            profile.no_invoices,
            why="its profile says so",
            fix="Enter the bill in the ERP; payapp erp show tells what the integration takes",
        )


def blocking(notes: Iterable[Note]) -> list[Note]:
    """Those that keep the invoice from going."""
    return [note for note in notes if note.effect is Effect.BLOCKED]


def unposted(notes: Iterable[Note], currency: str) -> str | None:
    """What of an invoice's net and tax will not post by the company's policy, as a plain decimal; None: all of it will."""
    lost = [note.lost for note in notes if note.lost]
    return plain(sum(to_minor(amount, currency) for amount in lost), currency) if lost else None


class Noted:
    """The notes of one profile and phase. It keeps what it let pass, so use one for all chunks of a press."""

    def __init__(
        self, db: Database, company: Company, profile: Profile, called: Called, phase: Phase = Phase.EXPORT
    ) -> None:
        self._db, self._company, self._called = db, company, called
        self._checks = Checks(profile, phase)
        # An approver may give another number: before that nothing is taken.
        unique = [rule for rule in self._checks.own if rule.kind is Kind.UNIQUE and phase is Phase.EXPORT]
        self._unique = unique[0] if unique else None
        self._kin = alike.kin(db) if unique else {}
        self._points = self._checks.points
        fields: dict[str, list[Rule]] = {}
        # Amounts are many and seldom the same: they are judged as the minor units that they are.
        self._amounts: list[tuple[Callable[[Candidate], int], Rule]] = []
        for rule in self._checks.own:
            if rule.field in MONEY and rule.kind in COUNTING:
                self._amounts.append((attrgetter(rule.field), rule))
            else:
                fields.setdefault(rule.field, []).append(rule)
        # By field: what it is of an invoice, its rules, and the values that have met them.
        self._rules: list[tuple[Callable[[Candidate], str] | None, list[Rule], set[str]]] = [
            (FIELDS.get(field), rules, set()) for field, rules in fields.items()
        ]
        doubt = _doubtful_lines(self._checks.of_lines)
        self._all_lines = doubt is None or Point.RETAINAGE_HELD in self._points
        self._lines_sql = _lines_sql(self._points, "" if self._all_lines else doubt or "")

    def of(self, chunk: Sequence[Candidate]) -> dict[int, list[Note]]:
        """The notes of these invoices as they would be sent, by id; none of one that has nothing against it."""
        found = self._own(chunk)
        if (rule := self._unique) is not None:
            numbers = {c.id: c.posted_number for c in chunk}
            for number, other in uniqueness.taken(self._db, chunk, self._kin).items():
                note = self._checks.broken(rule, numbers[number])
                told = msgspec.structs.replace(note, cause=f"{note.cause}: {other}")
                found.setdefault(number, []).append(told)
        return found

    def _own(self, chunk: Sequence[Candidate]) -> dict[int, list[Note]]:
        apart, doubtful = self._looked(chunk)
        close = [c for c in chunk if c.id in apart or c.id in doubtful or not self._clear(c)]
        if not close:
            return {}
        lines: Mapping[int, list[BillLine]] = {}
        if looked := [c for c in close if c.id in doubtful]:
            lines = candidates.bill_lines(self._db, looked, self._called.account)
        found = {}
        for c in close:
            bill = candidates.written(
                c, lines.get(c.id, ()), company=self._company.name, erp=self._company.erp,
                accounting_date=c.accounting_date or c.period_end,
            )  # fmt: skip
            if notes := self._checks.notes(bill, apart.get(c.id, NOTHING)):
                found[c.id] = notes
        return found

    def _clear(self, c: Candidate) -> bool:
        """Whether nothing stands against what the invoice has in its own columns."""
        points = self._points
        if points and (
            (c.gross == 0 and (Point.ZERO in points or Point.RELEASE_ONLY in points))
            or (c.gross < 0 and Point.NEGATIVE in points)
            or (c.tax != 0 and Point.TAX in points)
        ):
            return False
        if any(not _counted(rule, amount(c), c.currency) for amount, rule in self._amounts):
            return False
        for of, rules, passed in self._rules:
            if of is None:
                return False
            if (value := of(c)) in passed:
                continue
            for rule in rules:
                if not met(rule, value):
                    return False
            if len(passed) < REMEMBERED:
                passed.add(value)
        return True

    # -- what stands elsewhere -------------------------------------------------------------------------------------

    def _looked(self, chunk: Sequence[Candidate]) -> tuple[dict[int, Apart], set[int]]:
        """By id what these have that their bills do not carry; and those with a line that may break a rule over lines."""
        made: dict[int, dict[str, Any]] = {}
        doubtful: set[int] = set()
        if self._all_lines:
            doubtful.update(c.id for c in chunk)
        elif self._checks.of_lines:
            doubtful.update(c.id for c in chunk if self._finer(c.currency))
        if self._lines_sql:
            currencies = {c.id: c.currency for c in chunk}
            for number, position, stored, released, doubt in self._rows(self._lines_sql, chunk):
                if doubt:
                    doubtful.add(number)
                for name, value in (("stored", stored), ("released", released)):
                    if value:
                        own = made.setdefault(number, {}).setdefault(name, [])
                        own.append((position, plain(value, currencies[number])))
        if Point.ATTACHMENTS in self._points:
            sql = "SELECT invoice_id, count(*) FROM attachments WHERE {} GROUP BY invoice_id"
            for number, count in self._rows(sql, chunk):
                made.setdefault(number, {})["attachments"] = count
        if Point.PURCHASE_ORDERS in self._points:
            orders = self._orders([c.commitment_id for c in chunk])
            for c in chunk:
                if c.commitment_id in orders:
                    made.setdefault(c.id, {})["purchase_order"] = True
        return {number: _apart(values) for number, values in made.items()}, doubtful

    def _rows(self, sql: str, chunk: Sequence[Candidate]) -> list[Any]:
        ids = packed(self._db, [c.id for c in chunk])
        found: list[Any] = self._db.execute(sql.format(among(self._db, "invoice_id")), (ids,)).fetchall()
        return found

    def _orders(self, commitments: Iterable[int]) -> set[int]:
        sql = f"SELECT id FROM commitments WHERE {among(self._db, 'id')} AND kind = 'purchase_order'"
        return {row[0] for row in self._db.execute(sql, (packed(self._db, set(commitments)),)).fetchall()}

    def _finer(self, currency: str) -> bool:
        """Whether the currency may have more decimals than a rule over lines allows."""
        return any(
            rule.kind is Kind.MAX_LENGTH_DECIMAL and decimals(currency) > rule.value
            for rule in self._checks.of_lines
        )


def _apart(values: Mapping[str, Any]) -> Apart:
    return Apart(
        tuple(values.get("stored", ())), tuple(values.get("released", ())), values.get("attachments", 0),
        values.get("purchase_order", False),
    )  # fmt: skip


def _counted(rule: Rule, minor: int, currency: str) -> bool:
    """As met(), of an amount in minor units; in doubt no."""
    match rule.kind:
        case Kind.POSITIVE:
            return minor > 0
        case Kind.NONZERO:
            return minor != 0
        case Kind.MAX_LENGTH_UNITS:
            return len(str(abs(minor))) <= rule.value + decimals(currency)
        case _:
            return decimals(currency) <= rule.value


def _lines_sql(points: Collection[Point], doubt: str) -> str:
    """One look at the lines of a chunk: what of each is stored, what it releases, and whether it may break a rule."""
    stored = "stored_now - stored_before + moved" if Point.STORED_MATERIALS in points else ""
    released = "released" if Point.RETAINAGE_RELEASED in points else ""
    told = [f"{each} <> 0" for each in (stored, released) if each] + ([f"({doubt})"] if doubt else [])
    if not told:
        return ""
    return (
        f"SELECT invoice_id, position, {stored or 0}, {released or 0}, {f'CASE WHEN {doubt} THEN 1 ELSE 0 END' if doubt else 0}"
        f" FROM invoice_lines WHERE {{}} AND ({' OR '.join(told)}) ORDER BY invoice_id, position"
    )


def _doubtful_lines(rules: Sequence[Rule]) -> str | None:
    """SQL that every line is true for which breaks one of the rules, and few others; None: any line may break one."""
    found = []
    for rule in rules:
        if rule.kind is Kind.MAX_LENGTH_DECIMAL:
            continue
        amount, text = _AMOUNTS.get(rule.field), _TEXTS.get(rule.field)
        if amount and rule.kind is Kind.MAX_LENGTH_UNITS:
            # A currency without decimals has as many digits as its minor units, another one fewer.
            found.append(f"abs({amount}) >= {10**rule.value}")
        elif amount and rule.kind is Kind.POSITIVE:
            found.append(f"{amount} <= 0")
        elif amount and rule.kind is Kind.NONZERO:
            found.append(f"{amount} = 0")
        elif text and rule.kind in {Kind.MAX_LENGTH, Kind.MAX_LINE_LENGTH}:
            found.append(f"length({text}) > {rule.value}")
        elif text and rule.kind is Kind.PRESENT:
            found.append(f"trim({text}, '{_BLANK}') = ''")
        else:
            return None
    return " OR ".join(found)
