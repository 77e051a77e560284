"""Reconciling: what was sent in a period, compared with what the ERP says it has.

The ERP's bills come in page by page (add), then everything that was sent is read (read), what the ERP did not list is
asked for by key (to_ask, answered), and each bill gets its verdict (conclude). Both sides wait in a scratch file, so
that the memory does not grow with them. Only store.resolving writes into the books.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from store.db import Database
from store.domain.errors import Misfooted
from store.domain.outcome import Answer, Booked, Delivered, Missing
from store.domain.status import JobState
from store.domain.verdict import DIFFERENCES, OPEN, Balance, Row, Sum, Verdict
from store.evidence import REFUSED_BY_RECEIPT
from store.job import JOB_COLUMNS, Job, chunks, job_of, marks
from store.sent_bills import Standing
from store.sides import FIELDS, PAGE, Sides, text_of

_ORDER = {verdict: place for place, verdict in enumerate(Verdict)}
_DIFFERS = " OR ".join(f"s.{name} <> b.{name}" for name in FIELDS)
_OWN = "SELECT 1 FROM bill b WHERE b.job = s.id"


def _refused(db: Database | None, job: Job) -> bool:
    """Whether a receipt said that the ERP did not take what was delivered to it."""
    if db is None:
        return False
    return db.execute(REFUSED_BY_RECEIPT.format("?"), (job.id,)).fetchone() is not None


class Reconciliation(Sides):
    """One comparison of one ERP's bills of a period with what was sent to it.

    ``lists``: the ERP can list its bills. Where it cannot, bills that nobody here knows cannot be looked for.
    """

    # -- what is asked for by key ------------------------------------------------------------------------------------

    def to_ask(self, db: Database, after: int, limit: int) -> list[Job]:
        """The next jobs behind that id that the ERP did not list under their own key; empty: there are no more."""
        ids = [
            row[0]
            for row in self.scratch.execute(
                f"SELECT s.id FROM sent s WHERE s.id > ? AND s.counted AND s.standing <> '{Standing.UNDER_WAY}'"
                f" AND NOT EXISTS ({_OWN} AND (b.key = s.key OR s.standing <> '{Standing.OPEN}'))"
                " ORDER BY s.id LIMIT ?",
                (after, limit),
            )
        ]
        if not ids:
            return []
        found = db.execute(
            f"SELECT {JOB_COLUMNS} FROM export_jobs WHERE id IN ({marks(ids)}) ORDER BY id", tuple(ids)
        )
        return [job_of(row) for row in found.fetchall()]

    def answered(self, db: Database | None, answers: Iterable[tuple[Job, Answer]]) -> None:
        """What the ERP said of the bills it was asked for."""
        with self.together():
            for job, answer in answers:
                word, found = type(answer).__name__.lower(), ""
                if isinstance(answer, Booked):
                    found = text_of(answer.ref)
                elif isinstance(answer, Delivered) and _refused(db, job):
                    word = "missing"
                elif isinstance(answer, Delivered):
                    word, found = "booked", self._told(job.id) or text_of(answer.ref)
                cause = "" if isinstance(answer, Booked | Delivered | Missing) else text_of(answer.cause)
                self.scratch.execute(
                    "UPDATE sent SET answer = ?, found = ?, cause = ? WHERE id = ?",
                    (word, found, cause, job.id),
                )
                if found and not self.lists:
                    self._put_found(job.id, found)

    def _told(self, job: int) -> str:
        """Its reference in the ERP, as the receipt said it: where it was delivered is none."""
        row = self.scratch.execute(
            f"SELECT reference FROM sent WHERE id = ? AND standing = '{Standing.SYNCED}'", (job,)
        ).fetchone()
        return row[0] or "" if row else ""

    def _put_found(self, job: int, reference: str) -> None:
        """Where the ERP cannot list its bills, those it was asked for are its side; it tells no amounts."""
        key, invoice, currency = self.scratch.execute(
            "SELECT key, invoice, currency FROM sent WHERE id = ?", (job,)
        ).fetchone()
        self.put({
            "key": key, "reference": reference, "job": job, "invoice": invoice, "currency": currency,
            "gross_minor": None, "net_minor": None,
        })  # fmt: skip

    # -- the verdicts --------------------------------------------------------------------------------------------------

    def conclude(self, _db: Database | None = None) -> None:
        """Give every bill of both sides its verdict. Raises Misfooted when the classes do not come to what was read."""
        many = "(SELECT count(*) FROM bill b WHERE b.invoice = s.invoice) > 1"
        differs = f"s.fault <> '' OR EXISTS ({_OWN} AND ({_DIFFERS}))"
        elsewhere = f"s.answer = 'booked' AND NOT EXISTS ({_OWN})"
        self.scratch.execute(
            "UPDATE sent AS s SET verdict = CASE"
            f" WHEN EXISTS ({_OWN}) AND {many} THEN '{Verdict.TWICE}'"
            f" WHEN s.standing = '{Standing.UNDER_WAY}' OR s.recent AND NOT EXISTS ({_OWN}) THEN '{Verdict.UNDER_WAY}'"
            f" WHEN s.standing = '{Standing.OPEN}' THEN CASE"
            f" WHEN EXISTS ({_OWN}) OR s.answer = 'booked' THEN '{Verdict.FOUND}'"
            f" WHEN s.answer = 'missing' THEN '{Verdict.NOT_FOUND}' ELSE '{Verdict.UNANSWERED}' END"
            f" WHEN s.standing = '{Standing.SYNCED}' THEN CASE"
            f" WHEN EXISTS ({_OWN}) THEN CASE WHEN {differs} THEN '{Verdict.DIFFERS}' ELSE '{Verdict.AGREES}' END"
            f" WHEN {elsewhere} THEN '{Verdict.DIFFERS}'"
            f" WHEN s.answer = 'missing' THEN '{Verdict.MISSING}' ELSE '{Verdict.UNANSWERED}' END"
            f" WHEN EXISTS ({_OWN}) OR s.answer = 'booked' THEN '{Verdict.UNEXPECTED}' ELSE '{Verdict.FAILED}' END"
        )
        self.scratch.execute(
            "UPDATE bill SET verdict = CASE"
            " WHEN job IS NOT NULL THEN (SELECT s.verdict FROM sent s WHERE s.id = bill.job)"
            " WHEN invoice IS NOT NULL AND (SELECT count(*) FROM bill b WHERE b.invoice = bill.invoice) > 1"
            f" THEN '{Verdict.TWICE}' ELSE '{Verdict.UNKNOWN}' END"
        )
        self.balances()

    def resolvable(self) -> Iterator[list[tuple[int, str]]]:
        """Job and reference of what is uncertain or parked here and proven to be in the ERP by its key."""
        last = 0
        while found := self.scratch.execute(
            "SELECT s.id, coalesce(nullif(s.found, ''), (SELECT b.reference FROM bill b WHERE b.job = s.id"
            f" AND b.key = s.key)) AS proof FROM sent s WHERE s.verdict = '{Verdict.FOUND}' AND s.id > ?"
            f" AND proof <> '' ORDER BY s.id LIMIT {PAGE}",
            (last,),
        ).fetchall():
            last = found[-1][0]
            yield found

    def resolved(self, jobs: Sequence[int]) -> None:
        """These were booked: resolved, or different where the ERP's bill is. With ``receipts`` theirs are awaited."""
        state = JobState.SENT if self.receipts else JobState.DONE
        for chunk in chunks(jobs):
            ids = marks(chunk)
            self.scratch.execute(
                f"UPDATE sent AS s SET state = '{state}', verdict = CASE WHEN s.fault <> '' OR EXISTS"
                f" ({_OWN} AND ({_DIFFERS})) THEN '{Verdict.DIFFERS}' ELSE '{Verdict.RESOLVED}' END WHERE id IN ({ids})",
                tuple(chunk),
            )
            self.scratch.execute(
                f"UPDATE bill SET verdict = (SELECT s.verdict FROM sent s WHERE s.id = bill.job) WHERE job IN ({ids})",
                tuple(chunk),
            )

    # -- what comes out --------------------------------------------------------------------------------------------------

    def balances(self) -> tuple[Balance, ...]:
        """Each currency: what was read of both sides beside its classes. Raises Misfooted when they do not foot."""
        rows: dict[str, dict[Verdict, dict[str, Sum]]] = {}
        for side, which in (("sent", "WHERE counted"), ("bill", "")):
            found = self.scratch.execute(
                "SELECT verdict, currency, count(*), count(gross_minor), sum(gross_minor), count(net_minor),"
                f" sum(net_minor) FROM {side} {which} GROUP BY verdict, currency"
            )
            for verdict, currency, count, grosses, gross, nets, net in found:
                own = rows.setdefault(currency, {}).setdefault(Verdict(verdict), {})
                own[side] = Sum(
                    currency, count, gross if grosses == count else None, net if nets == count else None
                )
        balances = []
        for currency in sorted(rows):
            none = Sum(currency, 0, 0, 0)
            classes = tuple(
                Row(verdict, sides.get("sent", none), sides.get("bill", none))
                for verdict, sides in sorted(rows[currency].items(), key=lambda row: _ORDER[row[0]])
            )
            balance = Balance(*self.read_of(currency), classes)
            if not balance.foots:
                raise Misfooted(
                    "The reconciliation does not foot",
                    why=f"{balance.sent.count} sent and {balance.listed.count} listed in {currency} were read,"
                    " and the classes come to something else",
                    fix="This is a defect of payapp: report it, and trust none of its figures",
                )
            balances.append(balance)
        return tuple(balances)

    def counts(self) -> dict[Verdict, int]:
        """How many there are of each class, in payapp's books or, where it knows none, in the ERP."""
        found: dict[Verdict, int] = {}
        for balance in self.balances():
            for row in balance.rows:
                found[row.verdict] = found.get(row.verdict, 0) + max(row.sent.count, row.listed.count)
        return found

    @property
    def differs(self) -> bool:
        """Whether both sides know, and not the same."""
        return any(verdict in DIFFERENCES for verdict in self.counts())

    @property
    def open(self) -> bool:
        """Whether anything of it is not settled yet."""
        return any(verdict in OPEN for verdict in self.counts())
