"""When two invoices of one vendor look like one that came twice."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

from store.domain.text import fold

# Beyond so many characters a key is cut, and its end is a hash: no database indexes a text of thousands.
LONGEST = 200
_HASHED = 32
_RUNS = re.compile(r"[0-9]+|[a-z]+")


# So begins the key of a number that says nothing but which application of its commitment it is.
RESTARTING = "="


class Likeness(StrEnum):
    """What two invoices of one vendor have in common, the most telling first; SIMILAR is what an ERP says of a bill.

    RESTARTED is weak: it is told, and nobody has to let it pass.
    """

    EXACT = "duplicate.exact"
    NUMBER = "duplicate.number"
    AMOUNT = "duplicate.amount"
    SIMILAR = "duplicate.similar"
    RESTARTED = "duplicate.restarted"


WORDS = {
    Likeness.EXACT: "the same number",
    Likeness.NUMBER: "a number that differs in case, zeros or punctuation alone",
    Likeness.AMOUNT: "the same amount in the same period",
    Likeness.SIMILAR: "what the ERP takes for the same bill",
    Likeness.RESTARTED: "the same number, which restarts with each commitment",
}


def joined(names: Iterable[str]) -> str:
    """The ERP's names of some bills as one text, each once."""
    return ",".join(sorted(set(names)))


def let_pass(code: str, others: str) -> str:
    """How a bill says that a warning of the ERP's was let pass: its code, and for which bills (joined()); "": none is known."""
    return f"{code}:{others}" if others else code


def passed_for(overrides: Iterable[str], code: str) -> frozenset[str]:
    """The bills for which let_pass() says of that code that it was let pass, by the ERP's names; none: for no bill."""
    found = [others for name, _, others in (one.partition(":") for one in overrides) if name == code]
    return frozenset(name for others in found for name in others.split(",") if name)


def likeness_key(number: str, application: int) -> str:
    """number_key(), marked where the number, folded, is just that of the application: such restart with each commitment."""
    key = number_key(number)
    return RESTARTING + key if key == str(application) else key


def telling(key: str) -> str:
    """The likeness_key() without its mark. No other key begins with it: what has digits keeps nothing else but letters."""
    return key.removeprefix(RESTARTING) if restarts(key) else key


def restarts(key: str) -> bool:
    """Whether a likeness_key() is marked."""
    return key.startswith(RESTARTING) and key[len(RESTARTING) :].isdecimal()


def alike_keys(key: str) -> tuple[str, ...]:
    """The likeness_key()s of others that look like this one: of two that restart neither looks like the other."""
    if restarts(key):
        return (telling(key),)
    return (key, RESTARTING + key) if key.isdecimal() else (key,)


def number_key(number: str) -> str:
    """The number without case, leading zeros and punctuation: INV-0012, inv 12 and Inv.012 have the same.

    Between two runs of digits it matters that something stands there, not what: 24-112, 24/112 and 24-0112 are alike,
    241-12 and 24112 are other numbers. What has neither letters nor digits stands for itself.
    """
    folded = fold(number)
    runs: Iterable[str] = _RUNS.findall(folded) if folded.isascii() else _runs(folded)
    parts: list[str] = []
    digits = False
    for run in runs:
        if run[0].isdigit():
            parts += ("-", run.lstrip("0") or "0") if digits else (run.lstrip("0") or "0",)
        else:
            parts.append(run)
        digits = run[0].isdigit()
    key = "".join(parts) or folded
    if len(key) > LONGEST:
        key = key[: LONGEST - _HASHED] + hashlib.sha256(key.encode(errors="replace")).hexdigest()[:_HASHED]
    return key


def _runs(folded: str) -> Iterable[str]:
    """Runs of digits, as ASCII writes them, and of letters of any alphabet with their marks."""
    plain = "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() else c if _is_letter(c) else " " for c in folded
    )
    return re.findall(r"[0-9]+|[^ 0-9]+", plain)


def _is_letter(c: str) -> bool:
    return c.isalnum() or unicodedata.category(c).startswith("M")


def same_amount(gross: int, net: int) -> int:
    """What is compared of the amounts: gross, or net where nothing is billed (a release of retainage alone)."""
    return gross or net
