"""What a hold is: on what it stands, what is waited for, and what it does to an export (PRODUCT.md, "The process")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from store.domain.text import one_line


class HoldScope(StrEnum):
    """On what a hold stands: one invoice, or all of a commitment or a vendor, those that come in later too."""

    INVOICE = "invoice"
    COMMITMENT = "commitment"
    VENDOR = "vendor"


class HoldKind(StrEnum):
    """What is waited for."""

    WAIVER = "waiver"
    INSURANCE = "insurance"
    CONTRACT = "contract"
    OTHER = "other"


class HoldEffect(StrEnum):
    """What a hold does: the invoice stays, goes with a warning, or goes with the ERP's own hold on its payment."""

    BLOCK = "block"
    PAY = "pay"
    WARN = "warn"


KIND_WORDS = {
    HoldKind.WAIVER: "lien waiver missing",
    HoldKind.INSURANCE: "insurance lapsed",
    HoldKind.CONTRACT: "contract unsigned",
    HoldKind.OTHER: "other",
}
EFFECT_WORDS = {
    HoldEffect.BLOCK: "Export leaves it where it is",
    HoldEffect.PAY: "Export takes it, and the ERP holds its payment",
    HoldEffect.WARN: "Export takes it, with a warning",
}
# What must not miss the cost cut-off: it is booked, and only its payment waits.
PAYING = frozenset({HoldKind.WAIVER, HoldKind.INSURANCE})


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold; moments in milliseconds UTC. ``on`` is the vendor's or commitment's name, "" for an invoice.

    ``subject_id`` is the invoice's, commitment's or vendor's id; ``released_at`` None: it is open.
    """

    id: int
    scope: HoldScope
    subject_id: int
    on: str
    kind: HoldKind
    effect: HoldEffect
    reason: str
    placed_by: str
    placed_at: int
    released_by: str = ""
    released_at: int | None = None

    @property
    def why(self) -> str:
        """What is waited for: ``lien waiver missing: October's``, the reason alone where the kind says nothing."""
        if self.kind is HoldKind.OTHER:
            return self.reason
        return f"{KIND_WORDS[self.kind]}: {self.reason}" if self.reason else KIND_WORDS[self.kind]

    @property
    def told(self) -> str:
        """What is waited for, who placed it and when, as a part of a sentence: ``…, placed by jlopez on 2026-10-31``."""
        where = f"{self.scope.value} {self.on}: " if self.on else ""
        return f"{where}{self.why}, placed by {self.placed_by} on {_day(self.placed_at)}"

    @property
    def what(self) -> str:
        """Whose hold it is, as the beginning of a sentence about an invoice."""
        return "It is on hold" if self.scope is HoldScope.INVOICE else f"Its {self.scope.value} is on hold"

    def does(self, *, payment_hold: bool) -> HoldEffect:
        """What it does where the bill can carry a payment hold or not: a payment that cannot be held is not let go."""
        return HoldEffect.BLOCK if self.effect is HoldEffect.PAY and not payment_hold else self.effect


def default_effect(kind: HoldKind, *, payment_hold: bool) -> HoldEffect:
    """What a hold of that kind does unless somebody says otherwise."""
    return HoldEffect.PAY if kind in PAYING and payment_hold else HoldEffect.BLOCK


def blocking(found: Sequence[Hold], *, payment_hold: bool) -> Hold | None:
    """The first of the holds that keeps the invoice here, if one does."""
    return next((one for one in found if one.does(payment_hold=payment_hold) is HoldEffect.BLOCK), None)


def payment_hold(found: Sequence[Hold]) -> str:
    """What the ERP is told about the payment, on one line; "": nothing holds it."""
    held = (one for one in found if one.effect is HoldEffect.PAY)
    # A reason alone may begin as a formula does, which no file for an ERP may hold.
    told = (f"on hold: {one.why}" if one.kind is HoldKind.OTHER else one.why for one in held)
    return "; ".join(dict.fromkeys(one_line(why) for why in told))


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone().date().isoformat()
