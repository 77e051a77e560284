"""A real Tryton's warning of a similar bill: what it is called, and that it passes for that one bill where it was let pass."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from export_case import make_bill
from tryton_case import Connect, booked, refused
from tryton_server import Tryton as Server

from erp.connector import ParcelRefusedError
from erp.connectors import tryton_bill
from erp.connectors.tryton import Tryton
from erp.connectors.tryton_bill import SIMILAR, Known
from store.domain import likeness
from store.domain.bill import Bill
from store.domain.outcome import Booked, Refused

pytest_plugins = ["tryton_case"]
pytestmark = pytest.mark.xdist_group("tryton")


class Unaware(Tryton):
    """It does not look for similar bills beforehand: another clerk has entered one meanwhile."""

    async def _known(self, bills: Any) -> Known:
        return dataclasses.replace(await super()._known(bills), standing=())

    def _with(self, known: Known, *_: Any) -> Known:
        return known


def let_pass(bill: Bill, *beside: str) -> Bill:
    return msgspec.structs.replace(bill, overrides=(likeness.let_pass(SIMILAR, likeness.joined(beside)),))


def same_number(n: int) -> Bill:
    return make_bill(n, number="101-001")


async def entered(connector: Tryton, bill: Bill) -> str:
    """A clerk enters it in Tryton, as a draft that is none of payapp's; its id."""
    made = tryton_bill.record(bill, await connector._known([bill]), connector._settings)
    values = {name: value for name, value in made.items() if name not in {"export_key", "comment"}}
    [number] = await connector._write("create", [values])
    return str(number)


KINDS = pytest.mark.parametrize(
    ("kind", "export_key"), [(Tryton, True), (Tryton, False), (Unaware, True), (Unaware, False)]
)


@KINDS
async def test_a_similar_bill_is_refused_by_name_and_booked_where_it_was_let_pass(
    tryton: Server, connect: Connect, kind: type[Tryton], export_key: bool
) -> None:
    connector = connect(kind, export_key=export_key)
    first = await booked(connector, make_bill(1))
    outcome = await refused(connector, same_number(2))
    assert outcome.code == SIMILAR and "with a reason" in outcome.fix
    assert "101-001" in outcome.cause and f"id {first} of 2026-10-25, posted" in outcome.cause
    assert outcome.similar == (first,)
    second = await booked(connector, let_pass(same_number(2), *outcome.similar))
    assert second != first
    # It passed for that bill alone: the next one is like two now.
    third = await refused(connector, same_number(3))
    assert third.code == SIMILAR and set(third.similar) == {first, second}
    assert tryton.sql("SELECT count(*) FROM account_invoice") == [(2,)]
    assert tryton.sql("SELECT count(*) FROM res_user_warning") == [(0,)]


@KINDS
async def test_one_that_is_entered_between_the_refusal_and_the_retry_is_not_let_pass_unseen(
    tryton: Server, connect: Connect, kind: type[Tryton], export_key: bool
) -> None:
    connector = connect(kind, export_key=export_key)
    first = await booked(connector, make_bill(1))
    seen = (await refused(connector, same_number(2))).similar
    later = await entered(connector, same_number(3))
    outcome = await refused(connector, let_pass(same_number(2), *seen))
    assert outcome.code == SIMILAR and outcome.similar == (later,)
    assert f"id {later} of 2026-10-25, draft" in outcome.cause and f"id {first}" not in outcome.cause
    # Nor does it pass where nobody knows what was seen.
    assert set((await refused(connector, let_pass(same_number(2)))).similar) == {first, later}
    assert tryton.sql("SELECT count(*) FROM account_invoice") == [(2,)]
    await booked(connector, let_pass(same_number(2), *seen, *outcome.similar))
    assert tryton.sql("SELECT count(*) FROM res_user_warning") == [(0,)]


async def test_of_many_some_are_told_in_full_and_all_by_their_ids(tryton: Server, connect: Connect) -> None:
    connector = connect()
    others = [await entered(connector, same_number(n)) for n in range(1, 6)]
    outcome = await refused(connector, same_number(9))
    assert outcome.similar == tuple(others)
    assert f"and ids {', '.join(others[3:])}" in outcome.cause
    await booked(connector, let_pass(same_number(9), *others))


async def test_in_one_parcel_it_passes_for_the_bill_that_was_let_pass_and_for_no_other(
    tryton: Server, connect: Connect
) -> None:
    connector = connect()
    # One that was refused beside another of the same parcel names it by its key, for it had no id yet.
    key = make_bill(1).key
    parcel = [make_bill(1), same_number(2), let_pass(same_number(3), key), make_bill(4)]
    checked = await connector.check(parcel)
    assert [[found.code for found in checked[bill.key]] for bill in parcel] == [[], [SIMILAR], [], []]
    first, second, third, fourth = await connector.post(parcel)
    assert isinstance(second, Refused) and "same parcel" in second.cause
    assert key in second.similar
    assert all(isinstance(outcome, Booked) for outcome in (first, third, fourth))
    beside = [one.ref for one in (first, third) if isinstance(one, Booked)]
    with pytest.raises(ParcelRefusedError, match="is similar to invoice"):
        await connect(Unaware).post([let_pass(same_number(5), *beside), same_number(6)])
    with pytest.raises(ParcelRefusedError, match="is similar to invoice"):
        await connect(Unaware).post([let_pass(same_number(5), *beside[:1]), make_bill(6)])
    assert len(tryton.bills()) == 3


async def test_a_clerks_comment_that_reads_like_an_id_is_not_what_was_let_pass(
    tryton: Server, connect: Connect
) -> None:
    connector = connect(export_key=False)
    later = await entered(connector, same_number(3))
    tryton.sql("UPDATE account_invoice SET comment = '7'")
    assert (await refused(connector, let_pass(same_number(2), "7"))).similar == (later,)


async def test_a_bill_that_was_let_pass_is_held_up_by_everything_else(
    tryton: Server, connect: Connect
) -> None:
    connector = connect()
    first = await booked(connector, make_bill(1))
    strange = let_pass(msgspec.structs.replace(same_number(2), vendor="V-9"), first)
    assert (await refused(connector, strange)).code == "vendor.unknown"
    assert len(tryton.bills()) == 1


async def test_without_the_module_a_cancelled_bill_is_similar_and_the_cause_says_so(
    tryton: Server, connect: Connect
) -> None:
    connector = connect(export_key=False)
    first = await booked(connector, make_bill(1))
    await connector._write("cancel", [int(first)])
    outcome = await refused(connector, same_number(2))
    assert outcome.code == SIMILAR
    assert f"id {first} of 2026-10-25, cancelled; Tryton counts a cancelled one as well" in outcome.cause
    await booked(connector, let_pass(same_number(2), *outcome.similar))
    # With the module a voided bill does not stand against the one that replaces it.
    tryton.sql("DELETE FROM account_invoice_line; DELETE FROM account_invoice WHERE state <> 'cancelled'")
    await booked(connect(), same_number(3))
    assert tryton.ledger()["2-100"] == -Decimal(make_bill(2).net) - Decimal(make_bill(3).net)
