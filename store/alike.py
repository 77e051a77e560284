"""Which invoices look like one that came twice, with what the other one is and whether an approver let the pair pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from store import duplicates
from store.candidates import Candidate
from store.db import Database
from store.domain.likeness import WORDS, Likeness, joined, let_pass
from store.domain.status import TITLES, ErpStatus
from store.domain.text import fold, one_line
from store.duplicates import Known, flagged, known, same_money, same_number
from store.packed import among, packed

# How many others a sentence names.
NAMED = 2
_RUN = 2000
# What more vendors share is an account for odd ones, and says nothing of who they are.
KIN = 20
# By vendor the other ones that the ERP takes for the same.
Kin = Mapping[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Override:
    """Who let a warning pass, why, and when (ms UTC)."""

    comment: str
    who: str
    at: int


@dataclass(frozen=True, slots=True)
class Twin:
    """Another invoice that this one looks like: what they have in common, and for each of that the override if any."""

    id: int
    number: str
    commitment: str
    job: str
    erp_status: ErpStatus
    source: str
    likenesses: tuple[Likeness, ...]
    overrides: tuple[Override | None, ...]

    @property
    def open(self) -> tuple[Likeness, ...]:
        """What of it nobody has let pass, and somebody has to."""
        both = zip(self.likenesses, self.overrides, strict=True)
        return tuple(one for one, by in both if by is None and one is not Likeness.RESTARTED)

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        return one_line(f"{self.number} ({self.commitment}, job {self.job}, {TITLES[self.erp_status]})")


def kin(db: Database) -> Kin:
    """By vendor the other ones that are the same one to the company's ERP: of one ERP id, or mapped to one code there.

    Vendors without any are missing, and as a rule all are. No flag on an invoice tells of these.
    """
    rows = db.execute(
        "WITH said AS (SELECT v.id, m.project_id, m.target FROM mappings m JOIN company c ON c.erp = m.erp"
        " JOIN vendors v ON v.source_id = m.code WHERE m.kind = 'vendor'),"
        " named AS MATERIALIZED (SELECT id, target AS name FROM said UNION SELECT id, erp_ref FROM vendors"
        " WHERE erp_ref <> '' AND id NOT IN (SELECT id FROM said WHERE project_id IS NULL)),"
        " several AS (SELECT name FROM named GROUP BY name HAVING count(*) BETWEEN 2 AND ?)"
        " SELECT n.name, n.id FROM several s JOIN named n ON n.name = s.name ORDER BY n.id",
        (KIN,),
    ).fetchall()
    called: dict[str, list[int]] = {}
    for name, vendor in rows:
        called.setdefault(name, []).append(int(vendor))
    found: dict[int, tuple[int, ...]] = {}
    for vendors in called.values():
        for vendor in vendors:
            found[vendor] = (*found.get(vendor, ()), *(other for other in vendors if other != vendor))
    return found


def twins(
    db: Database,
    ids: Sequence[int],
    given: str | None = None,
    of_kin: Kin | None = None,
    *,
    restarted: int = 0,
) -> dict[int, tuple[Twin, ...]]:
    """The other invoices that each of these looks like, newest first; of very many the newest. None, no entry.

    ``given``: the ERP invoice number that these go with, "" for their own; None: as the store has it. ``of_kin``: what
    kin() says, where it was asked already. ``restarted``: so many more that have the same number of an application of
    another commitment, and nothing else in common.
    """
    found: dict[int, tuple[Twin, ...]] = {}
    others = kin(db) if of_kin is None and ids else of_kin or {}
    for first in range(0, len(ids), _RUN):
        own = known(db, ids[first : first + _RUN])
        if given is not None:
            own = [one._replace(erp_number=given) for one in own]
        own += [one._replace(vendor=v) for one in own for v in others.get(one.vendor, ())]
        found |= _twins(db, own, duplicates.restarted(db, own, restarted) if restarted else ())
    return found


def unsettled(
    db: Database, ids: Sequence[int], given: str | None = None, of_kin: Kin | None = None
) -> dict[int, tuple[Twin, ...]]:
    """As twins(), without the pairs that an approver has let pass for the invoice.

    What has no flag looks like no other of its vendor and is not looked at, unless it goes under another number or its
    vendor has kin.
    """
    others = kin(db) if of_kin is None and ids else of_kin or {}
    if given is None:
        ids = sorted({*flagged(db, ids), *_of_vendors(db, ids, others)})
    found = {
        number: tuple(twin for twin in of if twin.open)
        for number, of in twins(db, ids, given, others).items()
    }
    return {number: of for number, of in found.items() if of}


def _of_vendors(db: Database, ids: Sequence[int], vendors: Kin) -> list[int]:
    if not vendors:
        return []
    return [
        one.id
        for first in range(0, len(ids), _RUN)
        for one in known(db, ids[first : first + _RUN])
        if one.vendor in vendors
    ]


def names(db: Database, ids: Sequence[int]) -> dict[int, str]:
    """How a sentence calls these invoices, by id in their order."""
    return {
        number: one_line(f"{row[1]} ({row[3]}, job {row[4]})")
        for number, row in sorted(_rows(db, ids).items())
    }


def named(others: Sequence[Twin]) -> str:
    """The first of them by what they have in common, for a sentence: "X (SC-1, job 24-101, Synced): the same number"."""
    told = [f"{twin.name}: {' and '.join(WORDS[one] for one in twin.open)}" for twin in others[:NAMED]]
    more = len(others) - NAMED
    return "; ".join(told) + (f"; and {more:,} more" if more > 0 else "")


def refused(db: Database, sents: Sequence[Candidate]) -> dict[int, tuple[str, str]]:
    """What the ERP refused as similar, of those that failed and go as they did: what it said, and the revision."""
    found = said(db, failed) if (failed := [c.id for c in sents if c.erp_status is ErpStatus.FAILED]) else {}
    still = _as_refused(db, sents, {(number, revision) for number, (_, revision) in found.items()})
    return {number: told for number, told in found.items() if number in still}


def said(db: Database, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """As refused(), of these invoices."""
    rows = db.execute(
        f"SELECT id, error_cause, revision FROM invoices WHERE {among(db, 'id')} AND error_code = ?",
        (packed(db, ids), Likeness.SIMILAR.value),
    ).fetchall()
    return {int(row[0]): (str(row[1]) or WORDS[Likeness.SIMILAR], str(row[2])) for row in rows}


def carried(db: Database, sents: Sequence[Candidate], *, given: bool) -> dict[int, tuple[str, ...]]:
    """What the bills of those say whose ERP's own warning was let pass; ``given``: a reason comes with this press.

    ``sents`` are the invoices as they are sent. It counts until the invoice is sent anew from Commitments, for the
    vendor and number that the ERP refused, and for the bills that it named then: under another number or beside another
    bill it would be another warning, which nobody has seen.
    """
    # What was never accepted was never refused.
    again = [c for c in sents if c.revision]
    if not again:
        return {}
    rows = db.execute(
        "SELECT o.invoice_id, o.other FROM overrides o JOIN invoices i ON i.id = o.invoice_id"
        f" WHERE {among(db, 'o.invoice_id')} AND o.code = ? AND o.made_at >= coalesce(i.sent_at, 0)",
        (packed(db, [c.id for c in again]), Likeness.SIMILAR.value),
    ).fetchall()
    passed = {(int(row[0]), revision_said(row[1])) for row in rows}
    if given:
        passed |= {(number, revision) for number, (_, revision) in refused(db, again).items()}
    return {
        number: (let_pass(Likeness.SIMILAR.value, joined(others)),)
        for number, others in _as_refused(db, again, passed).items()
    }


def _as_refused(
    db: Database, sents: Sequence[Candidate], of: set[tuple[int, str]]
) -> dict[int, tuple[str, ...]]:
    """Those that go under the vendor and number of one of these revisions of theirs, with the bills that it was like."""
    if not of:
        return {}
    as_sent = {c.id: (c.vendor_ref, c.posted_number) for c in sents}
    jobs = _refused_as(db, sorted({number for number, _ in of}))
    found: dict[int, tuple[str, ...]] = {}
    for number, revision in of:
        # What was never a job here has nothing to be compared with.
        vendor, posted, similar = jobs.get((number, revision), (*as_sent[number], ""))
        if (vendor, posted) == as_sent[number]:
            found[number] = (*found.get(number, ()), *filter(None, similar.split(",")))
    return found


def said_of(revision: str, said: str) -> str:
    """What an override of the ERP's own refusal of a revision says it is about."""
    return f"erp, revision {revision}: {said}"


