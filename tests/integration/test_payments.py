"""What an ERP says was paid: taken over, replaced, taken back, audited, summed, shown; on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
from cli_case import Told
from invoice_factory import HOSTILE, make

from erp import paying, profiles
from erp.connector import UnavailableError
from erp.connectors.sandbox import Sandbox, SandboxSettings
from erp.settings import WorkerSettings
from erp.worker import Worker
from store import detail, payments
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import Disallowed, NotPermitted, PayappError
from store.domain.knowing import Paid
from store.domain.profile import Profile
from tui.widgets.detail import describe

pytest_plugins = ["cli_case"]
PROFILE = msgspec.structs.replace(profiles.load("sandbox"), pays_back=True)


def synced(db: Database, number: str = "101-001", *, ref: str = "", **values: object) -> int:
    """A synced invoice of net 900.00 (or what its lines say) with its job; its bill is called B-number."""
    made = make(db, number, erp_status="synced", **values)  # type: ignore[arg-type] # a test names what it changes
    with db.transaction():
        db.execute("UPDATE invoices SET origin_id = ? WHERE id = ?", (ref or f"B-{number}", made))
        batch = db.execute(
            "INSERT INTO batches (operator_id, created_at, erp, currency, count, gross, retainage, net, hash_total,"
            " hold_until) SELECT id, 0, 'sandbox', 'USD', 1, 0, 0, 0, 0, 0 FROM users WHERE login = 'jlopez' RETURNING id"
        ).fetchone()[0]
        db.execute(
            "INSERT INTO export_jobs (invoice_id, batch_id, erp, revision, idem_key, payload, payload_sha256, state,"
            " run_at, updated_at, accounting_date, erp_ref)"
            " VALUES (?, ?, 'sandbox', 1, ?, ?, '', 'done', 0, 0, '2026-10-31', ?)",
            (made, batch, f"key-{made}", '{"accounting_date":"2026-10-31"}', ref or f"B-{number}"),
        )
    return made


class Payer:
    """A connector that can say what was paid, and nothing else."""

    def __init__(self, *told: Paid, profile: Profile = PROFILE) -> None:
        self.profile = profile
        self.told = list(told)
        self.asked: list[list[str]] = []
        self.fails_at = 0

    async def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:
        self.asked.append(list(refs))
        if len(self.asked) == self.fails_at:
            raise UnavailableError("the server is away")
        for paid in self.told:
            if paid.bill in refs:
                yield [paid]


def pull(db: Database, me: Actor | None, payer: Payer, *, everything: bool = False) -> payments.Pulled:
    return asyncio.run(paying.pull(db, payer, me, everything=everything))  # type: ignore[arg-type] # payments alone


def paid(
    ref: str, amount: str, *, bill: str = "B-101-001", day: str = "2026-11-05", currency: str = "USD"
) -> Paid:
    return Paid(ref, bill, day, amount, currency, "Check")


def events(db: Database) -> list[tuple[str, int]]:
    return [tuple(row) for row in db.execute(
        "SELECT actor, row_count FROM audit_events WHERE action = 'payments' ORDER BY id"
    ).fetchall()]  # fmt: skip


def kept(db: Database, invoice: int) -> list[tuple[str, int]]:
    return [(each.ref, each.amount) for each in payments.of_invoice(db, invoice)]


def test_what_is_told_is_kept_once_and_a_payment_taken_back_goes(db: Database, approver: Actor) -> None:
    invoice = synced(db)
    payer = Payer(paid("P-1", "400.00"), paid("P-2", "100.01", day="2026-11-01"))
    first = pull(db, approver, payer)
    assert (first.asked, first.told, first.changed, first.issued) == (1, 2, 1, {"USD": 50_001})
    assert kept(db, invoice) == [("P-2", 10_001), ("P-1", 40_000)]
    again = pull(db, approver, payer)
    assert (again.changed, again.issued) == (0, {}) and len(events(db)) == 1
    payer.told = [paid("P-1", "400.00"), paid("P-3", "500.00")]
    third = pull(db, approver, payer)
    assert (third.changed, third.issued) == (1, {"USD": 39_999})
    assert kept(db, invoice) == [("P-1", 40_000), ("P-3", 50_000)]
    payer.told = []
    assert pull(db, approver, payer).issued == {"USD": -90_000}
    assert kept(db, invoice) == [] and events(db) == [("jlopez", 1)] * 3
    before, after = db.execute(
        "SELECT before, after FROM audit_rows ORDER BY event_id DESC LIMIT 1"
    ).fetchone()
    assert json.loads(before)["paid"] == "900.00" and json.loads(after) == {"paid": "0.00", "payments": ""}


def test_what_is_fully_paid_is_asked_about_while_it_may_be_taken_back(db: Database, approver: Actor) -> None:
    long_ago, lately, part = (
        synced(db, f"101-00{n}", application=n, commitment=f"SC-{n}") for n in (1, 2, 3)
    )
    today = "2999-01-01"
    full = [
        paid("P-1", "900.00", bill="B-101-001", day="2001-01-01"), paid("P-2", "900.00", bill="B-101-002", day=today),
        paid("P-3", "1.00", bill="B-101-003", day="2001-01-01"),
    ]  # fmt: skip
    payer = Payer(*full)
    pull(db, approver, payer)
    pull(db, approver, payer)
    assert payer.asked == [["B-101-001", "B-101-002", "B-101-003"], ["B-101-002", "B-101-003"]]
    payer.told = []
    assert pull(db, approver, payer, everything=True).issued == {"USD": -180_100}
    assert [kept(db, each) for each in (long_ago, lately, part)] == [[], [], []]


def test_a_reference_of_another_erp_is_not_asked_about(db: Database, approver: Actor) -> None:
    # Refused here, then exported to another ERP under the company's new profile, where 41 is its reference.
    invoice = synced(db, ref="41")
    db.execute("UPDATE export_jobs SET state = 'failed', erp_ref = '', idem_key = 'old'")
    batch = db.execute("SELECT batch_id FROM export_jobs").fetchone()[0]
    db.execute(
        "INSERT INTO export_jobs (invoice_id, batch_id, erp, revision, idem_key, payload, payload_sha256, state, run_at,"
        " updated_at, accounting_date, erp_ref) VALUES (?, ?, 'other', 2, 'new', '{}', '', 'done', 0, 0, '2026-10-31', '41')",
        (invoice, batch),
    )
    payer = Payer(paid("P-1", "900.00", bill="41"))
    assert pull(db, approver, payer).asked == 0
    assert kept(db, invoice) == []


def test_amounts_are_exact_by_currency_and_never_added_across(db: Database, approver: Actor) -> None:
    yen = synced(db, "J-1", currency="JPY", commitment="SC-J")
    dinar = synced(db, "K-1", currency="KWD", commitment="SC-K")
    told = [
        paid("1", "90000", bill="B-J-1", currency="JPY"),
        paid("1", "90.001", bill="B-K-1", currency="KWD"),
    ]
    done = pull(db, approver, Payer(*told))
    assert done.issued == {"JPY": 90_000, "KWD": 90_001}
    assert [kept(db, each) for each in (yen, dinar)] == [[("1", 90_000)], [("1", 90_001)]]
    [commitment] = db.execute("SELECT commitment_id FROM invoices WHERE id = ?", (dinar,)).fetchone()
    assert payments.issued(db, commitment) == {"KWD": 90_001}


@pytest.mark.parametrize(
    "bad",
    [
        paid("P-9", "1.001"), paid("P-9", "1.00", currency="EUR"), paid("", "1.00"), paid("P-9", "1.00", day="today"),
        paid("P-9", "NaN"), paid("x" * 201, "1.00"), paid("P\x00", "1.00"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_and_its_invoice_keeps_what_it_had(
    sqlite_db: Database, approver: Actor, bad: Paid
) -> None:
    db = sqlite_db
    first, second = synced(db), synced(db, "101-002", application=2)
    payer = Payer(paid("P-1", "5.00"))
    pull(db, approver, payer)
    payer.told = [paid("P-2", "6.00"), bad, paid("P-3", "7.00", bill="B-101-002")]
    done = pull(db, approver, payer)
    assert (done.unread_count, len(done.unread), done.changed) == (1, 1, 1)
    assert "101-001" in done.unread[0]
    assert kept(db, first) == [("P-1", 500)] and kept(db, second) == [("P-3", 700)]


def test_an_invoice_that_is_not_synced_under_that_bill_any_more_is_left_alone(
    db: Database, approver: Actor
) -> None:
    invoice = synced(db)
    asked = payments.to_ask(db, "sandbox", 0)
    assert payments.to_ask(db, "another", 0) == []
    with db.transaction():
        db.execute("UPDATE invoices SET origin_id = 'B-NEW' WHERE id = ?", (invoice,))
    assert payments.replace(db, approver, "sandbox", asked, [paid("P-1", "5.00")]).changed == 0
    assert kept(db, invoice) == [] and events(db) == []


def test_only_who_accepts_takes_payments_over_and_the_worker(db: Database, sender: Actor) -> None:
    synced(db)
    with pytest.raises(NotPermitted):
        pull(db, sender, Payer(paid("P-1", "5.00")))
    assert pull(db, None, Payer(paid("P-1", "5.00"))).changed == 1
    assert events(db) == [("worker", 1)]


def test_an_erp_that_does_not_pay_back_or_does_not_answer_is_a_sentence(
    sqlite_db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "PAGE", 2)
    for number in range(1, 6):
        synced(sqlite_db, f"N-{number}", application=number)
    silent = msgspec.structs.replace(PROFILE, pays_back=False)
    with pytest.raises(Disallowed, match="does not say what was paid"):
        pull(sqlite_db, approver, Payer(profile=silent))
    payer = Payer(paid("P-1", "5.00", bill="B-N-1"), paid("P-2", "5.00", bill="B-N-5"))
    payer.fails_at = 3
    with pytest.raises(PayappError, match="did not say what was paid: the server is away"):
        pull(sqlite_db, approver, payer)
    assert [len(refs) for refs in payer.asked] == [2, 2, 1]
    assert len(events(sqlite_db)) == 1
    payer.fails_at = 0
    assert pull(sqlite_db, approver, payer).issued == {"USD": 500}


def test_an_erp_that_bears_few_requests_is_asked_as_often_as_it_bears(
    sqlite_db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("erp.paying.asyncio.sleep", wait)
    monkeypatch.setattr(payments, "PAGE", 1)
    for number in (1, 2):
        synced(sqlite_db, f"N-{number}", application=number)
    pull(sqlite_db, approver, Payer(profile=msgspec.structs.replace(PROFILE, per_minute=30)))
    assert waits == [2.0, 2.0]


def test_a_list_without_an_end_is_given_up(sqlite_db: Database, approver: Actor) -> None:
    synced(sqlite_db)

    class Endless(Payer):
        async def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:
            while refs:
                yield [paid("P-1", "1.00")] * 100

    with pytest.raises(PayappError, match="has no end"):
        pull(sqlite_db, approver, Endless())


def test_the_detail_pane_and_the_sheet_show_what_was_paid_and_the_commitment_s_sum(
    db: Database, approver: Actor
) -> None:
    first, second = synced(db), synced(db, "101-002", application=2)
    hostile = msgspec.structs.replace(paid("P-1", "400.00"), method=HOSTILE)
    pull(db, approver, Payer(hostile, paid("P-2", "50.00", bill="B-101-002")))
    shown = lines_of(db, first, 60)
    assert [line.split()[-1] for line in shown if line.startswith("Payments issued")] == ["450.00"]
    assert [line.split()[-1] for line in shown if line.startswith(("Paid", "Still to pay", "2026-11-05"))] == [
        "400.00", "400.00", "500.00",
    ]  # fmt: skip
    assert all(len(line) <= 60 for line in shown) and "\x1b" not in "".join(shown)
    assert any(line.endswith(" 50.00") for line in lines_of(db, second, 30))
    [both] = payments.by_commitment(db)
    assert (both.commitment, both.invoices, both.due, both.issued) == ("SC-101", 2, 180_000, 45_000)
    with db.transaction():
        db.execute("UPDATE invoices SET erp_status = 'not_sent' WHERE id = ?", (first,))
    assert not any(line.startswith("Paid") for line in lines_of(db, first, 60))


def lines_of(db: Database, invoice: int, width: int) -> list[str]:
    whole = describe(detail.detail(db, invoice), width, "lines")
    return ["".join(part.text for part in line) for line in whole]


class Paying(Sandbox):
    """A sandbox that has paid one bill, and ends its worker when it is asked again."""

    stop: asyncio.Event
    asked = 0

    async def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:
        self.asked += 1
        if self.asked == 2:
            self.stop.set()
        yield [paid("P-1", "5.00") for _ in refs]


async def test_a_worker_asks_by_itself_where_it_is_told_to(sqlite_db: Database, tmp_path: Path) -> None:
    invoice = synced(sqlite_db)
    connector = Paying(SandboxSettings(file=str(tmp_path / "sandbox.db")), PROFILE)
    connector.stop = asyncio.Event()
    settings = WorkerSettings(lease=100.0, poll=0.01, periods=0.01, payments=0.01)
    async with asyncio.timeout(60):
        await Worker(sqlite_db, connector, None, settings).run(connector.stop)
    assert kept(sqlite_db, invoice) == [("P-1", 500)] and events(sqlite_db) == [("worker", 1)]


# -- by command --------------------------------------------------------------------------------------------------


@pytest.fixture
def payer(monkeypatch: pytest.MonkeyPatch) -> Payer:
    """The command's connector says what a test wants."""

    class Closing(Payer):
        async def close(self) -> None:
            pass

    made = Closing()
    monkeypatch.setattr("tui.bootstrap.connector", lambda _books: made)
    monkeypatch.setattr("tui.bootstrap.Books.profile", lambda _books: made.profile)
    return made


