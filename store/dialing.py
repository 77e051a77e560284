"""What a connection to PostgreSQL is given beyond what its URL says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from store.domain.errors import BadInput

# How long a statement waits for another's lock, and a connection for its server, in seconds.
LOCK_WAIT = 10
CONNECT_WAIT = 10
# That a sending begins is on the disk before it does: else a crash forgets it, and it is sent again under another key.
_DURABLE = "synchronous_commit"
_ASKS = re.compile(rf"{_DURABLE.replace('_', '[_-]')}\s*=\s*'?(\w*)", re.IGNORECASE)
_DURABLE_ENOUGH = frozenset({"on", "true", "yes", "1", "remote_write", "remote_apply"})


def given(said: Mapping[str, Any]) -> dict[str, Any]:
    """Peewee's further arguments, for a URL that says this. Raises BadInput for one that lets commits be forgotten.

    What the URL says comes last and counts; libpq reads its environment only where nothing is given.
    """
    options = str(said.get("options") or os.environ.get("PGOPTIONS", ""))
    for asked in _ASKS.findall(options):
        if asked.lower() not in _DURABLE_ENOUGH:
            raise BadInput(
                f"{_DURABLE} = {asked} cannot be used",
                why="the server would forget what was sent when it fails, and it would be paid twice",
                fix="Take it out of the database URL and of PGOPTIONS",
            )
    found: dict[str, Any] = {"options": f"-c lock_timeout={LOCK_WAIT}s -c {_DURABLE}=on {options}".strip()}
    if "connect_timeout" not in said and "PGCONNECT_TIMEOUT" not in os.environ:
        found["connect_timeout"] = CONNECT_WAIT
    return found
