"""What a shell offers behind Tab: invoice numbers, logins, saved views, query words. Never more than a look, never an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from store.domain.errors import PayappError
from store.domain.text import one_line

if TYPE_CHECKING:
    from store.domain.actor import Actor
    from tui.bootstrap import Books

# So many are offered: more nobody reads, and a number of four characters leaves few.
MOST = 50
# Besides letters and digits; a shell reads anything else as its own.
_PLAIN = "-_.:/"


@contextmanager
def _books(ctx: click.Context) -> Iterator[Books]:
    """The books of the line so far. Raises PayappError as a command does."""
    from tui import bootstrap

    given = ctx.find_root().params
    bootstrap.spare_the_driver(given.get("config"))
    with bootstrap.opened(given.get("config")) as books:
        yield books


def _actor(ctx: click.Context, books: Books) -> Actor:
    """Who would act."""
    return books.actor(ctx.params.get("login") or ctx.find_root().params.get("login"), "completion")


def _offered(found: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    """Values with what they are; a value that would not come back as it is, is left out: a shell may run what it pastes."""
    return [
        CompletionItem(value, help=one_line(about))
        for value, about in found
        if value.startswith(incomplete) and _harmless(value)
    ][:MOST]


def _harmless(value: str) -> bool:
    return value.isascii() and all(c.isalnum() or c in _PLAIN for c in value)


def numbers(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Invoice numbers that begin so, each with its vendor."""
    from store import finding

    try:
        with _books(ctx) as books:
            found = finding.find(books.db, _actor(ctx, books), incomplete, MOST)
            return _offered(((each.number, each.vendor) for each in found), incomplete)
    except (PayappError, OSError):
        # Tab offers nothing where the command itself would say what is wrong.
        return []


def logins(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The Directory's active users."""
    from store import directory

    try:
        with _books(ctx) as books:
            return _offered(((user.login, user.name) for user in directory.users(books.db)), incomplete)
    except (PayappError, OSError):
        return []


def saved(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The user's own saved views."""
    from store import saved_views

    try:
        with _books(ctx) as books:
            own = saved_views.views(books.db, _actor(ctx, books))
            return _offered(((view.name, view.query) for view in own), incomplete)
    except (PayappError, OSError):
        return []


def query(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The last word of a query, as the filter line completes it: keys, statuses, vendors, jobs, periods."""
    from store import choices
    from store.domain.completing import complete_at

    at = complete_at(incomplete, len(incomplete))
    if at is None:
        return []
    try:
        with _books(ctx) as books:
            found = choices.choices(books.db, at)
    except (PayappError, OSError):
        return []
    return [
        CompletionItem(incomplete[: at.start] + choice.insert, help=one_line(choice.shown))
        for choice in found
        if _harmless(choice.insert)
    ]


def erps(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ERPs that payapp knows."""
    from erp import profiles

    return _offered(((name, profiles.load(name).title) for name in profiles.names()), incomplete)
