"""``--dry-run`` of export and retry: what would go, stay, be skipped, ignored or truncated; nothing is changed."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import click

from store.domain.text import safe
from tui.commands.output import json_line, let_go

if TYPE_CHECKING:
    from erp.checking import Said
    from erp.knowing import Asked
    from store.causes import Cause, Snag
    from store.domain.bill import Bill
    from store.domain.selection import Totals
    from store.overriding import Possible
    from store.planning import Going, Stay
    from store.previewing import Each, Payloads, Plan
    from tui.bootstrap import Books
    from tui.checking import Checks


class _Spool:
    """Three lists of a JSON document, written as they are found: there may be a million of them."""

    NAMES = ("goes", "stays", "notes")

    def __init__(self, stack: ExitStack, payloads: Payloads | None) -> None:
        self._payloads = payloads
        self._files: dict[str, IO[str]] = {}
        for name in self.NAMES:
            file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - the stack closes it
            self._files[name] = stack.enter_context(file)

    def clear(self) -> None:
        """All of it is looked at anew."""
        for file in self._files.values():
            file.seek(0)
            file.truncate()

    def each(self, going: Sequence[Going], stays: Sequence[Stay], snags: Sequence[Snag]) -> None:
        """Some of it, as a plan finds it."""
        goes = [_going(one) for one in going]
        if self._payloads is not None:
            goes = [one | {"payload": bill} for one, bill in zip(goes, self._payloads.of(going), strict=True)]
        self._add("goes", goes)
        self._add("stays", [_stay(one) for one in stays])
        self._add("notes", [_note(one) for one in snags if one.effect != "blocked"])

    def _add(self, name: str, records: Sequence[dict[str, Any]]) -> None:
        file = self._files[name]
        for record in records:
            file.write(",\n    " if file.tell() else "\n    ")
            file.write(json_line(record))

    def write(self, rest: dict[str, Any]) -> None:
        """The whole document on standard output."""
        out = sys.stdout
        try:
            out.write("{")
            for name, file in self._files.items():
                out.write(f'\n  "{name}": [')
                some = file.tell()
                file.seek(0)
                shutil.copyfileobj(file, out)
                out.write("\n  ]," if some else "],")
            told = [f"\n  {json_line(name)}: {json_line(value)}" for name, value in rest.items()]
            out.write(",".join(told) + "\n}\n")
            out.flush()
        except BrokenPipeError:
            let_go(out)


def _going(one: Going) -> dict[str, Any]:
    from store.domain.money import plain

    c = one.sent
    return {
        "id": c.id, "number": c.number, "net": plain(c.net, c.currency), "currency": c.currency,
        "accounting_date": one.day.isoformat(),
    }  # fmt: skip


def _stay(one: Stay) -> dict[str, Any]:
    return {"id": one.invoice_id, "number": one.name, "code": one.code, "cause": one.cause, "fix": one.fix}


def _note(one: Snag) -> dict[str, Any]:
    return {
        "id": one.invoice_id, "number": one.name, "effect": one.effect, "code": one.code, "cause": one.cause,
        "fix": one.fix, "line": one.line,
    }  # fmt: skip


def run(
    books: Books,
    look: Callable[[Each | None], Plan],
    bills: Callable[[Sequence[int]], list[tuple[int, str, Bill]]],
    checks: Checks,
    *,
    as_json: bool,
    payloads: bool,
) -> Plan:
    """Look, ask the ERP for what is not known of its codes, look again where that told anything; then say all of it.

    ``checks``: who puts bills to the ERP, where that takes a network; ``bills`` makes them. ``payloads``: each bill beside
    what goes, in the document.
    """
    from store import previewing, refusing
    from tui import bootstrap

    with ExitStack() as stack:
        spool = _Spool(stack, previewing.Payloads(books.db) if payloads else None) if as_json else None
        plan = look(spool.each if spool else None)
        asked = asyncio.run(bootstrap.ask(books, plan.asking.codes))
        if asked.answered or asked.periods:
            if spool:
                spool.clear()
            plan = look(spool.each if spool else None)
        else:
            fresh = previewing.asking(books.db, books.company.erp, plan.asking.codes)
            plan = replace(plan, asking=fresh)
        if checks.local().opened is None and not asked.trouble:
            told = asyncio.run(_put(checks, bills, plan.goes.ids))
            plan = refusing.said(plan, told.refused, told.checked)
            if spool:
                spool.each((), (), [snag for number in sorted(told.refused) for snag in told.refused[number]])
        if spool:
            spool.write(_rest(plan, asked))
        else:
            _tell(plan, asked)
    return plan


async def _put(
    checks: Checks, bills: Callable[[Sequence[int]], list[tuple[int, str, Bill]]], ids: Sequence[int]
) -> Said:
    async def made(some: Sequence[int]) -> list[tuple[int, str, Bill]]:
        return bills(some)

    return await checks.ask(made, ids)


def _rest(plan: Plan, asked: Asked) -> dict[str, Any]:
    """What the document has beside its lists. Times are ms UTC, amounts plain decimals."""
    return {
        "causes": [
            {"effect": one.effect, "code": one.code, "cause": one.cause, "fix": one.fix, "count": one.count}
            for one in plan.causes
        ],
        "totals": [_totals(totals) for totals in plan.totals],
        "accounting_dates": dict(plan.dates),
        "changed_by_others": list(plan.changed.first),
        "warnings": list(plan.warnings),
        "possible_duplicates": {
            "count": plan.alike.count,
            "first": [_possible(one) for one in plan.alike.first],
        },
        "erp": {
            "trouble": asked.trouble,
            "cannot_be_asked": [kind.value for kind in asked.silent],
            "periods_asked_at": plan.asking.periods_at,
            "codes": [
                {
                    "kind": one.kind.value, "count": one.count, "asked": one.asked, "unknown": one.unknown,
                    "oldest_asked_at": one.oldest,
                }
                for one in plan.asking.kinds
            ],
            "bills": _bills(plan),
        },
    }  # fmt: skip


def _bills(plan: Plan) -> dict[str, Any]:
    checked = plan.checked
    return {
        "asked": checked.asked if checked else 0,
        "refused": plan.refused,
        "not_asked": checked.left if checked else plan.count,
        "trouble": checked.trouble if checked else "",
    }


def _possible(one: Possible) -> dict[str, Any]:
    others = [
        {
            "id": twin.id, "number": twin.number, "commitment": twin.commitment, "job": twin.job,
            "erp_status": twin.erp_status.value, "codes": [code.value for code in twin.open],
        }
        for twin in one.others
    ]  # fmt: skip
    return {"id": one.id, "number": one.name, "others": others, "erp_says": one.said}


def _totals(totals: Totals) -> dict[str, Any]:
    from store.domain.money import plain

    amounts = {name: plain(getattr(totals, name), totals.currency) for name in ("gross", "retainage", "net")}
    return {"currency": totals.currency, "count": totals.count, **amounts, "hash": totals.hash_total}


def cause_line(one: Cause) -> str:
    """``ignored 12: tax is not exported. Enter it in the ERP``."""
    return f"{one.effect} {one.count}: {safe(one.cause).rstrip('.')}. {safe(one.fix)}".rstrip()


def _tell(plan: Plan, asked: Asked) -> None:
    from store import alike
    from tui.commands.decisions import totals_line
    from tui.screens.dry_run_text import asked_text, checked_text, not_reached, silent_text

    refused = f"; of what goes the ERP would refuse {plan.refused}" if plan.refused else ""
    click.echo(f"{plan.count} would go, {plan.stays.count} would stay{refused}.")
    for totals in plan.totals:
        click.echo(totals_line(totals))
    for day, count in plan.dates:
        click.echo(f"accounting date {day}: {count}")
    for said in (
        asked_text(plan.asking, asked.silent),
        silent_text(asked.silent),
        checked_text(plan.checked),
        not_reached(asked.trouble),
    ):
        if said:
            click.echo(f"erp: {said}")
    for warning in plan.warnings:
        click.echo(f"warning: {safe(warning)}")
    for one in plan.causes:
        click.echo(cause_line(one))
        more = one.count - len(one.names)
        rest = f" and {more:,} more (--json has all)" if more else ""
        click.echo(f"  {', '.join(map(safe, one.names))}{rest}")
    for possible in plan.alike.first:
        said = alike.named(possible.others) or possible.said
        click.echo(f"possible duplicate: {safe(possible.name)}: {safe(said)}")
    for name in plan.changed.first:
        click.echo(f"skipped: {safe(name)} was changed by others meanwhile.")
