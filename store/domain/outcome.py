"""What became of one bill at the ERP: the words between a connector and the queue."""

from __future__ import annotations

from datetime import date

import msgspec


class Booked(msgspec.Struct, frozen=True):
    """The ERP has the bill; ``ref`` is its id there. Also the answer to a replay and to a look-up."""

    key: str
    ref: str


class Delivered(msgspec.Struct, frozen=True):
    """It lies where the ERP takes it from, as ``ref``, and went out for good; a receipt will say whether it is booked."""

    key: str
    ref: str


class Refused(msgspec.Struct, frozen=True):
    """The ERP has proven not to have it and says why: a stable code, the plain cause, the fix.

    Keys in a fix are named as store.domain.keys has it: ``{invoices.export} retries``.

    ``asked``: False where the ERP was not asked at all, as nothing could be sent. ``similar``: the bills that the cause
    says it is like, all of them, by what the ERP calls each: an override lets this one pass for them and no other.
    """

    key: str
    code: str
    cause: str
    fix: str
    asked: bool = True
    similar: tuple[str, ...] = ()


class Later(msgspec.Struct, frozen=True):
    """The ERP certainly has not booked it and may do so later (503, connection refused): worth a retry."""

    key: str
    cause: str


class Unknown(msgspec.Struct, frozen=True):
    """The request may have been booked or not: a lost reply, a time-out, garbage. Or a look-up without an answer.

    ``asked``: False where the ERP was not asked now, and what came of an earlier request is unknown.
    """

    key: str
    cause: str
    asked: bool = True


class Missing(msgspec.Struct, frozen=True):
    """The ERP was asked for the key and says that it has no such bill."""

    key: str


class Split(msgspec.Struct, frozen=True):
    """The parcel was refused as a whole and nothing of it booked: this bill goes again, alone."""

    key: str
    cause: str


PostOutcome = Booked | Delivered | Refused | Later | Unknown | Split
Answer = Booked | Delivered | Missing | Unknown


class Period(msgspec.Struct, frozen=True):
    """One accounting period of the ERP."""

    start: date
    end: date
    is_open: bool


class ErpBill(msgspec.Struct, frozen=True):
    """One bill as the ERP has it, as its connector lists it. ``key`` is None where the ERP keeps none.

    Amounts are plain decimal strings of the currency, such as "-1200.00". None: the ERP cannot say.
    """

    ref: str
    key: str | None
    vendor: str | None
    number: str | None
    accounting_date: date
    currency: str
    gross: str | None
    retainage: str | None
    net: str | None
