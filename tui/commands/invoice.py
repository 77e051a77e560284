"""The subcommand ``invoice``: create, edit, set a status, discard, attach, and the history of its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from store.domain.errors import BadInput
from store.domain.status import Status
from store.domain.text import one_line, safe
from tui.commands import invoice_files
from tui.commands.decisions import finish
from tui.commands.options import Chosen, acting, books_and_actor, choosing, confirm, selection
from tui.commands.output import print_csv, print_json, print_table, say

if TYPE_CHECKING:
    from store.commitments import LineEdit
    from store.decision import Decision
    from store.detail import Detail
    from store.domain.invoice import Line
    from store.drafting import Proposal
    from tui.bootstrap import Books

F = TypeVar("F", bound=Callable[..., Any])
_DAY = click.DateTime(["%Y-%m-%d"])
_STATUSES = {status.value.replace("_", "-"): status for status in Status}
_LINE = re.compile(r"(?P<item>.+):(?P<values>[a-z]+=.*)")
# What --line calls the amounts of a line.
_AMOUNTS = {"work": "work_now", "stored": "stored_now", "held": "held", "released": "released"}


@click.group()
def invoice() -> None:
    """Invoices in Commitments: create, edit, approve, attach.

    \b
    payapp invoice new SC-101-01
    payapp invoice edit 101-008 --line 1:work=12500.00
    payapp invoice status approved 101-008
    payapp send 101-008
    """  # noqa: D301 - \b keeps click from wrapping the examples


def _changing(command: F) -> F:
    """Add the options that creating and editing have in common."""
    for option in (
        acting,
        click.option("--json", "as_json", is_flag=True, help="Say what came of it as JSON."),
        click.option(
            "--lines",
            "file",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="G703 lines from a CSV or XLSX; payapp invoice lines writes one.",
        ),
        click.option(
            "--line",
            "lines",
            metavar="ITEM:work=AMOUNT,…",
            multiple=True,
            help="Amounts of one line: work, stored, held, released. Without held: at the commitment's rate.",
        ),
        click.option("--billing-date", type=_DAY, metavar="YYYY-MM-DD", help="The billing date."),
        click.option("--period", metavar="PERIOD", help="2026-10, or '2026-10-01 to 2026-10-31'."),
        click.option("--number", metavar="TEXT", help="The invoice number."),
    ):
        command = option(command)
    return command  # fmt: skip


@invoice.command()
@click.argument("commitment")
@click.option("--job", metavar="NUMBER", default="", help="The job, where several have that commitment.")
@click.option("--dry-run", is_flag=True, help="Say what would be created; create nothing.")
@_changing
@click.pass_context
def new(
    ctx: click.Context, commitment: str, job: str, dry_run: bool, number: str | None, period: str | None,
    billing_date: datetime | None, lines: tuple[str, ...], file: Path | None, as_json: bool, login: str | None,
) -> None:  # fmt: skip
    """Create the next invoice of a commitment, prefilled.

    Previous amounts come from the application before, new work is 0, the period is the next one, and the number counts
    on. It is a draft until somebody sets another status.

    \b
    payapp invoice new SC-101-01
    payapp invoice new SC-101-01 --line 1:work=12500 --line 2:work=800,stored=150
    payapp invoice new SC-101-01 --period 2026-11 --lines november.csv
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import drafting
    from store.domain import approval

    with books_and_actor(ctx, login) as (books, me):
        approval.require_preparer(me)
        found = drafting.propose(books.db, drafting.find(books.db, commitment, job))
        edits = _edits(found.lines, found.currency, lines, file)
        days = _period(books, found.project_id, period)
        if dry_run:
            _print_proposal(found, edits, as_json=as_json)
            return
        decision = drafting.create(
            books.db, me, found.commitment_id, number=number, period=days, billing_date=_date(billing_date),
            lines=edits, application=found.application,
        )  # fmt: skip
        _tell(books, decision, "created, a draft", as_json=as_json)


