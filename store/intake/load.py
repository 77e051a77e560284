"""The door of the intake: a file comes in, whatever it holds, or does not and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peewee

from store import directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadFile, BadInput
from store.domain.text import safe
from store.intake import event, invoices_table, json_stream, masters, procore, tabular
from store.intake.invoices import Record, Source, import_invoices
from store.intake.kinds import INVOICES, KINDS, known_kinds, recognise
from store.intake.report import Problem, Refused, Result, damaged
from store.intake.write import stale

__all__ = ["Problem", "Result", "import_file"]


def import_file(
    db: Database,
    actor: Actor,
    path: Path,
    *,
    kind: str | None = None,
    partial: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Bring one file in: masters or invoices, recognised by its content unless ``kind`` (see kinds.KINDS) says it.

    One transaction and one audit event. With errors in the file nothing changes and BadFile names the first of
    them, unless ``partial``: then exactly the good records come in. A file that is damaged (cut off, not UTF-8, not
    what its name says) never comes in. ``progress`` hears the number of records read so far.
    Raises BadFile, NotPermitted, Changed, BadInput (an unknown kind) and StoreError.
    """
    if kind is not None and kind not in KINDS:
        raise BadInput(f"There is no kind {safe(kind)!r}", fix=f"Name one of {', '.join(KINDS)}")
    path = Path(path)
    if not path.is_file():
        raise BadFile(f"There is no file {safe(str(path))}", fix="Check the name; nothing was imported")
    try:
        if path.suffix.lower() == ".json":
            return _json(db, actor, path, kind, partial=partial, progress=progress)
        if path.suffix.lower() in {".csv", ".xlsx"}:
            return _table(db, actor, path, kind, partial=partial, progress=progress)
    except peewee.IntegrityError as error:
        raise stale() from error
    raise BadFile(
        f"{safe(path.name)} is of no known type",
        why="payapp reads .json (Procore's subcontractor invoices), .csv and .xlsx",
        fix=f"Known tables: {', '.join(KINDS)}; payapp import --template writes them",
    )


def _json(
    db: Database,
    actor: Actor,
    path: Path,
    kind: str | None,
    *,
    partial: bool,
    progress: Callable[[int], None] | None,
) -> Result:
    if kind not in {None, INVOICES}:
        raise BadFile(
            f"{safe(path.name)} is JSON", why=f"{kind} come as .csv or .xlsx", fix="Nothing was imported"
        )
    directory.refresh(db, actor).require_sender()
    ordinal, first = next(json_stream.records(path), (0, None))
    if first is None and not ordinal:
        raise damaged(path.name, "it holds no record")
    if not ordinal and isinstance(first, dict) and "request_name" in first:
        source = Source("procore", safe(path.name), lambda: event.read(path.name, first))
    elif not ordinal and not _is_requisition(first):
        raise damaged(path.name, f"it holds no subcontractor invoice; {known_kinds()}")
    else:
        source = Source("procore", safe(path.name), lambda: procore.read(path))
    return import_invoices(db, actor, source, partial=partial, progress=progress)


def _is_requisition(value: Any) -> bool:
    return isinstance(value, dict) and ("commitment_id" in value or "invoice_number" in value)


def _table(
    db: Database,
    actor: Actor,
    path: Path,
    kind: str | None,
    *,
    partial: bool,
    progress: Callable[[int], None] | None,
) -> Result:
    opened = [tabular.open_table(path)]
    found = recognise(path.name, opened[0].header, kind)
    if found != INVOICES:
        return masters.import_masters(db, actor, found, opened[0], partial=partial, progress=progress)
    directory.refresh(db, actor).require_sender()

    def read() -> Iterator[Record | Refused]:
        # A table is read once; another look at the file opens it again.
        return invoices_table.read(opened.pop() if opened else tabular.open_table(path))

    source = Source("payapp", safe(path.name), read, "row")
    return import_invoices(db, actor, source, partial=partial, progress=progress)
