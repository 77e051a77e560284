"""What a reconciliation found, one bill at a time, with its differences and what helps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from store.domain.status import JobState
from store.domain.verdict import Difference, Finding, Verdict
from store.sent_bills import Standing
from store.sides import FIELDS, Sides

# So many references are told of one invoice.
REFERENCES_MOST = 20
_SENT = (
    "SELECT s.id, s.invoice, s.key, s.name, s.vendor_name, s.state, s.fault, s.found, s.answer, s.cause, s.gross_minor,"
    f" s.net_minor, {', '.join(f's.{name}' for name in FIELDS)} FROM sent s WHERE s.verdict = ?"
    " ORDER BY s.vendor_name, s.number, s.id"
)
_BILL = ", ".join(f"b.{name}" for name in FIELDS)
_ALONE = (
    f"SELECT b.id, b.invoice, b.key, b.name, b.gross_minor, b.net_minor, {_BILL} FROM bill b"
    " WHERE b.verdict = ? AND b.job IS NULL ORDER BY b.vendor, b.number, b.id"
)


def named(of: Sides, verdict: Verdict) -> Iterator[Finding]:
    """Every bill of that class, by vendor and number; first what was sent from here, then what is in the ERP alone."""
    for row in of.scratch.execute(_SENT, (verdict,)):
        yield _sent(of, verdict, row)
    for row in of.scratch.execute(_ALONE, (verdict,)):
        yield _alone(verdict, row)


def _sent(of: Sides, verdict: Verdict, row: tuple[Any, ...]) -> Finding:
    job, invoice, key, name, vendor_name, state, fault, found, answer, cause, gross, net, *values = row
    here = dict(zip(FIELDS, values, strict=True))
    bills = of.scratch.execute(
        f"SELECT b.key, {_BILL} FROM bill b WHERE b.job = ? OR b.invoice = ? ORDER BY b.id LIMIT {REFERENCES_MOST}",
        (job, invoice),
    ).fetchall()
    theirs = [dict(zip(FIELDS, bill[1:], strict=True)) for bill in bills]
    differences = [difference for bill in theirs for difference in _compared(here, bill)]
    if answer == "booked" and not theirs:
        differences = [Difference("accounting_date", here["accounting_date"], "outside of this period")]
        if here["reference"] and here["reference"] != found:
            differences.append(Difference("reference", here["reference"], found))
    references = [bill["reference"] for bill in theirs if bill["reference"]] or ([found] if found else [])
    return Finding(
        verdict=verdict,
        invoice_id=invoice,
        name=name,
        vendor=vendor_name or here["vendor"],
        key=key,
        references=tuple(dict.fromkeys(references)),
        state=state,
        accounting_date=here["accounting_date"],
        currency=here["currency"],
        gross=gross,
        net=net,
        differences=tuple(dict.fromkeys(differences)),
        note=fault or _note(verdict, cause, here["reference"]),
        fix=_fix_unexpected(of, invoice, state, references)
        if verdict is Verdict.UNEXPECTED
        else _fix(verdict, f"#{invoice}", state, proven=bool(found) or any(bill[0] == key for bill in bills)),
    )


def _alone(verdict: Verdict, row: tuple[Any, ...]) -> Finding:
    _, invoice, key, name, gross, net, *values = row
    there = dict(zip(FIELDS, values, strict=True))
    return Finding(
        verdict=verdict,
        invoice_id=invoice,
        name=name or there["number"] or "",
        vendor=there["vendor"] or "",
        key=key or "",
        references=(there["reference"],) if there["reference"] else (),
        state="",
        accounting_date=there["accounting_date"] or "",
        currency=there["currency"],
        gross=gross,
        net=net,
        differences=(),
        note="its key is a revision of this invoice that these books do not have" if invoice else "",
        fix=_fix(verdict, "", "", proven=False),
    )


def _compared(here: dict[str, str | None], there: dict[str, str | None]) -> Iterator[Difference]:
    """The fields that both know and that are not the same: the rule that store.reconciling has in SQL."""
    for name in FIELDS:
        ours, theirs = here[name], there[name]
        if ours is not None and theirs is not None and ours != theirs:
            yield Difference(name, ours, theirs)


def _note(verdict: Verdict, cause: str, reference: str | None) -> str:
    if verdict is Verdict.UNANSWERED:
        return cause
    return f"its reference was {reference}" if verdict is Verdict.MISSING and reference else ""


def _fix_unexpected(of: Sides, invoice: int, state: str, references: Sequence[str]) -> str:
    """It is the only bill of its invoice in the ERP; where there are more, they are told as several."""
    if state in {JobState.HELD, JobState.PENDING, JobState.CLAIMED}:
        return (
            "If this database is a copy or was restored, payapp adopt looks in the ERP first; else recall it"
        )
    synced = of.scratch.execute(
        f"SELECT 1 FROM sent WHERE invoice = ? AND standing = '{Standing.SYNCED}'", (invoice,)
    ).fetchone()
    if synced:
        return "Do not void it before the other one is found: its invoice is Synced, with a bill that is not listed"
    if state == JobState.FAILED and len(references) == 1:
        return (
            f"Do not export it again. If the bill is right: payapp reconcile '#{invoice}' --booked {references[0]}"
            " --comment WHY; else void it in the ERP first"
        )
    return "Do not export it again: if the bill is wrong, void it in the ERP first"


def _fix(verdict: Verdict, who: str, state: str, *, proven: bool) -> str:
    match verdict:
        case Verdict.TWICE:
            return "Void all but one of them in the ERP, before they are paid"
        case Verdict.MISSING:
            return "Ask who keeps the ERP whether it was voided or deleted there, and why"
        case Verdict.DIFFERS:
            return "Find out which side is right; a bill that was changed in the ERP is corrected there"
        case Verdict.UNKNOWN:
            return "It was not sent from here: ask who keeps the ERP who entered it"
        case Verdict.FOUND if proven:
            return "payapp reconcile --resolve makes it Synced"
        case Verdict.FOUND:
            return f"If this is its bill: payapp reconcile '{who}' --booked REFERENCE --comment WHY"
        case Verdict.NOT_FOUND if state == JobState.UNCERTAIN:
            return "The worker asks again and settles it (payapp worker)"
        case Verdict.NOT_FOUND:
            return f"When it is certain that it never arrives: payapp reconcile '{who}' --not-booked --comment WHY"
        case Verdict.UNANSWERED if state in {JobState.UNCERTAIN, JobState.PARKED}:
            return f"Look in the ERP, then payapp reconcile '{who}' --booked REFERENCE or --not-booked, with --comment WHY"
        case Verdict.UNANSWERED:
            return "Reconcile again when the ERP answers"
        case _:
            return ""
