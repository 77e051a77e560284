"""Subcommands of the Directory: users list, users add."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from store.domain.errors import BadInput
from store.domain.text import safe
from tui.commands.options import acting, amount, books_and_actor
from tui.commands.output import print_json, print_table

if TYPE_CHECKING:
    from store.directory import UserValues
    from tui.bootstrap import Books

LEVELS = click.Choice(["none", "read_only", "standard", "admin"])


@click.group()
def users() -> None:
    """The Directory: who may do what."""


@users.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def users_list(ctx: click.Context, as_json: bool, login: str | None) -> None:
    """List the users and their permissions.

    \b
    payapp users list
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import directory

    with books_and_actor(ctx, login) as (books, _):
        found = directory.users(books.db)
    if as_json:
        print_json([
            {"login": u.login, "name": u.name, "email": u.email, "erp": u.erp_level, "commitments": u.commitments_level,
             "directory": u.directory_level, "can_push": u.can_push, "limit": _limit(books, u.limit_invoice)}
            for u in found
        ])  # fmt: skip
        return
    print_table(
        ("Login", "Name", "ERP Integrations", "Commitments", "Directory", "Can push", "Limit"),
        [(u.login, u.name, u.erp_level, u.commitments_level, u.directory_level, "yes" if u.can_push else "no",
          _limit(books, u.limit_invoice) or "none")
         for u in found],
        right=(6,),
    )  # fmt: skip


def _limit(books: Books, minor: int | None) -> str | None:
    """The approval limit as a plain amount of the company's currency; None for none."""
    from store.domain.money import plain

    return None if minor is None else plain(minor, books.company.currency)


@users.command("add")
@click.argument("new", metavar="LOGIN")
@click.option("--name", help="The person's name; a new user needs it.")
@click.option("--email", help="Where notices go.")
@click.option("--erp", type=LEVELS, help="Level on ERP Integrations.")
@click.option("--commitments", type=LEVELS, help="Level on Commitments.")
@click.option("--directory", "directory_level", type=LEVELS, help="Level on the Company Directory.")
@click.option("--can-push/--no-can-push", default=None, help="Can Push to Accounting: may accept and reject.")
@click.option("--limit", metavar="AMOUNT", help="Accepts up to this gross per invoice, company currency.")
@click.option("--no-limit", is_flag=True, help="Accepts any amount.")
@click.option("--active/--inactive", default=None, help="Whether the user may act at all.")
@acting
@click.pass_context
def users_add(ctx: click.Context, /, new: str, login: str | None, **options: Any) -> None:
    """Add a user, or change one: what is left out stays as it is.

    A new user has the level none on every tool, no privilege and no limit.

    \b
    payapp users add jlopez --name 'Juan Lopez' --erp standard --can-push
    payapp users add jlopez --limit 50000
    payapp users add jlopez --inactive
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import directory

    with books_and_actor(ctx, login) as (books, me):
        me.require_directory_admin()
        with books.db.transaction():
            before = directory.find_user(books.db, new)
            if before is None and not options["name"]:
                raise BadInput(f"A new user {new} needs a name", fix="Add --name NAME")
            after = _changed(books, before or directory.UserValues(new, ""), **options)
            directory.put_user(books.db, me, after)
    click.echo(f"{safe(new)} is {'changed' if before else 'in the Directory'}.")


def _changed(
    books: Books, user: UserValues, *, erp: str | None, commitments: str | None, directory_level: str | None,
    limit: str | None, no_limit: bool, **plain: Any,
) -> UserValues:  # fmt: skip
    """The user with what was given; ``plain`` options are values of that name."""
    from store.domain.actor import Level

    levels = {"erp_level": erp, "commitments_level": commitments, "directory_level": directory_level}
    given = {name: value for name, value in plain.items() if value is not None}
    given |= {name: Level(level) for name, level in levels.items() if level is not None}
    if limit is not None or no_limit:
        given["limit_invoice"] = _limit_of(books, limit, no_limit=no_limit)
    return replace(user, **given)


def _limit_of(books: Books, limit: str | None, *, no_limit: bool) -> int | None:
    from store.domain.money import to_minor

    if limit is None:
        return None
    if no_limit:
        raise BadInput("--limit and --no-limit are given both", fix="Keep one of them")
    found = to_minor(amount(limit, "--limit"), books.company.currency)
    if found < 0:
        raise BadInput(f"--limit: {limit} is below zero", fix="Give the highest gross that may be accepted")
    return found
