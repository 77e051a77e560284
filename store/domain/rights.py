"""What the levels, the privilege and the limits of a user mean, in words (PRODUCT.md, "Who may do what")."""

from __future__ import annotations

from typing import Any

from store.domain.actor import Level, UserValues
from store.domain.money import show
from store.domain.text import safe

# What the Directory keeps of a user, in the order in which it is told.
WORDS = {
    "name": "Name", "email": "Mail", "erp_level": "ERP Integrations", "commitments_level": "Commitments",
    "directory_level": "Directory", "can_push": "Can Push to Accounting", "limit_invoice": "Limit per invoice",
    "limit_commitment": "Limit per commitment and period", "limit_day": "Limit per day", "summary": "Daily summary",
    "active": "May act",
}  # fmt: skip
_LEVELS = ("erp_level", "commitments_level", "directory_level")
_LIMITS = ("limit_invoice", "limit_commitment", "limit_day")


def value(name: str, kept: Any, currency: str) -> str:
    """A value of the Directory as a person reads it; limits in minor units of that currency."""
    if name in _LEVELS:
        return Level(kept).word
    if name in _LIMITS:
        return "none" if kept is None else show(kept, currency)
    if isinstance(kept, bool | int):
        return "yes" if kept else "no"
    return safe(str(kept)) or "(none)"


def meaning(user: UserValues, currency: str) -> list[str]:
    """What the user may do, a sentence a tool; limits in minor units of that currency."""
    if not user.active:
        return ["Removed: may do nothing. The name stays in the history."]
    return [_accounting(user), *_limits(user, currency), _project(user), _directory(user)]


def _accounting(user: UserValues) -> str:
    push = user.can_push
    match user.erp_level:
        case Level.NONE:
            return "Does not see ERP Integrations" + (_IDLE if push else ".")
        case Level.READ_ONLY:
            return "Sees ERP Integrations, and decides nothing there" + (_IDLE if push else ".")
        case _ if not push:
            also = " Adopts a copied database." if user.erp_level is Level.ADMIN else ""
            return f"Sees ERP Integrations; accepts and rejects nothing without Can Push to Accounting.{also}"
        case Level.STANDARD:
            return f"{_ACCEPTS}."
        case _:
            return f"{_ACCEPTS}; resets, marks as exported and adopts a copied database."


_IDLE = "; Can Push to Accounting does nothing below Standard there."
_ACCEPTS = "Accepts and rejects invoices for export (not his own), places holds, keeps mappings, settles what is uncertain"


def _limits(user: UserValues, currency: str) -> list[str]:
    words = {
        "limit_invoice": "an invoice",
        "limit_commitment": "a commitment and period",
        "limit_day": "a day",
    }
    found = [
        f"{show(limit, currency)} {word}"
        for name, word in words.items()
        if (limit := getattr(user, name)) is not None
    ]
    accepts = user.can_push and user.erp_level in {Level.STANDARD, Level.ADMIN}
    if not accepts:
        return []
    return [f"Accepts up to {', '.join(found)} (gross, {currency})." if found else "Accepts any amount."]


def _project(user: UserValues) -> str:
    match user.commitments_level:
        case Level.NONE:
            return "Does not see Commitments."
        case Level.READ_ONLY:
            return "Sees Commitments, and changes nothing there."
        case Level.STANDARD:
            return "Creates and edits invoices in Commitments; approves, sends and retrieves none."
        case Level.ADMIN:
            return "Creates, imports, edits, approves, sends and retrieves invoices in Commitments."


def _directory(user: UserValues) -> str:
    match user.directory_level:
        case Level.NONE:
            return "Sees himself in the Directory."
        case Level.ADMIN:
            return "Grants and takes rights in the Directory (his own right to accept excepted)."
        case _:
            return "Sees the Directory."
