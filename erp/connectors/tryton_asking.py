"""What Tryton can be asked about before anything is sent: whether it has a code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from erp.connectors.tryton_company import Company, texts
from store.domain.knowing import Fact, Kind

# So many codes are asked about in one request.
AT_ONCE = 500
# Ids are 32-bit numbers in Tryton's database.
_ID_AT_MOST = 2**31 - 1


async def known(company: Company, kind: Kind, codes: Sequence[str]) -> list[Fact] | None:
    """Whether Tryton has these codes for new bills of the company: one fact each, in their order; None: not asked.

    Jobs and commitments are not in Tryton's books.
    """
    if kind in {Kind.JOB, Kind.COMMITMENT}:
        return None
    names: dict[str, str] = {}
    asked = texts(codes)
    for first in range(0, len(asked), AT_ONCE):
        names |= await _named(company, kind, asked[first : first + AT_ONCE])
    return [Fact(kind, code, code in names, names.get(code, "")) for code in codes]


async def _named(company: Company, kind: Kind, codes: list[str]) -> dict[str, str]:
    if kind is Kind.VENDOR:
        return await _names(company, "party.party", [("code", "in", codes)], "code")
    if kind is Kind.TERMS:
        return await _names(company, "account.invoice.payment_term", [("name", "in", codes)], "name")
    domain = [await company.own(), ("code", "in", codes), ("closed", "!=", True)]
    return await _names(company, "account.account", domain, "code")


async def _names(company: Company, model: str, domain: list[Any], code: str) -> dict[str, str]:
    rows = await company.search(model, domain, list({code, "name"}))
    return {row[code]: str(row["name"] or "") for row in rows}


def number(ref: str) -> int | None:
    """The id in Tryton that a reference is; None: it is none."""
    return int(ref) if ref.isascii() and ref.isdigit() and 0 < int(ref) <= _ID_AT_MOST else None
