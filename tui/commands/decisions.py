"""Subcommands that decide: send, retrieve, export, reject, retry, recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from store.domain.errors import BadInput
from store.domain.text import safe
from tui.commands import dry_run as dry_running
from tui.commands import waiting
from tui.commands.options import Chosen, acting, amount, books_and_actor, choosing, confirm, selection
from tui.commands.output import json_text, say

if TYPE_CHECKING:
    from store.domain.bill import Bill
    from store.domain.selection import Totals
    from store.domain.status import ProjectView, View
    from store.previewing import Each
    from store.review import Decision, Expectation, Plan, Stay
    from tui.bootstrap import Books

F = TypeVar("F", bound=Callable[..., Any])
SOME_FAILED = 3
# The worst first: what the exit code is of when there are two.
_WORST = (waiting.INTERRUPTED, waiting.ERROR, SOME_FAILED, 0)
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
            "--dry-run",
            is_flag=True,
            help="Say what would go, stay, be dropped or shortened; change nothing.",
        ),
        click.option(
            "--payloads", is_flag=True, help="With --dry-run --json: each bill as the ERP would get it."
        ),
        click.option("--description", metavar="TEXT", help="Description of the bills, up to 30 characters."),
        click.option(
            "--override", metavar="REASON", help="Why possible duplicates go; without it they stay."
        ),
        click.option("--accounting-date", type=_DAY, metavar="YYYY-MM-DD", help="Post on that day."),
    ):
        command = option(command)
    return deciding(command)


def _view(name: str) -> View | ProjectView:
    from tui.commands.reading import view_of

    return view_of(name)


def finish(ctx: click.Context, decision: Decision, done: str, *, as_json: bool) -> None:
    """Say what was done and what stays; exit 3 when something stays."""
    _tell(decision, done, as_json=as_json)
    ctx.exit(_code(decision))


def _finish_waiting(
    ctx: click.Context, books: Books, decision: Decision, done: str, *, as_json: bool
) -> None:
    """Say what was done, wait for the ERP's answers and say them; exit once, with the worst of both."""
    document = _document(decision)
    if not as_json:
        _report(decision, done)
    try:
        found, code = waiting.answers(books, decision.batches)
        document["outcomes"] = waiting.records(found)
    finally:
        # Whatever ends the wait, what was decided is told.
        if as_json:
            say(json_text(document))
    if not as_json:
        waiting.tell(found)
    ctx.exit(next(worst for worst in _WORST if worst in {code, _code(decision)}))


def _tell(decision: Decision, done: str, *, as_json: bool) -> None:
    if as_json:
        say(json_text(_document(decision)))
    else:
        _report(decision, done)


def _code(decision: Decision) -> int:
    return SOME_FAILED if decision.stays or decision.changed else 0


def _document(decision: Decision) -> dict[str, Any]:
    """The stable schema of ``--json``."""
    return {
        "done": list(decision.done),
        "batches": list(decision.batches),
        "stays": _stays(decision.stays),
        "stays_unnamed": decision.unnamed,
        "changed_by_others": list(decision.changed),
        "notes": list(decision.notes),
    }


def _stays(stays: Sequence[Stay]) -> list[dict[str, Any]]:
    return [
        {"id": s.invoice_id, "number": s.name, "code": s.code, "cause": s.cause, "fix": s.fix} for s in stays
    ]


def _report(decision: Decision, done: str) -> None:
    say(f"{len(decision.done)} {done}.")
    for totals in decision.totals:
        say(totals_line(totals))
    for stay in decision.stays:
        say(f"stays: {safe(stay.name)}: {safe(stay.cause)}. {safe(stay.fix)}".rstrip(), err=True)
    if decision.unnamed:
        say(f"stays: {decision.unnamed} more.", err=True)
    for name in decision.changed:
        say(f"skipped: {safe(name)} was changed by others meanwhile.", err=True)
    for note in decision.notes:
        say(f"note: {safe(note)}.", err=True)


