"""What an Export would do: which invoices go, which stay and why. The dialog shows it, the decision carries it out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from store import alike, candidates, evidence, holds, ordering, periods
from store.called import Called
from store.candidates import Candidate
from store.db import Database
from store.directory import Company
from store.domain import accounting
from store.domain.actor import Actor
from store.domain.bill import Bill
from store.domain.errors import BadInput, Blocked, Disallowed, NotPermitted, PayappError
from store.domain.hold import Hold, payment_hold
from store.domain.hold import blocking as keeping
from store.domain.invoice import Line, foot
from store.domain.likeness import WORDS, Likeness
from store.domain.money import show
from store.domain.profile import Note, Profile
from store.domain.status import TRANSITIONS, Action, check
from store.domain.text import safe, storable
from store.invoices import is_own
from store.limits import Limits
from store.noted import Noted, blocking, require_invoices, unposted

DESCRIPTION_MOST = 30
# As the intake takes it of an invoice's own number (store.intake.contract).
ERP_NUMBER_MOST = 60
# How the rule of an invoice says that a possible duplicate was let pass.
OVERRIDDEN = "a possible duplicate was let pass"
# The company's policy under which it passes.
REVIEW = "review"
# How the rule of one's own invoice begins that the company's policy lets pass until another person signs it off.
SELF = "self under review"
# How it says that the invoice is on hold, and goes all the same.
PAYMENT_HELD = "the ERP holds its payment"
ON_HOLD = "on hold, with a warning"


@dataclass(frozen=True, slots=True)
class Stay:
    """One invoice that cannot go: a stable code, the plain cause and the fix. It stays where it is.

    ``kind`` is what its cause has in common with others of the same code; "": the code says it all.
    """

    invoice_id: int
    name: str
    code: str
    cause: str
    fix: str
    error: type[PayappError] = Blocked
    kind: str = ""

    def sentence(self) -> PayappError:
        """The refusal as an error of its own kind."""
        return self.error(f"{self.name} stays", why=self.cause, fix=self.fix)


class Going(NamedTuple):
    """One invoice that can go: as it is, as it is sent, its accounting date and the rule that let it."""

    candidate: Candidate
    sent: Candidate
    day: date
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
    # Why possible duplicates may go; None: they stay.
    override: str | None = None


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
    if erp_number is not None and len(erp_number.strip()) > ERP_NUMBER_MOST:
        raise BadInput(
            "That ERP invoice number is too long",
            why=f"it may have {ERP_NUMBER_MOST} characters, and has {len(erp_number.strip())}",
            fix="Shorten it",
        )
    if erp_number is not None and count != 1:
        raise BadInput(
            "An ERP invoice number is for one invoice", why=f"{count} are selected", fix="Mark one"
        )


def stay(candidate: Candidate, code: str, error: PayappError, kind: str = "") -> Stay:
    """The refusal of one invoice, from the error that a rule raised."""
    # The name stands before it already, wherever it is told.
    what = error.what.removeprefix(f"{candidate.name} ")
    cause = f"{what}: {error.why}" if error.why else what
    return Stay(
        candidate.id, safe(candidate.name), code, safe(cause), safe(error.fix), type(error), safe(kind)
    )


def noted_stay(c: Candidate, found: Sequence[Note]) -> Stay:
    """The refusal of an invoice that the ERP's profile has these notes against."""
    causes = "; ".join(dict.fromkeys(note.cause for note in found))
    fixes = "; ".join(dict.fromkeys(note.fix for note in found))
    return stay(c, found[0].code, Blocked(causes, fix=fixes))


class _Facts(NamedTuple):
    """What the rules look at beside the invoices of one chunk themselves; only what stands against one of them."""

    unfooted: Mapping[int, tuple[Line, ...]]
    outdated: Mapping[int, tuple[str, str, int, int]]
    prepared: set[int]
    held: Mapping[int, tuple[Hold, ...]]
    booked: Mapping[int, evidence.Proof]
    stopped: Mapping[int, list[Note]]
    alike: Mapping[int, tuple[alike.Twin, ...]]
    behind: Mapping[int, str]


