"""Subcommand ``sign-off``: exports of one's own invoices under the policy ``self = review``, and another person's word."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from store.domain.errors import BadInput, NothingMatched
from store.domain.money import plain, show
from store.domain.text import one_line, safe
from tui.commands.decisions import finish
from tui.commands.options import acting, books_and_actor, confirm
from tui.commands.output import print_json, print_table

if TYPE_CHECKING:
    from store.signing import SignOff
    from tui.bootstrap import Books


@click.command(name="sign-off")
@click.argument("words", metavar="[NUMBER|#ID]...", nargs=-1)
@click.option("--agree", is_flag=True, help="It is right.")
@click.option("--object", "objects", is_flag=True, help="It is not; needs --comment.")
@click.option("--comment", metavar="WHY", default="", help="Kept with the sign-off.")
@click.option("--all", "every", is_flag=True, help="Sign off all that wait; or list the signed ones too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def sign_off(
    ctx: click.Context, words: tuple[str, ...], agree: bool, objects: bool, comment: str, every: bool, yes: bool,
    as_json: bool, login: str | None,
) -> None:  # fmt: skip
    """List exports of one's own (SELF), and sign them off.

    Another person does: nobody signs off what he exported or prepared himself.

    \b
    payapp sign-off
    payapp sign-off 101-007 101-008 --agree
    payapp sign-off 101-009 --object --comment 'not in the contract'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import signing

    if agree and objects:
        raise BadInput("Either you agree or you object", fix="Give --agree or --object")
    deciding = agree or objects
    if words and not deciding:
        raise BadInput("Say what you find", fix="Add --agree, or --object --comment WHY")
    with books_and_actor(ctx, login) as (books, me):
        waiting = signing.listed(books.db, me, everything=every and not deciding)
        if not deciding:
            _print(waiting, as_json=as_json)
            return
        me.require_approver("sign exports off")
        chosen = waiting if every and not words else _chosen(books, waiting, words)
        if not chosen:
            raise NothingMatched("Nothing waits for a sign-off")
        for one in chosen if not as_json else ():
            click.echo(_line(one), err=True)
        confirm(f"{'Agree to' if agree else 'Object to'} {len(chosen)}?", yes=yes)
        decision = signing.sign(books.db, me, [one.id for one in chosen], agree=agree, comment=comment)
        finish(ctx, decision, "signed off", as_json=as_json)


def _chosen(books: Books, waiting: list[SignOff], words: tuple[str, ...]) -> list[SignOff]:
    from store import invoices

    if not words:
        raise BadInput("Say which", fix="Give their numbers, or --all")
    ids = {number for number, _ in invoices.find(books.db, words)}
    found = [one for one in waiting if one.invoice_id in ids]
    if missing := ids - {one.invoice_id for one in found}:
        raise NothingMatched(
            f"{len(missing)} of these do not wait for a sign-off",
            why=", ".join(f"#{number}" for number in sorted(missing)),
            fix="payapp sign-off lists what waits",
        )
    return found


def _line(one: SignOff) -> str:
    return (
        f"{one_line(one.number)}  {one_line(one.vendor)}  net {show(one.net, one.currency)} {one.currency}"
        f"  exported by {safe(one.operator)} {_day(one.made_at)}"
    )


def _day(ms: int | None) -> str:
    return "" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone():%Y-%m-%d}"


def _print(found: list[SignOff], *, as_json: bool) -> None:
    if as_json:
        amounts = [{"gross": plain(s.gross, s.currency), "net": plain(s.net, s.currency)} for s in found]
        print_json([asdict(s) | more for s, more in zip(found, amounts, strict=True)])
        return
    if not found:
        click.echo("Nothing waits for a sign-off.")
        return
    rows = [
        [
            f"#{s.invoice_id}", one_line(s.number), one_line(s.vendor)[:30], show(s.net, s.currency), s.currency,
            one_line(s.operator), _day(s.made_at), s.verdict or "waits", one_line(s.signed_by), one_line(s.comment),
        ]
        for s in found
    ]  # fmt: skip
    header = ["id", "number", "vendor", "net", "", "exported by", "on", "sign-off", "by", "comment"]
    print_table(header, rows, right=[3])
