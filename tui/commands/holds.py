"""The subcommand ``holds``: what keeps invoices from being exported or paid; placing and releasing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from store.domain.errors import BadInput
from store.domain.hold import EFFECT_WORDS, HoldEffect, HoldKind, HoldScope
from store.domain.text import safe
from tui.commands.decisions import deciding, finish
from tui.commands.options import Chosen, acting, books_and_actor, confirm, selection
from tui.commands.output import json_text, print_json, print_table, say
from tui.commands.reading import view_of

if TYPE_CHECKING:
    from store.domain.hold import Hold
    from store.holding_on import Settled, Subject
    from tui.bootstrap import Books

F = TypeVar("F", bound=Callable[..., Any])
SOME_FAILED = 3
NAME_CELLS = 30
_KIND = click.Choice([kind.value for kind in HoldKind])
_EFFECT = click.Choice([effect.value for effect in HoldEffect])


@click.group()
def holds() -> None:
    """What keeps invoices from being exported or paid.

    \b
    payapp holds list
    payapp holds place --vendor "Apex Drywall LLC" --kind insurance
    payapp holds release --vendor "Apex Drywall LLC"
    """  # noqa: D301 - \b keeps click from wrapping the examples


def _subjects(command: F) -> F:
    """Add the options that name vendors and commitments, beside those that select invoices."""
    for option in (
        click.option("--commitment", "commitments", multiple=True, metavar="NUMBER",
                     help="All of that commitment: its number or ERP id. Again for more."),
        click.option("--vendor", "vendors", multiple=True, metavar="NAME",
                     help="All of that vendor: its name or ERP id. Again for more."),
    ):  # fmt: skip
        command = option(command)
    return command


@holds.command()
@click.option(
    "--reason", metavar="TEXT", default="", help="What is waited for; needed where the kind is other."
)
@click.option(
    "--kind", type=_KIND, default=HoldKind.OTHER.value, show_default=True, help="What is waited for."
)
@click.option(
    "--effect", type=_EFFECT,
    help="What it does. Default: pay for waiver and insurance where the ERP can hold a payment, else block.",
)  # fmt: skip
@_subjects
@deciding
@click.pass_context
def place(
    ctx: click.Context, /, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None, vendors: tuple[str, ...], commitments: tuple[str, ...], kind: str, effect: str | None, reason: str,
) -> None:  # fmt: skip
    """Place a hold on invoices, or on all of a vendor or commitment.

    block: Export leaves the invoice where it is. warn: it goes, and the confirmation says so. pay: it goes with the
    ERP's own hold on its payment. A hold on a vendor or commitment counts for what comes in later too.

    \b
    payapp holds place 101-007 --reason "Second floor not inspected"
    payapp holds place --vendor V-1 --kind insurance --reason "expired 2026-10-31"
    payapp holds place --commitment SC-101 --kind contract --yes
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import holding, holding_on

    chosen = Chosen(words, where, every)
    scope = _scope(chosen, vendors, commitments)
    with books_and_actor(ctx, login) as (books, me):
        me.require_approver("place or release a hold")
        given: dict[str, Any] = {
            "kind": HoldKind(kind), "effect": HoldEffect(effect) if effect else None, "profile": books.profile(),
        }  # fmt: skip
        if scope is HoldScope.INVOICE:
            found = selection(books, me, chosen, view_of("ready"))
            confirm("Place them on hold?", yes=yes)
            finish(
                ctx, holding.place(books.db, me, found, reason, **given), "placed on hold", as_json=as_json
            )
        subjects = _found(books, scope, vendors or commitments)
        confirm(f"Place {_names(subjects)} on hold, with all invoices?", yes=yes)
        _settled(ctx, holding_on.place(books.db, me, subjects, reason, **given), "on hold", as_json=as_json)