@invoice.command()
@click.argument("word", metavar="NUMBER|#ID")
@_changing
@click.pass_context
def edit(
    ctx: click.Context, word: str, number: str | None, period: str | None, billing_date: datetime | None,
    lines: tuple[str, ...], file: Path | None, as_json: bool, login: str | None,
) -> None:  # fmt: skip
    """Change an invoice that is not sent, its lines too.

    Retainage that is not named follows the commitment's rate where a line's amount changes.

    \b
    payapp invoice edit 101-008 --line 1:work=12500.00 --line 3:stored=0,held=40
    payapp invoice lines 101-008 > lines.csv
    payapp invoice edit 101-008 --lines lines.csv
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import commitments, contracts, detail, invoices
    from store.domain import approval

    if not any((number, period, billing_date, lines, file)):
        raise BadInput(
            "Say what is to change", fix="Give --number, --period, --billing-date, --line or --lines"
        )
    with books_and_actor(ctx, login) as (books, me):
        approval.require_preparer(me)
        found, version = invoices.find(books.db, [word])[0]
        row = invoices.rows(books.db, [found])[0]
        edits = _edits(detail.lines(books.db, found), row.currency, lines, file)
        project = contracts.of_invoice(books.db, found)[1]
        decision = commitments.edit(
            books.db, me, found, version, number=number, billing_date=_date(billing_date),
            period=_period(books, project, period), lines=edits,
        )  # fmt: skip
        _tell(books, decision, "saved", as_json=as_json)


for _command in (
    invoice_files.discard,
    invoice_files.attach,
    invoice_files.detach,
    invoice_files.attachments,
    invoice_files.history,
):
    invoice.add_command(_command)


@invoice.command("lines")
@click.argument("word", metavar="NUMBER|#ID")
@acting
@click.pass_context
def lines_(ctx: click.Context, word: str, login: str | None) -> None:
    """Write an invoice's G703 lines as CSV, to be edited.

    \b
    payapp invoice lines 101-008 > lines.csv
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import detail, invoices, line_sheet
    from tui.commands.reading import require_any_reader

    with books_and_actor(ctx, login) as (books, me):
        require_any_reader(me)
        found = invoices.find(books.db, [word])[0][0]
        row = invoices.rows(books.db, [found])[0]
        table = line_sheet.rows(detail.lines(books.db, found), row.currency)
    print_csv(line_sheet.COLUMNS, table, numeric=line_sheet.COLUMNS[2:])


