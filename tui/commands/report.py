"""Subcommands report …: the reports as text, CSV, XLSX or JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from store.domain.errors import BadInput
from tui.commands import completing
from tui.commands.options import acting, books_and_actor
from tui.commands.output import json_line, json_text, say

if TYPE_CHECKING:
    from store.db import Database
    from store.domain.actor import Actor
    from store.domain.report import Line, Report
    from store.report_parts import Span

F = TypeVar("F", bound=Callable[..., Any])
DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def report() -> None:
    """Reports: what will go, went, waits, failed; who decided.

    \b
    payapp report edit-list                             before the export
    payapp report journal --from 2026-10-01 --to 2026-10-31
    payapp report aging --xlsx aging.xlsx
    payapp report totals --csv > totals.csv
    """  # noqa: D301 - \b keeps click from wrapping the examples


def _forms(command: F) -> F:
    """Add the ways in which a report is written, and ``--as``."""
    command = acting(command)
    command = click.option("--replace", is_flag=True, help="With --xlsx: replace a file that is there.")(
        command
    )
    command = click.option("--xlsx", metavar="FILE", help="As a worksheet, into that file.")(command)
    command = click.option("--json", "as_json", is_flag=True, help="As JSON.")(command)
    return click.option("--csv", "as_csv", is_flag=True, help="As CSV, without totals.")(command)


def _days(command: F) -> F:
    """Add ``--from`` and ``--to``."""
    command = click.option("--to", "last", type=DAY, help="The last day.  [default: today]")(command)
    return click.option("--from", "first", type=DAY, help="The first day.  [default: the month's first]")(
        command
    )


def _span(first: datetime | None, last: datetime | None) -> Span:
    from store.report_parts import Span

    end = last.date() if last else datetime.now(UTC).astimezone().date()
    begin = first.date() if first else end.replace(day=1)
    if begin > end:
        raise BadInput(f"--from {begin} is after --to {end}", fix="Give the earlier day first")
    return Span(begin, end)


@report.command("edit-list")
@click.option("--view", type=click.Choice(["ready", "failed", "exporting", "synced", "all"]), default="ready",
              show_default=True, help="Which view.")  # fmt: skip
@click.option("--where", metavar="QUERY", default="", help="Only what matches, e.g. 'drywall net>10k'.",
              shell_complete=completing.query)  # fmt: skip
@_forms
@click.pass_context
def edit_list(ctx: click.Context, /, view: str, where: str, **form: Any) -> None:
    """What is about to be exported, with control totals.

    \b
    payapp report edit-list
    payapp report edit-list --where 'job:24-101' --xlsx edit-list.xlsx
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import reports
    from store.domain.status import View
    from store.listing import Order

    _write(ctx, lambda db, me: reports.edit_list(db, me, Order(View(view), where, me=me)), **form)


@report.command("journal")
@_days
@_forms
@click.pass_context
def journal(ctx: click.Context, /, first: datetime | None, last: datetime | None, **form: Any) -> None:
    """What the ERP acknowledged, by accounting date.

    \b
    payapp report journal --from 2026-10-01 --to 2026-10-31
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import reports

    span = _span(first, last)
    _write(ctx, lambda db, me: reports.journal(db, me, span), **form)


@report.command("totals")
@_days
@_forms
@click.pass_context
def totals(ctx: click.Context, /, first: datetime | None, last: datetime | None, **form: Any) -> None:
    """The control totals of each batch.

    \b
    payapp report totals --from 2026-10-31
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import reports

    span = _span(first, last)
    _write(ctx, lambda db, me: reports.control_totals(db, me, span), **form)


