"""Many ids as one parameter of a statement."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from store.db import Database


def among(db: Database, column: str) -> str:
    """The SQL condition that the column has one of the ids; its one ``?`` takes packed(db, ids)."""
    return f"{column} = ANY(?::bigint[])" if db.postgres else f"{column} IN (SELECT value FROM json_each(?))"


def packed(db: Database, ids: Iterable[int]) -> Any:
    """The ids as the parameter that among() wants."""
    return list(ids) if db.postgres else json.dumps(list(ids), separators=(",", ":"))
