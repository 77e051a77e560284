"""Subcommands of the audit trail: audit verify, audit show, audit export."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from store.domain.errors import BadInput
from store.domain.text import safe
from tui.commands import progress
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_json, say

if TYPE_CHECKING:
    from store.trail import Event, Row

FAULTY = 1
# So many rows of an event are printed; --json has them all.
PRINTED = 40
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def audit() -> None:
    """The audit trail: each decision is a chained event.

    \b
    payapp audit verify                      is it as it was written?
    payapp audit show --invoice 101-007      who did what to an invoice
    payapp audit export trail.jsonl          all of it, for an auditor
    """  # noqa: D301 - \b keeps click from wrapping the examples


@audit.command()
@click.option("--head", metavar="EVENT:HASH", help="A head that was printed earlier: it must still be there.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def verify(ctx: click.Context, head: str | None, as_json: bool, login: str | None) -> None:
    """Walk the whole trail: every hash, the chain, the rows, the head. Exit 1 when anything is wrong.

    What was cut off at the end shows only against a head that was kept elsewhere: keep the one that this prints.

    \b
    payapp audit verify
    payapp audit verify --head 1204:9f3c...
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import verifying

    kept = None if head is None else verifying.parse_head(head)
    with books_and_actor(ctx, login) as (books, me):
        me.require_reader()
        with progress.counted("audit verify") as walked:
            found = verifying.verify(books.db, kept, walked)
    if as_json:
        print_json({
            "events": found.events, "rows": found.rows, "head": found.head.text, "fault_count": found.fault_count,
            "faults": [{"event": fault.event, "cause": fault.cause} for fault in found.faults],
        })  # fmt: skip
    else:
        for fault in found.faults:
            say(f"{f'event {fault.event}' if fault.event else 'the end'}: {fault.cause}.", err=True)
        if more := found.fault_count - len(found.faults):
            say(f"{more:,} more.", err=True)
        said = "as they were written" if not found.fault_count else f"{found.fault_count:,} faults"
        say(f"{found.events:,} events, {found.rows:,} rows: {said}.")
        say(f"Head {found.head.text}")
    ctx.exit(FAULTY if found.fault_count else 0)


@audit.command()
@click.argument("number", metavar="[EVENT]", type=int, required=False)
@click.option("--invoice", metavar="NUMBER|#ID", help="What was done to that invoice.")
@click.option("--by", "actor", metavar="USER", help="What that user did.")
@click.option("--action", metavar="WORD", help="Decisions of that kind: accept, reject, import, ...")
@click.option("--since", type=_DAY, metavar="YYYY-MM-DD", help="From that day on.")
@click.option("--until", type=_DAY, metavar="YYYY-MM-DD", help="Up to and with that day.")
@click.option("--most", type=click.IntRange(1, 100_000), default=50, show_default=True, help="So many.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, each event with its rows.")
@acting
@click.pass_context
def show(
    ctx: click.Context, number: int | None, invoice: str | None, actor: str | None, action: str | None,
    since: datetime | None, until: datetime | None, most: int, as_json: bool, login: str | None,
) -> None:  # fmt: skip
    """Show the newest events, or one of them with its rows.

    A row tells what was before, what after, and by which rule.

    \b
    payapp audit show
    payapp audit show 17
    payapp audit show --invoice 101-007 --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import invoices, trail

    with books_and_actor(ctx, login) as (books, me):
        me.require_reader()
        if number is not None:
            found = [trail.event(books.db, number)]
        else:
            of = None if invoice is None else invoices.find(books.db, [invoice])[0][0]
            after = None if until is None else _ms(until + timedelta(days=1))
            wanted = trail.Wanted(actor, action, of, None if since is None else _ms(since), after)
            found = trail.newest(books.db, wanted, most)
        if as_json:
            print_json([_record(e, list(trail.rows(books.db, e.id))) for e in found])
            return
        for event in found:
            click.echo(_line(event))
            if number is not None:
                for at, row in enumerate(trail.rows(books.db, number)):
                    if at == PRINTED:
                        click.echo(f"  {event.row_count - PRINTED:,} more; --json has them all")
                        break
                    click.echo(_row(row))
    if not found:
        click.echo("0 events match.")


@audit.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Write over a file of that name.")
@acting
@click.pass_context
def export(ctx: click.Context, file: Path, replace: bool, login: str | None) -> None:
    """Write all of it as JSON lines, for an auditor.

    Each event as it is hashed, then its rows.

    \b
    payapp audit export trail.jsonl
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import trail

    with books_and_actor(ctx, login) as (books, me):
        me.require_reader()
        if file.exists() and not replace:
            raise BadInput(f"{file} is there already", fix="Give another name, or --replace")
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            with beside.open("wb") as out:
                count, head = trail.write(books.db, out)
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    say(f"{safe(str(file))} is written: {count:,} events.")
    say(f"Head {head.text}")


def _ms(day: datetime) -> int:
    """Where that day begins here, in milliseconds UTC."""
    return int(day.astimezone().timestamp() * 1000)


def _line(event: Event) -> str:
    at = datetime.fromtimestamp(event.at / 1000, UTC).astimezone()
    told = ", ".join(f"{name} {_value(value)}" for name, value in event.detail.items())
    who = f"{safe(event.actor)} ({safe(event.origin)})"
    return f"{event.id:>6}  {at:%Y-%m-%d %H:%M}  {who}  {safe(event.action)}  {safe(told)}".rstrip()


def _row(row: Row) -> str:
    said = []
    for name in dict.fromkeys((*row.before, *row.after)):
        before, after = row.before.get(name), row.after.get(name)
        said.append(
            f"{name} {_value(before)} -> {_value(after)}" if before != after else f"{name} {_value(after)}"
        )
    rule = f"   [{row.rule}]" if row.rule else ""
    return safe(f"  {row.subject} #{row.subject_id}  {'; '.join(said)}{rule}")


def _value(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _record(event: Event, rows: list[Row]) -> dict[str, Any]:
    """The stable schema of ``--json``."""
    return {
        **{name: getattr(event, name) for name in ("id", "at", "actor", "origin", "action", "detail", "hash")},
        "rows": [
            {"subject": r.subject, "id": r.subject_id, "before": r.before, "after": r.after, "rule": r.rule}
            for r in rows
        ],
    }  # fmt: skip
