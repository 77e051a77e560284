"""What the mails about an invoice, or a key, say: rejection, query, re-send. Plain text; every value that people wrote passes the one door."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime

from store.differences import Difference
from store.domain.actor import Actor
from store.domain.address import valid_address
from store.domain.text import one_line, safe

SUBJECT_AT_MOST = 200
# Of a value that stands in a line with others so much is shown: what a file calls something may be of any length.
NAME_AT_MOST = 120
# So many changes are told in one mail; payapp shows all of them.
CHANGES_AT_MOST = 60
ELSEWHERE = """\
You get this mail because who returned it does not decide about it now: all
approvers are told instead."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rejected invoice as its notice needs it; ``name`` is the invoice number, ``gross`` already formatted.

    A query about an invoice needs the same: then ``reason`` is what is asked.

    Names and addresses of the people are "" where they are not known; ``creator_login`` is as the file had it, a
    login or a mail address, and the sender is a user of the Directory.
    """

    invoice_id: int
    invoice_uuid: str
    name: str
    vendor: str
    project: str
    commitment: str
    period: str
    gross: str
    reason: str
    creator_name: str
    creator_email: str
    sender_name: str
    sender_email: str
    creator_login: str = ""


def rejection(by: Actor, company: str, of: Rejection) -> tuple[str, str]:
    """Subject and body of a rejection. Every value that people wrote passes the one door; only the reason keeps its lines."""
    name, vendor = short(of.name), short(of.vendor)
    subject = f"{_subject(of)} was rejected for export"
    body = f"""\
{short(by.name)} rejected subcontractor invoice {name} of {vendor}.

Reason:

{_indented(of.reason)}

{_facts(of)}

The invoice has left ERP Integrations and can be edited again in the project's
Commitments tool, Invoices tab. Correct it there and send it again.

{short(company)}
"""
    return subject, body


def query(by: Actor, company: str, of: Rejection) -> tuple[str, str]:
    """Subject and body of a question; as with a rejection only what is asked keeps its lines."""
    name, vendor = short(of.name), short(of.vendor)
    subject = f"Query about {_subject(of, 'invoice')}"
    # Without a mail address of the approver's own an answer would go to payapp's.
    answer = "Please answer this mail." if valid_address(by.email) else f"Please answer {short(by.name)}."
    body = f"""\
{short(by.name)} has a question about subcontractor invoice {name} of {vendor}:

{_indented(of.reason)}

{_facts(of)}

The invoice stays where it is, in ERP Integrations. {answer}

{short(company)}
"""
    return subject, body


def resent(
    by: Actor, company: str, of: Rejection, difference: Difference, *, instead: bool
) -> tuple[str, str]:
    """Subject and body of the alert that a returned invoice was sent again, with what was changed since.

    ``instead``: it goes to others than the one who returned it.
    """
    name, vendor = short(of.name), short(of.vendor)
    count = len(difference.changes)
    what = f"{count} {'change' if count == 1 else 'changes'}" if count else "unchanged"
    subject = f"{_subject(of)} was sent again, {what}"
    day = datetime.fromtimestamp(difference.at / 1000, UTC).astimezone().date().isoformat()
    who = f"{difference.by} {difference.outcome} it" if instead else f"You {difference.outcome} it"
    why = f"\n{ELSEWHERE}\n" if instead else ""
    body = f"""\
{short(by.name)} sent subcontractor invoice {name} of {vendor} again.

{short(who)} on {day}:

{_indented(difference.reason or "(no reason given)")}

{_changes(difference)}

{_facts(of)}

It is in ERP Integrations, Ready to Export, and waits for a decision.
{why}
{short(company)}
"""
    return subject, body


def key_changed(by: Actor, company: str, login: str, fingerprint: str, done: str) -> tuple[str, str]:
    """Subject and body of what is mailed when somebody ``done`` (added, revoked) a key of somebody else's."""
    who, whose = short(by.name), short(login)
    subject = f"An SSH key of {whose} was {done}"
    can = (
        f"Whoever holds that key can now act as {whose}." if done == "added" else "It opens nothing any more."
    )
    body = f"""\
{who} ({short(by.login)}) {done} an SSH key of {whose}:

    {fingerprint}

{can}

If this was not agreed with {whose}, tell another Directory Admin at once:
ssh HOST keys lists the keys, ssh HOST keys revoke takes one away, and the
audit trail has who did what since.

{short(company)}
"""
    return subject, body


def _changes(difference: Difference) -> str:
    lines = difference.lines()
    if not lines:
        return "Nothing of it was changed since."
    left = len(lines) - CHANGES_AT_MOST
    more = f"\n\n    and {left:,} more: payapp show lists them" if left > 0 else ""
    told = "\n".join(
        textwrap.fill(short(line, 4 * NAME_AT_MOST), 72, initial_indent="    ", subsequent_indent="      ")
        for line in lines[:CHANGES_AT_MOST]
    )
    return f"Changed since:\n\n{told}{more}"


def _subject(of: Rejection, noun: str = "Invoice") -> str:
    """The invoice in a subject, so short that what happened to it has room behind it (SUBJECT_AT_MOST)."""
    return f"{noun} {short(of.name, 60)} of {short(of.vendor, 80)}"


def short(text: str, most: int = NAME_AT_MOST) -> str:
    """The text on one line, cut where it is of no length for a mail."""
    line = one_line(text[: 8 * most])
    return line if len(line) <= most else line[: most - 3] + "..."


def _indented(text: str) -> str:
    return "\n".join(
        textwrap.fill(line, 72, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
        for line in safe(text.replace("\r\n", "\n"), lines=True).split("\n")
    )


def _facts(about: Rejection) -> str:
    return (
        f"Project:            {short(about.project)}\n"
        f"Commitment:         {short(about.commitment)}\n"
        f"Billing period:     {short(about.period)}\n"
        f"Gross this period:  {short(about.gross)}"
    )
