"""One invoice as text: the sheet that ``payapp show`` prints, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from store.detail import Detail
from store.domain.hold import EFFECT_WORDS
from store.domain.likeness import WORDS, Likeness
from store.domain.money import show
from store.domain.text import safe
from store.notices import NoticeSeen
from tui.text import STATUS_TITLES, cut, moment, status


def invoice_sheet(of: Detail, mails: Sequence[NoticeSeen]) -> Iterator[str]:
    """The lines of the sheet; other people's text comes out safe."""
    row = of.row
    yield f"Invoice {safe(row.number)}  (#{row.id}, application {row.application})   {status(row.erp_status, row.outcome)}"
    yield f"Vendor      {cut(row.vendor, 60).rstrip()}   {safe(of.vendor_ref)}"
    yield f"Project     {safe(row.job)}  {safe(of.project_name)}"
    yield f"Commitment  {safe(row.commitment)}  {safe(of.commitment_title)}"
    yield f"Period      {of.period_start} to {of.period_end}   billed {of.billing_date}"
    title = next((t for s, t in STATUS_TITLES.items() if s.value == row.status), row.status)
    yield f"Status      {title}   created by {safe(of.creator) or '?'}   sent by {safe(of.sender) or '-'}"
    if row.erp_number or of.accounting_date or of.description:
        yield (
            f"Export      ERP number {safe(row.erp_number or row.number)}   accounting date {of.accounting_date or '-'}"
            f"   {safe(of.description)}".rstrip()
        )
    if of.delivered:
        yield f"Delivered   {safe(of.delivered)}; its receipt is awaited: payapp receipt FILE"
    if row.origin_id:
        yield f"ERP bill    {safe(row.origin_id)}"
    if row.outcome_reason:
        yield f"{(row.outcome or 'rejected').capitalize():<12}{safe(row.outcome_reason, lines=True)}"
    yield from _difference(of)
    for hold in of.holds:
        yield f"On hold     {safe(hold.told)}: {EFFECT_WORDS[hold.effect]}"
    for twin in of.twins:
        where = f"{safe(twin.job)} {safe(twin.commitment)}"
        shared = " and ".join(WORDS[one] for one in twin.likenesses)
        label = "Same number" if twin.likenesses == (Likeness.RESTARTED,) else "Duplicate? "
        yield f"{label} of {safe(twin.number)} (#{twin.id}, {where}), {status(twin.erp_status)}: {shared}"
        for by in dict.fromkeys(by for by in twin.overrides if by is not None):
            yield f"            let pass by {safe(by.who)}, {moment(by.at)}: {safe(by.comment)}"
    if row.error_cause:
        yield f"Error       {safe(row.error_cause)}"
        yield f"Fix         {safe(row.error_fix)}"
    yield ""
    yield from _lines(of)
    yield ""
    yield from _summary(of)
    yield from _payments(of)
    for name, where in of.attachments:
        yield f"Attached    {safe(where) if where.endswith(name) else f'{safe(name)}: {safe(where)}'}"
    if of.history or mails:
        yield ""
    for event in of.history:
        yield f"{moment(event.at)}  {safe(event.who)}  {safe(event.what)}  {safe(event.detail)}".rstrip()
    for mail in mails:
        yield f"{moment(mail.created_at)}  mail to {safe(mail.address) or safe(mail.recipient)}  {mail.state}  {safe(mail.error)}".rstrip()


def _difference(of: Detail) -> Iterator[str]:
    since = of.difference
    if since is None:
        return
    yield f"Changed     since {safe(since.by)} {since.outcome} it, {moment(since.at)}{'' if since.changes else ': nothing'}"
    for line in since.lines():
        yield f"            {line}"


def _payments(of: Detail) -> Iterator[str]:
    currency = of.row.currency
    if of.issued is not None:
        yield f"{'Payments issued on the commitment':<40}{show(of.issued, currency):>16}"
    for payment in of.payments:
        name = f"Paid {payment.day}  {cut(payment.method, 22)}"
        yield f"{name:<40}{show(payment.amount, currency):>16}   {safe(payment.ref)}".rstrip()
    if of.payments:
        left = of.summary.payment_due - sum(payment.amount for payment in of.payments)
        yield f"{'Still to pay':<40}{show(left, currency):>16}"


def _lines(of: Detail) -> Iterator[str]:
    currency = of.row.currency
    yield f"{'Item':<10}{'Description':<20}{'Scheduled':>13}{'To date':>13}{'This bill':>12}{'Retainage':>12}"
    for line in of.lines:
        yield (
            f"{cut(line.cost_code, 9)} {cut(line.description, 19)} {show(line.scheduled, currency):>13}"
            f"{show(line.total, currency):>13}{show(line.amount, currency):>12}{show(line.retainage, currency):>12}"
        )
    total = of.summary
    yield (
        f"{'':<10}{'Total':<20}{show(total.sum_to_date, currency):>13}{show(total.completed, currency):>13}"
        f"{show(total.gross, currency):>12}{show(total.retainage, currency):>12}"
    )


def _summary(of: Detail) -> Iterator[str]:
    currency, total = of.row.currency, of.summary
    for label, value in (
        ("1  Original contract sum", total.original_sum),
        ("2  Net change by change orders", total.change_orders),
        ("3  Contract sum to date", total.sum_to_date),
        ("4  Completed and stored to date", total.completed),
        ("5  Retainage", total.retainage_to_date),
        ("6  Earned less retainage", total.earned_less_retainage),
        ("7  Less previous certificates", total.previous_certificates),
        ("8  Current payment due", total.net),
        ("9  Balance to finish, with retainage", total.balance_to_finish),
    ):
        yield f"{label:<40}{show(value, currency):>16}"
    if total.tax:
        yield f"{'   Tax':<40}{show(total.tax, currency):>16}"
