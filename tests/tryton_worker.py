"""A worker on a Tryton as a process of its own, to be killed: the database's URL, the connector's settings as JSON."""

from __future__ import annotations

import asyncio
import logging
import sys

import msgspec

from erp import profiles
from erp.connectors.tryton import Tryton, TrytonSettings
from erp.worker import Worker, WorkerSettings
from store import db as database
from store.domain.profile import Profile

SETTINGS = WorkerSettings(lease=100.0, poll=0.05)


def hasty() -> Profile:
    """Tryton's profile for tests: an answer counts soon, and a slow machine has time."""
    return msgspec.structs.replace(profiles.load("tryton"), settle=0.2, timeout=40.0)


def main(url: str, settings: str) -> None:
    logging.basicConfig(level=logging.INFO)
    db = database.open(url)
    connector = Tryton(msgspec.json.decode(settings, type=TrytonSettings), hasty())
    asyncio.run(Worker(db, connector, None, SETTINGS).run(asyncio.Event(), until_idle=True))
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