def revision_said(other: str) -> str:
    """The revision in said_of()."""
    return other.removeprefix("erp, revision ").partition(":")[0]


class _Named(msgspec.Struct):
    """Of a payload, what names the bill."""

    vendor: str
    number: str


def _refused_as(db: Database, ids: Sequence[int]) -> dict[tuple[int, str], tuple[str, str, str]]:
    """By invoice and revision the vendor and number of the bills that went, and the bills that the ERP said it is like."""
    rows = db.execute(
        f"SELECT invoice_id, revision, payload, similar_to FROM export_jobs WHERE {among(db, 'invoice_id')}",
        (packed(db, ids),),
    ).fetchall()
    found = {}
    for number, revision, payload, similar in rows:
        with contextlib.suppress(msgspec.MsgspecError):
            named = msgspec.json.decode(payload, type=_Named)
            found[int(number), str(revision)] = (named.vendor, named.number, str(similar))
    return found


def _twins(
    db: Database, own: Sequence[Known], weak: Sequence[tuple[int, int]] = ()
) -> dict[int, tuple[Twin, ...]]:
    numbers, amounts, restarted = set(same_number(db, own)), set(same_money(db, own)), set(weak)
    pairs = sorted({*numbers, *amounts, *restarted}, key=lambda pair: (pair[0], -pair[1]))
    if not pairs:
        return {}
    rows = _rows(db, {other for _, other in pairs})
    passed = _passed(db, {number for number, _ in pairs})
    folded = {one.id: {fold(number) for number in (one.number, one.erp_number) if number} for one in own}
    # Of many that look alike each is another one's twin many times.
    theirs = {other: {fold(text) for text in row[1:3] if text} for other, row in rows.items()}
    states = {other: ErpStatus(row[5]) for other, row in rows.items()}
    found: dict[int, list[Twin]] = {}
    for number, other in pairs:
        _, name, _, *rest, _, source = rows[other]
        likenesses: list[Likeness] = []
        if (number, other) in numbers:
            likenesses.append(Likeness.NUMBER if folded[number].isdisjoint(theirs[other]) else Likeness.EXACT)
        if (number, other) in amounts:
            likenesses.append(Likeness.AMOUNT)
        if (number, other) in restarted:
            likenesses.append(Likeness.RESTARTED)
        by = tuple(passed.get((number, one, other)) for one in likenesses)
        twin = Twin(other, name, rest[0], rest[1], states[other], source, tuple(likenesses), by)
        found.setdefault(number, []).append(twin)
    return {number: tuple(others) for number, others in found.items()}


