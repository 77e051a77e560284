"""Subcommand for the company's policies: who may export what, and above what an export is confirmed by typing the count."""

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
@click.option(
    "--self",
    "own",
    type=click.Choice(["never", "review"]),
    help="One's own invoices: never exported, or under review until another person signs them off.",
)
@click.option(
    "--order",
    type=click.Choice(["warn", "block"]),
    help="Exports that would overtake an earlier application of the commitment.",
)
@click.option("--comment", metavar="WHY", default="", help="Why; needed where a rule is loosened.")
@acting
@click.pass_context
def company(
    ctx: click.Context, confirm_count: int | None, confirm_net: str | None, no_confirm_net: bool,
    own: str | None, order: str | None, comment: str, login: str | None,
) -> None:  # fmt: skip
    """Show the company's policies, or set them as an admin.

    \b
    payapp company
    payapp company --confirm-count 200 --confirm-net 250000
    payapp company --self review --comment 'Ann is alone in July; Bob signs off'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import directory, policies
    from store.domain.money import show, to_minor

    with books_and_actor(ctx, login) as (books, me):
        if confirm_net is not None and no_confirm_net:
            raise BadInput("--confirm-net and --no-confirm-net exclude each other", fix="Give one of them")
        now = directory.company(books.db)
        if confirm_count is not None or confirm_net is not None or no_confirm_net:
            net = now.confirm_net if confirm_net is None else to_minor(confirm_net, now.currency)
            count = now.confirm_count if confirm_count is None else confirm_count
            now = directory.set_confirmation(books.db, me, count, None if no_confirm_net else net)
        for name, value in (("self", own), ("order", order)):
            if value is not None:
                policies.put(books.db, me, name, value, comment)
        found = policies.policies(books.db)
    click.echo(f"{safe(now.name)}, {now.currency}, exports to {safe(now.erp)}.")
    net_too = (
        "" if now.confirm_net is None else f", or of more than {show(now.confirm_net, now.currency)} net"
    )
    click.echo(f"The count is typed before an export of more than {now.confirm_count:,} invoices{net_too}.")
    for policy in found.values():
        click.echo(f"Policy {policy.told}.")
