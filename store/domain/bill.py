"""What leaves for the ERP: a bill, frozen with its hash when the invoice is accepted.

One key always carries the same bytes (ARCHITECTURE.md, "Keys").
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import date

import msgspec
from msgspec.structs import force_setattr

# The namespace of invoice uuids: uuid5 of source and source id, so that a re-import after a restore gives the same.
_NAMESPACE = uuid.UUID("6f1c6b0e-3d0a-5a38-9a53-0f6f3b0a7d11")


_written = msgspec.json.Encoder(order="deterministic").encode


class BillLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One line of the bill; amounts are plain decimal strings such as "-1200.00".

    ``cost_code`` is ours, ``account`` what the ERP calls it; "": the same.
    """

    position: int
    item_type: str
    cost_code: str
    description: str
    amount: str
    retainage: str
    account: str = ""

    def __post_init__(self) -> None:
        if not self.account:
            force_setattr(self, "account", self.cost_code)


class Written(msgspec.Struct, frozen=True, gc=False):
    """A bill of very many that are written at once: its days are ISO texts already. sealed() makes the same bytes."""

    key: str
    erp: str
    company: str
    currency: str
    vendor: str
    vendor_name: str
    job: str
    commitment: str
    application: int
    number: str
    period_start: str
    period_end: str
    invoice_date: str
    accounting_date: str
    description: str
    gross: str
    retainage: str
    net: str
    tax: str
    lines: Sequence[BillLine]
    overrides: tuple[str, ...] = ()
    terms: str = ""
    tax_account: str = ""
    unposted: str | None = None
    payment_hold: str | msgspec.UnsetType = msgspec.UNSET


class Bill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bill as every connector receives it. ``number`` is the ERP invoice number; dates are ISO days.

    ``overrides`` are the codes of the ERP's own warnings that an approver let pass for this bill, in order, each with the
    bills that it was let pass for: "duplicate.similar:12,15" (store.domain.likeness).
    ``vendor``, ``job``, ``commitment``, ``terms`` and ``tax_account`` are what the ERP calls them; of the last two ""
    is the connector's own default. ``unposted`` is what of net and tax the ERP drops, let pass by the company's policy, as a
    plain decimal: what it adds to accounts payable is that much less; None: nothing. ``payment_hold`` says why the ERP shall
    hold its payment; unset, and not among its bytes: it shall not.
    """

    key: str
    erp: str
    company: str
    currency: str
    vendor: str
    vendor_name: str
    job: str
    commitment: str
    application: int
    number: str
    period_start: date
    period_end: date
    invoice_date: date
    accounting_date: date
    description: str
    gross: str
    retainage: str
    net: str
    tax: str
    lines: tuple[BillLine, ...]
    # Frozen payloads of before know none.
    overrides: tuple[str, ...] = ()
    terms: str = ""
    tax_account: str = ""
    unposted: str | None = None
    payment_hold: str | msgspec.UnsetType = msgspec.UNSET


def invoice_uuid(source: str, source_id: str) -> str:
    """The invoice's uuid, the same for the same source record, always."""
    return str(uuid.uuid5(_NAMESPACE, f"{source}:{source_id}"))


def idempotency_key(invoice: str, revision: int) -> str:
    """The key under which this revision of the invoice goes to the ERP."""
    return f"{invoice}:{revision}"


def revision_of(key: str) -> int:
    """The revision that a key is of; 0 for what is none of our keys."""
    number = key.rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def encode(bill: Bill) -> tuple[str, str]:
    """The payload and its SHA-256 in hex."""
    payload = msgspec.json.encode(bill, order="deterministic")
    return payload.decode(), hashlib.sha256(payload).hexdigest()


def sealed(bill: Written) -> tuple[str, str]:
    """As encode()."""
    payload = _written(bill)
    return payload.decode(), hashlib.sha256(payload).hexdigest()


def decode(payload: str, sha256: str) -> Bill:
    """The bill of a frozen payload. Raises ValueError when the bytes are not those that were accepted."""
    raw = payload.encode()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise ValueError("the payload is not the one that was accepted")
    return msgspec.json.decode(raw, type=Bill)