@report.command("reconciliation")
@_days
@_forms
@click.pass_context
def reconciliation(ctx: click.Context, /, first: datetime | None, last: datetime | None, **form: Any) -> None:
    """What was sent, and what became of it.

    By payapp's own books; payapp reconcile asks the ERP.

    \b
    payapp report reconciliation --from 2026-10-01 --to 2026-10-31
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store.reconciliation import reconciliation as made

    span = _span(first, last)
    _write(ctx, lambda db, me: made(db, me, span), **form)


@report.command("aging")
@_forms
@click.pass_context
def aging(ctx: click.Context, /, **form: Any) -> None:
    """What waits in ERP Integrations, by its age.

    \b
    payapp report aging
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import reports

    _write(ctx, reports.aging, **form)


@report.command("failures")
@_forms
@click.pass_context
def failures(ctx: click.Context, /, **form: Any) -> None:
    """What is in Failed to Export, by the reason.

    \b
    payapp report failures --csv
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import reports

    _write(ctx, reports.failures, **form)


@report.command("activity")
@_days
@_forms
@click.pass_context
def activity(ctx: click.Context, /, first: datetime | None, last: datetime | None, **form: Any) -> None:
    """What each approver decided.

    \b
    payapp report activity --from 2026-10-01 --to 2026-10-31
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import reports

    span = _span(first, last)
    _write(ctx, lambda db, me: reports.activity(db, me, span), **form)


# -- writing -----------------------------------------------------------------------------------------------------


def _write(
    ctx: click.Context, made: Callable[[Database, Actor], Report], *, as_csv: bool, as_json: bool, xlsx: str | None,
    replace: bool, login: str | None,
) -> None:  # fmt: skip
    """Write the report in one of its forms."""
    if as_csv + as_json + (xlsx is not None) > 1:
        raise BadInput("--csv, --json and --xlsx are given together", fix="Keep one of them")
    if replace and xlsx is None:
        raise BadInput("--replace means nothing without --xlsx", fix="Leave it out, or add --xlsx FILE")
    from store import report_files, report_parts
    from store.snapshot import snapshot

    with books_and_actor(ctx, login) as (books, me), snapshot(books.db):
        found = made(books.db, me)
        now = datetime.now(UTC).astimezone()
        head = (
            f"{books.company.name}, {books.profile().title}: {now:%Y-%m-%d %H:%M} by {me.login}",
            report_parts.head(books.db),
        )
        if as_csv:
            # A program that closed its standard output has none.
            if sys.stdout is not None:
                sys.stdout.flush()
                report_files.write_csv(found, sys.stdout.buffer)
        elif as_json:
            for text in _document(found, head):
                click.echo(text, nl=False)
        elif xlsx is not None:
            count = report_files.write_xlsx(found, head, Path(xlsx), replace=replace)
            say(f"{xlsx} is written: {count:,} {'row' if count == 1 else 'rows'}.")
        else:
            from tui import report_text

            click.echo_via_pager(_paged(report_text.lines(found, head)))


def _paged(lines: Iterator[str]) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


def _document(found: Report, head: tuple[str, ...]) -> Iterator[str]:
    """The report as one JSON document, a row at a time: amounts as plain decimals in text, lines by their columns' names."""
    from store.domain.money import plain
    from store.domain.report import Kind, whole

    def value(line: Line, n: int) -> Any:
        cell = line.cells[n]
        money = found.columns[n].kind is Kind.MONEY and cell is not None
        return plain(whole(cell), line.currency) if money else cell

    columns = [
        (n, column.title.lower().replace(" ", "_"))
        for n, column in enumerate(found.columns)
        if column.kind is not Kind.BAR
    ]
    start = {"report": found.name, "about": found.about, "head": list(head)}
    yield json_text(start).removesuffix("\n}") + ',\n  "rows": ['
    separator = "\n"
    for line in found.rows():
        row = {
            "currency": line.currency,
            "total": line.total,
            **{name: value(line, n) for n, name in columns},
        }
        yield f"{separator}    {json_line(row)}"
        separator = ",\n"
    yield '\n  ],\n  "notes": ' + json_line(list(found.notes())) + "\n}\n"
