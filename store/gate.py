"""What an ERP bears, on all hosts: its breaker, its pace, and how many parcels at once (ARCHITECTURE.md, "The export").

One row of erp_state for each ERP, locked in the transaction that claims. Times are milliseconds of the database's clock;
a moment further ahead than any is ever set was set by a clock that was put back since, and counts as over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from store.db import CLOCK, Database
from store.domain.status import JobState

# So many parcels in a row without an answer pause the ERP; from then on one request at a time finds out.
BREAKER_AFTER = 3
# Further ahead no pause ends, and no next request waits.
LONGEST_PAUSE_MS = 300_000
LONGEST_PACE_MS = 60_000

# Jobs that the ERP is asked about, as the indexes have them.
UNCERTAIN = f"state = '{JobState.UNCERTAIN}'"
LOOK_FIRST = f"look_first AND state IN ('{JobState.HELD}', '{JobState.PENDING}')"
# The ERPs that have a row of erp_state, by database.
_with_row: WeakKeyDictionary[Database, set[str]] = WeakKeyDictionary()


def opens(open_until: int, pace_at: int, now: int) -> int:
    """The moment from which a request may go to an ERP that has these values in erp_state."""
    paused = open_until if open_until <= now + LONGEST_PAUSE_MS else 0
    paced = pace_at if pace_at <= now + LONGEST_PACE_MS else 0
    return max(paused, paced)


@dataclass(frozen=True, slots=True)
class Gate:
    """An ERP's row of erp_state, locked till the transaction's end.

    ``busy``: parcels that somebody has claimed. ``asking``: a look-up waits that must go first. ``probe``: the request
    that finds out whether the ERP answers again, given up at ``probe_until``. ``next_parcel``: an id, on PostgreSQL.
    """

    erp: str
    now: int
    open_until: int
    failures: int
    pace_at: int
    probe: str
    probe_until: int
    busy: int
    asking: bool
    next_parcel: int | None

    @property
    def probing(self) -> bool:
        """Whether only one request may go, to find out whether the ERP answers."""
        return self.failures >= BREAKER_AFTER

    def parcel(self, limit: int, lease_ms: int, concurrency: int) -> int:
        """How many jobs, of ``limit``, may be sent in one parcel now."""
        if self.asking or self.busy >= concurrency:
            return 0
        return self.look_up(limit, lease_ms)

    def look_up(self, limit: int, lease_ms: int) -> int:
        """How many jobs, of ``limit``, may be asked about in one request now: no parcel hinders it, but as a probe."""
        if opens(self.open_until, self.pace_at, self.now) > self.now:
            return 0
        if not self.probing:
            return limit
        probed = bool(self.probe) and self.now < self.probe_until <= self.now + lease_ms
        return 0 if probed or self.busy else 1


def look(db: Database, erp: str, *, rate: int | None) -> Callable[[], Gate]:
    """Lock the ERP's row and read it; the answer when it is asked for (store.pipeline).

    ``rate``: requests a minute that the ERP bears. Where they are few a look-up that is due goes before the next parcel.
    """
    _know(db, erp)
    columns = "open_until, failures, pace_at, probe, probe_until"
    locked = db.execute(
        f"SELECT {columns} FROM erp_state WHERE erp = ?{' FOR UPDATE' if db.postgres else ''}", (erp,)
    )
    # A statement of its own sees what the one who held the lock before has committed.
    more = f"{CLOCK}, nextval(pg_get_serial_sequence('parcels', 'id'))" if db.postgres else "0, NULL"
    asking = " OR ".join(
        f"EXISTS (SELECT 1 FROM export_jobs WHERE {which} AND erp = ? AND run_at <= {_now(db)}"
        f" AND (lease_until IS NULL OR lease_until < {_now(db)}))"
        for which in (UNCERTAIN, LOOK_FIRST)
    )
    seen = db.execute(
        f"SELECT (SELECT count(DISTINCT parcel) FROM export_jobs WHERE state = '{JobState.CLAIMED}' AND erp = ?),"
        f" {asking if rate else 'FALSE'}, {more}",
        (erp, erp, erp) if rate else (erp,),
    )

    def gate() -> Gate:
        row = locked.fetchone()
        if row is None:
            _with_row.pop(db, None)
            raise RuntimeError(f"erp_state has no row for {erp}")
        busy, waits, clock, parcel = seen.fetchone()
        open_until, failures, pace_at, probe, until = row
        now = clock or db.now()
        return Gate(erp, now, open_until, failures, pace_at, probe, until, busy, bool(waits), parcel)

    return gate


def _now(db: Database) -> str:
    return CLOCK if db.postgres else str(db.now())


def _know(db: Database, erp: str) -> None:
    """See to it that the ERP has a row; none is ever deleted. Known is one that was there before this transaction."""
    known = _with_row.setdefault(db, set())
    if erp not in known:
        made = db.execute(
            "INSERT INTO erp_state (erp) VALUES (?) ON CONFLICT (erp) DO NOTHING RETURNING erp", (erp,)
        )
        if made.fetchone() is None:
            known.add(erp)


# -- what goes, and what came of it ------------------------------------------------------------------------------


def passed(db: Database, gate: Gate, name: str, *, lease_ms: int, rate: int | None) -> None:
    """A request goes, in the transaction that has looked: it counts for the pace, and may be the one that probes."""
    if rate:
        # One every so many milliseconds; none is saved up.
        pace = gate.now + -(-LONGEST_PACE_MS // rate)
        db.execute("UPDATE erp_state SET pace_at = ? WHERE erp = ?", (pace, gate.erp))
    if gate.probing:
        db.execute(
            "UPDATE erp_state SET probe = ?, probe_until = ? WHERE erp = ?",
            (name, gate.now + lease_ms, gate.erp),
        )


def answered(db: Database, erp: str) -> None:
    """The ERP answered: whatever it said, it is not paused any more."""
    db.execute(
        "UPDATE erp_state SET failures = 0, open_until = 0, probe = '', probe_until = 0, error_text = ''"
        " WHERE erp = ? AND failures > 0",
        (erp,),
    )


def look_up_of(worker: str) -> str:
    """What erp_state calls a look-up of that worker, should it be the request that probes."""
    return f"look-up by {worker}"


def silent(
    db: Database, erp: str, name: str, cause: str, pause_ms: Callable[[int], int], *, first: bool = True
) -> None:
    """A request was not answered: so often in a row pauses the ERP. ``first``: it counts before there is any pause.

    Once there is one, only the request that probes says more.
    """
    _know(db, erp)
    lock = " FOR UPDATE" if db.postgres else ""
    failures, probe = db.execute(
        f"SELECT failures, probe FROM erp_state WHERE erp = ?{lock}", (erp,)
    ).fetchone()
    if probe != name and (failures >= BREAKER_AFTER or not first):
        return
    failures += 1
    until = db.now() + pause_ms(failures) if failures >= BREAKER_AFTER else 0
    db.execute(
        "UPDATE erp_state SET failures = ?, open_until = ?, probe = '', probe_until = 0, error_text = ? WHERE erp = ?",
        (failures, until, cause, erp),
    )


def unasked(db: Database, erp: str, name: str) -> None:
    """Nothing of that request went to the ERP: another may probe."""
    db.execute("UPDATE erp_state SET probe = '', probe_until = 0 WHERE erp = ? AND probe = ?", (erp, name))


def paused(db: Database, erp: str) -> bool:
    """Whether so many requests were not answered that the ERP is paused, or only probed."""
    row = db.execute("SELECT failures FROM erp_state WHERE erp = ?", (erp,)).fetchone()
    return row is not None and row[0] >= BREAKER_AFTER
