"""payapp notices: what waits, went and failed; trying again; the summary. And that re-sending tells it in show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import make
from people import PEOPLE

from store import directory, notices
from store.db import Database

pytest_plugins = ["cli_case"]


@pytest.fixture(autouse=True)
def _ada(company: Database) -> None:
    directory.put_user(company, None, PEOPLE["admin"])


@pytest.fixture
def rejected(company: Database, told: Told) -> Database:
    """One invoice rejected: a mail to its creator waits, of its sender nobody knows an address."""
    make(company, "101-007")
    code, _, err = told("--as", "jlopez", "reject", "101-007", "--reason", "Wrong retainage", "--yes")
    assert code == 0, err
    return company


def state(db: Database, number: int, value: str) -> None:
    db.execute("UPDATE notices SET state = ?, error_text = '550 no such user' WHERE id = ?", (value, number))


def records(told: Told, *words: str) -> list[dict[str, object]]:
    code, out, _ = told("--as", "jlopez", "notices", "list", "--json", *words)
    assert code == 0
    found: list[dict[str, object]] = json.loads(out)
    return found


def test_every_notice_is_listed_with_its_state(rejected: Database, told: Told) -> None:
    found = records(told)
    assert {(one["kind"], one["operator"]) for one in found} == {("rejection", "jlopez")}
    waiting = [one for one in found if one["state"] == "waiting"]
    assert records(told, "--state", "waiting") == waiting
    assert records(told, "--kind", "digest") == []
    out = told("--as", "jlopez", "notices", "list")[1]
    assert "mgarcia@acme.example" in out
    assert "Invoice 101-007 of Apex Drywall LLC was rejected" in out


def test_status_tells_of_what_went_nowhere_lately(rejected: Database, told: Told) -> None:
    state(rejected, 1, "failed")
    assert (
        "notices refused or without an address: 2 (payapp notices list)"
        in told("--as", "jlopez", "status")[1]
    )
    assert json.loads(told("--as", "jlopez", "status", "--json")[1])["notices_lost"] == 2
    rejected.execute("UPDATE notices SET created_at = 1")
    assert "without an address" not in told("--as", "jlopez", "status")[1]


def test_one_is_shown_with_its_text(rejected: Database, told: Told) -> None:
    code, out, _ = told("--as", "jlopez", "notices", "show", 1)
    assert code == 0
    assert "    Wrong retainage" in out
    assert json.loads(told("--as", "jlopez", "notices", "show", 1, "--json")[1])["message_id"].startswith("<")
    assert told("--as", "jlopez", "notices", "show", 99)[0] == 4


def test_an_admin_has_a_refused_one_tried_again_as_the_same_message(rejected: Database, told: Told) -> None:
    state(rejected, 1, "failed")
    before = notices.one(rejected, 1)[1].message_id
    assert told("--as", "jlopez", "notices", "retry", "1")[0] == 5
    code, out, _ = told("--as", "admin", "notices", "retry", "--failed")
    assert (code, out.partition(" They wait")[0]) == (0, "1 notice is tried again by the worker.")
    seen, text = notices.one(rejected, 1)
    assert (seen.state, seen.error, text.message_id) == ("waiting", "", before)
    assert told("--as", "admin", "audit", "verify")[0] == 0


def test_another_address_is_for_one_notice_and_must_be_one(rejected: Database, told: Told) -> None:
    for number in (1, 2):
        state(rejected, number, "undeliverable")
    rejected.execute("UPDATE notices SET address = ''")
    code, _, err = told("--as", "admin", "notices", "retry", "1")
    assert code != 0
    assert "retry 1 --to ADDRESS" in err
    for words in (["1", "2", "--to", "a@b.example"], ["1", "--to", "a@b\r\nBcc: x"], ["--to", "a@b.example"]):
        assert told("--as", "admin", "notices", "retry", *words)[0] in {1, 2}
    assert told("--as", "admin", "notices", "retry", "1", "--to", "right@acme.example")[0] == 0
    assert notices.one(rejected, 1)[0].address == "right@acme.example"
    after = rejected.execute("SELECT after FROM audit_rows WHERE subject = 'notice'").fetchone()[0]
    assert "right@acme.example" in after


def test_what_was_sent_or_is_being_sent_is_not_tried_again(rejected: Database, told: Told) -> None:
    state(rejected, 1, "sent")
    seen = notices.one(rejected, 1)[0]
    for to in ([], ["--to", seen.address.upper()]):
        assert "was sent already" in told("--as", "admin", "notices", "retry", "1", *to)[2]
    # It bounced: another address has it, as the same message.
    message = notices.one(rejected, 1)[1].message_id
    assert told("--as", "admin", "notices", "retry", "1", "--to", "new@acme.example")[0] == 0
    seen, text = notices.one(rejected, 1)
    assert (seen.state, seen.sent_at, seen.address, text.message_id) == (
        "waiting",
        None,
        "new@acme.example",
        message,
    )
    rejected.execute(
        "UPDATE notices SET state = 'waiting', lease_until = ? WHERE id = 1", (rejected.now() + 60_000,)
    )
    assert "is being sent" in told("--as", "admin", "notices", "retry", "1")[2]


def test_the_summary_is_told_on_the_spot_and_mailed_by_an_admin_once(
    company: Database, told: Told, place: Path
) -> None:
    make(company, "101-007")
    code, out, _ = told("--as", "jlopez", "notices", "summary")
    assert code == 0
    assert "Ready to Export: 1 invoice" in out
    assert "add [mail]" in told("--as", "admin", "notices", "summary", "--now")[2].lower()
    with (place / "payapp.toml").open("a") as file:
        file.write('\n[mail]\nhost = "127.0.0.1"\nport = 9\ntls = "none"\nsender = "payapp@acme.example"\n')
    assert told("--as", "jlopez", "notices", "summary", "--now")[0] == 5
    assert "out with the worker" in told("--as", "admin", "notices", "summary", "--now")[1]
    assert "Nobody is left" in told("--as", "admin", "notices", "summary", "--now")[1]


def test_show_tells_what_was_changed_since_the_rejection(rejected: Database, told: Told) -> None:
    rejected.execute("UPDATE invoices SET billing_date = '2026-10-30' WHERE id = 1")
    out = told("--as", "jlopez", "show", "101-007")[1]
    assert "Changed     since jlopez rejected it" in out
    assert "            Billing date 2026-10-31 -> 2026-10-30" in out
    found = json.loads(told("--as", "jlopez", "show", "101-007", "--json")[1])["difference"]
    assert (found["by"], found["outcome"], found["reason"]) == ("jlopez", "rejected", "Wrong retainage")
    assert found["changes"] == [
        {"where": "", "what": "Billing date", "before": "2026-10-31", "after": "2026-10-30"}
    ]
