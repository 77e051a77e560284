"""The check: the ERP's own ledger against what was accepted, and payapp's word against the ledger."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store import batches
from store.db import Database
from store.domain.bill import decode
from store.domain.status import JobState

AMOUNTS = ("gross", "retainage", "net", "currency", "number", "vendor", "accounting_date")
# What a job's end says of the ledger; a parked one says that nobody knows.
MUST_HAVE = {JobState.DONE}
MUST_NOT_HAVE = {JobState.FAILED, JobState.CANCELLED}


class Ledger:
    """The ERP's ledger, read from its file as it grows; never from the process that writes it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self.rows: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        """Every bill up to now."""
        with self._file.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                # The last line may be on its way.
                if line.endswith(b"\n"):
                    self._offset += len(line)
                    self.rows.append(json.loads(line))
        return self.rows


@dataclass
class Verdict:
    """What the check found. ``duplicates``: invoices that the ERP has more than once; ``lost``: that it must have and
    has not; ``unfinished``: still on their way; ``wrong``: everything else that does not agree, as sentences.
    """

    jobs: int
    states: dict[str, int]
    booked: int
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Each accepted invoice once, and nothing else."""
        return not (self.duplicates or self.lost or self.unfinished or self.wrong)

    def told(self) -> str:
        """What is not as it should be, the first of each kind."""
        return "\n".join(
            f"{len(found)} {name}: {found[:5]}"
            for name, found in (
                ("twice", self.duplicates),
                ("lost", self.lost),
                ("unfinished", self.unfinished),
                ("wrong", self.wrong),
            )
            if found
        )


def judge(db: Database, file: Path) -> Verdict:
    """Compare them at the end of a run: no job may be on its way any more, and the ERP at rest."""
    ledger = Ledger(file).read()
    jobs = db.execute(
        "SELECT idem_key, state, erp_ref, payload, payload_sha256, batch_id FROM export_jobs"
    ).fetchall()
    states = Counter(str(job[1]) for job in jobs)
    verdict = Verdict(len(jobs), dict(states), len(ledger))
    times = Counter(row["key"].rpartition(":")[0] for row in ledger)
    verdict.duplicates = [invoice for invoice, count in times.items() if count > 1]
    rows: dict[str, dict[str, Any]] = {row["key"]: row for row in ledger}
    for job in jobs:
        _judge_job(job, rows.get(job[0]), verdict)
    known = {job[0] for job in jobs}
    verdict.wrong += [f"{key} was never accepted" for key in rows.keys() - known]
    _judge_invoices(db, rows, verdict)
    _judge_panel(db, {job[0]: job[5] for job in jobs}, rows, verdict)
    return verdict


def _judge_job(job: tuple[Any, ...], row: dict[str, Any] | None, verdict: Verdict) -> None:
    key, state, ref, payload, digest, _ = job
    if state in MUST_HAVE and row is None:
        verdict.lost.append(f"{key} is {state} and not in the ledger")
    if state in MUST_NOT_HAVE and row is not None:
        verdict.wrong.append(f"{key} is {state} and in the ledger as {row['ref']}")
    if state not in MUST_HAVE | MUST_NOT_HAVE | {JobState.PARKED}:
        verdict.unfinished.append(f"{key} is still {state}")
    if row is None:
        return
    bill = json.loads(payload)
    decode(payload, digest)
    if {name: row[name] for name in AMOUNTS} != {name: bill[name] for name in AMOUNTS} or row[
        "lines"
    ] != bill["lines"]:
        verdict.wrong.append(f"{key} is in the ledger with other values than were accepted")
    if state in MUST_HAVE and ref != row["ref"] and key not in verdict.duplicates:
        verdict.wrong.append(f"{key} has the reference {ref}, the ledger {row['ref']}")


def _judge_invoices(db: Database, rows: dict[str, dict[str, Any]], verdict: Verdict) -> None:
    """What the desk shows of each invoice."""
    booked = {key.rpartition(":")[0]: row for key, row in rows.items()}
    found = db.execute("SELECT uuid, erp_status, origin_id, number, gross, net FROM invoices").fetchall()
    for invoice, status, origin, number, gross, net in found:
        row = booked.get(invoice)
        if status == "synced" and (row is None or origin != row["ref"]):
            verdict.lost.append(f"{number} is synced as {origin}, the ledger has {row and row['ref']}")
        if status in {"ready_to_export", "not_sent", "failed_to_export"} and row is not None:
            verdict.wrong.append(f"{number} is {status} and in the ledger as {row['ref']}")
        if status in {"queued", "exporting", "uncertain"} and not verdict.unfinished:
            verdict.lost.append(f"{number} is {status}, and no job of it is on its way")
        if row is not None and (row["gross"], row["net"]) != (f"{gross / 100:.2f}", f"{net / 100:.2f}"):
            verdict.wrong.append(f"{number} is in the ledger with another amount")


def _judge_panel(
    db: Database, batch_of: dict[str, int], rows: dict[str, dict[str, Any]], verdict: Verdict
) -> None:
    """The numbers of the panel, batch by batch."""
    having = Counter(batch_of[key] for key in rows if key in batch_of)
    for (batch,) in db.execute("SELECT id FROM batches").fetchall():
        shown = batches.progress(db, batch, failures=0)
        unknown = shown.parked + shown.uncertain + (shown.left if verdict.unfinished else 0)
        if not shown.done <= having[batch] <= shown.done + unknown:
            verdict.wrong.append(f"batch {batch}: the panel shows {shown}, the ledger has {having[batch]}")
        if shown.done + shown.failed + shown.cancelled + unknown != shown.count:
            verdict.wrong.append(f"batch {batch}: the panel's numbers do not add up to its {shown.count}")
