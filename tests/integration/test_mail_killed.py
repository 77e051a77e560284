"""kill -9 between the mail server's 250 and our commit: the mail goes again, as the same message, and no other twice."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from invoice_factory import make, version
from mail_server import MailServer

from store import review
from store.db import Database
from store.domain.actor import Actor
from store.domain.selection import Marked

PROGRAM = Path(__file__).parents[1] / "mail_process.py"


def start(db: Database, books: Path, server: MailServer) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(PROGRAM), db.url, str(books), str(server.port)])


def test_killed_before_it_could_write_down_that_it_was_sent(
    db: Database, approver: Actor, books: Path
) -> None:
    ids = [make(db, f"N-{n}", commitment=f"SC-{n}") for n in range(1, 4)]
    review.reject(db, approver, Marked({number: version(db, number) for number in ids}), "Wrong retainage")
    with MailServer() as server:
        first = start(db, books, server)

        def kill_at_the_second() -> None:
            if len(server.taken) == 2:
                first.kill()
                first.wait()

        server.on_taken = kill_at_the_second
        assert first.wait(timeout=60) == -9
        states = db.execute("SELECT state FROM notices WHERE address <> '' ORDER BY id").fetchall()
        assert [row[0] for row in states] == ["sent", "waiting", "waiting"]
        # The killed worker's claim: on SQLite the next one knows that nobody else lives, elsewhere it runs out.
        db.execute("UPDATE notices SET lease_until = 1 WHERE lease_until IS NOT NULL")
        assert start(db, books, server).wait(timeout=60) == 0
    ids_taken = [message["Message-ID"] for message in server.messages]
    assert sorted(Counter(ids_taken).values()) == [1, 1, 2]
    assert ids_taken[1] == ids_taken[2]
    assert server.taken[1] == server.taken[2]
    states = db.execute("SELECT state FROM notices WHERE address <> ''").fetchall()
    assert [row[0] for row in states] == ["sent"] * 3
