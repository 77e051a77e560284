"""What the ERP calls our codes, read once for one press: the mappings first, then what the masters say.

Of a job's mapping, that of all jobs, the master's own ERP id and the code itself, the first that there is counts. A
vendor has no code of its own that an ERP could know: without any of the others it has none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from store.candidates import Candidate
from store.db import Database
from store.domain.knowing import Kind
from store.models import CostCode

# The code under which tax and terms are mapped: an invoice names none of its own.
ONLY: Final = "default"
# In place of a project's id: on every job.
EVERYWHERE: Final = 0
_BY_JOB = (Kind.TERMS, Kind.TAX)


def named(db: Database, kind: Kind, code: str, project: int) -> str:
    """What a single code is mapped to on a job; "" where no mapping says anything."""
    row = db.execute(
        "SELECT m.target FROM mappings m JOIN company c ON c.erp = m.erp WHERE m.kind = ? AND m.code = ?"
        " AND coalesce(m.project_id, 0) IN (0, ?) ORDER BY coalesce(m.project_id, 0) DESC LIMIT 1",
        (kind.value, code, project),
    ).fetchone()
    return str(row[0]) if row else ""


class Called:
    """The names of one ERP, as they were when it was made. It may be used in several threads."""

    def __init__(self, db: Database, erp: str) -> None:
        query = CostCode.select(CostCode.project, CostCode.code, CostCode.erp_ref).where(
            CostCode.erp_ref != ""
        )
        refs: dict[tuple[int, str], str] = {(project, code): ref for project, code, ref in db.rows(query)}
        self._accounts: dict[str, str] = {}
        self._vendors: dict[tuple[int, int], str] = {}
        self._jobs: dict[int, str] = {}
        self._commitments: dict[tuple[int, str], str] = {}
        self._by_job: dict[Kind, dict[int, str]] = {kind: {} for kind in _BY_JOB}
        own: dict[tuple[int, str], str] = {}
        found = db.execute(
            "SELECT m.kind, coalesce(m.project_id, 0), m.code, m.target, v.id, p.id FROM mappings m"
            " LEFT JOIN vendors v ON m.kind = 'vendor' AND v.source_id = m.code"
            " LEFT JOIN projects p ON m.kind = 'job' AND p.number = m.code WHERE m.erp = ?",
            (erp,),
        ).fetchall()
        self._mapped = bool(found)
        for kind, project, code, target, vendor, job in found:
            if kind == Kind.VENDOR and vendor is not None:
                self._vendors[project, vendor] = target
            elif kind == Kind.JOB and job is not None:
                self._jobs[job] = target
            elif kind == Kind.COMMITMENT:
                self._commitments[project, code] = target
            elif kind == Kind.ACCOUNT and project == EVERYWHERE:
                self._accounts[code] = target
            elif kind == Kind.ACCOUNT:
                own[project, code] = target
            elif kind in _BY_JOB and code == ONLY:
                self._by_job[Kind(kind)][project] = target
        everywhere = self._accounts
        if everywhere:
            refs = {(project, code): everywhere.get(code, ref) for (project, code), ref in refs.items()}
        self._refs = refs | own

    def account(self, project: int, code: str) -> str:
        """What the ERP calls a project's cost code."""
        if (found := self._refs.get((project, code))) is not None:
            return found
        return self._accounts.get(code, code)

    def taken(self, chunk: Sequence[Candidate]) -> Sequence[Candidate]:
        """The invoices with what the ERP calls their vendor, job, commitment, terms and account of tax."""
        return [self._taken(c) for c in chunk] if self._mapped else chunk

    def _taken(self, c: Candidate) -> Candidate:
        job, vendors = c.project_id, self._vendors
        names = (
            vendors.get((job, c.vendor_id)) or vendors.get((EVERYWHERE, c.vendor_id)) or c.vendor_ref,
            self._jobs.get(job) or c.project_ref,
            self._commitments.get((job, c.commitment)) or c.commitment_ref,
            *(each.get(job) or each.get(EVERYWHERE) or "" for each in self._by_job.values()),
        )
        if names == (c.vendor_ref, c.project_ref, c.commitment_ref, "", ""):
            return c
        vendor_ref, project_ref, commitment_ref, terms, tax_account = names
        return c._replace(
            vendor_ref=vendor_ref, project_ref=project_ref, commitment_ref=commitment_ref, terms=terms,
            tax_account=tax_account,
        )  # fmt: skip

    def accounts(self, projects: Collection[int]) -> list[tuple[int, str, str]]:
        """What cost codes of these projects are called where it is another name, and on every job; in order."""
        own = [(project, code, name) for (project, code), name in self._refs.items() if project in projects]
        return sorted([*own, *((EVERYWHERE, code, name) for code, name in self._accounts.items())])
