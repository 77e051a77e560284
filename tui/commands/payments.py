"""The subcommand ``payments``: what the ERP paid of the synced invoices."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from store.domain.text import safe
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_csv, print_json, print_table, say

if TYPE_CHECKING:
    from store.domain.actor import Actor
    from store.payments import Pulled
    from tui.bootstrap import Books

SOME_UNREAD = 3
COLUMNS = ("job", "commitment", "vendor", "currency", "invoices", "due", "issued", "left")
TITLES = ("Job", "Commitment", "Vendor", "", "Inv", "Due", "Issued", "Left")


@click.group()
def payments() -> None:
    """Payments made in the ERP, as it tells them.

    \b
    payapp payments pull
    payapp payments list
    """  # noqa: D301 - \b keeps click from wrapping the examples


@payments.command()
@click.option("--all", "everything", is_flag=True, help="Ask about what was paid long ago too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def pull(ctx: click.Context, everything: bool, as_json: bool, login: str | None) -> None:
    """Ask the ERP what was paid of the synced invoices, and keep it.

    Asked about is what is not fully paid, and what was paid within the last 60 days. A payment that was taken back in the
    ERP is taken back here. Exit 0 when all was told, 1 when the ERP gave no answer, 3 when some of it cannot be used.

    \b
    payapp payments pull
    payapp payments pull --all --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import payments as paid

    with books_and_actor(ctx, login) as (books, me):
        me.require_approver("take payments over")
        paid.require(books.profile())
        pulled = asyncio.run(_pull(books, me, everything=everything))
    if as_json:
        print_json(_record(books.company.erp, pulled))
    else:
        _tell(pulled)
    ctx.exit(SOME_UNREAD if pulled.unread_count else 0)


@payments.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@acting
@click.pass_context
def list_(ctx: click.Context, as_json: bool, as_csv: bool, login: str | None) -> None:
    """List the payments issued on each commitment, as last pulled.

    \b
    payapp payments list
    payapp payments list --csv > issued.csv
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import payments as paid
    from store.domain.money import plain, show
    from tui.commands.reading import require_any_reader
    from tui.text import cut

    with books_and_actor(ctx, login) as (books, me):
        require_any_reader(me)
        found = paid.by_commitment(books.db)
    written = show if not (as_json or as_csv) else plain
    rows = []
    for r in found:
        amounts = [written(amount, r.currency) for amount in (r.due, r.issued, r.due - r.issued)]
        rows.append((r.job, r.commitment, r.vendor, r.currency, str(r.invoices), *amounts))
    if as_json:
        print_json([{**dict(zip(COLUMNS, row, strict=True)), "invoices": int(row[4])} for row in rows])
    elif as_csv:
        print_csv(COLUMNS, rows, numeric=COLUMNS[4:])
    elif rows:
        print_table(
            TITLES, [(*row[:2], cut(row[2], 20).rstrip(), *row[3:]) for row in rows], right=(4, 5, 6, 7)
        )
    else:
        say("No invoice is Synced.")


async def _pull(books: Books, me: Actor, *, everything: bool) -> Pulled:
    from erp import paying
    from tui import bootstrap

    connector = bootstrap.connector(books)
    try:
        return await paying.pull(books.db, connector, me, everything=everything)
    finally:
        await connector.close()


def _record(erp: str, pulled: Pulled) -> dict[str, Any]:
    """The stable schema of ``--json``: amounts as decimal strings, never added across currencies."""
    from store.domain.money import plain

    return {
        "erp": erp,
        "asked": pulled.asked,
        "payments": pulled.told,
        "changed": pulled.changed,
        "issued": [
            {"currency": currency, "amount": plain(amount, currency)}
            for currency, amount in sorted(pulled.issued.items())
        ],
        "unread": pulled.unread_count,
        "unread_named": pulled.unread,
    }


def _tell(pulled: Pulled) -> None:
    from store.domain.money import show

    if not pulled.asked:
        say("No synced invoice waits for a payment.")
        return
    say(
        f"Asked about {_count(pulled.asked, 'invoice')}: {_count(pulled.told, 'payment')}, {pulled.changed:,} changed."
    )
    for currency, amount in sorted(pulled.issued.items()):
        say(f"Payments issued since the last time: {show(amount, currency)} {currency}")
    for each in pulled.unread:
        say(safe(each), err=True)
    if (more := pulled.unread_count - len(pulled.unread)) > 0:
        say(f"and {more:,} more that cannot be read", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
