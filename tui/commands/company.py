"""Subcommand for the company's policy: above what an export is confirmed by typing the count."""

from __future__ import annotations

import click

from store.domain.errors import BadInput
from store.domain.text import safe
from tui.commands.options import acting, books_and_actor


@click.command()
@click.option("--confirm-count", type=click.IntRange(min=0), metavar="N",
              help="Above so many invoices the count is typed before an export.")  # fmt: skip
@click.option("--confirm-net", metavar="AMOUNT", help="The same above so much net, company currency.")
@click.option("--no-confirm-net", is_flag=True, help="Whatever the net.")
@acting
@click.pass_context
def company(
    ctx: click.Context, confirm_count: int | None, confirm_net: str | None, no_confirm_net: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Show the company's policy, or set it as a Directory Admin.

    \b
    payapp company
    payapp company --confirm-count 200 --confirm-net 250000
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import directory
    from store.domain.money import show, to_minor

    with books_and_actor(ctx, login) as (books, me):
        if confirm_net is not None and no_confirm_net:
            raise BadInput("--confirm-net and --no-confirm-net exclude each other", fix="Give one of them")
        now = directory.company(books.db)
        if confirm_count is not None or confirm_net is not None or no_confirm_net:
            net = now.confirm_net if confirm_net is None else to_minor(confirm_net, now.currency)
            count = now.confirm_count if confirm_count is None else confirm_count
            now = directory.set_confirmation(books.db, me, count, None if no_confirm_net else net)
    click.echo(f"{safe(now.name)}, {now.currency}, exports to {safe(now.erp)}.")
    net_too = (
        "" if now.confirm_net is None else f", or of more than {show(now.confirm_net, now.currency)} net"
    )
    click.echo(f"The count is typed before an export of more than {now.confirm_count:,} invoices{net_too}.")
