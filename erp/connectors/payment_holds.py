"""What connectors say of a bill whose payment is to be held, where they cannot tell their ERP so."""

from __future__ import annotations

from collections.abc import Iterator

from store.domain.bill import Bill
from store.domain.checking import Doubt
from store.domain.profile import Finding


def unheld(bill: Bill) -> Iterator[Finding]:
    """Why the bill cannot go: it would be paid there."""
    yield from _unheld(bill.payment_hold or "")


def _unheld(hold: str) -> Iterator[Finding]:
    if hold:
        yield Finding(
            "payment_hold.unsupported",
            "its payment is to be held, and the ERP would not be told so",
            "Release the hold, or place one that leaves it here ({invoices.hold}), then {invoices.export} retries",
        )


# Where unheld() could find anything.
UNHELD = Doubt.telling(("payment_hold",), _unheld)
