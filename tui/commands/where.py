"""The subcommand ``where``: where an invoice is, since when, who has it, and what was paid of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from store.domain.errors import NothingMatched
from store.domain.text import one_line
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_json

if TYPE_CHECKING:
    from store.domain.whereabouts import Whereabouts
    from store.finding import Found

MOST = 20


@click.command()
@click.argument("words", metavar="TEXT...", nargs=-1, required=True)
@click.option("--most", type=click.IntRange(1, 200), default=MOST, show_default=True, help="So many.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def where(ctx: click.Context, words: tuple[str, ...], most: int, as_json: bool, login: str | None) -> None:
    """Where is my invoice: its place, since when, who has it.

    TEXT is its number, its vendor, an amount (gross or net), both (apex 1,234.50), the ERP's number or reference, a
    check or payment reference, or #id. Exit 4 when nothing is found.

    \b
    payapp where 101-007
    payapp where 13,833.33
    payapp where apex 13,833.33
    payapp where CHK-4711
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import tracing

    text = " ".join(words)
    with books_and_actor(ctx, login) as (books, me):
        found = tracing.find(books.db, me, text, most)
    if as_json:
        print_json([_record(one, told) for one, told in found])
        ctx.exit(0 if found else NothingMatched.exit_code)
    if not found:
        raise NothingMatched(
            f"Nothing is called {one_line(text)!r}",
            fix="Give a number, a vendor, an amount, a reference or #id",
        )
    for at, (one, told) in enumerate(found):
        if at:
            click.echo("")
        for line in _lines(one, told):
            click.echo(line)
    if len(found) == most:
        click.echo(f"\nThere may be more than these {most}: --most.")


def _lines(one: Found, told: Whereabouts) -> list[str]:
    from store.domain.money import show
    from tui.text import moment

    amount = f"net {show(one.net, one.currency)} {one.currency}"
    lines = [
        f"{one_line(one.number)}  {one_line(one.vendor)}  job {one_line(one.job)}  {amount}  #{one.id}",
        f"  Where:   {one_line(told.where)}",
        f"  Since:   {moment(told.since)}",
        f"  Who:     {one_line(told.hands)}",
    ]
    lines += [f"  Hold:    {one_line(hold)}" for hold in told.holds]
    if told.payment:
        lines.append(f"  Payment: {told.payment}")
    if len(told.payments) > 1:
        lines += [
            f"    {day}  {show(paid, told.currency)}  {one_line(ref)}" for day, ref, paid in told.payments
        ]
    return lines


def _record(one: Found, told: Whereabouts) -> dict[str, Any]:
    """The stable schema of ``--json``: amounts as decimal strings, ``since`` in milliseconds UTC."""
    from store.domain.money import plain

    return {
        "id": one.id,
        "number": one.number,
        "vendor": one.vendor,
        "job": one.job,
        "currency": one.currency,
        "net": plain(one.net, one.currency),
        "erp_status": one.erp_status.value,
        "outcome": one.outcome,
        "origin_id": one.origin_id,
        "batch": one.batch,
        "where": told.where,
        "since": told.since,
        "holder": told.holder.value,
        "hands": told.hands,
        "holds": list(told.holds),
        "due": plain(told.due, one.currency),
        "paid": None if told.paid is None else plain(told.paid, one.currency),
        "payments": [
            {"day": day, "reference": ref, "amount": plain(amount, one.currency)}
            for day, ref, amount in told.payments
        ],
    }