def totals_line(totals: Totals) -> str:
    """Control totals of one currency."""
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
    """Send approved invoices to ERP Integrations.

    \b
    payapp send 101-007 101-008
    payapp send --where 'period:2026-10' --yes
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import review

    with books_and_actor(ctx, login) as (books, me):
        me.require_sender()
        chosen = selection(books, me, Chosen(words, where, every), _view("not-sent"))
        confirm("Send them to ERP Integrations? They are locked from then on.", yes=yes)
        decision = review.send(books.db, me, chosen, books.profile())
        finish(ctx, decision, "sent; they are Ready to Export", as_json=as_json)


@click.command()
@deciding
@click.pass_context
def retrieve(
    ctx: click.Context, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Take invoices back into Commitments, before a decision.

    \b
    payapp retrieve 101-007
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import review

    with books_and_actor(ctx, login) as (books, me):
        me.require_sender()
        chosen = selection(books, me, Chosen(words, where, every), _view("ready"))
        confirm("Take them back into Commitments?", yes=yes)
        finish(ctx, review.retrieve(books.db, me, chosen), "retrieved", as_json=as_json)


@click.command()
@exporting
@click.pass_context
def export(ctx: click.Context, /, **options: Any) -> None:
    """Accept invoices for export to the ERP.

    \b
    payapp export 101-007 101-008
    payapp export --where 'job:24-101' --dry-run
    payapp list --plain | cut -f1 | payapp export - --yes --expect-total 341220.55
    payapp export 101-009 --override 'Second floor, the same price'
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
    payloads: bool,
    wait: bool,
    expect_count: int | None,
    expect_total: str | None,
    accounting_date: datetime | None,
    description: str | None,
    override: str | None,
    erp_number: str | None = None,
) -> None:
    from store import alike, previewing, review
    from store.causes import BLOCKED
    from store.domain.status import Action
    from tui import bootstrap, checking

    if payloads and not (dry_run and as_json):
        raise BadInput("--payloads are for a dry run's document", fix="Add --dry-run --json")
    action = Action.ACCEPT if view == "ready" else Action.RETRY
    expect = _expectation(expect_count, expect_total)
    day: date | None = accounting_date.date() if accounting_date else None
    with books_and_actor(ctx, login) as (books, me):
        me.require_approver()
        chosen = selection(books, me, Chosen(words, where, every), _view(view))
        profile = books.profile()

        checks = checking.Checks(books)
        local = checks.local(None if dry_run else checking.CONFIRMED)

        def look(each: Each | None = None) -> Plan:
            return review.plan_export(
                books.db, me, chosen, profile, action, accounting_date=day, description=description,
                erp_number=erp_number, override=override, each=each, local=local,
            )  # fmt: skip

        def bills(ids: Sequence[int]) -> list[tuple[int, str, Bill]]:
            return previewing.bills(
                books.db, me, ids, profile, action, day, description, override, erp_number
            )

        if dry_run:
            plan = dry_running.run(books, look, bills, checks, as_json=as_json, payloads=payloads)
            ctx.exit(SOME_FAILED if plan.stays.count or plan.refused else 0)
        plan = look()
        bootstrap.check_worker(books)
        for totals in plan.totals if not as_json else ():
            click.echo(totals_line(totals), err=True)
        for warning in plan.warnings:
            click.echo(f"warning: {safe(warning)}", err=True)
        for one in plan.causes:
            if one.effect != BLOCKED:
                click.echo(dry_running.cause_line(one), err=True)
        for possible in plan.alike.first if override is not None else ():
            said = alike.named(possible.others) or possible.said
            click.echo(f"goes with the override: {safe(possible.name)}: {safe(said)}", err=True)
        confirm(f"Export {plan.count} invoices to {safe(profile.title)}?", yes=yes)
        if not yes:
            # A person was asked about what was told: that goes, and nothing else.
            count = plan.count if expect.count is None else expect.count
            expect = replace(expect, count=count, masters=plan.masters, let=plan.let)
        if action is Action.ACCEPT:
            decision = review.accept(
                books.db, me, chosen, profile, accounting_date=day, description=description, override=override,
                expect=expect,
            )  # fmt: skip
        else:
            decision = review.retry(
                books.db, me, chosen, profile, accounting_date=day, description=description,
                erp_number=erp_number, override=override, expect=expect,
            )  # fmt: skip
        done = f"accepted in batch {', '.join(map(str, decision.batches))}"
        if wait:
            _finish_waiting(ctx, books, decision, done, as_json=as_json)
        _tell(decision, done, as_json=as_json)
        waiting.start_worker(books)
        ctx.exit(_code(decision))


def _expectation(count: int | None, total: str | None) -> Expectation:
    from store.review import Expectation

    return Expectation(count, None if total is None else amount(total, "--expect-total"))


@click.command()
@click.option("--reason", metavar="TEXT", help="Why; the project reads it.")
@deciding
@click.pass_context
def reject(
    ctx: click.Context, reason: str | None, words: tuple[str, ...], where: str | None, every: bool, yes: bool,
    as_json: bool, login: str | None,
) -> None:  # fmt: skip
    """Reject invoices with a reason; they return to Commitments.

    \b
    payapp reject 101-008 --reason 'Retainage must be 10 %'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import review

    if reason is None or not reason.strip():
        raise BadInput(
            "A rejection needs a reason", why="the project must know what to correct", fix="Add --reason TEXT"
        )
    with books_and_actor(ctx, login) as (books, me):
        me.require_approver()
        chosen = selection(books, me, Chosen(words, where, every), _view("ready"))
        confirm("Reject them? They return to Commitments, and creator and sender are mailed.", yes=yes)
        decision = review.reject(books.db, me, chosen, reason)
        _tell(decision, "rejected; they are in Commitments again", as_json=as_json)
        if books.settings.mail is not None:
            waiting.start_worker(books)
        ctx.exit(_code(decision))


@click.command()
@deciding
@click.pass_context
def recall(
    ctx: click.Context, words: tuple[str, ...], where: str | None, every: bool, yes: bool, as_json: bool,
    login: str | None,
) -> None:  # fmt: skip
    """Take invoices not yet sent back to Ready to Export.

    \b
    payapp recall 101-007
    payapp recall --where 'batch:118' --yes
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import review

    with books_and_actor(ctx, login) as (books, me):
        me.require_approver()
        chosen = selection(books, me, Chosen(words, where, every), _view("exporting"))
        confirm("Take them back to Ready to Export?", yes=yes)
        finish(
            ctx, review.recall(books.db, me, chosen), "recalled; they are Ready to Export", as_json=as_json
        )
