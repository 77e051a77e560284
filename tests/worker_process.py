"""A worker as a process of its own, to be killed: URL, sandbox file, seconds per bill, lease."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from export_case import hasty, sandbox_on

from erp.worker import Worker, WorkerSettings
from store import db as database


def main(url: str, books: str, seconds: str, lease: str) -> None:
    logging.basicConfig(level=logging.INFO)
    db = database.open(url)
    connector = sandbox_on(Path(books), hasty(), seconds_per_bill=float(seconds))
    worker = Worker(db, connector, None, WorkerSettings(lease=float(lease), poll=0.02))
    asyncio.run(worker.run(asyncio.Event(), until_idle=True))
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
