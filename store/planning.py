"""What an Export would do: which invoices go, which stay and why. The dialog shows it, the decision carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from store import candidates, periods
from store.candidates import Candidate
from store.db import Database
from store.directory import Company
from store.domain import accounting
from store.domain.actor import Actor
from store.domain.bill import encode
from store.domain.errors import BadInput, Blocked, Disallowed, NotPermitted, PayappError
from store.domain.invoice import Line, foot
from store.domain.money import show
from store.domain.outcome import Period
from store.domain.profile import Profile, findings
from store.domain.status import Action, ErpStatus, check
from store.domain.text import safe, storable
from store.invoices import is_own

DESCRIPTION_MOST = 30


@dataclass(frozen=True, slots=True)
class Stay:
    """One invoice that cannot go: a stable code, the plain cause and the fix. It stays where it is."""

    invoice_id: int
    name: str
    code: str
    cause: str
    fix: str
    error: type[PayappError] = Blocked

    def sentence(self) -> PayappError:
        """The refusal as an error of its own kind."""
        return self.error(f"{self.name} stays", why=self.cause, fix=self.fix)


@dataclass(frozen=True, slots=True)
class Going:
    """One invoice that can go: its frozen payload and the rule that let it."""

    candidate: Candidate
    key: str
    payload: str
    sha256: str
    accounting_date: date
    description: str
    rule: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one press of Export."""

    action: Action
    company: Company
    profile: Profile
    accounting_date: date | None
    description: str | None

    def checked(self) -> Terms:
        """Itself, or BadInput when the description is too long or cannot be stored."""
        if self.description is not None and (
            len(self.description) > DESCRIPTION_MOST or not storable(self.description)
        ):
            raise BadInput(
                "That description cannot be used",
                why=f"it may have {DESCRIPTION_MOST} characters, and has {len(self.description)}",
                fix="Shorten it",
            )
        return self


def stay(candidate: Candidate, code: str, error: PayappError) -> Stay:
    """The refusal of one invoice, from the error that a rule raised."""
    cause = f"{error.what}: {error.why}" if error.why else error.what
    return Stay(candidate.id, safe(candidate.name), code, safe(cause), safe(error.fix), type(error))


def plan(db: Database, actor: Actor, ids: Sequence[int], terms: Terms) -> tuple[list[Going], list[Stay]]:
    """Every invoice of the selection, either going or staying. Writes nothing."""
    terms.checked()
    known = periods.of(db, terms.company.erp)
    going: list[Going] = []
    stays: list[Stay] = []
    for chunk in candidates.load(db, ids):
        numbers = [candidate.id for candidate in chunk]
        own = candidates.lines(db, numbers)
        outdated = candidates.outdated(db, numbers)
        for candidate in chunk:
            judged = _judge(actor, candidate, own.get(candidate.id, ()), terms, known)
            if isinstance(judged, Going) and candidate.id in outdated:
                judged = stay(candidate, "previous", _outdated(candidate, *outdated[candidate.id]))
            if isinstance(judged, Stay):
                stays.append(judged)
            else:
                going.append(judged)
    return going, stays


def _judge(
    actor: Actor, candidate: Candidate, own: Sequence[Line], terms: Terms, known: Sequence[Period]
) -> Going | Stay:
    try:
        check(terms.action, candidate.erp_status, candidate.name)
    except Disallowed as error:
        return stay(candidate, "state", error)
    try:
        rule = _separation(actor, candidate)
    except NotPermitted as error:
        return stay(candidate, "permission", error)
    try:
        _footing(candidate, own)
        day = _date(candidate, terms, known)
    except Blocked as error:
        return stay(candidate, "blocked", error)
    text = terms.description if terms.description is not None else candidate.description
    bill = candidates.bill(
        candidate,
        own,
        company=terms.company.name,
        erp=terms.company.erp,
        accounting_date=day,
        description=text,
    )
    for finding in findings(terms.profile, bill):
        return stay(candidate, finding.code, Blocked(finding.cause, fix=finding.fix))
    payload, sha256 = encode(bill)
    return Going(candidate, bill.key, payload, sha256, day, text, rule)


def _separation(actor: Actor, candidate: Candidate) -> str:
    """The rule and limit that applied, or NotPermitted (PRODUCT.md, "Who may do what")."""
    if is_own(actor, candidate.creator_login, candidate.creator_email, candidate.sender_id):
        raise NotPermitted(
            "Who created or sent an invoice does not accept it",
            why=f"{actor.login} did so",
            fix="Leave it to another approver",
        )
    limit = actor.limit_invoice
    if limit is None:
        return "preparer is not approver; no limit"
    if abs(candidate.gross) > limit:
        raise NotPermitted(
            f"It is over the limit of {actor.login}",
            why=f"gross {show(candidate.gross, candidate.currency)}, limit {show(limit, candidate.currency)}",
            fix="Leave it to an approver with a higher limit",
        )
    return f"preparer is not approver; limit {show(limit, candidate.currency)}"


def _footing(candidate: Candidate, own: Sequence[Line]) -> None:
    claims = {"gross": candidate.gross, "retainage": candidate.retainage, "net": candidate.net}
    if wrong := foot(own, claims, candidate.currency, candidate.tax):
        raise Blocked(
            "Its amounts do not foot", why=wrong[0], fix="Reject it (r), so that the project corrects it"
        )


def _outdated(candidate: Candidate, item: str, ours: int, theirs: int) -> Blocked:
    return Blocked(
        "Its previous application is not the one it was made from",
        why=f"line {item} has {show(ours, candidate.currency)} before, the previous application has"
        f" {show(theirs, candidate.currency)}",
        fix="Reject it (r), so that the project corrects it",
    )


def _date(candidate: Candidate, terms: Terms, known: Sequence[Period]) -> date:
    if terms.accounting_date is not None:
        day = terms.accounting_date
    elif candidate.accounting_date:
        day = date.fromisoformat(candidate.accounting_date)
    else:
        return accounting.default_date(known, date.fromisoformat(candidate.period_end))
    if not accounting.is_open(known, day):
        raise Blocked(
            f"Its accounting date {day} is in a closed period of the ERP",
            fix="Give another accounting date (D), or open the period in the ERP",
        )
    return day


def warnings(db: Database, going: Sequence[Going]) -> tuple[str, ...]:
    """What does not stop the export and should be seen: other months, applications out of order."""
    found = []
    elsewhere = [g for g in going if g.accounting_date.isoformat()[:7] != g.candidate.period_end[:7]]
    if elsewhere:
        names = ", ".join(safe(g.candidate.number) for g in elsewhere[:3])
        found.append(f"{len(elsewhere)} will be posted in another month than their billing period: {names}")
    chosen = {g.candidate.id for g in going}
    for first in range(0, len(going), 500):
        chunk = going[first : first + 500]
        marks = ", ".join("?" * len(chunk))
        rows = db.execute(
            "SELECT later.number, earlier.number, earlier.id FROM invoices later JOIN invoices earlier"
            " ON earlier.commitment_id = later.commitment_id AND earlier.application < later.application"
            f" WHERE later.id IN ({marks}) AND earlier.erp_status <> '{ErpStatus.SYNCED}'",
            [g.candidate.id for g in chunk],
        ).fetchall()
        found += [
            f"{safe(later)} goes before the earlier application {safe(earlier)}, which is not synced"
            for later, earlier, number in rows
            if number not in chosen
        ]
    return tuple(found)
