"""What ``payapp reconcile`` prints: the classes of both sides with their totals, and the bills that need a look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from store import findings
from store.domain.money import plain, show
from store.domain.profile import Profile
from store.domain.text import safe
from store.domain.verdict import NAMED, TITLES, Finding, Sum
from store.reconciling import Reconciliation
from store.sides import STRANGE
from tui.commands.output import json_text, say, table_lines


def print_all(
    profile: Profile,
    found: Reconciliation,
    resolved: int | None,
    limit: int,
    say: Callable[[str], None] = say,
) -> None:
    """Both sides by class and currency, then the bills by name, ``limit`` of each class; ``say`` takes it line by line."""
    say(f"{safe(profile.title)}: accounting dates {found.period.start} to {found.period.end}")
    if not found.lists:
        say(
            "This ERP cannot list its bills: those that nobody here knows cannot be looked for, amounts not compared."
        )
    _print_balances(found, say)
    counts = found.counts()
    for verdict in NAMED:
        if counts.get(verdict) and limit:
            say(f"\n{TITLES[verdict]}:")
            _print_named(findings.named(found, verdict), limit, say)
    if resolved is not None:
        say(f"\n{resolved} resolved: the ERP has them, and now they are Synced.")
    if found.open_elsewhere:
        say(
            f"\n{found.open_elsewhere:,} more, uncertain or parked, have accounting dates outside of these days."
        )
    say("\n" + _summary(found))


def _print_balances(found: Reconciliation, say: Callable[[str], None]) -> None:
    balances = found.balances()
    if not balances:
        say("Nothing was sent with these accounting dates, and the ERP has no bills of them.")
    for balance in balances:
        currency = balance.sent.currency
        rows = []
        for row in balance.rows:
            rows += _both(TITLES[row.verdict], row.sent, row.listed)
        rows += _both("All, as they were read", balance.sent, balance.listed)
        for line in table_lines((currency, "", "Count", "Gross", "Net"), rows, right=(2, 3, 4)):
            say(line)
        say("The classes come to what was read, on both sides, to the cent.")


def _both(title: str, sent: Sum, listed: Sum) -> list[tuple[str, ...]]:
    return [(title, "sent", *_figures(sent)), ("", "ERP", *_figures(listed))]


def _figures(of: Sum) -> tuple[str, str, str]:
    return f"{of.count:,}", _money(of.gross, of.currency), _money(of.net, of.currency)


def _money(minor: int | None, currency: str) -> str:
    return "?" if minor is None else show(minor, "XXX" if currency == STRANGE else currency)


def _print_named(bills: Iterator[Finding], limit: int, say: Callable[[str], None]) -> None:
    fix = ""
    for found in islice(bills, limit):
        who = f"#{found.invoice_id} {found.name}" if found.invoice_id else found.name or "(no number)"
        refs = ", ".join(found.references) or "no reference"
        net = f"{_money(found.net, found.currency)} {found.currency}"
        say(f"  {who}  {found.vendor}  {found.accounting_date}  net {net}  {refs}")
        for difference in found.differences:
            field = difference.field.replace("_", " ")
            say(f"    {field}: here {difference.here}, in the ERP {difference.there}")
        if found.note:
            say(f"    {found.note}")
        if found.fix and found.fix != fix:
            fix = found.fix
            say(f"    Fix: {fix}")
    if more := sum(1 for _ in bills):
        say(f"  and {more:,} more: --limit, or --json for all of them")


def _summary(found: Reconciliation) -> str:
    if found.differs:
        return "The books differ."
    return "They do not differ; some are not settled yet." if found.open else "The books agree."


# -- JSON ----------------------------------------------------------------------------------------------------------------


def print_json(profile: Profile, found: Reconciliation, resolved: int | None) -> None:
    """The stable schema of ``--json``; the findings are written one by one, however many there are."""
    head = {
        "erp": found.erp,
        "title": profile.title,
        "from": found.period.start,
        "to": found.period.end,
        "lists": found.lists,
        "differs": found.differs,
        "open": found.open,
        "resolved": resolved,
        "open_elsewhere": found.open_elsewhere,
        "totals": [
            {
                "currency": balance.sent.currency,
                "sent": _sum(balance.sent),
                "erp": _sum(balance.listed),
                "foots": balance.foots,
                "classes": [
                    {"class": row.verdict.value, "sent": _sum(row.sent), "erp": _sum(row.listed)}
                    for row in balance.rows
                ],
            }
            for balance in found.balances()
        ],
    }
    say(json_text(head).removesuffix("\n}") + ',\n  "findings": [')
    waiting = ""
    for verdict in NAMED:
        for one in findings.named(found, verdict):
            if waiting:
                say(f"{waiting},")
            waiting = json_text(_record(one))
    say(f"{waiting}\n  ]\n}}")


def _sum(of: Sum) -> dict[str, Any]:
    return {"count": of.count, "gross": _plain(of.gross, of.currency), "net": _plain(of.net, of.currency)}


def _plain(minor: int | None, currency: str) -> str | None:
    return None if minor is None else plain(minor, "XXX" if currency == STRANGE else currency)


def _record(of: Finding) -> dict[str, Any]:
    return {
        "class": of.verdict.value,
        "id": of.invoice_id,
        "number": of.name,
        "vendor": of.vendor,
        "key": of.key,
        "references": list(of.references),
        "state": of.state,
        "accounting_date": of.accounting_date,
        "currency": of.currency,
        "gross": _plain(of.gross, of.currency),
        "net": _plain(of.net, of.currency),
        "differences": [{"field": d.field, "here": d.here, "erp": d.there} for d in of.differences],
        "note": of.note,
        "fix": of.fix,
    }
