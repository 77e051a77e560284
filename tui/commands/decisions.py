"""Subcommands that decide: send, retrieve, export, reject, retry, recall."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from store.domain.errors import BadInput
from store.domain.text import safe
from tui.commands.options import Chosen, acting, books_and_actor, choosing, confirm, print_json, selection

if TYPE_CHECKING:
    from store.domain.selection import Totals
    from store.domain.status import ProjectView, View
    from store.review import Decision, Expectation, Plan
    from tui.bootstrap import Books

F = TypeVar("F", bound=Callable[..., Any])
SOME_FAILED = 3
# Seconds that a worker may take from its start to its first sign of life.
WORKER_STARTS = 5.0
_DAY = click.DateTime(["%Y-%m-%d"])


def deciding(command: F) -> F:
    """Add the options that every decision has."""
    for option in (
        acting,
        click.option("--json", "as_json", is_flag=True, help="Say what was done as JSON."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        choosing,
    ):
        command = option(command)
    return command


def exporting(command: F) -> F:
    """Add the options of export and retry."""
    for option in (
        click.option("--wait", is_flag=True, help="Wait until the ERP has answered; exit 3 if some failed."),
        click.option("--expect-total", metavar="AMOUNT", help="Refuse unless the net is exactly this."),
        click.option("--expect-count", type=int, metavar="N", help="Refuse unless exactly N would go."),
        click.option(
            "--dry-run", is_flag=True, help="Say what would go and what would stay; change nothing."
        ),
        click.option("--description", metavar="TEXT", help="Description of the bills, up to 30 characters."),
        click.option("--accounting-date", type=_DAY, metavar="YYYY-MM-DD", help="Post on that day."),
    ):
        command = option(command)
    return deciding(command)


def _view(name: str) -> View | ProjectView:
    from tui.commands.reading import view_of

    return view_of(name)


def _report(ctx: click.Context, decision: Decision, done: str, *, as_json: bool) -> None:
    """Say what was done and what stays; exit 3 when something stays."""
    if as_json:
        print_json({
            "done": list(decision.done),
            "batches": list(decision.batches),
            "stays": [{"id": s.invoice_id, "number": s.name, "code": s.code, "cause": s.cause, "fix": s.fix}
                      for s in decision.stays],
            "changed_by_others": list(decision.changed),
        })  # fmt: skip
    else:
        click.echo(f"{len(decision.done)} {done}.")
        for totals in decision.totals:
            click.echo(_line(totals))
        for stay in decision.stays:
            click.echo(f"stays: {stay.name}: {stay.cause}. {stay.fix}".rstrip(), err=True)
        for name in decision.changed:
            click.echo(f"skipped: {name} was changed by others meanwhile.", err=True)
    if decision.stays or decision.changed:
        ctx.exit(SOME_FAILED)


def _line(totals: Totals) -> str:
    from store.domain.money import show

    return (
        f"{totals.count} invoices   Gross {show(totals.gross, totals.currency)}   "
        f"Retainage {show(totals.retainage, totals.currency)}   Net {show(totals.net, totals.currency)} "
        f"{totals.currency}   Hash {totals.hash_total:,}"
    )


@click.command()
@deciding
@click.pass_context
def send(
    ctx: click.Context, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Send approved invoices from Commitments to ERP Integrations.

    \b
    payapp send 101-007 101-008
    payapp send --where 'period:2026-10' --yes
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import review

    with books_and_actor(ctx, login) as (books, me):
        chosen = selection(books, Chosen(words, where, every), _view("not-sent"))
        confirm("Send them to ERP Integrations? They are locked from then on.", yes=yes)
        _report(ctx, review.send(books.db, me, chosen), "sent; they are Ready to Export", as_json=as_json)


@click.command()
@deciding
@click.pass_context
def retrieve(
    ctx: click.Context, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Take invoices back into Commitments before they are decided.

    \b
    payapp retrieve 101-007
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import review

    with books_and_actor(ctx, login) as (books, me):
        chosen = selection(books, Chosen(words, where, every), _view("ready"))
        confirm("Take them back into Commitments?", yes=yes)
        _report(ctx, review.retrieve(books.db, me, chosen), "retrieved", as_json=as_json)


@click.command()
@exporting
@click.pass_context
def export(ctx: click.Context, /, **options: Any) -> None:
    """Accept invoices for export to the ERP.

    \b
    payapp export 101-007 101-008
    payapp export --where 'job:24-101' --dry-run
    payapp list --plain | cut -f1 | payapp export - --yes --expect-total 341220.55
    """  # noqa: D301 - \b keeps click from wrapping the examples
    _export(ctx, "ready", **options)


@click.command()
@click.option("--erp-number", metavar="NUMBER", help="The ERP invoice number; for one invoice.")
@exporting
@click.pass_context
def retry(ctx: click.Context, /, erp_number: str | None, **options: Any) -> None:
    """Export failed invoices again, repaired where that helps.

    \b
    payapp retry 2026-10-DELTA-0007 --erp-number DELTA-0007
    payapp retry --all --accounting-date 2026-11-01 --yes
    """  # noqa: D301 - \b keeps click from wrapping the examples
    _export(ctx, "failed", erp_number=erp_number, **options)


def _export(
    ctx: click.Context,
    view: str,
    *,
    words: tuple[str, ...],
    where: str | None,
    every: bool,
    yes: bool,
    as_json: bool,
    login: str | None,
    dry_run: bool,
    wait: bool,
    expect_count: int | None,
    expect_total: str | None,
    accounting_date: datetime | None,
    description: str | None,
    erp_number: str | None = None,
) -> None:
    from store import review
    from tui import bootstrap

    day: date | None = accounting_date.date() if accounting_date else None
    with books_and_actor(ctx, login) as (books, me):
        chosen = selection(books, Chosen(words, where, every), _view(view))
        profile = books.profile()
        plan = review.plan_export(books.db, me, chosen, profile, accounting_date=day, description=description)
        if dry_run:
            _print_plan(plan, as_json=as_json)
            ctx.exit(SOME_FAILED if plan.stays else 0)
        for totals in plan.totals if not as_json else ():
            click.echo(_line(totals), err=True)
        for warning in plan.warnings:
            click.echo(f"warning: {warning}", err=True)
        confirm(f"Export {len(plan.goes)} invoices to {safe(profile.title)}?", yes=yes)
        decide = review.accept if view == "ready" else review.retry
        with books.db.transaction():
            if erp_number is not None:
                review.set_export_values(books.db, me, chosen, erp_number=erp_number)
                chosen = selection(books, Chosen(words, where, every), _view(view))
            decision = decide(
                books.db, me, chosen, profile, accounting_date=day, description=description,
                expect=_expectation(books, expect_count, expect_total),
            )  # fmt: skip
        bootstrap.start_worker(books)
        if wait:
            _wait(books, decision)
        _report(ctx, decision, f"accepted in batch {', '.join(map(str, decision.batches))}", as_json=as_json)
        if wait:
            _end(ctx, books, decision, as_json=as_json)


def _expectation(books: Books, count: int | None, total: str | None) -> Expectation | None:
    from store.domain.money import to_minor
    from store.review import Expectation

    if count is None and total is None:
        return None
    return Expectation(count, to_minor(total.replace(",", ""), books.company.currency) if total else None)


def _print_plan(plan: Plan, *, as_json: bool) -> None:
    from store.domain.money import plain

    if as_json:
        print_json({
            "goes": [{"id": r.id, "number": r.number, "net": plain(r.net, r.currency)} for r in plan.goes],
            "stays": [{"id": s.invoice_id, "number": s.name, "code": s.code, "cause": s.cause, "fix": s.fix}
                      for s in plan.stays],
            "warnings": list(plan.warnings),
        })  # fmt: skip
        return
    click.echo(f"{len(plan.goes)} would go, {len(plan.stays)} would stay.")
    for totals in plan.totals:
        click.echo(_line(totals))
    for day, count in plan.dates:
        click.echo(f"accounting date {day}: {count}")
    for warning in plan.warnings:
        click.echo(f"warning: {warning}")
    for stay in plan.stays:
        click.echo(f"stays: {stay.name}: {stay.cause}. {stay.fix}".rstrip())


def _wait(books: Books, decision: Decision) -> None:
    from store import batches
    from tui import bootstrap

    started = time.monotonic()
    while any(batches.progress(books.db, batch).running for batch in decision.batches):
        # A worker that dies meanwhile gets a successor; one that just starts has not shown itself yet.
        if time.monotonic() - started > WORKER_STARTS:
            bootstrap.start_worker(books)
            started = time.monotonic()
        time.sleep(0.2)


def _end(ctx: click.Context, books: Books, decision: Decision, *, as_json: bool) -> None:
    from store import batches

    found = [batches.progress(books.db, batch, failures=1000) for batch in decision.batches]
    for p in found:
        if not as_json:
            click.echo(
                f"batch {p.id}: ok {p.done}  FAIL {p.failed}  parked {p.parked}  recalled {p.cancelled}"
            )
            for failure in p.failures:
                click.echo(f"failed: {safe(failure.number)}: {failure.cause}. {failure.fix}", err=True)
    if any(p.failed or p.parked for p in found):
        ctx.exit(SOME_FAILED)


@click.command()
@click.option("--reason", metavar="TEXT", help="Why; the project reads it.")
@deciding
@click.pass_context
def reject(
    ctx: click.Context, reason: str | None, words: tuple[str, ...], where: str | None, every: bool, yes: bool,
    as_json: bool, login: str | None,
) -> None:  # fmt: skip
    """Reject invoices with a reason; they are editable in Commitments again.

    \b
    payapp reject 101-008 --reason 'Retainage must be 10 %'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import review

    if reason is None or not reason.strip():
        raise BadInput(
            "A rejection needs a reason", why="the project must know what to correct", fix="Add --reason TEXT"
        )
    with books_and_actor(ctx, login) as (books, me):
        chosen = selection(books, Chosen(words, where, every), _view("ready"))
        confirm("Reject them? They return to Commitments, and creator and sender are mailed.", yes=yes)
        decision = review.reject(books.db, me, chosen, reason)
        _report(ctx, decision, "rejected; they are in Commitments again", as_json=as_json)
        from tui import bootstrap

        if books.settings.mail is not None:
            bootstrap.start_worker(books)


@click.command()
@deciding
@click.pass_context
def recall(
    ctx: click.Context, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Take queued invoices back to Ready to Export, before they are sent.

    \b
    payapp recall 101-007
    payapp recall --where 'batch:118' --yes
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import review

    with books_and_actor(ctx, login) as (books, me):
        chosen = selection(books, Chosen(words, where, every), _view("exporting"))
        confirm("Take them back to Ready to Export?", yes=yes)
        _report(
            ctx, review.recall(books.db, me, chosen), "recalled; they are Ready to Export", as_json=as_json
        )
