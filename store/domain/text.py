"""The one door for other people's text: what may harm a terminal, a mail or a log is made visible."""

from __future__ import annotations

import re
import unicodedata

# C0, DEL, C1, soft hyphen, Arabic letter mark, zero-width and directional marks, line and paragraph separators,
# bidi embeddings and isolates, BOM, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return "^" + chr(code + 0x40)
    return "^?" if code == 0x7F else f"<{code:04X}>"


def safe(text: str, *, lines: bool = False) -> str:
    """The text with every control, direction and invisible character replaced visibly, as ``less`` shows them.

    ESC becomes ``^[``, U+202E becomes ``<202E>``. With ``lines`` a line feed stays. Idempotent.
    """
    if text.isascii() and text.isprintable():
        return text
    if lines:
        return "\n".join(_UNSAFE.sub(_visible, line) for line in text.split("\n"))
    return _UNSAFE.sub(_visible, text)


def storable(text: str) -> bool:
    """Whether both databases can hold the text: no NUL, no lone surrogate."""
    return not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in text)


def one_line(text: str) -> str:
    """The safe text with runs of white space folded to one blank: for headers, subjects and table cells."""
    return safe(" ".join(text.split()))


def spreadsheet(text: str) -> str:
    """A text cell of a CSV report: safe, and quoted by ``'`` where a spreadsheet would take it for a formula."""
    return "'" + safe(text) if text.startswith(_SPREADSHEET) else safe(text)


def formula_like(text: str) -> bool:
    """Whether a spreadsheet or an ERP's file import would read the text as something else than text."""
    return text.startswith(_SPREADSHEET)


def fold(text: str) -> str:
    """For searching: compatibility-normalised and case-folded; "STRASSE" and "ﬁ" find "Straße" and "fi"."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold()
