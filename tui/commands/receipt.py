"""The subcommand ``receipt``: what the ERP says it imported of the files that were delivered to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from store.domain.errors import BadInput
from store.domain.keys import spelled
from store.domain.text import safe
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_csv, print_json, say

if TYPE_CHECKING:
    from store.domain.actor import Actor
    from store.receipt_fates import Told
    from store.receipts import Reading
    from tui.bootstrap import Books

# Some lines could not be settled.
UNSETTLED = 3
# So many lines of each fate are told by name.
NAMED = 50
HEADER = ("key", "vendor", "number", "expected", "currency", "file", "reference", "amount", "status", "error")


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--waiting", is_flag=True, help="Write what waits for a receipt as CSV, to fill in.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, every line in it.")
@acting
@click.pass_context
def receipt(ctx: click.Context, file: Path | None, waiting: bool, as_json: bool, login: str | None) -> None:
    """Read the ERP's receipt for the files that it was given.

    What it imported is Synced, what it refused is Failed to Export. A receipt is a CSV file of payapp's form, Xero's export of bills, or a report of QuickBooks (docs/files.md). Exit 0
    when every line was settled or says nothing new, 3 when some need a person: those change nothing.

    \b
    payapp receipt imported.csv
    payapp receipt --waiting > waiting.csv
    """  # noqa: D301 - \b keeps click from wrapping the examples
    if (file is None) != waiting:
        raise BadInput(
            "Say which receipt", fix="payapp receipt FILE; or --waiting to write what waits for one"
        )
    with books_and_actor(ctx, login) as (books, me):
        if file is None:
            _print_waiting(books, me, as_json=as_json)
            return
        ctx.exit(_take(books, me, file, as_json=as_json))


def _take(books: Books, me: Actor, file: Path, *, as_json: bool) -> int:
    from store import receipts
    from store.receipt_fates import TO_SETTLE

    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{safe(str(file))} cannot be read", why=str(error.strerror)) from None
    found = receipts.take(books.db, me, file.name, data)
    if as_json:
        print_json(_record(found))
    else:
        _print(found)
    return UNSETTLED if any(found.count(fate) for fate in TO_SETTLE) else 0


def _print(found: Reading) -> None:
    from store.receipt_fates import TO_SETTLE, Fate

    name = safe(found.name)
    if found.before is not None:
        at, who = found.before
        say(f"{name} was read already, {_moment(at)} by {safe(who)}; read again:")
    words = [f"{found.count(fate):,} {fate.value}" for fate in Fate if found.count(fate)]
    say(f"{name}: {', '.join(words) or 'no lines'}.")
    if found.left:
        rows = ", ".join(f"{count:,} {word or '(none)'}" for word, count in found.left[:NAMED])
        more = sum(count for _, count in found.left[NAMED:])
        say(f"Rows left out, by their status or type there: {rows}{f', {more:,} others' if more else ''}.")
    for fate in (Fate.REFUSED, *(one for one in Fate if one in TO_SETTLE)):
        _print_named([told for told in found.told if told.fate is fate])
    if found.waiting:
        say(f"{found.waiting:,} still wait for a receipt.")


def _print_named(told: list[Told]) -> None:
    for one in told[:NAMED]:
        invoice = "" if one.invoice_id is None else f" (invoice #{one.invoice_id})"
        say(f"row {one.row}, {safe(one.name)}{invoice}: {one.fate.value}: {safe(one.cause)}")
        if one.fix:
            say(f"    {spelled(one.fix)}")
    if len(told) > NAMED:
        say(f"and {len(told) - NAMED:,} more {told[0].fate.value}: --json tells them all")


def _record(found: Reading) -> dict[str, Any]:
    """The stable schema of ``--json``."""
    from store.receipt_fates import Fate

    return {
        "file": found.name,
        "sha256": found.sha256,
        "read_before": {"at": found.before[0], "by": found.before[1]} if found.before else None,
        "lines": {fate.value: found.count(fate) for fate in Fate},
        "told": [
            {"row": told.row, "name": told.name, "fate": told.fate.value, "cause": told.cause, "fix": spelled(told.fix),
             "invoice": told.invoice_id} for told in found.told
        ],
        "left_out": dict(found.left),
        "waiting": found.waiting,
    }  # fmt: skip


def _print_waiting(books: Books, me: Actor, *, as_json: bool) -> None:
    from store import receipts

    found = [one for page in receipts.awaited(books.db, me, books.company.erp) for one in page]
    if as_json:
        print_json([
            {"key": one.key, "vendor": one.vendor, "number": one.number, "expected": one.amount, "currency": one.currency,
             "file": one.reference, "since": one.since, "invoice": one.invoice_id} for one in found
        ])  # fmt: skip
        return
    rows = [
        (one.key, one.vendor, one.number, one.amount, one.currency, one.reference, "", "", "", "")
        for one in found
    ]
    print_csv(HEADER, rows, numeric={"key", "expected", "file"})


def _moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M}"
