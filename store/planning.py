"""What an Export would do: which invoices go, which stay and why. The dialog shows it, the decision carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date

from store import candidates, holds, periods
from store.candidates import Candidate
from store.db import Database
from store.directory import Company
from store.domain import accounting
from store.domain.actor import Actor
from store.domain.bill import Bill
from store.domain.errors import BadInput, Blocked, Disallowed, NotPermitted, PayappError
from store.domain.invoice import Line, foot
from store.domain.money import show
from store.domain.outcome import Period
from store.domain.profile import Profile, findings
from store.domain.status import Action, ErpStatus, check
from store.domain.text import safe, storable
from store.holds import Hold
from store.invoices import is_own

DESCRIPTION_MOST = 30
# How many names a warning lists.
WARNED_AT_MOST = 5


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
    """One invoice that can go: its bill and the rule that let it."""

    candidate: Candidate
    bill: Bill
    rule: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one press of Export."""

    action: Action
    company: Company
    profile: Profile
    accounting_date: date | None
    description: str | None
    erp_number: str | None = None


def check_values(count: int, description: str | None, erp_number: str | None) -> None:
    """Raise BadInput for what the approver cannot give to ``count`` invoices; None: not given."""
    for name, text in (("description", description), ("ERP invoice number", erp_number)):
        if text is not None and not storable(text):
            raise BadInput(f"That {name} cannot be used", why="it holds a character that no database stores")
    if description is not None and len(description) > DESCRIPTION_MOST:
        raise BadInput(
            "That description is too long",
            why=f"it may have {DESCRIPTION_MOST} characters, and has {len(description)}",
            fix="Shorten it",
        )
    if erp_number is not None and count != 1:
        raise BadInput(
            "An ERP invoice number is for one invoice", why=f"{count} are selected", fix="Mark one"
        )


def stay(candidate: Candidate, code: str, error: PayappError) -> Stay:
    """The refusal of one invoice, from the error that a rule raised."""
    cause = f"{error.what}: {error.why}" if error.why else error.what
    return Stay(candidate.id, safe(candidate.name), code, safe(cause), safe(error.fix), type(error))


