"""Other people's text, money, dates and statuses, as the desk draws them."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.cells import cell_len, set_cell_size

from store.domain.money import show
from store.domain.status import TITLES, ErpStatus, Status
from store.domain.text import one_line

GLYPHS = {
    ErpStatus.NOT_SENT: " ",
    ErpStatus.READY: "=",
    ErpStatus.QUEUED: ".",
    ErpStatus.EXPORTING: "~",
    ErpStatus.UNCERTAIN: "?",
    ErpStatus.PARKED: "P",
    ErpStatus.FAILED: "!",
    ErpStatus.SYNCED: "+",
}
STATUS_TITLES = {status: status.value.replace("_", " ").capitalize() for status in Status}


def cut(text: str, width: int) -> str:
    """One safe line of exactly ``width`` cells: cut with ``~`` or padded, counted by cells (CJK, combining marks)."""
    safe = one_line(text)
    if cell_len(safe) <= width:
        return safe + " " * (width - cell_len(safe))
    return set_cell_size(safe, width - 1) + "~" if width > 1 else set_cell_size(safe, width)


def money(minor: int, currency: str, width: int = 0) -> str:
    """Right-aligned, thousands separated, negatives in parentheses; never cut, whatever ``width``."""
    return show(minor, currency).rjust(width)


def status(erp_status: ErpStatus, outcome: str = "") -> str:
    """Glyph and word: ``! Failed to Export``, ``x Rejected`` for what came back."""
    if erp_status is ErpStatus.NOT_SENT and outcome:
        return f"x {outcome.capitalize()}"
    return f"{GLYPHS[erp_status]} {TITLES[erp_status]}"


def moment(milliseconds: int | None) -> str:
    """A moment in this machine's local time, ``2026-10-31 14:02``; empty for none."""
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
