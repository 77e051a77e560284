"""The worker's structured log: one logfmt line per event through the standard logging module.

``event=parcel.sent erp=sandbox parcel=3 count=10``. Whatever other people wrote goes through the one door first.
"""

from __future__ import annotations

import logging

from store.domain.text import one_line

logger = logging.getLogger("payapp.worker")


def info(event: str, **fields: object) -> None:
    """Something went as it should."""
    logger.info("%s", line(event, **fields))


def warning(event: str, **fields: object) -> None:
    """Something did not, and is dealt with: retried, looked up, parked."""
    logger.warning("%s", line(event, **fields))


def line(event: str, **fields: object) -> str:
    """The event as one logfmt line; None values are left out."""
    pairs = {"event": event, **fields}
    return " ".join(f"{name}={_value(value)}" for name, value in pairs.items() if value is not None)


def _value(value: object) -> str:
    text = one_line(str(value))
    if text and not any(c in text for c in ' "=\\'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