@invoice.command()
@click.argument("status", type=click.Choice(list(_STATUSES)))
@choosing
@click.option("--comment", metavar="TEXT", default="", help="Why; kept in the history.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Say what was done as JSON.")
@acting
@click.pass_context
def status(
    ctx: click.Context, status: str, words: tuple[str, ...], where: str | None, every: bool, comment: str, yes: bool,
    as_json: bool, login: str | None,
) -> None:  # fmt: skip
    """Set the status of invoices that are not sent.

    Standard on Commitments sets draft, under-review and revise-and-resubmit; the approvals are an Admin's.

    \b
    payapp invoice status under-review 101-008
    payapp invoice status approved --where 'period:2026-10' --yes
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import commitments
    from store.domain.status import ProjectView

    with books_and_actor(ctx, login) as (books, me):
        chosen = selection(books, me, Chosen(words, where, every), ProjectView.NOT_SENT)
        if where is not None or every:
            confirm(f"Set their status to {status.replace('-', ' ')}?", yes=yes)
        decision = commitments.set_status(books.db, me, chosen, _STATUSES[status], comment)
        finish(ctx, decision, f"set to {status.replace('-', ' ')}", as_json=as_json)


# -- what they have in common ------------------------------------------------------------------------------------


def _date(given: datetime | None) -> date | None:
    return None if given is None else given.date()


def _period(books: Books, project_id: int, text: str | None) -> tuple[str, str] | None:
    from store import drafting
    from store.domain.drafting import period

    return None if text is None else period(text, drafting.periods(books.db, project_id))


def _edits(lines: Sequence[Line], currency: str, given: Sequence[str], file: Path | None) -> list[LineEdit]:
    """The edits of --line and --lines. Raises BadInput where both or none of them can be read, BadFile."""
    from store import line_sheet
    from store.domain import drafting

    if given and file is not None:
        raise BadInput("--line and --lines do not go together", fix="Give one or the other")
    if file is not None:
        return line_sheet.read(file, lines, currency)
    by_item = {line.item: line for line in lines}
    found: dict[str, LineEdit] = {}
    for text in given:
        item, values = _line(text)
        if item not in by_item:
            raise BadInput(
                f"There is no line item {safe(item)}", fix=f"They are {', '.join(map(safe, by_item))}"[:400]
            )
        if item in found:
            raise BadInput(f"Line item {safe(item)} is given twice")
        amounts = {_AMOUNTS[name]: drafting.amount(value, currency) for name, value in values.items()}
        found[item] = line_sheet.line_edit(by_item[item], amounts)
    return list(found.values())


def _line(text: str) -> tuple[str, Mapping[str, str]]:
    found = _LINE.fullmatch(text)
    values = [word.partition("=") for word in re.split(r",(?=[a-z]+=)", found["values"])] if found else []
    names = [name for name, _, _ in values]
    if found is None or set(names) - set(_AMOUNTS) or len(set(names)) != len(names):
        raise BadInput(
            f"--line: {safe(text)!r} cannot be read",
            fix="Write ITEM:work=1200.00,stored=0,held=120,released=0",
        )
    return found["item"].strip(), {name: value for name, _, value in values}


def _tell(books: Books, decision: Decision, done: str, *, as_json: bool) -> None:
    from store.detail import detail
    from store.domain.money import show

    found = detail(books.db, decision.done[0])
    row, total = found.row, found.summary
    if as_json:
        print_json({**_record(found), "notes": list(decision.notes)})
        return
    say(
        f"{one_line(row.number)} is {done}: #{row.id}, application {row.application} of {one_line(row.commitment)},"
        f" {found.period_start} to {found.period_end}."
    )
    say(
        f"Gross {show(total.gross, row.currency)}   Retainage {show(total.retainage, row.currency)}   Net"
        f" {show(total.net, row.currency)} {row.currency}   Completed {show(total.completed, row.currency)} of"
        f" {show(total.sum_to_date, row.currency)}"
    )
    for note in decision.notes:
        say(f"note: {safe(note)}.", err=True)


def _record(found: Detail) -> dict[str, Any]:
    """The stable schema of ``--json``: amounts as decimal strings."""
    from store import line_sheet
    from store.domain.money import plain

    row = found.row
    lines = line_sheet.rows(found.lines, row.currency)
    return {
        "id": row.id,
        "number": row.number,
        "application": row.application,
        "commitment": row.commitment,
        "job": row.job,
        "status": row.status,
        "period_start": found.period_start,
        "period_end": found.period_end,
        "billing_date": found.billing_date,
        "currency": row.currency,
        "gross": plain(row.gross, row.currency),
        "retainage": plain(row.retainage, row.currency),
        "net": plain(row.net, row.currency),
        "overbilled": "O" in row.flags,
        "lines": [dict(zip(line_sheet.COLUMNS, line, strict=True)) for line in lines],
    }


def _print_proposal(found: Proposal, edits: Sequence[LineEdit], *, as_json: bool) -> None:
    """What would be created, with these lines."""
    from store import line_sheet
    from store.commitments import edited
    from store.domain.invoice import summarize
    from store.domain.money import plain, show

    new = edited(found.lines, edits, found.retainage_bp)
    total, rows = summarize(new), line_sheet.rows(new, found.currency)
    if as_json:
        amounts = {
            name: plain(getattr(total, name), found.currency) for name in ("gross", "retainage", "net")
        }
        print_json({
            "id": None, "number": found.number, "application": found.application, "commitment": found.commitment,
            "job": found.job, "status": Status.DRAFT.value, "period_start": found.period_start,
            "period_end": found.period_end, "billing_date": found.billing_date, "currency": found.currency, **amounts,
            "overbilled": any(line.overbilled for line in new),
            "lines": [dict(zip(line_sheet.COLUMNS, row, strict=True)) for row in rows],
        })  # fmt: skip
        return
    say(
        f"{one_line(found.number)} would be application {found.application} of {one_line(found.commitment)},"
        f" {found.period_start} to {found.period_end}, prefilled from {one_line(found.previous) or 'the contract'}."
    )
    print_table(line_sheet.COLUMNS, rows, right=tuple(range(2, len(line_sheet.COLUMNS))))
    say(f"Gross {show(total.gross, found.currency)}   Net {show(total.net, found.currency)} {found.currency}")
