"""Other people's text, money, dates and statuses, as the desk draws them."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.cells import cell_len, set_cell_size

from store.domain.actor import Actor
from store.domain.money import show
from store.domain.status import TITLES, ErpStatus, Outcome, Status
from store.domain.text import one_line, safe

GLYPHS = {
    ErpStatus.NOT_SENT: "-",
    ErpStatus.READY: "=",
    ErpStatus.QUEUED: ".",
    ErpStatus.EXPORTING: "~",
    ErpStatus.UNCERTAIN: "?",
    ErpStatus.PARKED: "P",
    ErpStatus.FAILED: "!",
    ErpStatus.SYNCED: "+",
}
# Where the whole title of a status has no room.
SHORT_TITLES = {
    ErpStatus.NOT_SENT: "Unsent",
    ErpStatus.READY: "Ready",
    ErpStatus.QUEUED: "Queued",
    ErpStatus.EXPORTING: "Export",
    ErpStatus.UNCERTAIN: "Unsure",
    ErpStatus.PARKED: "Parked",
    ErpStatus.FAILED: "Failed",
    ErpStatus.SYNCED: "Synced",
}
SHORT_OUTCOMES = {
    Outcome.REJECTED.value: "Reject", Outcome.RETRIEVED.value: "Back", Outcome.UNLINKED.value: "Unlink",
    Outcome.RESET.value: "Reset",
}  # fmt: skip
STATUS_TITLES = {status: status.value.replace("_", " ").capitalize() for status in Status}


def cut(text: str, width: int) -> str:
    """One safe line of exactly ``width`` cells: cut with ``~`` or padded, counted by cells (CJK, combining marks)."""
    line = one_line(text)
    if cell_len(line) <= width:
        return line + " " * (width - cell_len(line))
    return set_cell_size(line, width - 1) + "~" if width > 1 else set_cell_size(line, width)


def fill(text: str, width: int, *, right: bool = False) -> str:
    """A cell of a table: as cut(); ``right`` at its right edge, and never cut (amounts, counts)."""
    return one_line(text).rjust(width) if right else cut(text, width)


def ago(ms: int) -> str:
    """How long ago, in the unit that fits: ``just now``, ``3 min ago``, ``2 h ago``, ``5 days ago``."""
    minutes = ms // 60_000
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 48 else f"{hours // 24:,} days ago"


def money(minor: int, currency: str, width: int = 0) -> str:
    """Right-aligned, thousands separated, negatives in parentheses; never cut, whatever ``width``."""
    return show(minor, currency).rjust(width)


def status(erp_status: ErpStatus, outcome: str = "") -> str:
    """Glyph and word: ``! Failed to Export``, ``x Rejected`` for what came back."""
    if erp_status is ErpStatus.NOT_SENT and outcome:
        return f"x {outcome.capitalize()}"
    return f"{GLYPHS[erp_status]} {TITLES[erp_status]}"


def short_status(erp_status: ErpStatus, outcome: str = "") -> str:
    """Glyph and a word of at most six letters: ``! Failed``, ``x Reject``."""
    if erp_status is ErpStatus.NOT_SENT and outcome:
        return f"x {SHORT_OUTCOMES.get(outcome, 'Back')}"
    return f"{GLYPHS[erp_status]} {SHORT_TITLES[erp_status]}"


def moment(milliseconds: int | None) -> str:
    """A moment in this machine's local time, ``2026-10-31 14:02``; empty for none."""
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def day(milliseconds: int | None) -> str:
    """The day of a moment, in this machine's local time: ``2026-10-31``; empty for none."""
    return moment(milliseconds)[:10]


def clock(milliseconds: int | None) -> str:
    """A moment as a clock shows it, ``14:02``; of another day its date. Empty for none."""
    today = datetime.now(UTC).astimezone().strftime("%Y-%m-%d")
    text = moment(milliseconds)
    return text[11:] if text[:10] == today else text[:10]


def role(who: Actor, *, in_commitments: bool) -> str:
    """What the user may do in the tool, in a word or two."""
    if who.is_approver and not in_commitments:
        return "Approver"
    level = who.commitments_level if in_commitments else who.erp_level
    return level.value.replace("_", " ").title()


def fitting(width: int, *candidates: str) -> str:
    """The first of the candidates, widest first, that fits into the width; else the last one, cut."""
    for text in candidates:
        if cell_len(text) <= width:
            return text
    return cut(candidates[-1], width)


def wrapped(text: str, width: int) -> list[str]:
    """Safe text in lines of at most ``width`` cells, broken between words where that is possible."""
    lines: list[str] = []
    for paragraph in safe(text, lines=True).split("\n"):
        line = ""
        for word in paragraph.split():
            rest = word
            if line and cell_len(line) + 1 + cell_len(rest) <= width:
                line += " " + rest
                continue
            if line:
                lines.append(line)
            while cell_len(rest) > width:
                head = set_cell_size(rest, width).rstrip() or rest[:1]
                lines.append(head)
                rest = rest[len(head) :]
            line = rest
        lines.append(line)
    return lines


def pasted_line(text: str) -> str:
    """Pasted text for a box of one line: line ends and blanks folded into one blank, control characters left out."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def pasted_lines(text: str) -> str:
    """Pasted text for a box of several lines: each of them as ``pasted_line`` has it."""
    return "\n".join(map(pasted_line, text.splitlines()))
