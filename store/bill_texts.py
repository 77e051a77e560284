"""The bills of very many invoices as the texts that leave: the same bytes as encode() makes of store.candidates.bill()."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from store.candidates import Candidate, day_of
from store.db import Database
from store.domain.money import decimals, plain
from store.packed import among, packed

T = TypeVar("T")
U = TypeVar("U")

# So much of what many bills have in common is remembered.
REMEMBERED = 20_000
_encode = msgspec.json.Encoder().encode


def quoted(text: str) -> str:
    """The text as JSON."""
    return _encode(text).decode()


def digest(payload: str) -> str:
    """The hash that is kept with a payload."""
    return hashlib.sha256(payload.encode()).hexdigest()


class Texts:
    """Writes the bills of one press. ``account`` says what the ERP calls a project's cost code."""

    def __init__(self, db: Database, company: str, erp: str, account: Callable[[int, str], str]) -> None:
        self._db, self._account = db, account
        self._issuer = f',"erp":{quoted(erp)},"company":{quoted(company)},"currency":"'
        self._lines: dict[tuple[int, str, str, str], tuple[str, str]] = {}
        self._commitments: dict[tuple[int, str, int, int], str] = {}
        self._names: dict[tuple[str, str, str], str] = {}
        self._dates: dict[tuple[str, str, str, str, str], str] = {}
        self._ends: dict[tuple[tuple[str, ...], str, str, str | None, str], str] = {}

    def lines(self, chunk: Sequence[Candidate]) -> dict[int, list[str]]:
        """The lines of these invoices' bills, by invoice."""
        made: dict[int, list[str]] = {c.id: [] for c in chunk}
        about = {
            c.id: (c.project_id, c.currency, decimals(c.currency) == 2, made[c.id].append) for c in chunk
        }
        known = self._lines
        found = self._db.execute(
            "SELECT invoice_id, position, item_type, cost_code, description,"
            " work_before + work_now + stored_now - coalesce(total_before, 0), held - released FROM invoice_lines"
            f" WHERE {among(self._db, 'invoice_id')} ORDER BY invoice_id, position",
            (packed(self._db, made),),
        ).fetchall()
        for number, position, kind, code, description, amount, retained in found:
            project, currency, cents, add = about[number]
            key = (project, kind, code, description)
            before, after = known.get(key) or self._line(key)
            if cents and amount > 99 and retained > 99:
                # As plain(), which is called for the others: this is done for every line of very many.
                a, r = str(amount), str(retained)
                add(
                    f'{{"position":{position}{before}{a[:-2]}.{a[-2:]}","retainage":"{r[:-2]}.{r[-2:]}{after}'
                )
                continue
            a, r = plain(amount, currency), plain(retained, currency)
            add(f'{{"position":{position}{before}{a}","retainage":"{r}{after}')
        return made

    def _line(self, key: tuple[int, str, str, str]) -> tuple[str, str]:
        project, kind, code, description = key
        before = f',"item_type":{quoted(kind)},"cost_code":{quoted(code)},"description":{quoted(description)},"amount":"'
        after = f'","account":{quoted(self._account(project, code) or code)}}}'
        _remember(self._lines, key, (before, after))
        return before, after

    def bill(self, of: Candidate, key: str, number: str, lines: Sequence[str], accounting_date: str) -> str:
        """The payload of the bill that goes under ``key`` with that ``number``, both quoted; ``accounting_date`` is an ISO day."""
        currency = of.currency
        at = (of.commitment_id, currency, of.vendor_id, of.project_id)
        about = (of.period_start, of.period_end, of.billing_date, accounting_date, of.description)
        last = (of.overrides, of.terms, of.tax_account, of.unposted, of.payment_hold)
        return (
            f'{{"key":{key}{self._commitments.get(at) or self._commitment(of, at)}{of.application},"number":{number}'
            f"{self._dates.get(about) or self._date(about)}{plain(of.gross, currency)}"
            f'","retainage":"{plain(of.retainage, currency)}","net":"{plain(of.net, currency)}","tax":"'
            f'{plain(of.tax, currency)}","lines":[{",".join(lines)}{self._ends.get(last) or self._end(last)}'
        )

    def _commitment(self, of: Candidate, key: tuple[int, str, int, int]) -> str:
        # In one press each of them has one name. Of very many each may have a commitment of its own.
        names = (of.vendor_ref, of.vendor, of.project_ref or of.project)
        text = (
            f'{self._issuer}{of.currency}"{self._names.get(names) or self._name(names)}'
            f'{quoted(of.commitment_ref or of.commitment)},"application":'
        )
        _remember(self._commitments, key, text)
        return text

    def _name(self, key: tuple[str, str, str]) -> str:
        vendor, name, job = map(quoted, key)
        text = f',"vendor":{vendor},"vendor_name":{name},"job":{job},"commitment":'
        _remember(self._names, key, text)
        return text

    def _date(self, key: tuple[str, str, str, str, str]) -> str:
        start, end, billed, on, description = key
        text = (
            f',"period_start":"{_iso(start)}","period_end":"{_iso(end)}","invoice_date":"{_iso(billed)}"'
            f',"accounting_date":"{on}","description":{quoted(description)},"gross":"'
        )
        _remember(self._dates, key, text)
        return text

    def _end(self, key: tuple[tuple[str, ...], str, str, str | None, str]) -> str:
        overrides, terms, tax_account, unposted, hold = key
        text = (
            f'],"overrides":[{",".join(map(quoted, overrides))}],"terms":{quoted(terms)},"tax_account":'
            f'{quoted(tax_account)},"unposted":{"null" if unposted is None else quoted(unposted)}'
            f"{_held(hold)}}}"
        )
        _remember(self._ends, key, text)
        return text


def _iso(text: str) -> str:
    return day_of(text).isoformat()


def _held(hold: str) -> str:
    return f',"payment_hold":{quoted(hold)}' if hold else ""


def _remember(known: dict[T, U], key: T, value: U) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known[key] = value