class Judge:
    """The rules of one press of Export for one approver. What clearly breaks none is not looked at more closely."""

    def __init__(self, db: Database, actor: Actor, terms: Terms) -> None:
        self._db, self._actor, self._terms = db, actor, terms
        self._known = periods.of(db, terms.company.erp)
        self._called = Called(db, terms.company.erp)
        self._kin = alike.kin(db)
        self._prepares = candidates.prepares(db, actor)
        self._sources = TRANSITIONS[terms.action].sources
        self._owners: dict[tuple[str, str], bool] = {}
        self._days: dict[tuple[str, str], date | None] = {}
        self._limits = Limits(db, actor, terms.company)
        limited = self._limits.rule
        self._rule, self._self_rule = f"preparer is not approver; {limited}", f"{SELF}; {limited}"
        require_invoices(terms.profile)
        self._policy = bool(terms.profile.policy)
        self._noted = Noted(db, terms.company, terms.profile, self._called)
        self._holds = holds.Standing(db)
        self._payment_hold = terms.profile.capabilities.payment_hold is True
        # The holds on the invoices of the last chunk, by id.
        self.held: Mapping[int, tuple[Hold, ...]] = {}
        # What the ERP's profile has to say of the invoices of the last chunk, by id.
        self.notes: Mapping[int, list[Note]] = {}
        self._let = hashlib.sha256()

    @property
    def let(self) -> str:
        """The digest of the pairs that the override lets pass, of all chunks so far in the order of the ids."""
        return self._let.hexdigest()

    def chunk(self, chunk: Sequence[Candidate]) -> tuple[list[Going], list[Stay]]:
        """These invoices, each either going or staying."""
        chunk = self._called.taken(chunk)
        as_it_is = self._terms.description is None and self._terms.erp_number is None
        sents = chunk if as_it_is else [self.sent(c) for c in chunk]
        facts = self._facts(chunk, sents)
        doubtful = facts.unfooted.keys() | facts.outdated.keys() | facts.prepared | facts.held.keys()
        doubtful |= facts.booked.keys() | facts.alike.keys() | facts.stopped.keys() | facts.behind.keys()
        going: list[Going] = []
        stays: list[Stay] = []
        if passed := alike.carried(self._db, sents, given=self._terms.override is not None):
            sents = [s._replace(overrides=passed[s.id]) if s.id in passed else s for s in sents]
        if self._policy and self.notes:
            noted = {s.id: unposted(self.notes.get(s.id, ()), s.currency) for s in sents}
            sents = [s if noted[s.id] is None else s._replace(unposted=noted[s.id]) for s in sents]
        for c, sent in zip(chunk, sents, strict=True):
            day = self._day(c)
            if day is not None and c.id not in doubtful and self._clear(c):
                self._limits.take(c)
                going.append(Going(c, sent, day, self._rule))
                continue
            judged = self._judge(c, sent, facts)
            if isinstance(judged, Stay):
                stays.append(judged)
            else:
                self._limits.take(c)
                going.append(judged)
        return going, stays

    def _facts(self, chunk: Sequence[Candidate], sents: Sequence[Candidate]) -> _Facts:
        ids = [c.id for c in chunk]
        self.notes = self._noted.of(sents)
        unfooted = candidates.unfooted(self._db, ids)
        lines = candidates.lines(self._db, sorted(unfooted)) if unfooted else {}
        self._limits.look(chunk)
        self.held = self._holds.of(ids)
        return _Facts(
            {number: lines.get(number, ()) for number in unfooted},
            candidates.outdated(self._db, ids),
            candidates.prepared(self._db, ids, self._actor) if self._prepares else set(),
            self.held,
            evidence.among_these(self._db, chunk),
            {number: found for number, notes in self.notes.items() if (found := blocking(notes))},
            self._alike(chunk),
            ordering.overtaking(self._db, ids, self._terms.company.order_policy),
        )

    def _alike(self, chunk: Sequence[Candidate]) -> dict[int, tuple[alike.Twin, ...]]:
        given = self._terms.erp_number
        looked = [c.id for c in chunk if c.flagged or given is not None or c.vendor_id in self._kin]
        return alike.unsettled(self._db, looked, given, self._kin) if looked else {}

    def sent(self, c: Candidate) -> Candidate:
        """The invoice with what the approver gives to it."""
        terms = self._terms
        if terms.description is not None:
            c = c._replace(description=terms.description)
        return c if terms.erp_number is None else c._replace(erp_number=terms.erp_number)

    # -- the short look ----------------------------------------------------------------------------------------

    def _clear(self, c: Candidate) -> bool:
        """Whether none of the rules that look at the invoice alone stands against it."""
        return (
            c.erp_status in self._sources
            and not self._own(c)
            and (not self._limits.any or self._limits.refusal(c) is None)
        )

    def _own(self, c: Candidate) -> bool:
        if c.sender_id == self._actor.id:
            return True
        who = (c.creator_login, c.creator_email)
        if (own := self._owners.get(who)) is None:
            own = self._owners[who] = is_own(self._actor, *who, None)
        return own

    def _day(self, c: Candidate) -> date | None:
        """The accounting date; None where a period stands against it."""
        dates = ("", "") if self._terms.accounting_date is not None else (c.accounting_date, c.period_end)
        if dates not in self._days:
            try:
                self._days[dates] = self._date(c)
            except Blocked:
                self._days[dates] = None
        return self._days[dates]

    # -- the close look ----------------------------------------------------------------------------------------

    def _judge(self, c: Candidate, sent: Candidate, facts: _Facts) -> Going | Stay:
        added = ""
        if found := facts.held.get(c.id):
            if (kept := keeping(found, payment_hold=self._payment_hold)) is not None:
                error = Blocked(kept.what, why=kept.told, fix="Release it ({invoices.hold})")
                return stay(c, "hold", error, error.what)
            sent = sent._replace(payment_hold=payment_hold(found))
            added = f"; {PAYMENT_HELD}" if sent.payment_hold else f"; {ON_HOLD}"
        if (proof := facts.booked.get(c.id)) is not None:
            error = evidence.blocked(c.id, proof)
            return stay(c, "booked", error, error.what)
        try:
            check(self._terms.action, c.erp_status, c.name)
            rule = self._separation(c, prepared=c.id in facts.prepared) + added
            if (over := self._limits.refusal(c)) is not None:
                raise over
            ordering.check(facts.behind.get(c.id))
            if c.id in facts.unfooted:
                _footing(c, facts.unfooted[c.id])
            _previous(c, facts.outdated.get(c.id))
            day = self._date(c)
        except Disallowed as error:
            return stay(c, "state", error, error.why)
        except NotPermitted as error:
            return stay(c, "permission", error, error.what)
        except Blocked as error:
            return stay(c, "blocked", error, error.what)
        if notes := facts.stopped.get(c.id):
            return noted_stay(c, notes)
        if others := facts.alike.get(c.id):
            if self._terms.override is None:
                return _duplicate(c, others)
            pairs = [(twin.id, *twin.open) for twin in others]
            self._let.update(f"{c.id} {pairs}\n".encode())
            return Going(c, sent, day, f"{rule}; {OVERRIDDEN}")
        return Going(c, sent, day, rule)

    def permitted(self, c: Candidate) -> str:
        """The rule under which this user may decide that the invoice is paid; for what goes without being sent.

        Raises NotPermitted for who prepared it or is limited below it.
        """
        prepared = self._prepares and bool(candidates.prepared(self._db, [c.id], self._actor))
        rule = self._separation(c, prepared=prepared)
        self._limits.look([c])
        if (over := self._limits.refusal(c)) is not None:
            raise over
        return rule

    def bill(self, sent: Candidate, day: date) -> Bill:
        """The bill of one invoice, as it would be sent."""
        company = self._terms.company
        lines = candidates.bill_lines(self._db, [sent], self._called.account)[sent.id]
        return candidates.bill(sent, lines, company=company.name, erp=company.erp, accounting_date=day)

    def _separation(self, c: Candidate, *, prepared: bool) -> str:
        """The rule that lets it go. Raises NotPermitted for who prepared it (PRODUCT.md, "Who may do what")."""
        actor = self._actor
        if not prepared and not is_own(actor, c.creator_login, c.creator_email, c.sender_id):
            return self._rule
        if self._terms.company.self_policy == REVIEW:
            return self._self_rule
        raise NotPermitted(
            "Who created, edited or sent an invoice does not accept it",
            why=f"{actor.login} did so",
            fix="Leave it to another approver",
        )

    def _date(self, c: Candidate) -> date:
        if self._terms.accounting_date is not None:
            day = self._terms.accounting_date
        elif c.accounting_date:
            day = date.fromisoformat(c.accounting_date)
        else:
            return accounting.default_date(self._known, date.fromisoformat(c.period_end))
        if not accounting.is_open(self._known, day):
            raise Blocked(
                f"Its accounting date {day} is in a closed period of the ERP",
                fix="Give another accounting date ({invoices.export-values}), or open the period in the ERP",
            )
        return day


