"""The subcommand ``adopt``: say that a database that was copied or restored is the one that sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from store.domain.text import safe
from tui.commands.options import acting, books_and_actor, confirm
from tui.commands.output import say

if TYPE_CHECKING:
    from store.adopting import Adopted
    from tui.bootstrap import Books


@click.command()
@click.option("--comment", required=True, metavar="TEXT", help="What happened, for the audit trail.")
@click.option("--copy", "as_copy", is_flag=True, help="It is for trying out: nothing is ever sent from it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@acting
@click.pass_context
def adopt(ctx: click.Context, comment: str, as_copy: bool, yes: bool, login: str | None) -> None:
    """Let a database that was copied, moved or restored send.

    Until it is adopted nothing is sent from it. Whatever waits is looked for in the ERP
    before it is sent. Stop every worker of the other database first.

    \b
    payapp adopt --comment 'restored from the backup of Monday'
    payapp adopt --copy --comment 'for the training on Friday'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import adopting

    with books_and_actor(ctx, login) as (books, me):
        _tell_why(books)
        confirm(_question(books, as_copy=as_copy), yes=yes)
        settle = round(books.profile().settle * 1000)
        adopted = adopting.adopt(books.db, me, comment, settle_ms=settle, copy=as_copy)
    if as_copy:
        say("This database is for trying out: nothing is sent from it.")
    else:
        _tell(adopted)


def _tell_why(books: Books) -> None:
    from store import epochs

    why = epochs.trouble(books.db)
    say(safe(why) if why else "This database is where it was adopted; nothing seems to be lost.", err=True)


def _question(books: Books, *, as_copy: bool) -> str:
    from store import workers

    if as_copy:
        return "Send nothing from this database, ever?"
    alive = sum(worker.alive for worker in workers.seen(books.db))
    working = f" {alive} of this one {'works' if alive == 1 else 'work'}." if alive else ""
    return f"Have all workers of the other database ended, and may this one send?{working}"


def _tell(adopted: Adopted) -> None:
    say(f"Adopted; epoch {adopted.epoch}.")
    if adopted.queued or adopted.uncertain:
        say(
            f"Looked for in the ERP before anything is sent: {adopted.queued:,} queued, {adopted.uncertain:,} uncertain."
        )
    if adopted.parked:
        say(f"Parked ones wait for a person: {adopted.parked:,}.")
    if adopted.awaiting:
        say(
            f"Delivered before, waiting for a receipt: {adopted.awaiting:,}. Give the receipts since the backup again."
        )
    say("Compare with the ERP what was sent since the backup: payapp reconcile.")
