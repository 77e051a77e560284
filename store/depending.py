"""What the bills of an export depend on in the ERP: its codes for vendor, job, commitment, accounts, taxes and terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from store import known
from store.called import Called
from store.candidates import Candidate
from store.causes import WARNED, Snag
from store.db import Database
from store.domain.keys import spelled
from store.domain.knowing import Kind
from store.domain.text import one_line, safe
from store.packed import among, packed

# What is said of a code that the ERP said it has not.
WORDS = {
    Kind.VENDOR: "Vendor", Kind.JOB: "Job", Kind.COMMITMENT: "Commitment", Kind.ACCOUNT: "Cost code or account",
    Kind.TAX: "Tax", Kind.TERMS: "Payment terms",
}  # fmt: skip
_Code = tuple[Kind, str]
# Project, cost code, and what else is wanted of them, each once.
Lines = Sequence[Sequence[Any]]


def lines_of(db: Database, chunk: Sequence[Candidate], columns: Sequence[str] = ()) -> Lines:
    """What the lines of these invoices (one chunk) are about; with more ``columns`` of their table."""
    wanted = "".join(f", l.{name}" for name in columns)
    found: Lines = db.execute(
        f"SELECT DISTINCT i.project_id, l.cost_code{wanted} FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id"
        f" WHERE {among(db, 'l.invoice_id')}",
        (packed(db, [c.id for c in chunk]),),
    ).fetchall()
    return found


class Depending:
    """Gathers the codes that bills name, and tells which of them the ERP said it has not. 200 bytes a commitment."""

    def __init__(self, db: Database, erp: str, called: Called) -> None:
        self._db, self._called = db, called
        self._unknown = known.unknown(db, erp)
        # What is unknown of a commitment's bills; its vendor and job are the same in all of them.
        self._lacks: dict[int, tuple[_Code, ...]] = {}
        self._said: dict[_Code, tuple[str, str]] = {}
        self.codes: dict[Kind, set[str]] = {kind: set() for kind in Kind}

    def add(self, chunk: Sequence[Candidate], lines: Lines) -> dict[int, list[Snag]]:
        """These are bills too, as they would be sent, with these ``lines``; what there is to say, by invoice."""
        lacks = self._lacks
        found: dict[int, list[Snag]] = {}
        for c in chunk:
            if (lack := lacks.get(c.commitment_id)) is None:
                lack = lacks[c.commitment_id] = self._lack(c)
            if lack:
                found[c.id] = [self._snag(c, *code) for code in lack]
        by_id = {c.id: c for c in chunk}
        for number, code in self._unknown_accounts(chunk, lines):
            found.setdefault(number, []).append(self._snag(by_id[number], Kind.ACCOUNT, code))
        return found

    def _lack(self, c: Candidate) -> tuple[_Code, ...]:
        lack: list[_Code] = []
        for kind, code in (
            (Kind.VENDOR, c.vendor_ref),
            (Kind.JOB, c.project_ref or c.project),
            (Kind.COMMITMENT, c.commitment_ref or c.commitment),
            (Kind.TERMS, c.terms),
            (Kind.TAX, c.tax_account),
        ):
            if code:
                self.codes[kind].add(code)
                if code in self._unknown[kind]:
                    lack.append((kind, code))
        return tuple(lack)

    def _unknown_accounts(self, chunk: Sequence[Candidate], lines: Lines) -> Iterator[tuple[int, str]]:
        """Each account of these invoices' lines that the ERP has not, once an invoice."""
        unknown = self._unknown[Kind.ACCOUNT]
        lacking: dict[tuple[int, str], str] = {}
        for project, code in {(row[0], row[1]) for row in lines}:
            account = self._called.account(project, code)
            if account:
                self.codes[Kind.ACCOUNT].add(account)
                if account in unknown:
                    lacking[project, code] = account
        if not lacking:
            return
        projects = {c.id: c.project_id for c in chunk}
        rows = self._db.execute(
            f"SELECT DISTINCT invoice_id, cost_code FROM invoice_lines WHERE {among(self._db, 'invoice_id')}"
            " ORDER BY invoice_id, cost_code",
            (packed(self._db, projects),),
        ).fetchall()
        for number, code in rows:
            if (found := lacking.get((projects[number], code))) is not None:
                yield number, found

    def _snag(self, c: Candidate, kind: Kind, code: str) -> Snag:
        if (said := self._said.get((kind, code))) is None:
            fix = spelled("Map it ({list.more}: Mappings, or payapp erp map), or add it in the ERP")
            said = self._said[kind, code] = (f"{WORDS[kind]} {one_line(code)} is not known to the ERP", fix)
        return Snag(c.id, safe(c.name), WARNED, f"{kind.value}.unknown", *said, kind=said[0])
