"""What only the connector refuses is in the dry run: of one that needs no network, and of one that is asked over it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from cli_case import Told
from invoice_factory import HOSTILE, line, make, state, version

from erp import checking, profiles
from erp.connector import Connector, UnavailableError
from erp.connectors.files import Files, FilesSettings
from erp.connectors.files_settings import Form
from store import known, mapping, previewing, refusing, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import Bill, encode
from store.domain.checking import Checked, Checker, Doubt, Local
from store.domain.knowing import Fact, Kind
from store.domain.outcome import Refused
from store.domain.profile import Finding, Profile
from store.domain.selection import Marked
from store.domain.status import Action
from store.previewing import Plan, plan_export

pytest_plugins = ["cli_case"]
PLAIN = msgspec.structs.replace(profiles.load("sandbox"), rules=())
ANY = msgspec.structs.replace(profiles.load("files"), formats=())
IIF = FilesSettings("drop", Form.IIF, payable="AP", retainage="RP", currency="USD")
XERO = FilesSettings("drop", Form.XERO, retainage="845", tax_type="None", days="dmy")


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def form(settings: FilesSettings) -> Local:
    return Local(Files(settings, ANY).checker)


def given(checker: Checker) -> Local:
    return Local(lambda: nullcontext(checker))


def tried(db: Database, actor: Actor, ids: list[int], local: Local | None) -> Plan:
    return plan_export(db, actor, mark(db, *ids), PLAIN, Action.ACCEPT, local=local)


def put_mapping(db: Database, actor: Actor, kind: Kind, code: str, target: str, job: str = "") -> None:
    mapping.put(db, actor, mapping.Want(kind, code, target, job))


def refused(plan: Plan) -> list[tuple[str, list[int]]]:
    return [(one.code, list(one.ids)) for one in plan.causes if one.effect == "refused"]


def several(db: Database, count: int = 4) -> list[int]:
    return [make(db, str(n), commitment=f"SC-{n}") for n in range(count)]


# -- a connector that needs no network -----------------------------------------------------------------------------


def test_tax_without_an_account_is_refused_and_mapped_it_is_not(
    db: Database, approver: Actor, admin: Actor
) -> None:
    ids = several(db)
    db.execute("UPDATE invoices SET tax = 700 WHERE id IN (?, ?)", (ids[1], ids[2]))
    plan = tried(db, approver, ids, form(XERO))
    assert refused(plan) == [("tax.unmapped", ids[1:3])]
    assert (plan.count, plan.refused, plan.checked) == (4, 2, Checked(4))
    [cause] = plan.causes
    assert cause.cause == "the bill has tax, and no account is named for it"
    assert "payapp erp map tax" in cause.fix and cause.names == ("1 (SC-1)", "2 (SC-2)")
    found = previewing.snags(db, approver, ids, PLAIN, Action.ACCEPT, local=form(XERO))
    assert found[ids[1]][0].cause == "the bill has tax of 7.00, and no account is named for it"
    assert not refused(tried(db, approver, ids, form(msgspec.structs.replace(XERO, tax="820"))))
    put_mapping(db, admin, Kind.TAX, "default", "820")
    assert not refused(tried(db, approver, ids, form(XERO)))


def test_texts_that_the_form_would_misread_are_refused_by_cause(db: Database, approver: Actor) -> None:
    ids = several(db, 5)
    db.execute("UPDATE invoices SET description = 'Pipe 8\"' WHERE id = ?", (ids[0],))
    db.execute("UPDATE invoice_lines SET description = ' Slab' WHERE invoice_id IN (?, ?)", (ids[1], ids[2]))
    db.execute("UPDATE invoice_lines SET cost_code = '=1' WHERE invoice_id = ?", (ids[3],))
    plan = tried(db, approver, ids, form(IIF))
    assert refused(plan) == [
        ("line.blanks", ids[1:3]), ("description.quote", [ids[0]]), ("line.formula", [ids[3]])
    ]  # fmt: skip
    assert plan.causes[0].cause == "a line's description begins or ends with a blank"
    found = previewing.snags(db, approver, ids, PLAIN, Action.ACCEPT, local=form(IIF))
    assert found[ids[1]][0].cause == "line 1's description ' Slab' begins or ends with a blank"
    assert ids[4] not in found


def test_a_mapped_account_is_looked_at_as_the_erp_calls_it(
    db: Database, approver: Actor, admin: Actor
) -> None:
    ids = [make(db, "1"), make(db, "2", commitment="SC-2", job="24-102")]
    put_mapping(db, admin, Kind.ACCOUNT, "03-300", "-5100", "24-102")
    assert refused(tried(db, approver, ids, form(IIF))) == [("line.formula", [ids[1]])]


def test_amounts_whose_decimals_the_form_loses_are_refused(db: Database, approver: Actor) -> None:
    ids = [make(db, "1"), make(db, "2", commitment="SC-2", currency="KWD")]
    assert refused(tried(db, approver, ids, form(XERO))) == [("currency.decimals", [ids[1]])]
    assert not refused(tried(db, approver, ids, form(FilesSettings("drop", Form.CSV))))


def test_hostile_text_is_told_harmless(db: Database, approver: Actor) -> None:
    number = make(db, vendor=HOSTILE, vendor_ref=HOSTILE)
    plan = tried(db, approver, [number], form(FilesSettings("drop", Form.CSV)))
    assert plan.refused == 1 and "\x1b" not in str(plan.causes) and "\u202e" not in str(plan.causes)


def test_what_is_blocked_is_not_put_to_the_connector(db: Database, approver: Actor) -> None:
    ids = several(db, 2)
    db.execute("UPDATE invoices SET tax = 700, net = net - 1 WHERE id = ?", (ids[0],))
    plan = tried(db, approver, ids, form(XERO))
    assert not refused(plan) and plan.stays.count == 1 and plan.checked == Checked(1)


def test_only_what_is_in_doubt_is_made_into_bills_and_nothing_is_missed(
    db: Database, approver: Actor, admin: Actor
) -> None:
    ids = several(db, 8)
    db.execute("UPDATE invoices SET tax = 700 WHERE id = ?", (ids[0],))
    db.execute("UPDATE invoices SET description = ' x' WHERE id = ?", (ids[1],))
    db.execute("UPDATE invoice_lines SET description = 'é東' WHERE invoice_id = ?", (ids[2],))
    db.execute("UPDATE invoices SET erp_number = '=1' WHERE id = ?", (ids[3],))
    db.execute("UPDATE invoices SET accounting_date = '1999-12-31' WHERE id = ?", (ids[4],))
    put_mapping(db, admin, Kind.COMMITMENT, "SC-5", "=5", "24-101")
    for settings in (IIF, XERO, FilesSettings("drop", Form.CSV)):
        with Files(settings, ANY).checker() as real:
            seen = list[str]()

            def noticed(bill: Bill, real: Checker = real, seen: list[str] = seen) -> Sequence[Finding]:
                seen.append(bill.number)
                return list(real.objections(bill))

            every = Checker(noticed, (Doubt(("number",), lambda _: True),))
            some = Checker(noticed, real.doubts)
            of_all = tried(db, approver, ids, given(every))
            assert len(seen) == of_all.count
            seen.clear()
            of_some = tried(db, approver, ids, given(some))
        assert refused(of_some) == refused(of_all) and of_some.refused
        # What a bill's own texts tell needs no bill; the text of a line does.
        assert len(seen) == (settings is IIF)


def test_up_to_so_many_are_put_to_it_and_the_rest_is_counted(db: Database, approver: Actor) -> None:
    ids = several(db)
    db.execute("UPDATE invoices SET tax = 700")
    local = replace(form(XERO), most=3)
    plan = tried(db, approver, ids, local)
    assert refused(plan) == [("tax.unmapped", ids[:3])] and plan.checked == Checked(3, 1)
    assert tried(db, approver, ids, Local(None)).checked == Checked(0, 4)
    assert tried(db, approver, ids, None).checked is None


def stopping(at: str) -> AbstractContextManager[Checker]:
    """A checker that fails at that place."""

    def fails(*_: object) -> Any:
        raise UnavailableError(f"no {at} \x1b[2J")

    @contextmanager
    def opened() -> Iterator[Checker]:
        if at == "books":
            fails()
        doubt: Any = fails if at in {"doubt", "lines"} else lambda *_: True
        yield Checker(fails, (Doubt(("lines.account",) if at == "lines" else ("number",), doubt),))

    return opened()


@pytest.mark.parametrize("at", ["books", "doubt", "lines", "answer"])
def test_a_connector_that_fails_is_told_and_hides_nothing(db: Database, approver: Actor, at: str) -> None:
    known.put(db, "sandbox", [Fact(Kind.VENDOR, "APEX", known=False)])
    ids = several(db, 2)
    plan = tried(db, approver, ids, Local(partial(stopping, at)))
    assert plan.checked == Checked(0, 2, f"no {at} ^[[2J")
    assert plan.count == 2 and [one.code for one in plan.causes] == ["vendor.unknown"]


def test_a_connector_that_takes_too_long_is_told(db: Database, approver: Actor) -> None:
    plan = tried(db, approver, several(db, 2), replace(form(XERO), seconds=-1))
    assert plan.checked == Checked(0, 2, "it did not answer in time")


def test_a_connector_that_takes_too_long_over_a_bill_is_asked_for_no_more(
    db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[str]()
    monkeypatch.setattr(refusing, "time", SimpleNamespace(monotonic=lambda: float(len(seen))))

    def slow(bill: Bill) -> list[Finding]:
        seen.append(bill.number)
        return []

    local = replace(given(Checker(slow, (Doubt(("number",), lambda _: True),))), seconds=0.5)
    plan = tried(db, approver, several(db, 4), local)
    assert seen == ["0"] and plan.checked == Checked(0, 4, "it did not answer in time")


async def test_what_is_refused_goes_and_is_refused_when_it_is_sent(
    db: Database, approver: Actor, tmp_path: Path
) -> None:
    # Dry run, acceptance and the connector say the same of one invoice.
    [number] = several(db, 1)
    db.execute("UPDATE invoices SET tax = 700")
    plan = tried(db, approver, [number], form(XERO))
    [[_, _, bill]] = previewing.bills(db, approver, [number], PLAIN, Action.ACCEPT)
    decision = review.accept(db, approver, mark(db, number), PLAIN)
    assert decision.done == (number,) and state(db, number) == "queued"
    connector = Files(msgspec.structs.replace(XERO, folder=str(tmp_path / "drop")), ANY)
    [outcome] = await connector.post([bill])
    assert isinstance(outcome, Refused) and [(outcome.code, [number])] == refused(plan)
    payload = db.execute("SELECT payload FROM export_jobs").fetchone()[0]
    assert payload == encode(bill)[0]
    await connector.close()


# -- one that is asked over the network ----------------------------------------------------------------------------


class Distant:
    """A connector of which only check() counts; it answers by its mood."""

    def __init__(self, mood: Callable[[Sequence[Bill]], Awaitable[Any]], timeout: float = 5.0) -> None:
        self.profile: Profile = msgspec.structs.replace(PLAIN, timeout=timeout)
        self._mood = mood
        self.asked: list[int] = []
        self.closed = False

    async def check(self, bills: Sequence[Bill]) -> Any:
        self.asked.append(len(bills))
        return await self._mood(bills)

    async def periods(self) -> Sequence[Any]:
        return ()

    async def known(self, _kind: Kind, _codes: Sequence[str]) -> None:
        return None

    async def close(self) -> None:
        self.closed = True


USED = Finding(
    "number.used", "it has 1 \x1b[2J", "Enter another ({invoices.export-values})", kind="it has the number"
)


async def all_well(bills: Sequence[Bill]) -> Any:
    return {bill.key: [] for bill in bills}


async def has_the_first(bills: Sequence[Bill]) -> Any:
    return {bill.key: [USED] if bill.number in {"0", "1"} else [] for bill in bills}


async def answers_partly(bills: Sequence[Bill]) -> Any:
    return {bills[0].key: [USED], "another:1": [USED]}


async def hangs(_: Sequence[Bill]) -> Any:
    await asyncio.Event().wait()


async def raises(_: Sequence[Bill]) -> Any:
    raise UnavailableError("503 \x1b[2J")


async def says_nonsense(bills: Sequence[Bill]) -> Any:
    return {bill.key: ["used"] for bill in bills}


async def says_nothing(_: Sequence[Bill]) -> Any:
    return None


async def put(
    db: Database, actor: Actor, ids: Sequence[int], distant: Distant, **limits: Any
) -> checking.Said:
    async def bills(some: Sequence[int]) -> Sequence[tuple[int, str, Bill]]:
        return await db.look(previewing.bills, actor, some, PLAIN, Action.ACCEPT)

    given = {"seconds": 5.0, **limits}
    return await checking.ask(cast("Connector", distant), bills, ids, **given)


async def test_what_it_refuses_is_put_into_the_plan_and_warned_of_no_more(
    db: Database, approver: Actor
) -> None:
    ids = several(db)
    used = Finding("vendor.unknown", "vendor APEX is gone", "Map it", kind="vendor APEX is gone")
    known.put(db, "sandbox", [Fact(Kind.VENDOR, "APEX", known=False), Fact(Kind.JOB, "24-101", known=False)])

    async def gone(bills: Sequence[Bill]) -> Any:
        return {bill.key: [used] if bill.number != "3" else [] for bill in bills}

    said = await put(db, approver, ids, Distant(gone))
    plan = refusing.said(tried(db, approver, ids, Local(None)), said.refused, said.checked)
    assert [(one.effect, one.code, list(one.ids)) for one in plan.causes] == [
        ("refused", "vendor.unknown", ids[:3]), ("warned", "job.unknown", ids), ("warned", "vendor.unknown", ids[3:]),
    ]  # fmt: skip
    assert (plan.count, plan.refused, plan.checked) == (4, 3, Checked(4))
    assert list(plan.touched["warned"]) == ids


async def test_its_words_are_harmless_and_name_the_key(db: Database, approver: Actor) -> None:
    ids = several(db)
    said = await put(db, approver, ids, Distant(has_the_first))
    assert said.checked == Checked(4) and sorted(said.refused) == ids[:2]
    [snag] = said.refused[ids[0]]
    assert (snag.effect, snag.code, snag.cause, snag.kind) == (
        "refused", "number.used", "it has 1 ^[[2J", "it has the number",
    )  # fmt: skip
    assert snag.fix.startswith("Enter another (") and "{" not in snag.fix


@pytest.mark.parametrize(
    ("mood", "checked"),
    [
        (answers_partly, Checked(1, 2)), (hangs, Checked(0, 3, "it did not answer in time")),
        (raises, Checked(0, 3, "503 ^[[2J")), (says_nonsense, Checked(0, 3, "its answer makes no sense")),
        (says_nothing, Checked(0, 3, "its answer makes no sense")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
async def test_no_answer_is_told_and_is_no_error(
    db: Database, approver: Actor, mood: Callable[[Sequence[Bill]], Awaitable[Any]], checked: Checked
) -> None:
    said = await put(db, approver, several(db, 3), Distant(mood, timeout=0.05))
    assert said.checked == checked
    assert len(said.refused) == (1 if mood is answers_partly else 0)


async def test_it_is_asked_in_parcels_for_the_first_ones_and_what_it_said_before_it_fell_silent_counts(
    db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "PARCEL", 2)
    ids = several(db, 7)
    distant = Distant(all_well)
    assert (await put(db, approver, ids, distant, most=5)).checked == Checked(5, 2)
    assert distant.asked == [2, 2, 1]

    async def falls_silent(bills: Sequence[Bill]) -> Any:
        return await (has_the_first if bills[0].number == "0" else hangs)(bills)

    said = await put(db, approver, ids, Distant(falls_silent, timeout=0.05))
    assert sorted(said.refused) == ids[:2] and said.checked == Checked(2, 5, "it did not answer in time")


async def test_an_erp_that_bears_few_requests_is_not_asked_more_often(db: Database, approver: Actor) -> None:
    distant = Distant(all_well)
    distant.profile = msgspec.structs.replace(distant.profile, per_minute=1)
    said = await put(db, approver, several(db, 1), distant, seconds=1.0)
    assert distant.asked == [] and said.checked == Checked(0, 1, "it bears no more requests within the time")


# -- on the command line -------------------------------------------------------------------------------------------


@pytest.fixture
def office(place: Path, company: Database) -> list[int]:
    """The company writes files for Xero; two of its three invoices have tax, and no account is named for it."""
    company.execute("UPDATE company SET erp = 'xero'")
    (place / "payapp.toml").write_text(
        '[database]\nurl = "sqlite:payapp.db"\n[erp]\nconnector = "files"\n[erp.options]\nform = "xero"\n'
        'retainage = "845"\ntax_type = "None"\ndays = "dmy"\n'
    )
    ids = [make(company, str(n), commitment=f"SC-{n}", lines=(line(held=0),)) for n in range(3)]
    company.execute("UPDATE invoices SET tax = 700 WHERE id > ?", (ids[0],))
    return ids


def test_the_document_has_what_the_files_cannot_hold(
    company: Database, told: Told, office: list[int]
) -> None:
    code, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run", "--json")
    document = json.loads(out)
    assert code == 3 and [one["id"] for one in document["goes"]] == office and document["stays"] == []
    assert [(one["id"], one["effect"], one["code"]) for one in document["notes"] if one["effect"] == "refused"] == [
        (number, "refused", "tax.unmapped") for number in office[1:]
    ]  # fmt: skip
    [cause] = [one for one in document["causes"] if one["effect"] == "refused"]
    assert (cause["count"], cause["cause"]) == (2, "the bill has tax, and no account is named for it")
    assert document["erp"]["bills"] == {"asked": 3, "refused": 2, "not_asked": 0, "trouble": ""}
    _, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run")
    assert (
        "3 would go, 0 would stay; of what goes the ERP would refuse 2." in out
        and "erp: 3 bills put to it" in out
    )
    assert "refused 2: the bill has tax, and no account is named for it. Map it" in out
    assert state(company, office[1]) == "ready_to_export"


def test_an_export_tells_it_and_goes(company: Database, told: Told, office: list[int]) -> None:
    code, _, err = told("--as", "jlopez", "export", "--all", "--yes")
    assert code == 0 and "refused 2: the bill has tax, and no account is named for it" in err
    assert {state(company, number) for number in office} == {"queued"}


def test_a_sandbox_whose_books_are_gone_is_told_as_away(place: Path, company: Database, told: Told) -> None:
    several(company, 2)
    (place / "sandbox.db").unlink()
    code, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run", "--json")
    erp = json.loads(out)["erp"]
    assert (
        code == 0 and "books are missing" in erp["trouble"] and "books are missing" in erp["bills"]["trouble"]
    )
    assert erp["bills"]["not_asked"] == 2 and not (place / "sandbox.db").exists()


def test_a_connector_that_hangs_as_it_is_closed_keeps_nobody_waiting(
    company: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(Distant):
        async def close(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("tui.bootstrap.connector", lambda _books: Stuck(all_well))
    monkeypatch.setattr("erp.knowing.CLOSING", 0.01)
    several(company, 2)
    _, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run", "--json")
    assert json.loads(out)["erp"]["bills"]["asked"] == 2


@pytest.mark.parametrize(("mood", "bills"), [
    (has_the_first, {"asked": 2, "refused": 2, "not_asked": 0, "trouble": ""}),
    (raises, {"asked": 0, "refused": 0, "not_asked": 2, "trouble": "503 ^[[2J"}),
])  # fmt: skip
def test_the_document_has_what_a_distant_erp_says(
    company: Database,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    mood: Callable[..., Any],
    bills: dict[str, Any],
) -> None:
    distant = Distant(mood)
    monkeypatch.setattr("tui.bootstrap.connector", lambda _books: distant)
    ids = several(company, 2)
    code, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run", "--json")
    document = json.loads(out)
    assert code == (3 if bills["refused"] else 0) and distant.closed
    assert document["erp"]["bills"] == bills and len(document["goes"]) == 2
    notes = [one["id"] for one in document["notes"] if one["effect"] == "refused"]
    assert notes == (ids if bills["refused"] else [])
