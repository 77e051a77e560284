"""A worker with a mailer as a process of its own, to be killed: URL, sandbox file, port of the mail server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from export_case import hasty, sandbox_on

from erp.notices import Mailer
from erp.settings import MailSettings
from erp.worker import Worker, WorkerSettings
from store import db as database


def main(url: str, books: str, port: str) -> None:
    db = database.open(url)
    mail = MailSettings(
        host="127.0.0.1", sender="payapp@acme.example", port=int(port), tls="none", summary_at=""
    )
    worker = Worker(db, sandbox_on(Path(books), hasty()), Mailer(mail), WorkerSettings(lease=6.0, poll=0.02))
    asyncio.run(worker.run(asyncio.Event(), until_idle=True))
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
