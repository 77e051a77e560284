"""The subcommand ``activity``: batches, attempts, notices and audit events in one list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from store.domain.text import one_line, safe
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_json, print_table

if TYPE_CHECKING:
    from store.activity_sources import Entry
    from store.activity_whole import Whole

MOST = 50
# So much of an entry stands on its line.
WHAT_CELLS = 100


@click.command()
@click.argument("words", metavar="[FILTER]...", nargs=-1)
@click.option("--most", type=click.IntRange(1, 100_000), default=MOST, show_default=True, help="So many.")
@click.option("--show", "name", metavar="TYPE:NUMBER", help="That entry whole, e.g. notice:12.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def activity(
    ctx: click.Context, words: tuple[str, ...], most: int, name: str | None, as_json: bool, login: str | None
) -> None:
    """What happened, the newest first: batches, mails, decisions.

    FILTER is as on the desk: type:, outcome:, by:, action:, invoice:, since:, until:, on:, and words.

    \b
    payapp activity
    payapp activity type:notice outcome:failed
    payapp activity by:jlopez since:2026-11-01 until:2026-11-15
    payapp activity invoice:101-007
    payapp activity --show batch:118
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import activity as happened
    from store import activity_whole
    from store.domain.errors import BadInput
    from store.domain.happening import parse

    if name is not None and words:
        raise BadInput("--show is of one entry", fix="Leave the filter out")
    with books_and_actor(ctx, login) as (books, me):
        if name is not None:
            _print_whole(activity_whole.whole(books.db, me, *activity_whole.named(name)), as_json=as_json)
            return
        wanted = parse(" ".join(words), happened.today(books.db))
        page = happened.page(books.db, me, wanted, most)
    if as_json:
        print_json([_record(entry) for entry in page.entries])
        return
    _print(page.entries)
    if not page.entries:
        click.echo("0 entries match." if words else "Nothing has happened yet.")
    elif not page.complete:
        click.echo(f"More are behind these {len(page.entries):,}: --most, or until: an earlier day.")


def _print(entries: tuple[Entry, ...]) -> None:
    from tui.text import cut, moment

    if entries:
        print_table(
            ("When", "Entry", "By", "Outcome", "Invoice", "What"),
            [
                (
                    moment(entry.at), entry.name, entry.who, entry.outcome, entry.number,
                    cut(entry.what, WHAT_CELLS).rstrip(),
                )
                for entry in entries
            ],
        )  # fmt: skip


def _print_whole(found: Whole, *, as_json: bool) -> None:
    if as_json:
        print_json({
            **_record(found.entry), "text": list(found.lines),
            "subjects": [
                {"invoice": one.invoice, "name": one.name, "says": one.says} for one in found.subjects
            ],
            "more_subjects": found.more,
        })  # fmt: skip
        return
    for line in found.lines:
        click.echo(safe(line))
    for subject in found.subjects:
        click.echo(f"  {one_line(subject.name)}  {one_line(subject.says)}".rstrip())
    if found.more:
        click.echo(f"  {found.more:,} more")


def _record(entry: Entry) -> dict[str, Any]:
    """The stable schema of ``--json``; ``at`` in milliseconds UTC."""
    went = entry.went
    return {
        "entry": entry.name, "type": entry.kind.value, "at": entry.at, "by": entry.who, "outcome": entry.outcome,
        "went": None if went is None else went.value, "invoice": entry.invoice, "number": entry.number,
        "what": entry.what,
    }  # fmt: skip