def plan(db: Database, actor: Actor, ids: Sequence[int], terms: Terms) -> tuple[list[Going], list[Stay]]:
    """Every invoice of the selection, either going or staying. Writes nothing."""
    check_values(len(ids), terms.description, terms.erp_number)
    known, codes = periods.of(db, terms.company.erp), candidates.cost_codes(db)
    going: list[Going] = []
    stays: list[Stay] = []
    for chunk in candidates.load(db, ids):
        numbers = [candidate.id for candidate in chunk]
        facts = _Facts(
            known, codes, candidates.lines(db, numbers), candidates.outdated(db, numbers),
            candidates.prepared(db, numbers, actor), holds.of(db, numbers),
        )  # fmt: skip
        for candidate in chunk:
            judged = _judge(actor, candidate, terms, facts)
            if isinstance(judged, Stay):
                stays.append(judged)
            else:
                going.append(judged)
    return going, stays


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rules look at beside the invoices of one chunk themselves."""

    periods: Sequence[Period]
    codes: Mapping[tuple[int, str], str]
    lines: Mapping[int, tuple[Line, ...]]
    outdated: Mapping[int, tuple[str, str, int, int]]
    prepared: AbstractSet[int]
    held: Mapping[int, Hold]


def _judge(actor: Actor, candidate: Candidate, terms: Terms, facts: _Facts) -> Going | Stay:
    own = facts.lines.get(candidate.id, ())
    if (held := facts.held.get(candidate.id)) is not None:
        return stay(candidate, "hold", Blocked("It is on hold", why=held.told, fix="Release it (H)"))
    try:
        check(terms.action, candidate.erp_status, candidate.name)
        rule = _separation(actor, candidate, terms.company, prepared=candidate.id in facts.prepared)
        _footing(candidate, own)
        _previous(candidate, facts.outdated.get(candidate.id))
        day = _date(candidate, terms, facts.periods)
    except Disallowed as error:
        return stay(candidate, "state", error)
    except NotPermitted as error:
        return stay(candidate, "permission", error)
    except Blocked as error:
        return stay(candidate, "blocked", error)
    bill = candidates.bill(
        replace(
            candidate, erp_number=terms.erp_number if terms.erp_number is not None else candidate.erp_number
        ),
        own,
        company=terms.company.name,
        erp=terms.company.erp,
        accounting_date=day,
        description=terms.description if terms.description is not None else candidate.description,
        codes=facts.codes,
    )
    if found := findings(terms.profile, bill):
        causes, fixes = "; ".join(f.cause for f in found), "; ".join(f.fix for f in found)
        return stay(candidate, found[0].code, Blocked(causes, fix=fixes))
    return Going(candidate, bill, rule)


def _separation(actor: Actor, candidate: Candidate, company: Company, *, prepared: bool) -> str:
    """The rule and limit that applied, or NotPermitted (PRODUCT.md, "Who may do what")."""
    if prepared or is_own(actor, candidate.creator_login, candidate.creator_email, candidate.sender_id):
        raise NotPermitted(
            "Who created, edited or sent an invoice does not accept it",
            why=f"{actor.login} did so",
            fix="Leave it to another approver",
        )
    limit = actor.limit_invoice
    if limit is None:
        return "preparer is not approver; no limit"
    if candidate.currency != company.currency:
        raise NotPermitted(
            f"The limit of {actor.login} is in {company.currency}",
            why=f"the invoice is in {candidate.currency}",
            fix="Leave it to an approver without a limit",
        )
    if abs(candidate.gross) > limit:
        raise NotPermitted(
            f"It is over the limit of {actor.login}",
            why=f"gross {show(candidate.gross, candidate.currency)}, limit {show(limit, company.currency)}",
            fix="Leave it to an approver with a higher limit",
        )
    return f"preparer is not approver; limit {show(limit, company.currency)}"


def _footing(candidate: Candidate, own: Sequence[Line]) -> None:
    claims = {"gross": candidate.gross, "retainage": candidate.retainage, "net": candidate.net}
    if wrong := foot(own, claims, candidate.currency, candidate.tax):
        raise Blocked(
            "Its amounts do not foot", why=wrong[0], fix="Reject it (r), so that the project corrects it"
        )


def _previous(candidate: Candidate, outdated: tuple[str, str, int, int] | None) -> None:
    if outdated is None:
        return
    item, name, ours, theirs = outdated
    raise Blocked(
        "Its previous application is not the one it was made from",
        why=f"line {safe(item)} has {name} {show(ours, candidate.currency)} before, the previous application has"
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
    elsewhere = [g for g in going if g.bill.accounting_date.isoformat()[:7] != g.candidate.period_end[:7]]
    if elsewhere:
        names = ", ".join(safe(g.candidate.number) for g in elsewhere[:3])
        found.append(f"{len(elsewhere)} will be posted in another month than their billing period: {names}")
    earlier = _earlier(db, going)
    if earlier:
        shown = [f"{safe(later)} before {safe(first)}" for later, first in earlier[:WARNED_AT_MOST]]
        more = f" and {len(earlier) - len(shown)} more" if len(earlier) > len(shown) else ""
        found.append(
            f"{len(earlier)} would go before an application that is not synced: {', '.join(shown)}{more}"
        )
    return tuple(found)


def _earlier(db: Database, going: Sequence[Going]) -> list[tuple[str, str]]:
    """Those that leave an earlier application of their commitment behind: number, and the earliest one's."""
    chosen = {g.candidate.id for g in going}
    left: dict[str, str] = {}
    for first in range(0, len(going), 500):
        chunk = going[first : first + 500]
        rows = db.execute(
            "SELECT later.number, earlier.number, earlier.id FROM invoices later JOIN invoices earlier"
            " ON earlier.commitment_id = later.commitment_id AND earlier.application < later.application"
            f" WHERE later.id IN ({', '.join('?' * len(chunk))}) AND earlier.erp_status <> '{ErpStatus.SYNCED}'"
            " ORDER BY later.id, earlier.application",
            [g.candidate.id for g in chunk],
        ).fetchall()
        for later, earlier, number in rows:
            if number not in chosen:
                left.setdefault(later, earlier)
    return list(left.items())