def subject(invoice: int, revision: int) -> str:
    """What an override about another invoice, that goes with this revision of its own, says it is about."""
    return f"invoice {invoice}, revision {revision}"


def _rows(db: Database, ids: Iterable[int]) -> dict[int, tuple[int, str, str, str, str, str, str]]:
    found = db.execute(
        "SELECT i.id, i.number, i.erp_number, c.number, p.number, i.erp_status, i.source FROM invoices i"
        " JOIN commitments c ON c.id = i.commitment_id JOIN projects p ON p.id = i.project_id"
        f" WHERE {among(db, 'i.id')}",
        (packed(db, ids),),
    ).fetchall()
    return {int(row[0]): tuple(row) for row in found}


def _passed(db: Database, ids: Iterable[int]) -> Mapping[tuple[int, str, int], Override]:
    # What was rejected and is sent again may be another invoice by now: it was let pass as it was.
    found = db.execute(
        "SELECT o.invoice_id, o.code, o.other, o.comment, u.login, o.made_at FROM overrides o"
        " JOIN invoices i ON i.id = o.invoice_id AND o.made_at >= coalesce(i.sent_at, 0)"
        f" JOIN users u ON u.id = o.made_by WHERE {among(db, 'o.invoice_id')} AND o.code <> ? ORDER BY o.id",
        (packed(db, ids), Likeness.SIMILAR.value),
    ).fetchall()
    return {(row[0], row[1], _about(row[2])): Override(*row[3:]) for row in found}


def _about(other: str) -> int:
    """The invoice in subject()."""
    return int(other.removeprefix("invoice ").partition(",")[0])
