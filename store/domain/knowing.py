"""What an ERP can be asked about before anything is sent: whether it has a code that a bill names."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """The kinds of code that a bill names: each is one of its fields, or one of its lines'."""

    VENDOR = "vendor"
    JOB = "job"
    COMMITMENT = "commitment"
    ACCOUNT = "account"
    TAX = "tax"
    TERMS = "terms"


class Fact(msgspec.Struct, frozen=True):
    """Whether the ERP has that code, open for new bills; ``name`` is what it calls it, "" where it does not say."""

    kind: Kind
    code: str
    known: bool
    name: str = ""


class Paid(msgspec.Struct, frozen=True):
    """One payment of one bill, as the ERP says it: ``bill`` is the bill's reference there, ``day`` an ISO day.

    ``amount`` is a plain decimal string of the currency; a payment that was taken back is not told any more.
    """

    ref: str
    bill: str
    day: str
    amount: str
    currency: str
    method: str = ""
