"""A backup of the whole database in one file, made while others work, that any payapp of its schema can restore.

The file is a ZIP: ``tables/NAME.jsonl`` has each table's rows as JSON arrays, ``manifest.json`` what must be in them. It
knows no engine: what was written from SQLite is restored into PostgreSQL, and the other way round.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import peewee

from store import directory, phases, verifying
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, StoreError
from store.models import TABLES
from store.snapshot import snapshot
from store.statements import run

FORMAT = 1
MANIFEST = "manifest.json"
_encode_lines = msgspec.json.Encoder().encode_lines


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one table must have: its columns in their order, how many rows, and the SHA-256 of its lines."""

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup has; ``made_at`` in ISO format UTC, ``head`` as ``payapp audit verify`` prints it."""

    format: int
    schema: int
    made_at: str
    company: str
    head: str
    tables: tuple[Table, ...]

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(table.rows for table in self.tables)


def member(table: str) -> str:
    """Where in the file a table's rows are."""
    return f"tables/{table}.jsonl"


def models_by_table() -> dict[str, type[peewee.Model]]:
    """Every table with its model, each before those that refer to it."""
    return {str(model._meta.table_name): model for model in TABLES}  # noqa: SLF001 - Peewee's own way to a model's table


def write(
    db: Database,
    actor: Actor,
    path: Path,
    *,
    replace: bool = False,
    told: Callable[[str], None] = lambda _table: None,
) -> tuple[Manifest, verifying.Verified]:
    """Write a backup of one moment, read it again, and give it its name; also says whether the audit trail is whole.

    For Admins of ERP Integrations (in a demo: approvers). ``told`` hears each table's name before it is written. Raises
    BadInput where the file is there already, StoreError where what was read again is not what was written.
    """
    actor = directory.refresh(db, actor)
    if directory.company(db).demo:
        actor.require_approver("make a backup")
    else:
        actor.require_erp_admin()
    if path.exists() and not replace:
        raise BadInput(f"There is a file {path} already", fix="Name another one, or add --replace")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Everybody's addresses and amounts are in it.
        with open(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:  # noqa: PTH123 - by descriptor
            with snapshot(db):
                verified = verifying.verify(db)
                manifest = _write(db, file, verified.head, told)
            file.flush()
            os.fsync(file.fileno())
        if read(beside) != manifest:
            raise StoreError("The backup is not what was written", fix="Try another disk")
        for _ in rows(beside, manifest):
            pass
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return manifest, verified


def _write(db: Database, file: Any, head: verifying.Head, told: Callable[[str], None]) -> Manifest:
    made = datetime.fromtimestamp(db.now() / 1000, UTC).isoformat(timespec="seconds")
    schema = int(db.execute("SELECT version FROM schema_version").fetchone()[0])
    tables = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in models_by_table():
            told(name)
            tables.append(_write_table(db, archive, name))
        manifest = Manifest(FORMAT, schema, made, directory.company(db).name, head.text, tuple(tables))
        archive.writestr(MANIFEST, msgspec.json.encode(manifest))
    return manifest


def _write_table(db: Database, archive: zipfile.ZipFile, name: str) -> Table:
    fields = {column: isinstance(field, peewee.BooleanField) for column, field in columns(name).items()}
    flags = [at for at, flag in enumerate(fields.values()) if flag]
    digest, count = hashlib.sha256(), 0
    with archive.open(member(name), "w", force_zip64=True) as out:
        for some in run(db, f"SELECT {', '.join(fields)} FROM {name}", ()):
            lines = _encode_lines([_plain(row, flags) for row in some] if flags else some)
            digest.update(lines)
            out.write(lines)
            count += len(some)
    return Table(name, tuple(fields), count, digest.hexdigest())


def _plain(row: tuple[Any, ...], flags: list[int]) -> list[Any]:
    """SQLite has numbers where PostgreSQL has true and false."""
    values = list(row)
    for at in flags:
        values[at] = None if values[at] is None else bool(values[at])
    return values


def columns(table: str) -> dict[str, peewee.Field]:
    """The columns of a table that a backup has, with their fields: all but those that are worked out of others."""
    fields: dict[str, peewee.Field] = models_by_table()[table]._meta.columns  # noqa: SLF001 - as above
    worked_out = phases.COLUMNS if table == "invoices" else ()
    return {name: field for name, field in fields.items() if name not in worked_out}


# -- reading ---------------------------------------------------------------------------------------------------


def read(path: Path) -> Manifest:
    """What a backup says of itself. Raises BadInput for what is none, or of another format."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    except (zipfile.BadZipFile, KeyError, msgspec.MsgspecError, EOFError) as error:
        raise BadInput(
            f"{path} is not a backup of payapp",
            why=str(error).strip("'\""),
            fix="Name a file that payapp backup wrote",
        ) from None
    if manifest.format != FORMAT:
        raise BadInput(
            f"{path} cannot be read",
            why=f"its format is {manifest.format}",
            fix="Update payapp on this machine",
        )
    return manifest


def rows(path: Path, manifest: Manifest) -> Iterator[tuple[Table, list[list[Any]]]]:
    """Every table's rows in the order of the manifest, some thousands at a time; a table without rows once.

    Raises BadInput at the end of a table that is not what the manifest says.
    """
    decode = msgspec.json.Decoder(list[Any]).decode
    try:
        with zipfile.ZipFile(path) as archive:
            for table in manifest.tables:
                digest, count, some = hashlib.sha256(), 0, []
                with archive.open(member(table.name)) as lines:
                    for line in lines:
                        digest.update(line)
                        some.append(decode(line))
                        if len(some) == RUN:
                            yield table, some
                            count, some = count + len(some), []
                yield table, some
                if (count + len(some), digest.hexdigest()) != (table.rows, table.sha256):
                    raise _spoilt(path, f"{table.name} is not what its manifest says")
    except (zipfile.BadZipFile, KeyError, msgspec.MsgspecError, EOFError) as error:
        raise _spoilt(path, str(error)) from None


RUN = 5000


def _spoilt(path: Path, why: str) -> BadInput:
    return BadInput(f"{path} is spoilt", why=why, fix="Restore another backup; nothing was changed")