def _duplicate(c: Candidate, others: Sequence[alike.Twin]) -> Stay:
    """What looks like another invoice of its vendor, and nobody has let pass."""
    worst = min((one for twin in others for one in twin.open), key=list(Likeness).index)
    error = Blocked(
        f"It may be a duplicate of {alike.named(others)}",
        fix="Compare the two; where both are right, give a reason for the override ({invoices.export}, or --override)",
    )
    return stay(
        c, worst.value, error, f"It may be a duplicate: another invoice of the vendor has {WORDS[worst]}"
    )


def _footing(candidate: Candidate, own: Sequence[Line]) -> None:
    claims = {"gross": candidate.gross, "retainage": candidate.retainage, "net": candidate.net}
    if wrong := foot(own, claims, candidate.currency, candidate.tax):
        raise Blocked(
            "Its amounts do not foot",
            why=wrong[0],
            fix="Reject it ({invoices.reject}), so that the project corrects it",
        )


def _previous(candidate: Candidate, outdated: tuple[str, str, int, int] | None) -> None:
    if outdated is None:
        return
    item, name, ours, theirs = outdated
    raise Blocked(
        "Its previous application is not the one it was made from",
        why=f"line {safe(item)} has {name} {show(ours, candidate.currency)} before, the previous application has"
        f" {show(theirs, candidate.currency)}",
        fix="Reject it ({invoices.reject}), so that the project corrects it",
    )
