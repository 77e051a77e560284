"""Subcommands that part an invoice from its bill in the ERP, or link it to one: unlink, reset, mark-exported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from store.domain.status import View
from store.domain.text import one_line, safe
from tui.commands.decisions import deciding, finish
from tui.commands.options import Chosen, acting, books_and_actor, confirm, selection

if TYPE_CHECKING:
    from store.decision import Decision
    from store.domain.actor import Actor
    from store.linking import ErpSaid, Link
    from tui.bootstrap import Books

# So many are named before the question.
NAMED = 20


@click.command()
@click.option("--comment", metavar="WHY", default="", help="Why; kept in the audit trail.")
@deciding
@click.pass_context
def unlink(
    ctx: click.Context, comment: str, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Part Synced invoices from bills deleted in the ERP.

    The ERP is asked first. They are editable in Commitments again, and their next export is a new bill under a new key.

    \b
    payapp unlink 101-007 --comment 'voided by Ann, wrong retainage'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import undoing

    with books_and_actor(ctx, login) as (books, me):
        chosen = Chosen(words, where, every)
        decision = _part(books, me, chosen, undoing.unlink, "Unlink", comment, yes=yes)
        finish(ctx, decision, "unlinked; they are in Commitments again", as_json=as_json)


@click.command()
@click.option("--comment", metavar="WHY", default="", help="Why; kept in the audit trail.")
@deciding
@click.pass_context
def reset(
    ctx: click.Context, comment: str, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Free Synced invoices that are stuck; for an Admin.

    For an Admin of ERP Integrations who is an approver. As unlink, also where the ERP does not answer, or a person linked the invoice to somebody else's bill. It is looked for
    before it is sent again.

    \b
    payapp reset 101-007 --comment 'the old ERP is switched off'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import undoing

    with books_and_actor(ctx, login) as (books, me):
        me.require_erp_admin()
        chosen = Chosen(words, where, every)
        decision = _part(books, me, chosen, undoing.reset, "Reset", comment, yes=yes)
        finish(ctx, decision, "reset; they are in Commitments again", as_json=as_json)


def _part(
    books: Books,
    me: Actor,
    chosen: Chosen,
    how: Callable[..., Decision],
    word: str,
    comment: str,
    *,
    yes: bool,
) -> Decision:
    from store import linking, resolving, selecting

    me.require_approver(f"{word.lower()} an invoice")
    resolving.check_words(comment)
    ids = selecting.ids_of(books.db, selection(books, me, chosen, View.SYNCED))
    found = linking.links(books.db, me, ids)
    asked = list(zip(found, _said(books, [(link, link.reference) for link in found]), strict=True))
    for link, said in asked[:NAMED]:
        bill = f" (bill {one_line(link.reference)})" if link.reference else ""
        click.echo(f"{safe(link.name)}{bill}: the ERP was asked: {safe(said.words)}", err=True)
    count = "it" if len(found) == 1 else f"these {len(found)}"
    confirm(
        f"{word} {count}? If a bill is there all the same, and the invoice is exported again, it is paid twice.",
        yes=yes,
    )
    return how(books.db, me, asked, comment, settle_ms=round(books.profile().settle * 1000))


@click.command(name="mark-exported")
@click.argument("word", metavar="NUMBER|#ID")
@click.option("--reference", metavar="REFERENCE", required=True, help="The bill's reference in the ERP.")
@click.option(
    "--comment", metavar="WHY", default="", help="Who entered it, and why; kept in the audit trail."
)
@click.option(
    "--accounting-date",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The bill's, in the ERP.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Say what was done as JSON.")
@acting
@click.pass_context
def mark_exported(
    ctx: click.Context, word: str, reference: str, comment: str, accounting_date: datetime | None, yes: bool,
    as_json: bool, login: str | None,
) -> None:  # fmt: skip
    """Make Synced what was entered in the ERP by hand.

    For a Ready or Failed invoice; nothing is sent. The ERP is asked for the reference first.

    \b
    payapp mark-exported 101-007 --reference B-1044 --comment 'paper day'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import invoices, linking, resolving, undoing

    with books_and_actor(ctx, login) as (books, me):
        me.require_approver("mark an invoice exported")
        resolving.check_words(comment, reference)
        number = invoices.find(books.db, [word])[0][0]
        [link] = linking.links(books.db, me, [number])
        [said] = _said(books, [(link, reference.strip())])
        click.echo(
            f"{safe(link.name)}: the ERP was asked for {safe(reference.strip())}: {safe(said.words)}",
            err=True,
        )
        confirm("Mark it exported? Nothing is sent; if it is not in the ERP, it is never paid.", yes=yes)
        day = accounting_date.date() if accounting_date else None
        decision = undoing.mark_exported(
            books.db, me, link, said, reference, comment, books.profile(), accounting_date=day
        )
        finish(ctx, decision, f"Synced as {safe(reference.strip())}; nothing was sent", as_json=as_json)


def _said(books: Books, asked: Sequence[tuple[Link, str]]) -> list[ErpSaid]:
    from tui import bootstrap

    said: Any = asyncio.run(bootstrap.linked(books, asked))
    return list(said)
