"""Subcommands of the Directory: users list, show, rights, add, grant, revoke, remove, summary."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from store.domain.errors import BadInput, NothingMatched
from store.domain.text import safe
from tui.commands.options import acting, amount, books_and_actor
from tui.commands.output import print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.domain.actor import UserValues
    from tui.bootstrap import Books

LEVELS = click.Choice(["none", "read_only", "standard", "admin"])
_LIMITS = {"limit": "limit_invoice", "limit_commitment": "limit_commitment", "limit_day": "limit_day"}


@click.group()
def users() -> None:
    """The Directory: who may do what.

    \b
    payapp users list
    payapp users add jlopez --name 'Juan Lopez' --erp standard --limit 50000
    payapp users grant jlopez
    """  # noqa: D301 - \b keeps click from wrapping the examples


# -- looking -----------------------------------------------------------------------------------------------------


@users.command("list")
@click.option("--all", "removed", is_flag=True, help="Those too that were removed.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def users_list(ctx: click.Context, removed: bool, as_json: bool, login: str | None) -> None:
    """List the users and their permissions.

    Who has no level on the Directory sees himself.

    \b
    payapp users list
    payapp users list --all --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import people

    with books_and_actor(ctx, login) as (books, me):
        found = people.people(books.db, me, removed=removed)
        if as_json:
            print_json([_plainly(books, user) for user in found])
            return
        print_table(
            ("Login", "Name", "ERP Integrations", "Commitments", "Directory", "Can push", "Limit", *(("Acts",) if removed else ())),
            [(u.login, u.name, u.erp_level, u.commitments_level, u.directory_level, "yes" if u.can_push else "no",
              _limit(books, u.limit_invoice) or "none", *(("yes" if u.active else "no",) if removed else ()))
             for u in found],
            right=(6,),
        )  # fmt: skip