def test_the_command_tells_what_it_took_over(
    place: Path, company: Database, payer: Payer, told: Told
) -> None:
    assert told("--as", "jlopez", "payments", "pull") == (0, "No synced invoice waits for a payment.\n", "")
    synced(company)
    payer.told = [paid("P-1", "400.00")]
    code, out, _ = told("--as", "jlopez", "payments", "pull", "--json")
    assert code == 0 and json.loads(out) == {
        "erp": "sandbox", "asked": 1, "payments": 1, "changed": 1, "issued": [{"currency": "USD", "amount": "400.00"}],
        "unread": 0, "unread_named": [],
    }  # fmt: skip
    shown = told("--as", "jlopez", "show", "101-001")[1]
    assert "Payments issued on the commitment" in shown and "500.00" in shown.partition("Still to pay")[2]
    record = json.loads(told("--as", "jlopez", "show", "101-001", "--json")[1])
    assert record["issued"] == "400.00" and [each["amount"] for each in record["payments"]] == ["400.00"]
    payer.told = [paid("P-1", "4", currency="EUR")]
    code, out, err = told("--as", "jlopez", "payments", "pull")
    assert code == 3 and "0 changed" in out and "is in EUR" in err


def test_what_was_issued_is_listed_by_commitment_and_currency(
    place: Path, company: Database, payer: Payer, told: Told
) -> None:
    assert told("--as", "jlopez", "payments", "list")[:2] == (0, "No invoice is Synced.\n")
    synced(company)
    synced(company, "101-002", application=2)
    synced(company, "J-1", currency="JPY", commitment="SC-J", vendor=HOSTILE, vendor_ref="H")
    make(company, "NEW", commitment="SC-NEW")
    payer.told = [paid("P-1", "400.00"), paid("P-2", "1", bill="B-101-002")]
    assert told("--as", "jlopez", "payments", "pull")[0] == 0
    listed = json.loads(told("--as", "jlopez", "payments", "list", "--json")[1])
    assert [(row["commitment"], row["invoices"], row["due"], row["issued"], row["left"]) for row in listed] == [
        ("SC-101", 2, "1800.00", "401.00", "1399.00"), ("SC-J", 1, "90000", "0", "90000"),
    ]  # fmt: skip
    table = told("--as", "jlopez", "payments", "list")[1]
    assert "1,399.00" in table and "\x1b" not in table and max(map(len, table.splitlines())) <= 100
    assert told("--as", "jlopez", "payments", "list", "--csv")[1].startswith(
        "job,commitment,vendor,currency,invoices"
    )


def test_the_command_refuses_with_its_exit_code(
    place: Path, company: Database, payer: Payer, told: Told
) -> None:
    synced(company)
    payer.fails_at = 1
    code, _, err = told("--as", "jlopez", "payments", "pull")
    assert code == 1 and "the server is away" in err
    assert told("--as", "mgarcia", "payments", "pull")[0] == 5
    payer.profile = msgspec.structs.replace(PROFILE, pays_back=False)
    code, _, err = told("--as", "jlopez", "payments", "pull")
    assert code == 1 and "does not say what was paid" in err
