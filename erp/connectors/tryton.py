"""Tryton 8.2 over JSON-RPC (docs/tryton.md): one parcel is one transaction there, idempotent by the module export_key.

Without the module a bill carries its key in the invoice's comment: it can be asked for, and is not kept unique.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from erp.connector import ParcelRefusedError, UnavailableError
from erp.connectors import tryton_asking, tryton_bill, tryton_payments
from erp.connectors.tryton_bill import Currency, Known, Party, Standing
from erp.connectors.tryton_company import Company, texts
from erp.connectors.tryton_rpc import DoubtfulReplyError, Session, TrytonRefusedError
from erp.connectors.tryton_settings import TrytonSettings
from store.domain.bill import Bill
from store.domain.knowing import Fact, Kind, Paid
from store.domain.likeness import passed_for
from store.domain.outcome import Answer, Booked, ErpBill, Later, Missing, Period, Refused, Unknown
from store.domain.profile import Finding, Profile

__all__ = ["Tryton", "TrytonSettings"]

Outcome = Booked | Refused | Later | Unknown
# So many bills are listed at a time.
PAGE = 200
_INVOICE = "model.account.invoice"
_BOOKED = ("validated", "posted", "paid", "cancelled")


class Tryton:
    """The connector to the company ``settings.company`` of one Tryton. A reference is the invoice's id there."""

    def __init__(self, settings: TrytonSettings, profile: Profile, *, page: int = PAGE) -> None:
        if not settings.export_key:
            profile = msgspec.structs.replace(profile, enforces_keys=False, parcel=1)
        self.profile = profile
        self._settings = settings
        self._session = Session(settings, profile.timeout)
        self._company = Company(settings, self._session)
        self._page = page

    async def post(self, bills: Sequence[Bill]) -> Sequence[Outcome]:
        """Book what Tryton has not yet and nothing stands against, all or nothing; the rest has its own outcomes.

        Until the one request that books, whatever goes wrong is UnavailableError: nothing was sent.
        """
        standing = await self._by_key(bills)
        outcomes: dict[str, Outcome] = {
            key: Booked(key, str(found.id)) for key, found in standing.items() if found.state in _BOOKED
        }
        going = [bill for bill in bills if bill.key not in outcomes]
        known = await self._known(going)
        free = [bill for bill in going if not self._refused(bill, going, known, outcomes)]
        if free:
            drafts = {key: found.id for key, found in standing.items() if found.state == "draft"}
            outcomes |= await self._export(free, known, drafts)
        return [outcomes[bill.key] for bill in bills if bill.key in outcomes]

    async def find(self, bills: Sequence[Bill]) -> Sequence[Answer]:
        """Look each key up. A draft that was never posted is not in the books."""
        standing = await self._by_key(bills)
        return [
            Booked(bill.key, str(found.id))
            if (found := standing.get(bill.key)) and found.state in _BOOKED
            else Missing(bill.key)
            for bill in bills
        ]

    async def check(self, bills: Sequence[Bill]) -> dict[str, list[Finding]]:
        """What would be refused, as far as Tryton can be asked without booking, beside those of these that go before it."""
        known = await self._known(bills)
        outcomes: dict[str, Outcome] = {}
        found: dict[str, list[Finding]] = {}
        for place, bill in enumerate(bills):
            beside = self._with(known, bills[:place], outcomes)
            found[bill.key] = list(tryton_bill.objections(bill, beside, self._settings))
            if found[bill.key]:
                outcomes[bill.key] = _refused(bill, found[bill.key][0])
        return found

    async def periods(self) -> Sequence[Period]:
        """The company's accounting periods."""
        return await self._periods(await self._company.id())

    async def exists(self, ref: str) -> bool:
        """Whether the company has that invoice and it is not cancelled."""
        if (number := tryton_asking.number(ref)) is None:
            return False
        here = [("id", "=", number), ("company", "=", await self._company.id()), ("state", "!=", "cancelled")]
        return bool(await self._company.search("account.invoice", [*here, ("type", "=", "in")], ["id"]))

    async def bills(self, period: Period) -> AsyncIterator[Sequence[ErpBill]]:
        """The company's posted supplier invoices of these accounting dates, in the order of their ids."""
        company, last = await self._company.id(), 0
        dates = [
            [(name, ">=", period.start), (name, "<=", period.end)]
            for name in ("accounting_date", "invoice_date")
        ]
        on_day = ["OR", dates[0], [("accounting_date", "=", None), *dates[1]]]
        base = [("company", "=", company), ("type", "=", "in"), ("state", "in", ["posted", "paid"]), on_day]
        fields = [
            "accounting_date",
            "invoice_date",
            "reference",
            "party.code",
            "currency.code",
            "currency.digits",
            self._key_field,
        ]
        while found := await self._company.search(
            "account.invoice", [*base, ("id", ">", last)], fields, limit=self._page
        ):
            last = found[-1]["id"]
            lines = await self._lines([row["id"] for row in found])
            yield [self._listed(row, lines[row["id"]]) for row in found]

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        """Parties and accounts by their codes, terms by their names; jobs and commitments Tryton does not have."""
        return await tryton_asking.known(self._company, kind, codes)

    async def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:
        """What was paid of these invoices, some invoices at a time."""
        for first in range(0, len(refs), self._page):
            yield await tryton_payments.payments(self._company, refs[first : first + self._page])

    async def close(self) -> None:
        """Close the connections. Closing twice is no harm."""
        await self._session.close()

    # -- booking -----------------------------------------------------------------------------------------------

    def _refused(self, bill: Bill, going: Sequence[Bill], known: Known, outcomes: dict[str, Outcome]) -> bool:
        """Whether something stands against the bill; then its outcome says what."""
        before = going[: going.index(bill)]
        found = next(tryton_bill.objections(bill, self._with(known, before, outcomes), self._settings), None)
        if found is not None:
            outcomes[bill.key] = _refused(bill, found)
        return found is not None

    def _with(self, known: Known, before: Sequence[Bill], outcomes: dict[str, Outcome]) -> Known:
        """As if those bills of the same parcel that are about to go were in Tryton already."""
        ahead = [
            Standing(0, party.id, other.number, other.invoice_date, "draft", other.key)
            for other in before
            if other.key not in outcomes and (party := known.parties.get(other.vendor))
        ]
        return dataclasses.replace(known, standing=[*known.standing, *ahead]) if ahead else known

    async def _export(
        self, bills: Sequence[Bill], known: Known, drafts: dict[str, int]
    ) -> dict[str, Outcome]:
        if not self._settings.export_key:
            ends = [await self._alone(bill, known, drafts.get(bill.key)) for bill in bills]
            return {end.key: end for end in ends}
        records = [tryton_bill.record(bill, known, self._settings) for bill in bills]
        try:
            reply = await self._write("export_bill", records)
        except TrytonRefusedError as error:
            if len(bills) > 1:
                raise ParcelRefusedError(error.message) from error
            return {bills[0].key: await self._refusal(bills[0], known, error)}
        if not isinstance(reply, dict) or not all(type(made) is int for made in reply.values()):
            raise DoubtfulReplyError("Tryton's answer to export_bill has another form")
        return {key: Booked(key, str(made)) for key, made in reply.items()}

    async def _alone(self, bill: Bill, known: Known, draft: int | None) -> Outcome:
        try:
            return Booked(bill.key, str(await self._create_and_post(bill, known, draft)))
        except TrytonRefusedError as error:
            return await self._refusal(bill, known, error)
        except UnavailableError as error:
            return Later(bill.key, str(error))
        except DoubtfulReplyError as error:
            return Unknown(bill.key, str(error))

    async def _create_and_post(self, bill: Bill, known: Known, draft: int | None) -> int:
        """Two transactions, where the module is not there: what is left of a first try is taken up."""
        made = draft
        if made is None:
            reply = await self._write("create", [tryton_bill.record(bill, known, self._settings)])
            if not isinstance(reply, list) or len(reply) != 1 or type(reply[0]) is not int:
                raise DoubtfulReplyError("Tryton's answer to create has another form")
            made = int(reply[0])
        try:
            await self._post_one(bill, known, made)
        except TrytonRefusedError:
            # A draft that stays would be in the way of the repaired bill.
            await self._write("delete", [made])
            raise
        return made

    async def _post_one(self, bill: Bill, known: Known, made: int) -> None:
        """Post a draft. Tryton's warning of similar ones is answered once, where each of them was let pass.

        The warning names one of them alone, so Tryton is asked for all.
        """
        try:
            await self._write("post", [made])
        except TrytonRefusedError as error:
            seen = passed_for(bill.overrides, tryton_bill.SIMILAR)
            if not _is_similar(error) or not seen or await self._similar(bill, known) is not None:
                raise
            await self._company.write("model.res.user.warning.skip", error.name, False)
            await self._write("post", [made])

    async def _refusal(self, bill: Bill, known: Known, error: TrytonRefusedError) -> Refused:
        """Tryton's own refusal; of a similar bill that came since Tryton was asked, with what it is."""
        if _is_similar(error):
            with contextlib.suppress(UnavailableError):
                if (found := await self._similar(bill, known)) is not None:
                    return _refused(bill, found)
        code, fix = tryton_bill.refusal(error.name, error.message)
        return Refused(bill.key, code, error.message, fix)

    async def _similar(self, bill: Bill, known: Known) -> Finding | None:
        """What Tryton has by now that is similar to the bill and was not let pass."""
        now = await self._numbered([known.parties[bill.vendor].id], [bill.number])
        return tryton_bill.similar(bill, dataclasses.replace(known, standing=now), self._settings)

    async def _write(self, method: str, argument: Any) -> Any:
        return await self._company.write(f"{_INVOICE}.{method}", argument)

    # -- asking ------------------------------------------------------------------------------------------------

    @property
    def _key_field(self) -> str:
        return "export_key" if self._settings.export_key else "comment"

    async def _by_key(self, bills: Sequence[Bill]) -> dict[str, Standing]:
        """What Tryton has of these bills, by their keys."""
        domain: list[Any] = [("company", "=", await self._company.id()), ("type", "=", "in")]
        if self._settings.export_key:
            domain.append(("export_key", "in", [bill.key for bill in bills]))
            return {one.key: one for one in await self._standing(domain) if one.key}
        asked = [[("party.code", "=", bill.vendor), ("reference", "=", bill.number)] for bill in bills]
        found = await self._standing([*domain, ["OR", *asked]])
        wanted = {bill.key for bill in bills}
        return {one.key: one for one in found if one.key in wanted and one.key}

    async def _standing(self, domain: Sequence[Any]) -> list[Standing]:
        fields = ["party", "reference", "invoice_date", "state", self._key_field]
        return [
            Standing(row["id"], row["party"], row["reference"] or "", row["invoice_date"], row["state"], row[self._key_field])
            for row in await self._company.search("account.invoice", domain, fields)
        ]  # fmt: skip

    async def _known(self, bills: Sequence[Bill]) -> Known:
        """What Tryton knows of all that these bills name."""
        company, given = await self._company.id(), self._settings
        if not bills:
            return Known(company)
        codes = {line.account for bill in bills for line in bill.lines} | {bill.tax_account for bill in bills}
        codes |= {given.payable, given.retainage, given.tax}
        own = ("company", "=", company)
        accounts = [own, ("code", "in", texts(codes)), ("closed", "!=", True)]
        vendors = texts(bill.vendor for bill in bills)
        parties = await self._company.search("party.party", [("code", "in", vendors)], ["code", "addresses"])
        currencies = await self._company.search(
            "currency.currency", [("code", "in", texts(bill.currency for bill in bills))], ["code", "digits"]
        )
        by_code = [await self._company.named("account.journal", "code", [("code", "=", given.journal)])]
        by_code.append(await self._company.named("account.account", "code", accounts))
        terms: dict[str, int] = {}
        if named := texts(tryton_bill.terms(bill, given) for bill in bills):
            asked = [("name", "in", named)]
            terms = await self._company.named("account.invoice.payment_term", "name", asked)
        numbers = texts(bill.number for bill in bills)
        return Known(
            company,
            journals=by_code[0],
            terms=terms,
            accounts=by_code[1],
            currencies={row["code"]: Currency(row["id"], row["digits"]) for row in currencies},
            parties={row["code"]: Party(row["id"], next(iter(row["addresses"]), None)) for row in parties},
            periods=await self._periods(company),
            standing=await self._numbered([row["id"] for row in parties], numbers),
        )

    async def _numbered(self, parties: list[int], numbers: list[str]) -> list[Standing]:
        """The company's supplier invoices of these parties under these numbers."""
        own = [await self._company.own(), ("type", "=", "in"), ("party", "in", parties)]
        return await self._standing([*own, ("reference", "in", numbers)])

    async def _periods(self, company: int) -> list[Period]:
        domain = [("company", "=", company), ("type", "=", "standard")]
        found = await self._company.search("account.period", domain, ["start_date", "end_date", "state"])
        told = [Period(row["start_date"], row["end_date"], row["state"] == "open") for row in found]
        return sorted(told, key=lambda period: period.start)

    # -- listing -----------------------------------------------------------------------------------------------

    async def _lines(self, invoices: list[int]) -> dict[int, list[tuple[str, Decimal]]]:
        """The account code and amount of each line, by invoice."""
        domain = [("invoice", "in", invoices), ("type", "=", "line")]
        lines = defaultdict(list)
        for row in await self._company.search(
            "account.invoice.line", domain, ["invoice", "amount", "account.code"]
        ):
            lines[row["invoice"]].append((row["account."]["code"], row["amount"]))
        return lines

    def _listed(self, row: dict[str, Any], lines: Iterable[tuple[str, Decimal]]) -> ErpBill:
        parts = list(lines)
        unit = Decimal(1).scaleb(-row["currency."]["digits"])
        net = sum((amount for _, amount in parts), Decimal(0)).quantize(unit)
        kept = sum((amount for code, amount in parts if code == self._settings.retainage), Decimal(0))
        retained = (Decimal(0) - kept).quantize(unit)
        day: date = row["accounting_date"] or row["invoice_date"]
        return ErpBill(
            ref=str(row["id"]),
            key=row[self._key_field] or None,
            vendor=row["party."]["code"],
            number=row["reference"],
            accounting_date=day,
            currency=row["currency."]["code"],
            gross=f"{net + retained:f}",
            retainage=f"{retained:f}",
            net=f"{net:f}",
        )


def _is_similar(error: TrytonRefusedError) -> bool:
    return error.name.endswith(f".{tryton_bill.SIMILAR_WARNING}")


def _refused(bill: Bill, found: Finding) -> Refused:
    return Refused(bill.key, found.code, found.cause, found.fix, similar=found.similar)
