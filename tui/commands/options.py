"""What subcommands have in common: the books, who acts, the selection and amounts on the command line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import click

from store.domain.errors import BadInput, NothingMatched, PayappError
from store.domain.text import storable
from tui.commands import completing

if TYPE_CHECKING:
    from store.domain.actor import Actor
    from store.domain.selection import Selection
    from store.domain.status import ProjectView, View
    from tui.bootstrap import Books

F = TypeVar("F", bound=Callable[..., Any])
_AMOUNT = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]+)?")


class Declined(PayappError):
    """The person who was asked said no."""

    exit_code = 130
    title = "Declined"


def acting(command: F) -> F:
    """Add ``--as``, which stands before or behind the subcommand."""
    return click.option(
        "--as", "login", metavar="USER", help="Act as that user; in demo databases only.",
        shell_complete=completing.logins,
    )(command)  # fmt: skip


@contextmanager
def books_and_actor(ctx: click.Context, login: str | None) -> Iterator[tuple[Books, Actor]]:
    """The books of the settings file and who acts on them."""
    from tui import bootstrap

    with bootstrap.opened(ctx.obj["config"]) as books:
        yield books, books.actor(login or ctx.obj["login"], "command line")


@contextmanager
def books_only(ctx: click.Context) -> Iterator[Books]:
    """The books, for what nobody in particular does."""
    from tui import bootstrap

    with bootstrap.opened(ctx.obj["config"]) as books:
        yield books


# -- selection ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """How invoices were chosen: by their words, by a query, or all of a view."""

    words: tuple[str, ...]
    where: str | None
    every: bool


def choosing(command: F) -> F:
    """Add IDS, ``--where`` and ``--all``."""
    command = click.option("--all", "every", is_flag=True, help="All of the view.")(command)
    command = click.option(
        "--where", metavar="QUERY", help="All of the view that match, e.g. 'job:24-101 net>10k'.",
        shell_complete=completing.query,
    )(command)  # fmt: skip
    return click.argument("words", metavar="[NUMBER|#ID|-]...", nargs=-1, shell_complete=completing.numbers)(
        command
    )


def selection(books: Books, me: Actor, chosen: Chosen, view: View | ProjectView) -> Selection:
    """The selection on the command line, by the flags of ``me``.

    Raises BadInput when it is none or two, NothingMatched when it is empty.
    """
    from store import invoices, selecting
    from store.domain.selection import Gesture, Marked, Matching, Stroke

    ways = bool(chosen.words) + (chosen.where is not None) + chosen.every
    if ways != 1:
        raise BadInput(
            "Say which invoices" if not ways else "Say which invoices in one way only",
            fix="Give their numbers, or --where QUERY, or --all",
        )
    if chosen.words:
        words = _words(chosen.words)
        return Marked(dict(invoices.find(books.db, words)))
    strokes = (Stroke(Gesture.MARK, chosen.where or "", me=me),)
    rows = selecting.matched(books.db, Matching(view, strokes))
    if not rows:
        raise NothingMatched(
            "No invoice matches", why=f"in the view {view.value}", fix="payapp list shows what there is"
        )
    return Matching(view, strokes, digest=selecting.digest(rows))


def _words(words: Sequence[str]) -> list[str]:
    """The words, with ``-`` standing for those on standard input."""
    found: list[str] = []
    for word in words:
        found += _standard_input().split() if word == "-" else [word]
    if not found:
        raise NothingMatched(
            "No invoice was named", why="standard input was empty", fix="Give numbers or #ids"
        )
    return list(dict.fromkeys(found))


def _standard_input() -> str:
    refused = BadInput(
        "Standard input is not text", why="it holds bytes that are not UTF-8", fix="Give numbers or #ids"
    )
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError:
        raise refused from None
    # Under the C locale Python lets such bytes through as lone surrogates.
    if not storable(text):
        raise refused
    return text


def amount(text: str, option: str) -> Decimal:
    """The amount behind an option, in major units: 1234.56 or 1,234.56. Raises BadInput for anything else."""
    if not _AMOUNT.fullmatch(text.strip()):
        raise BadInput(f"{option}: {text!r} is not an amount", fix="Write it as 1234.56 or 1,234.56")
    return Decimal(text.replace(",", ""))


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person; without a terminal ``--yes`` is the answer, and its absence a usage error.

    Raises Declined for a no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(
            "This decision needs a yes", why="nobody can be asked without a terminal", fix="Add --yes"
        )
    if not click.confirm(question, default=False, err=True):
        raise Declined("Nothing was changed")
