"""Subcommands of ``invoice``: discarding it, its attachments, and the history of its fields."""

from __future__ import annotations

import click

from store.domain.errors import BadInput
from store.domain.text import one_line, safe
from tui.commands.decisions import deciding, finish
from tui.commands.options import Chosen, acting, books_and_actor, confirm, selection
from tui.commands.output import print_json, print_table, say


@click.command()
@click.option("--comment", metavar="WHY", default="", help="Why; kept in the audit trail.")
@deciding
@click.pass_context
def discard(
    ctx: click.Context, comment: str, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Discard invoices created by mistake.

    Only what was created in payapp and never sent; a commitment's newest one first. The audit trail keeps what it said.

    \b
    payapp invoice discard 101-008 --comment 'wrong commitment'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import discarding, selecting
    from store.domain import approval
    from store.domain.status import ProjectView

    with books_and_actor(ctx, login) as (books, me):
        approval.require_preparer(me, "discard invoices")
        chosen = selection(books, me, Chosen(words, where, every), ProjectView.NOT_SENT)
        count = len(selecting.ids_of(books.db, chosen))
        about = safe(words[0]) if count == 1 and words and words[0] != "-" else f"{count:,} invoices"
        confirm(f"Discard {about}? Only the audit trail keeps what is discarded", yes=yes)
        finish(ctx, discarding.discard(books.db, me, chosen, comment), "discarded", as_json=as_json)


@click.command()
@click.argument("word", metavar="NUMBER|#ID")
@click.argument("where", metavar="PATH|LINK")
@click.option("--name", metavar="TEXT", default="", help="What it is called; else the last part of the path.")
@acting
@click.pass_context
def attach(ctx: click.Context, word: str, where: str, name: str, login: str | None) -> None:
    """Attach a path or a link to an invoice, sent or not.

    It is kept as it is given: nothing is opened, fetched or copied.

    \b
    payapp invoice attach 101-008 https://files.acme.example/waiver.pdf
    payapp invoice attach 101-008 /srv/plans/g703.xlsx --name 'Backup of line 3'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import attaching, invoices

    with books_and_actor(ctx, login) as (books, me):
        found = invoices.find(books.db, [word])[0][0]
        attaching.attach(books.db, me, found, where, name)
    say(f"{safe(name.strip() or attaching.named(where.strip()))} is attached to {safe(word)}.")


@click.command()
@click.argument("word", metavar="NUMBER|#ID")
@click.argument("which", metavar="ID|NAME")
@acting
@click.pass_context
def detach(ctx: click.Context, word: str, which: str, login: str | None) -> None:
    """Take an attachment away; the history keeps what it was.

    \b
    payapp invoice detach 101-008 waiver.pdf
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import attaching, invoices
    from store.domain.errors import NothingMatched

    with books_and_actor(ctx, login) as (books, me):
        found = invoices.find(books.db, [word])[0][0]
        there = attaching.of_invoice(books.db, found)
        hits = [one for one in there if str(one.id) == which] or [one for one in there if one.name == which]
        if not hits:
            raise NothingMatched(
                f"{safe(word)} has no attachment {safe(which)}",
                fix=f"payapp invoice attachments {safe(word)} lists them",
            )
        if len(hits) > 1:
            raise BadInput(f"{len(hits)} attachments are called {safe(which)}", fix="Give the id")
        attaching.detach(books.db, me, found, hits[0].id)
    say(f"{safe(hits[0].name)} is no longer attached to {safe(word)}.")


@click.command()
@click.argument("word", metavar="NUMBER|#ID")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def attachments(ctx: click.Context, word: str, as_json: bool, login: str | None) -> None:
    """List the attachments of an invoice.

    \b
    payapp invoice attachments 101-008
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from dataclasses import asdict

    from store import attaching, invoices
    from tui.commands.reading import require_any_reader
    from tui.text import moment

    with books_and_actor(ctx, login) as (books, me):
        require_any_reader(me)
        found = attaching.of_invoice(books.db, invoices.find(books.db, [word])[0][0])
    if as_json:
        print_json([asdict(one) for one in found])
    elif found:
        print_table(
            ("Id", "Name", "Path or link", "By", "Added"),
            [
                (
                    str(x.id),
                    x.name,
                    x.where,
                    x.added_by or "came with it",
                    moment(x.added_at) if x.added_at else "",
                )
                for x in found
            ],
            right=(0,),
        )
    else:
        say(f"{safe(word)} has no attachments.")


@click.command()
@click.argument("word", metavar="NUMBER|#ID")
@click.option(
    "--field", metavar="TEXT", default="", help="Only fields with that in their name, e.g. 'line 3'."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def history(ctx: click.Context, word: str, field: str, as_json: bool, login: str | None) -> None:
    """Say who changed which field of an invoice, from what to what.

    \b
    payapp invoice history 101-008
    payapp invoice history 101-008 --field 'line 3' --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from dataclasses import asdict

    from store import field_history, invoices
    from tui.commands.reading import require_any_reader
    from tui.text import moment

    with books_and_actor(ctx, login) as (books, me):
        require_any_reader(me)
        found = field_history.changes(books.db, invoices.find(books.db, [word])[0][0], field)
    if as_json:
        print_json([asdict(one) for one in found])
    elif found:
        print_table(
            ("When", "Who", "Did", "Field", "Before", "After"),
            [(moment(x.at), x.who, x.action, x.field, one_line(x.before), one_line(x.after)) for x in found],
        )
    else:
        say("No field of it was changed.")