@users.command("show")
@click.argument("user", metavar="[LOGIN]", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def users_show(ctx: click.Context, user: str | None, as_json: bool, login: str | None) -> None:
    """Show a user, or yourself, with the history of rights.

    \b
    payapp users show
    payapp users show jlopez
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import people
    from store.domain.rights import meaning
    from tui.user_text import page

    with books_and_actor(ctx, login) as (books, me):
        found = people.one(books.db, me, user or me.login)
        events = people.history(books.db, me, found.login)
        currency = books.company.currency
        if as_json:
            told = [
                {"event": e.id, "at": e.at, "by": e.who, "from": e.origin, "changes": e.changes}
                for e in events
            ]
            print_json(_plainly(books, found) | {"means": meaning(found, currency), "history": told})
            return
    click.echo(safe(found.login))
    for line in page(found, events, currency):
        click.echo(line)


@users.command("rights")
@click.argument("user", metavar="[LOGIN]", required=False)
@click.option("--markdown", is_flag=True, help="The whole table, as the documentation has it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def users_rights(
    ctx: click.Context, user: str | None, markdown: bool, as_json: bool, login: str | None
) -> None:
    """What a user, or you, may do, and what each needs.

    \b
    payapp users rights
    payapp users rights jlopez --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import people
    from store.domain import permissions

    if markdown:
        click.echo("\n".join(permissions.table()))
        return
    with books_and_actor(ctx, login) as (books, me):
        found = permissions.may(people.one(books.db, me, user or me.login))
    if as_json:
        print_json([{"action": a.name, "to": a.words, "may": may, "needs": a.need.words} for a, may in found])
        return
    print_table(("May", "To", "Needs"), [("yes" if may else "no", a.words, a.need.words) for a, may in found])


def _plainly(books: Books, user: UserValues) -> dict[str, Any]:
    return {
        "login": user.login, "name": user.name, "email": user.email, "erp": user.erp_level,
        "commitments": user.commitments_level, "directory": user.directory_level, "can_push": user.can_push,
        "limit": _limit(books, user.limit_invoice), "limit_commitment": _limit(books, user.limit_commitment),
        "limit_day": _limit(books, user.limit_day), "summary": user.summary, "active": user.active,
    }  # fmt: skip


def _limit(books: Books, minor: int | None) -> str | None:
    """The approval limit as a plain amount of the company's currency; None for none."""
    from store.domain.money import plain

    return None if minor is None else plain(minor, books.company.currency)


# -- changing ----------------------------------------------------------------------------------------------------


def _levels(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the levels per tool."""
    for name, tool in (
        ("directory", "the Company Directory"),
        ("commitments", "Commitments"),
        ("erp", "ERP Integrations"),
    ):
        command = click.option(f"--{name}", f"{name}_level", type=LEVELS, help=f"Level on {tool}.")(command)
    return command


@users.command("add")
@click.argument("new", metavar="LOGIN")
@click.option("--name", help="The person's name; a new user needs it.")
@click.option("--email", help="Where notices go.")
@_levels
@click.option("--can-push/--no-can-push", default=None, help="Can Push to Accounting: may accept and reject.")
@click.option("--limit", metavar="AMOUNT", help="Accepts up to this gross per invoice, company currency.")
@click.option("--limit-commitment", metavar="AMOUNT", help="As much of a commitment in a billing period.")
@click.option("--limit-day", metavar="AMOUNT", help="As much in a day.")
@click.option("--no-limit", is_flag=True, help="Any amount per invoice.")
@click.option("--no-limit-commitment", is_flag=True, help="Any amount of a commitment in a period.")
@click.option("--no-limit-day", is_flag=True, help="Any amount in a day.")
@click.option("--summary/--no-summary", default=None, help="Whether the daily summary is mailed.")
@click.option("--active/--inactive", default=None, help="Whether the user may act at all.")
@acting
@click.pass_context
def users_add(ctx: click.Context, /, new: str, login: str | None, **options: Any) -> None:
    """Add a user, or change one: what is left out stays as it is.

    A new user has the level none on every tool, no privilege and no limit.

    \b
    payapp users add jlopez --name 'Juan Lopez' --erp standard --can-push
    payapp users add jlopez --limit 50000 --limit-day 200000
    payapp users add jlopez --inactive
    """  # noqa: D301 - \b keeps click from wrapping the examples

    def changed(books: Books, before: UserValues | None) -> UserValues:
        from store.domain.actor import UserValues

        if before is None and not options["name"]:
            raise BadInput(f"A new user {new} needs a name", fix="Add --name NAME")
        return _changed(books, before or UserValues(new, ""), **options)

    _change(ctx, login, new, changed)


@users.command("grant")
@click.argument("user", metavar="LOGIN")
@_levels
@click.option(
    "--can-push", is_flag=True, help="Can Push to Accounting; this is meant where nothing else is given."
)
@acting
@click.pass_context
def users_grant(
    ctx: click.Context, /, user: str, can_push: bool, login: str | None, **levels: str | None
) -> None:
    """Grant Can Push to Accounting, or a level on a tool.

    \b
    payapp users grant jlopez
    payapp users grant jlopez --erp standard --can-push
    """  # noqa: D301 - \b keeps click from wrapping the examples
    given = {name: level for name, level in levels.items() if level is not None}
    _change(ctx, login, user, lambda _, before: _granted(user, before, given, can_push=can_push or not given))


@users.command("revoke")
@click.argument("user", metavar="LOGIN")
@click.option("--erp", "erp_level", is_flag=True, help="The level on ERP Integrations.")
@click.option("--commitments", "commitments_level", is_flag=True, help="The level on Commitments.")
@click.option("--directory", "directory_level", is_flag=True, help="The level on the Company Directory.")
@click.option(
    "--can-push", is_flag=True, help="Can Push to Accounting; this is meant where nothing else is given."
)
@acting
@click.pass_context
def users_revoke(ctx: click.Context, /, user: str, can_push: bool, login: str | None, **tools: bool) -> None:
    """Take Can Push to Accounting, or a level, away.

    What he accepted and nothing was sent of goes back to Ready to Export.

    \b
    payapp users revoke jlopez
    payapp users revoke jlopez --commitments --directory
    """  # noqa: D301 - \b keeps click from wrapping the examples
    taken = {name: "none" for name, given in tools.items() if given}
    _change(
        ctx,
        login,
        user,
        lambda _, before: _granted(user, before, taken, can_push=False if can_push or not taken else None),
    )


@users.command("remove")
@click.argument("user", metavar="LOGIN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@acting
@click.pass_context
def users_remove(ctx: click.Context, user: str, yes: bool, login: str | None) -> None:
    """Remove a user.

    He may do nothing any more; the name stays in the history.

    What he accepted and nothing was sent of goes back to Ready to Export.

    \b
    payapp users remove jlopez
    """  # noqa: D301 - \b keeps click from wrapping the examples
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput("Removing a user is confirmed at a terminal", fix="Add --yes")
        click.confirm(f"Remove {safe(user)}?", abort=True)
    _change(ctx, login, user, lambda _, before: replace(_there(user, before), active=False))


@users.command("summary")
@click.argument("choice", type=click.Choice(["on", "off"]))
@acting
@click.pass_context
def users_summary(ctx: click.Context, choice: str, login: str | None) -> None:
    """Have the daily summary mailed to you, or not.

    \b
    payapp users summary off
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import directory

    with books_and_actor(ctx, login) as (books, me):
        directory.set_summary(books.db, me, wanted=choice == "on")
    say(f"The daily summary is {'mailed to you' if choice == 'on' else 'not mailed to you'}.")


def _change(
    ctx: click.Context,
    login: str | None,
    user: str,
    changed: Callable[[Books, UserValues | None], UserValues],
) -> None:
    """Change the user in one transaction, and tell what came of it."""
    from store import directory
    from tui.user_text import done

    with books_and_actor(ctx, login) as (books, me):
        with books.db.transaction():
            # What was given is judged after who gives it, as it is in the store.
            directory.administering(books.db, me)
            before = directory.find_user(books.db, user)
            after = changed(books, before)
            put = directory.put_user(books.db, me, after)
        say(done(after, put, books.company.currency))


def _there(user: str, before: UserValues | None) -> UserValues:
    if before is None:
        raise NothingMatched(
            f"{safe(user)} is not in the Directory", fix="payapp users add LOGIN --name NAME adds a user"
        )
    return before


def _granted(
    user: str, before: UserValues | None, levels: dict[str, str], *, can_push: bool | None
) -> UserValues:
    """The user with these levels, by the name of the value, and with or without the privilege; None: as it is."""
    from store.domain.actor import Level

    found = _there(user, before)
    given: dict[str, Any] = {name: Level(level) for name, level in levels.items()}
    return replace(found, **given, can_push=found.can_push if can_push is None else can_push)


def _changed(books: Books, user: UserValues, **options: Any) -> UserValues:
    """The user with what was given."""
    from store.domain.actor import Level

    given: dict[str, Any] = {}
    for name, value in options.items():
        if value is None or name in _LIMITS or name.startswith("no_limit"):
            continue
        given[name] = Level(value) if name.endswith("_level") else value
    for option, name in _LIMITS.items():
        without = bool(options[f"no_{option}"])
        if options[option] is not None or without:
            given[name] = _limit_of(books, option.replace("_", "-"), options[option], without=without)
    return replace(user, **given)


def _limit_of(books: Books, option: str, limit: str | None, *, without: bool) -> int | None:
    from store.domain.money import to_minor

    if limit is None:
        return None
    if without:
        raise BadInput(f"--{option} and --no-{option} are given both", fix="Keep one of them")
    found = to_minor(amount(limit, f"--{option}"), books.company.currency)
    if found < 0:
        raise BadInput(
            f"--{option}: {limit} is below zero", fix="Give the highest gross that may be accepted"
        )
    return found
