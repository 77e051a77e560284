"""The subcommand ``notices``: the mails that payapp owes, has sent and could not send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from store.domain.errors import BadInput, Disallowed
from store.domain.text import safe
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.domain.actor import Actor
    from store.notices import NoticeSeen
    from tui.bootstrap import Books

STATES = ("waiting", "sent", "failed", "undeliverable")
KINDS = ("rejection", "query", "resend", "summary", "digest", "key")
# So much of an address or a subject tells which one it is.
TO_CELLS, WHAT_CELLS = 30, 60


@click.group()
def notices() -> None:
    """The mails that payapp owes, has sent, and could not send.

    \b
    payapp notices list --state failed
    payapp notices retry 12
    payapp notices summary
    """  # noqa: D301 - \b keeps click from wrapping the examples


@notices.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only those in that state.")
@click.option("--kind", type=click.Choice(KINDS), help="Only those of that kind.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="So many of the newest.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def list_(
    ctx: click.Context, state: str | None, kind: str | None, limit: int, as_json: bool, login: str | None
) -> None:
    """List the newest notices with their state, newest first.

    A waiting one is tried again by itself, ever more rarely; a failed one the
    mail server refused for good; of an undeliverable one no address is known.

    \b
    payapp notices list
    payapp notices list --state undeliverable --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import notices as outbox
    from tui.commands.reading import require_any_reader

    with books_and_actor(ctx, login) as (books, me):
        require_any_reader(me)
        wanted = outbox.Wanted(state=None if state is None else outbox.NoticeState(state), kind=kind)
        found = outbox.listed(books.db, wanted, limit)
    if as_json:
        print_json([_record(seen) for seen in found])
    elif found:
        _print(found)
    else:
        say("There is no such notice.")


def _print(found: Sequence[NoticeSeen]) -> None:
    from tui.text import cut, moment

    print_table(
        ("#", "Made", "Kind", "State", "Tries", "To", "What"),
        [
            (
                str(seen.id),
                moment(seen.created_at),
                seen.kind,
                seen.state.value,
                str(seen.attempts),
                cut(seen.address or seen.recipient, TO_CELLS).rstrip(),
                cut(seen.error or seen.subject, WHAT_CELLS).rstrip(),
            )
            for seen in found
        ],
        right=(0, 4),
    )


def _record(seen: NoticeSeen) -> dict[str, Any]:
    """The stable schema of ``--json``; moments in milliseconds UTC."""
    return {
        "id": seen.id,
        "kind": seen.kind,
        "role": seen.role,
        "recipient": seen.recipient,
        "address": seen.address,
        "subject": seen.subject,
        "state": seen.state.value,
        "attempts": seen.attempts,
        "error": seen.error,
        "operator": seen.operator,
        "created_at": seen.created_at,
        "sent_at": seen.sent_at,
        "next_try_at": seen.run_at if seen.state.value == "waiting" else None,
        "invoice_id": seen.invoice_id,
    }


@notices.command()
@click.argument("number", type=int, metavar="NOTICE")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def show(ctx: click.Context, number: int, as_json: bool, login: str | None) -> None:
    """Show one notice with its text.

    \b
    payapp notices show 12
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import notices as outbox
    from tui.commands.reading import require_any_reader
    from tui.text import moment

    with books_and_actor(ctx, login) as (books, me):
        require_any_reader(me)
        seen, text = outbox.one(books.db, number)
    if as_json:
        print_json(
            {**_record(seen), "message_id": text.message_id, "reply_to": text.reply_to, "body": text.body}
        )
        return
    click.echo(f"State       {seen.state}, tried {seen.attempts} times   {safe(seen.error)}".rstrip())
    click.echo(f"Made        {moment(seen.created_at)}   sent {moment(seen.sent_at) or '-'}")
    click.echo(f"To          {safe(seen.recipient)} {safe(seen.address)}".rstrip())
    if text.reply_to:
        click.echo(f"Reply to    {safe(text.reply_to)}")
    click.echo(f"Subject     {safe(seen.subject)}")
    click.echo(f"Message id  {safe(text.message_id)}")
    click.echo("")
    click.echo(safe(text.body, lines=True))


@notices.command()
@click.argument("numbers", nargs=-1, type=int, metavar="NOTICE...")
@click.option("--failed", is_flag=True, help="All that the mail server refused for good.")
@click.option("--to", "address", metavar="ADDRESS", help="To this address instead; for one notice.")
@acting
@click.pass_context
def retry(
    ctx: click.Context, numbers: tuple[int, ...], failed: bool, address: str | None, login: str | None
) -> None:
    """Try notices again at once, each as the same message.

    For Admins on ERP Integrations; audited.

    \b
    payapp notices retry 12 13
    payapp notices retry 12 --to mgarcia@example.com
    payapp notices retry --failed
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import notices as outbox
    from store import remailing

    if bool(numbers) == failed:
        raise BadInput(
            "Say which notices", fix="payapp notices retry NOTICE..., or payapp notices retry --failed"
        )
    with books_and_actor(ctx, login) as (books, me):
        me.require_erp_admin()
        if failed:
            refused = outbox.listed(books.db, outbox.Wanted(state=outbox.NoticeState.FAILED), None)
            numbers = tuple(seen.id for seen in refused)
        if not numbers:
            say("No notice has failed.")
            return
        count = remailing.retry(books.db, me, numbers, address)
        waits = "" if books.settings.mail else f" They wait: add [mail] to {safe(str(books.path))}."
    say(f"{count:,} {'notice is' if count == 1 else 'notices are'} tried again by the worker.{waits}")


@notices.command()
@click.option("--now", is_flag=True, help="Mail today's to every approver who has none yet.")
@acting
@click.pass_context
def summary(ctx: click.Context, now: bool, login: str | None) -> None:
    """Tell what waits, as the daily summary tells it to you.

    With --now, for Admins on ERP Integrations, today's is mailed at once
    instead of at its hour (docs/notices.md).

    \b
    payapp notices summary
    payapp notices summary --now
    """  # noqa: D301 - \b keeps click from wrapping the examples
    with books_and_actor(ctx, login) as (books, me):
        me.require_reader()
        if now:
            say(_mailed(books, me))
        else:
            click.echo(_text(books, me), nl=False)


def _text(books: Books, me: Actor) -> str:
    from erp import owing
    from store import summaries

    waiting = summaries.gather(books.db)
    day = owing.day(books.settings.mail, waiting.at)
    return safe(summaries.text(waiting, day, me.id), lines=True)


def _mailed(books: Books, me: Actor) -> str:
    from erp import owing
    from store import summaries

    if books.settings.mail is None:
        raise Disallowed(
            "No summary can be mailed",
            why="the settings name no mail server",
            fix=f"Add [mail] to {safe(str(books.path))} (docs/settings.md)",
        )
    me.require_erp_admin()
    waiting = summaries.gather(books.db)
    day = owing.day(books.settings.mail, waiting.at)
    count = summaries.write(books.db, day, waiting, me)
    if not count:
        return "Nobody is left who has work waiting, wants the summary and has none of today."
    return f"{count:,} {'summary goes' if count == 1 else 'summaries go'} out with the worker."
