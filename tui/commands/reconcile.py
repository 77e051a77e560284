"""The subcommand ``reconcile``: what was sent, compared with what the ERP has; and settling by hand what it cannot tell."""

from __future__ import annotations

import asyncio
import calendar
import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from store.domain.errors import BadInput, Disallowed
from store.domain.status import ErpStatus
from store.domain.text import safe
from tui.commands.options import acting, books_and_actor, confirm
from tui.commands.output import say

if TYPE_CHECKING:
    from store.domain.actor import Actor
    from store.domain.outcome import Answer, Period
    from store.reconciling import Reconciliation
    from store.resolving import OpenJob
    from tui.bootstrap import Books

DIFFER, UNSETTLED = 6, 3
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("invoice", metavar="[NUMBER|#ID]", required=False)
@click.option("--period", metavar="YYYY-MM", help="The bills with an accounting date in that month.")
@click.option("--from", "first", type=_DAY, metavar="YYYY-MM-DD", help="Those from that day on.")
@click.option("--to", "last", type=_DAY, metavar="YYYY-MM-DD", help="Those up to that day.")
@click.option(
    "--resolve", is_flag=True, help="Make Synced what is uncertain or parked here and proven in the ERP."
)
@click.option(
    "--booked", metavar="REFERENCE", help="By hand: this invoice is in the ERP, under that reference."
)
@click.option(
    "--not-booked", is_flag=True, help="By hand: this invoice is not in the ERP and will not arrive."
)
@click.option("--comment", metavar="WHY", default="", help="By hand: how you found out.")
@click.option(
    "--limit", type=click.IntRange(0), default=50, show_default=True, help="So many of each class by name."
)
@click.option("--yes", is_flag=True, help="By hand: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, every difference in it.")
@acting
@click.pass_context
def reconcile(
    ctx: click.Context,
    invoice: str | None,
    period: str | None,
    first: datetime | None,
    last: datetime | None,
    resolve: bool,
    booked: str | None,
    not_booked: bool,
    comment: str,
    limit: int,
    yes: bool,
    as_json: bool,
    login: str | None,
) -> None:
    """Compare what was sent with what the ERP has.

    By default of this month and the last. Reading is all it does, unless --resolve, --booked or --not-booked is given. Exit 0 when both agree, 6 when they
    differ, 3 when the ERP gave no answer for some or some are not settled yet.

    \b
    payapp reconcile
    payapp reconcile --period 2026-10 --json
    payapp reconcile --from 2026-10-01 --to 2026-12-31 --resolve
    payapp reconcile 101-007 --booked B-1044 --comment 'seen in the ERP'
    payapp reconcile 101-007 --not-booked --comment 'not in the October list'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    hand = booked is not None or not_booked
    _check_words(
        invoice,
        hand=hand,
        both=booked is not None and not_booked,
        spans=bool(period or first or last),
        resolve=resolve,
    )
    with books_and_actor(ctx, login) as (books, me):
        if hand:
            _by_hand(books, me, str(invoice), booked, comment, yes=yes)
            return
        me.require_reader()
        if resolve:
            me.require_approver()
        span = _span(books, period, first, last)
        ctx.exit(_report(books, me, span, resolve=resolve, limit=limit, as_json=as_json))


def _check_words(invoice: str | None, *, hand: bool, both: bool, spans: bool, resolve: bool) -> None:
    if both:
        raise BadInput("It is either in the ERP or not", fix="Give --booked REFERENCE or --not-booked")
    if invoice and not hand:
        raise BadInput(
            "Say what became of this invoice",
            why="a reconciliation is of a period",
            fix="Add --booked REFERENCE or --not-booked; or leave the invoice out",
        )
    if hand and not invoice:
        raise BadInput("Say which invoice", fix="payapp reconcile NUMBER --booked REFERENCE --comment WHY")
    if hand and (spans or resolve):
        raise BadInput(
            "By hand it is one invoice, whatever its period", fix="Leave out the period and --resolve"
        )


def _span(books: Books, month: str | None, first: datetime | None, last: datetime | None) -> Period:
    """The days of the accounting dates that are compared. Raises BadInput."""
    from store.domain.outcome import Period

    if month is not None and (first or last):
        raise BadInput("A period has its own days", fix="Give --period, or --from and --to")
    if month is not None:
        found = _MONTH.fullmatch(month)
        if not found or found[1] == "0000":
            raise BadInput(f"--period: {month!r} is not a month", fix="Write it as 2026-10")
        start = date(int(found[1]), int(found[2]), 1)
        return Period(start, _month_end(start), is_open=True)
    if bool(first) != bool(last):
        raise BadInput("A span has two ends", fix="Give --from and --to")
    if first and last:
        if first > last:
            raise BadInput("--from is later than --to", fix="Give the earlier day first")
        return Period(first.date(), last.date(), is_open=True)
    today = datetime.fromtimestamp(books.db.now() / 1000).astimezone().date()
    return Period((today.replace(day=1) - timedelta(days=1)).replace(day=1), _month_end(today), is_open=True)


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


# -- the comparison ----------------------------------------------------------------------------------------------------


def _report(books: Books, me: Actor, span: Period, *, resolve: bool, limit: int, as_json: bool) -> int:
    from store import resolving
    from store.reconciling import Reconciliation
    from tui.commands import reconcile_text

    profile = books.profile()
    # What it would list is what was delivered; what the ERP booked of it came with its receipts.
    lists = profile.lists and not profile.receipts
    with Reconciliation(books.company.erp, span, lists=lists, receipts=profile.receipts) as found:
        asyncio.run(_compare(books, found))
        resolved = resolving.resolve(books.db, me, found) if resolve else None
        if as_json:
            reconcile_text.print_json(books.profile(), found, resolved)
        else:
            reconcile_text.print_all(books.profile(), found, resolved, limit)
        return DIFFER if found.differs else UNSETTLED if found.open else 0


async def _compare(books: Books, found: Reconciliation) -> None:
    from erp import reconciling
    from tui import bootstrap

    connector = bootstrap.connector(books)
    try:
        await reconciling.compare(books.db, connector, found)
    finally:
        await connector.close()


# -- by hand -------------------------------------------------------------------------------------------------------------


def _by_hand(books: Books, me: Actor, word: str, reference: str | None, comment: str, *, yes: bool) -> None:
    from store import invoices, resolving

    me.require_approver()
    number = invoices.find(books.db, [word])[0][0]
    open_ = resolving.of_invoice(books.db, me, number)
    if reference is not None:
        resolving.check_words(comment, reference)
        there = asyncio.run(_has(books, reference.strip()))
        said = {True: "it is there", False: "there is no bill of that reference", None: "no answer"}[there]
        confirm(_booked_question(open_, reference, said, there=there), yes=yes)
        resolving.booked(books.db, me, number, reference, comment, said, asked=open_.job)
        say(f"{open_.name} is Synced, with the reference {safe(reference.strip())}.")
        return
    resolving.check_words(comment)
    answer, there = asyncio.run(_ask(books, open_))
    said, undone = _not_found(open_, answer, there, receipts=books.profile().receipts)
    settle_ms = round(books.profile().settle * 1000)
    resolving.check_settled(books.db, number, settle_ms)
    resolving.check_unproven(open_, undone)
    confirm(_not_booked_question(open_, said), yes=yes)
    resolving.not_booked(
        books.db,
        me,
        number,
        comment,
        settle_ms=settle_ms,
        erp_said=said,
        asked=open_.job,
        undone=undone,
    )
    if open_.status is ErpStatus.READY:
        say(f"{open_.name} is Ready to Export: payapp accept '#{number}' exports it again.")
    else:
        say(
            f"{open_.name} is Failed to Export: payapp retry '#{number}' exports it again, payapp reject takes it back."
        )


def _booked_question(of: OpenJob, reference: str, said: str, *, there: bool | None) -> str:
    warning = (
        "" if there else f" The ERP was asked for it: {said}. If it is not there, {of.name} is never paid."
    )
    return f"{of.name} is {of.status.value}: is it in the ERP as {safe(reference.strip())}?{warning}"


def _not_booked_question(of: OpenJob, said: str) -> str:
    return (
        f"{of.name} was sent, and nobody knows what became of it. The ERP was asked for it: {said}. If it is there all"
        f" the same, or still arrives, and {of.name} is exported again, it is paid twice. Are you certain that it is not?"
    )


def _not_found(of: OpenJob, answer: Answer, there: bool | None, *, receipts: bool) -> tuple[str, str]:
    """What the ERP said of it, and the reference that payapp has proof of and the ERP has no longer ("": none).

    ``there``: whether it has the bill of that reference; where only ``receipts`` speak for the ERP nobody can be asked, and a
    person's word counts. Raises Disallowed when it has the invoice.
    """
    from store.domain.outcome import Booked, Delivered, Unknown

    if isinstance(answer, Delivered):
        lies = f"it lies where the ERP takes it from, as {safe(answer.ref)}"
        if of.proof is not None and receipts and not there:
            # The archive has it for good, whatever became of it in the ERP.
            said = f"{lies}, and a receipt said that it is booked there as {safe(of.proof.reference)}"
            return said, of.proof.reference
        return f"{lies}, and its receipt is awaited", ""
    if isinstance(answer, Booked):
        raise Disallowed(
            f"{of.name} is in the ERP",
            why=f"it was asked for it just now and says {safe(answer.ref)}",
            fix=f"payapp reconcile '#{of.invoice_id}' --booked {safe(answer.ref)} --comment WHY",
        )
    if isinstance(answer, Unknown):
        return f"no answer ({safe(answer.cause)})", ""
    gone = of.proof is not None and there is False
    return "it does not have it", of.proof.reference if of.proof and gone else ""


async def _has(books: Books, reference: str) -> bool | None:
    from erp import reconciling
    from tui import bootstrap

    connector = bootstrap.connector(books)
    try:
        return await reconciling.has(connector, reference)
    finally:
        await connector.close()


async def _ask(books: Books, of: OpenJob) -> tuple[Answer, bool | None]:
    """What the ERP says of it under all its keys, and of the bill that payapp has proof of."""
    from erp import reconciling
    from store import lookup, resolving, written_files
    from tui import bootstrap

    more = lookup.keys(books.db, [of.job]).get(of.job.id, []) + resolving.sent_keys(books.db, of.job)
    if of.proof is not None and of.proof.key != of.job.key:
        more.append(of.proof.key)
    connector = bootstrap.connector(books)
    reconciling.remind(connector, written_files.newest(books.db, books.company.erp))
    try:
        answer = await reconciling.ask_one(connector, of.job, list(dict.fromkeys(more)))
        return answer, await reconciling.has(connector, of.proof.reference) if of.proof else None
    finally:
        await connector.close()
