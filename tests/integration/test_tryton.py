"""A real Tryton: what it refuses, sessions, spoilt answers, and what stock Tryton does without the module."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import make_bill
from mail_server import certificate, free_port
from tryton_case import PROFILE, Connect, one_line, refused
from tryton_front import SPOILT, Front
from tryton_server import PASSWORD
from tryton_server import Tryton as Server

from erp import checking
from erp.connector import ParcelRefusedError, UnavailableError
from erp.connectors import tryton_bill
from erp.connectors.tryton import Tryton, TrytonSettings
from erp.connectors.tryton_bill import Currency, Known, Party
from erp.connectors.tryton_rpc import DoubtfulReplyError
from store.domain.bill import Bill, BillLine
from store.domain.checking import Checked
from store.domain.outcome import Booked, Later, Missing, Refused

pytest_plugins = ["tryton_case"]
pytestmark = pytest.mark.xdist_group("tryton")


# -- what Tryton refuses ---------------------------------------------------------------------------------------

STRANGE = (BillLine(1, "contract_item", "09-250", "Drywall", "100.01", "9.00", "7-777"),)
CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("vendor.unknown", {"vendor": "V-9"}, {}, "V-9 is not a party"),
    ("period.closed", {"accounting_date": date(2026, 9, 30)}, {}, "2026-09-30"),
    ("period.missing", {"accounting_date": date(2027, 1, 1)}, {}, "fiscal year for 2027-01-01"),
    ("currency.unknown", {"currency": "GBP"}, {}, "GBP"),
    ("number.control", {"number": " 101"}, {}, "blanks around it"),
    ("description.control", {"description": "a\u202eb"}, {}, "<202E>"),
    ("tax.unmapped", {"tax": "8.25"}, {"tax": ""}, "8.25"),
    ("account.unknown", {}, {"retainage": "9-999"}, "9-999 (erp.options.retainage)"),
    ("account.unknown", {"lines": STRANGE}, {}, "cost code 09-250 has no account 7-777"),
    ("journal.unknown", {}, {"journal": "NONE"}, "NONE"),
    ("payment_term.unknown", {}, {"payment_term": "90 days"}, "90 days"),
]


@pytest.mark.parametrize(
    ("code", "changes", "settings", "cause"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
async def test_what_cannot_be_booked_is_refused_with_code_cause_and_fix(
    tryton: Server, connect: Connect, code: str, changes: dict[str, Any], settings: dict[str, Any], cause: str
) -> None:
    connector, bill = connect(**settings), make_bill(1, **changes)
    outcome = await refused(connector, bill)
    assert outcome.code == code
    assert cause in outcome.cause
    checked = await connector.check([bill])
    assert [finding.code for finding in checked[bill.key]] == [code]
    assert tryton.bills() == []


async def test_more_decimals_than_the_currency_has_are_refused_and_never_rounded(
    tryton: Server, connect: Connect
) -> None:
    assert (await refused(connect(), one_line("100.005"))).code == "amount.decimals"
    assert (await refused(connect(), one_line("100.5", currency="JPY"))).code == "amount.decimals"
    assert tryton.bills() == []


async def test_an_account_that_was_closed_is_refused(tryton: Server, connect: Connect) -> None:
    tryton.sql("UPDATE account_account SET closed = true WHERE code = '09-250'")
    outcome = await refused(connect(), make_bill(1))
    assert outcome.code == "account.unknown"
    assert "Mappings" in outcome.fix and "payapp erp map" in outcome.fix


async def test_a_vendor_without_an_address_is_refused(tryton: Server, connect: Connect) -> None:
    tryton.sql("INSERT INTO party_party (name, code, active) VALUES ('Nowhere', 'T-1', true)")
    assert (await refused(connect(), make_bill(1, vendor="T-1"))).code == "vendor.no_address"


async def test_a_number_that_the_vendor_has_used_is_refused_also_within_one_parcel(
    tryton: Server, connect: Connect
) -> None:
    connector = connect()
    await connector.post([make_bill(1)])
    assert (await refused(connector, make_bill(2, number="101-001"))).code == "duplicate.similar"
    other, same = make_bill(3, number="N"), make_bill(4, number="N")
    first, second, elsewhere = await connector.post([other, same, make_bill(5, number="N", vendor="V-2")])
    assert isinstance(first, Booked) and isinstance(elsewhere, Booked)
    assert isinstance(second, Refused) and second.code == "duplicate.similar"
    assert len(tryton.bills()) == 3


async def test_a_dry_run_is_told_of_a_number_that_it_has_and_of_a_vendor_that_it_has_not(
    tryton: Server, connect: Connect
) -> None:
    connector = connect()
    await connector.post([make_bill(1)])
    bills = [make_bill(2, number="101-001"), make_bill(3), make_bill(4, vendor="V-9")]

    async def made(ids: Sequence[int]) -> Sequence[tuple[int, str, Bill]]:
        return [(number, f"invoice {number}", bills[number]) for number in ids]

    said = await checking.ask(connector, made, [0, 1, 2], seconds=60)
    assert said.checked == Checked(asked=3)
    assert {number: [snag.code for snag in found] for number, found in said.refused.items()} == {
        0: ["duplicate.similar"], 2: ["vendor.unknown"],
    }  # fmt: skip
    assert said.refused[0][0].effect == "refused" and "101-001" in said.refused[0][0].cause
    assert len(tryton.bills()) == 1


class Blind(Tryton):
    """It asks nothing beforehand, and sends what another may have changed meanwhile."""

    def _refused(self, *_: Any) -> bool:
        return False

    async def _known(self, bills: Any) -> Known:
        known = await super()._known(bills)
        parties = {"V-9": Party(10**6, 10**6), **known.parties}
        return Known(
            known.company, known.journals, known.terms, {"7-777": known.accounts["2-100"], **known.accounts},
            {**known.currencies, "GBP": Currency(10**6, 2)}, parties,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "changes", "settings"),
    [
        ("period.closed", {"accounting_date": date(2026, 9, 30)}, {}),
        ("period.missing", {"accounting_date": date(2027, 1, 1)}, {}),
        ("duplicate.similar", {"number": "101-099"}, {}),
        ("vendor.unknown", {"vendor": "V-9"}, {}),
        ("account.unknown", {"lines": STRANGE}, {}),
        ("amount.decimals", {"lines": (BillLine(1, "contract_item", "03-300", "Concrete", "100.00001", "0"),)}, {}),
    ],
)  # fmt: skip
async def test_what_changed_after_the_look_is_refused_in_tryton_s_own_words(
    tryton: Server, connect: Connect, code: str, changes: dict[str, Any], settings: dict[str, Any]
) -> None:
    await connect().post([make_bill(99)])
    before = tryton.bills()
    outcome = await refused(connect(Blind, **settings), make_bill(1, **changes))
    assert outcome.code == code, outcome
    assert outcome.cause and len(outcome.cause) <= 500
    with pytest.raises(ParcelRefusedError):
        await connect(Blind, **settings).post([make_bill(2), make_bill(1, **changes)])
    assert tryton.bills() == before
    assert tryton.sql("SELECT count(*) FROM account_invoice") == [(1,)]


def test_a_sentence_that_nobody_knows_has_a_code_as_well() -> None:
    assert tryton_bill.refusal("", "Mars is in retrograde.")[0] == "refused"


# -- what it books ---------------------------------------------------------------------------------------------


async def test_the_ledger_has_cost_retainage_payable_and_tax_and_a_release_reverses_it(
    tryton: Server, connect: Connect
) -> None:
    connector = connect(payment_term="30 days")
    await connector.post([one_line("1000.00", "100.00", tax="8.25")])
    ledger = {
        "03-300": Decimal(1000),
        "2-100": Decimal("-908.25"),
        "2-150": Decimal(-100),
        "2-200": Decimal("8.25"),
    }
    assert tryton.ledger() == ledger
    released = one_line("0.00", "-100.00", key=make_bill(2).key, number="101-002")
    [outcome] = await connector.post([released])
    assert isinstance(outcome, Booked)
    assert tryton.ledger() == {**ledger, "2-100": Decimal("-1008.25"), "2-150": Decimal(0)}


async def test_a_line_is_booked_on_what_its_cost_code_is_called(tryton: Server, connect: Connect) -> None:
    lines = (BillLine(1, "contract_item", "concrete", "Concrete", "10.00", "0.00", "03-300"),)
    await connect().post([make_bill(1, lines=lines, gross="10.00", retainage="0.00", net="10.00")])
    assert tryton.ledger() == {"03-300": Decimal(10), "2-100": Decimal(-10)}


async def test_its_periods_are_told_with_their_state(connect: Connect) -> None:
    told = await connect().periods()
    assert [period.start.month for period in told] == list(range(1, 13))
    assert [period.is_open for period in told] == [False] * 9 + [True] * 3


async def test_a_voided_bill_is_gone_and_does_not_stand_against_the_one_that_replaces_it(
    tryton: Server, connect: Connect
) -> None:
    connector, bill = connect(), make_bill(1)
    [booked] = await connector.post([bill])
    assert isinstance(booked, Booked) and await connector.exists(booked.ref)
    await connector._write("cancel", [int(booked.ref)])
    assert not await connector.exists(booked.ref)
    assert await connector.find([bill]) == [booked]
    october = (await connector.periods())[9]
    assert [page async for page in connector.bills(october)] == []
    [again] = await connector.post([make_bill(1, key=bill.key[:-1] + "2")])
    assert isinstance(again, Booked) and again.ref != booked.ref


async def test_four_at_once_with_one_key_make_one_bill(tryton: Server, connect: Connect) -> None:
    outcomes = await asyncio.gather(*(connect().post([make_bill(1)]) for _ in range(4)))
    assert len({outcome[0] for outcome in outcomes}) == 1
    assert len(tryton.bills()) == 1


# -- sessions and settings -------------------------------------------------------------------------------------


async def test_a_session_that_ends_in_the_middle_is_renewed(tryton: Server, connect: Connect) -> None:
    connector = connect()
    await connector.post([make_bill(1)])
    tryton.sql("DELETE FROM ir_session")
    assert isinstance((await connector.post([make_bill(2)]))[0], Booked)
    known, standing = await connector._known([make_bill(3)]), await connector._by_key([make_bill(3)])
    tryton.sql("DELETE FROM ir_session")
    outcomes = await connector._export([make_bill(3)], known, {})
    assert standing == {} and isinstance(outcomes[make_bill(3).key], Booked)
    assert len(tryton.bills()) == 3


async def test_a_password_that_is_wrong_or_missing_sends_nothing_and_is_never_told(
    tryton: Server,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("WRONG", "not " + PASSWORD)
    with pytest.raises(UnavailableError, match="does not let payapp log in") as error:
        await connect(password_env="WRONG").post([make_bill(1)])
    assert PASSWORD.partition(":")[0] not in f"{error.getrepr()} {caplog.text}"
    with pytest.raises(UnavailableError, match="NOT_SET is not set"):
        await connect(password_env="NOT_SET").periods()
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o640)
    with pytest.raises(UnavailableError, match="chmod 600"):
        await connect(password_env="", password_file=str(file)).periods()
    file.chmod(0o600)
    assert await connect(password_env="", password_file=str(file)).periods()
    assert tryton.bills() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"company": "OTHER BUILDERS"}, "does not work for a company OTHER BUILDERS"),
        (
            {"company": "OTHER WORKS"},
            "payapp does not work for a company OTHER WORKS .* correct erp.options.company",
        ),
        ({"user": "stranger"}, "stranger does not work for a company ACME BUILDERS"),
        ({"url": f"http://127.0.0.1:{free_port()}"}, "not reached"),
    ],
)
async def test_a_wrong_place_is_named_and_nothing_is_sent(
    tryton: Server, connect: Connect, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UnavailableError, match=said):
        await connect(**changes).post([make_bill(1)])
    assert tryton.bills() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "ftp://tryton.example.com"},
        {"url": "http://tryton.example.com"},
        {"url": "https://payapp:word@tryton.example.com"},
        {"password_env": "", "password_file": ""},
        {"password_file": "both"},
        {"ca_file": "ca.pem"},
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any]) -> None:
    good = {
        "url": "http://127.0.0.1:8000", "database": "acme", "user": "payapp", "company": "ACME", "journal": "EXP",
        "payable": "2-100", "retainage": "2-150", "password_env": "SECRET",
    }  # fmt: skip
    msgspec.convert(good, TrytonSettings)
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.convert({**good, **changes}, TrytonSettings)
    assert "word" not in str(error.value).replace("password", "")


async def test_a_certificate_that_does_not_verify_is_named(
    tryton: Server, connect: Connect, tmp_path: Path
) -> None:
    authority, context = certificate(tmp_path)
    with Front(tryton.url, context) as front:
        with pytest.raises(
            UnavailableError, match=r"certificate of the Tryton server does not verify.*ca_file"
        ):
            await connect(url=front.url).post([make_bill(1)])
        [booked] = await connect(url=front.url, ca_file=str(authority)).post([make_bill(1)])
        assert isinstance(booked, Booked)
        with pytest.raises(UnavailableError, match="cannot be used"):
            await connect(url=front.url, ca_file=str(tmp_path / "none.pem")).periods()


# -- spoilt answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mood", [*SPOILT, "hang", "drop"])
async def test_a_spoilt_answer_leaves_it_unknown_and_the_bill_is_found(
    tryton: Server, connect: Connect, mood: str
) -> None:
    bill = make_bill(1)
    with Front(tryton.url) as front:
        connector = connect(url=front.url)
        assert await connector.find([bill]) == [Missing(bill.key)]
        front.moods["export_bill"] = mood
        sending = asyncio.create_task(connector.post([bill]))
        if mood == "hang":
            # The queue bounds each sending in total: a server that hangs is cut off.
            await asyncio.to_thread(front.arrived.wait, 60)
            sending.cancel()
        with pytest.raises((DoubtfulReplyError, asyncio.CancelledError)) as error:
            await sending
        assert ("is longer than" in str(error.value)) == (mood == "huge")
        front.moods.clear()
        [found] = await connector.find([bill])
        assert isinstance(found, Booked)
        assert await connector.post([bill]) == [found]
    assert len(tryton.bills()) == 1


@pytest.mark.parametrize("mood", ["busy", "forbidden", "gone", "session"])
async def test_what_turns_a_request_away_has_booked_nothing(
    tryton: Server, connect: Connect, mood: str
) -> None:
    with Front(tryton.url) as front:
        front.moods["export_bill"] = mood
        with pytest.raises(UnavailableError):
            await connect(url=front.url).post([make_bill(1)])
    assert tryton.bills() == []


@pytest.mark.parametrize("mood", ["html", "huge", "form", "broken", "drop"])
async def test_a_spoilt_answer_to_a_question_is_no_answer_and_nothing_is_sent(
    tryton: Server, connect: Connect, mood: str
) -> None:
    with Front(tryton.url) as front:
        for method in ("login", "get_preferences", "search_read"):
            front.moods = {method: mood}
            connector = connect(url=front.url)
            with pytest.raises(UnavailableError):
                await connector.post([make_bill(1)])
            with pytest.raises(UnavailableError):
                await connector.exists("1")
    assert tryton.sql("SELECT count(*) FROM account_invoice") == [(0,)]


async def test_a_server_that_hangs_before_anything_is_sent_leaves_no_doubt(tryton: Server) -> None:
    with Front(tryton.url) as front:
        front.moods["login"] = "hold"
        connector = Tryton(tryton.settings(url=front.url), msgspec.structs.replace(PROFILE, timeout=1.5))
        with pytest.raises(UnavailableError, match="did not answer in time"):
            await connector.post([make_bill(1)])
        await connector.close()


# -- without the module ----------------------------------------------------------------------------------------


async def test_without_the_module_a_bill_is_found_by_vendor_number_and_comment(
    tryton: Server, connect: Connect
) -> None:
    connector, bill = connect(export_key=False), make_bill(1)
    assert not connector.profile.enforces_keys and connector.profile.finds
    assert await connector.find([bill]) == [Missing(bill.key)]
    [booked] = await connector.post([bill])
    assert isinstance(booked, Booked)
    assert await connector.find([bill]) == await connector.post([bill]) == [booked]
    assert (await refused(connector, make_bill(2, number=bill.number))).code == "duplicate.similar"
    more = [make_bill(3), make_bill(4)]
    assert all(isinstance(outcome, Booked) for outcome in await connector.post(more))
    assert tryton.ledger()["2-100"] == -sum(Decimal(each.net) for each in (bill, *more))


async def test_without_the_module_a_draft_that_was_left_is_posted_and_a_refused_one_does_not_stay(
    tryton: Server, connect: Connect
) -> None:
    bill = make_bill(1)
    with Front(tryton.url) as front:
        connector = connect(url=front.url, export_key=False)
        front.moods["post"] = "busy"
        assert isinstance((await connector.post([bill]))[0], Later)
        assert await connector.find([bill]) == [Missing(bill.key)]
        front.moods.clear()
        [booked] = await connector.post([bill])
        assert isinstance(booked, Booked)
    outcome = await refused(connect(Blind, export_key=False), make_bill(2, accounting_date=date(2026, 9, 1)))
    assert outcome.code == "period.closed"
    assert tryton.sql("SELECT count(*) FROM account_invoice") == [(1,)]


async def test_a_server_without_the_module_is_told_apart(tryton: Server, connect: Connect) -> None:
    with Front(tryton.url) as front:
        front.moods["export_bill"] = "forbidden"
        with pytest.raises(UnavailableError, match="does not know that call"):
            await connect(url=front.url).post([make_bill(1)])
