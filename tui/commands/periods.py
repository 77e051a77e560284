"""The subcommand ``periods``: the ERP's accounting periods, open or closed, as it said last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from store.domain.errors import PayappError
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_json, print_table, say

if TYPE_CHECKING:
    from store.domain.outcome import Period
    from tui.bootstrap import Books


@click.command()
@click.option("--ask", is_flag=True, help="Ask the ERP now.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def periods(ctx: click.Context, ask: bool, as_json: bool, login: str | None) -> None:
    """Show which accounting periods are open in the ERP.

    An accounting date in a closed one keeps an invoice from going; one in another month than the billing period warns.
    A worker asks every five minutes.

    \b
    payapp periods
    payapp periods --ask --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import periods as known

    with books_and_actor(ctx, login) as (books, me):
        me.require_reader()
        if ask:
            _ask(books)
        erp = books.company.erp
        found, asked, now = known.of(books.db, erp), known.asked_at(books.db, erp), books.db.now()
    if as_json:
        print_json({
            "erp": erp, "asked_at": asked,
            "periods": [{"start": one.start.isoformat(), "end": one.end.isoformat(), "open": one.is_open} for one in found],
        })  # fmt: skip
    else:
        _tell(found, asked, now)


def _ask(books: Books) -> None:
    from tui import bootstrap

    asked = asyncio.run(bootstrap.ask(books, {}))
    if asked.trouble:
        raise PayappError(
            "The ERP did not tell its periods", why=asked.trouble, fix="payapp doctor looks into it"
        )


def _tell(found: list[Period], asked: int | None, now: int) -> None:
    from tui.text import ago, moment

    if asked is None:
        say(
            "The ERP has told no accounting periods: it decides itself when a bill arrives. payapp periods --ask asks it."
        )
        return
    print_table(
        ("From", "To", ""),
        [(one.start.isoformat(), one.end.isoformat(), "open" if one.is_open else "closed") for one in found],
    )
    say(f"Said by the ERP {ago(now - asked)} ({moment(asked)}).")