@holds.command()
@click.option("--kind", type=_KIND, help="Only holds of that kind; without it all of theirs.")
@_subjects
@deciding
@click.pass_context
def release(
    ctx: click.Context, /, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None, vendors: tuple[str, ...], commitments: tuple[str, ...], kind: str | None,
) -> None:  # fmt: skip
    """Release holds, whoever placed them.

    \b
    payapp holds release 101-007
    payapp holds release --where 'flag:H job:24-101' --yes
    payapp holds release --vendor V-1 --kind insurance
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import holding, holding_on

    chosen = Chosen(words, where, every)
    scope = _scope(chosen, vendors, commitments)
    with books_and_actor(ctx, login) as (books, me):
        me.require_approver("place or release a hold")
        only = HoldKind(kind) if kind else None
        if scope is HoldScope.INVOICE:
            found = selection(books, me, chosen, view_of("all"))
            confirm("Release them from hold?", yes=yes)
            finish(ctx, holding.release(books.db, me, found, kind=only), "released", as_json=as_json)
        subjects = _found(books, scope, vendors or commitments)
        confirm(f"Release {_names(subjects)} from hold?", yes=yes)
        _settled(ctx, holding_on.release(books.db, me, subjects, kind=only), "released", as_json=as_json)


def _scope(chosen: Chosen, vendors: tuple[str, ...], commitments: tuple[str, ...]) -> HoldScope:
    """On what. Raises BadInput where it is said in two ways."""
    invoices = bool(chosen.words) or chosen.where is not None or chosen.every
    if invoices + bool(vendors) + bool(commitments) > 1:
        raise BadInput(
            "Say on what in one way only", fix="Give invoices, or --vendor, or --commitment; once for each"
        )
    return HoldScope.VENDOR if vendors else HoldScope.COMMITMENT if commitments else HoldScope.INVOICE


def _found(books: Books, scope: HoldScope, words: tuple[str, ...]) -> list[Subject]:
    from store import holding_on

    return list({(one := holding_on.named(books.db, scope, word)).id: one for word in words}.values())


def _names(subjects: list[Subject]) -> str:
    shown = ", ".join(safe(subject.name) for subject in subjects[:5])
    more = f" and {len(subjects) - 5} more" if len(subjects) > 5 else ""
    return f"{subjects[0].scope.value} {shown}{more}"


def _settled(ctx: click.Context, done: Settled, word: str, *, as_json: bool) -> None:
    """Say what was done; exit 3 when some of them stay as they are."""
    if as_json:
        document = {
            "done": done.names, "invoices": done.invoices, "recalled": done.recalled, "stays": done.stays, "notes": done.notes,
        }  # fmt: skip
        say(json_text(document))
    else:
        one = done.invoices == 1
        say(
            f"{', '.join(map(safe, done.names))}: {word}; {done.invoices:,} {'invoice' if one else 'invoices'}."
        )
        for stay in done.stays:
            say(f"stays: {safe(stay)}.", err=True)
        for note in done.notes:
            say(f"note: {safe(note)}.", err=True)
    ctx.exit(SOME_FAILED if done.stays else 0)


# -- looking -----------------------------------------------------------------------------------------------------


@holds.command("list")
@click.option("--all", "released", is_flag=True, help="Those too that were released.")
@click.option(
    "--on", type=click.Choice([scope.value for scope in HoldScope]), help="Only those on vendors, …"
)
@click.option("--kind", type=_KIND, help="Only of that kind.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def list_(
    ctx: click.Context, released: bool, on: str | None, kind: str | None, as_json: bool, login: str | None
) -> None:
    """List the open holds: on what, what for, who placed them.

    \b
    payapp holds list
    payapp holds list --on vendor --all
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import holds as standing

    with books_and_actor(ctx, login) as (books, me):
        me.require_reader()
        found = [
            (hold, number)
            for hold, number in standing.every(books.db, released=released)
            if on in {None, hold.scope.value} and kind in {None, hold.kind.value}
        ]
    if as_json:
        print_json([_record(hold, number) for hold, number in found])
    elif found:
        _print(found, released=released)
    else:
        say("Nothing is on hold.")


def _record(hold: Hold, number: str) -> dict[str, Any]:
    """The stable schema of ``--json``; moments in ms UTC."""
    return {
        "id": hold.id, "on": hold.scope, "name": hold.on or number, "subject_id": hold.subject_id, "kind": hold.kind,
        "effect": hold.effect, "reason": hold.reason, "placed_by": hold.placed_by, "placed_at": hold.placed_at,
        "released_by": hold.released_by or None, "released_at": hold.released_at,
    }  # fmt: skip


def _print(found: list[tuple[Hold, str]], *, released: bool) -> None:
    from tui.text import cut, moment

    print_table(
        ("On", "", "Effect", "Waits for", "By", "Since", *(("Released",) if released else ())),
        [
            (
                hold.scope.value,
                cut(hold.on or number, NAME_CELLS).rstrip(),
                hold.effect.value,
                cut(hold.why, NAME_CELLS).rstrip(),
                hold.placed_by,
                moment(hold.placed_at),
                *((f"{hold.released_by} {moment(hold.released_at)}".strip(),) if released else ()),
            )
            for hold, number in found
        ],
    )
    for effect, words in EFFECT_WORDS.items():
        if any(hold.effect is effect for hold, _ in found):
            say(f"{effect.value}: {words}.")
