"""payapp activity and payapp where, as they are typed."""

from __future__ import annotations

import json

from cli_case import Told
from invoice_factory import make, version

from erp import profiles
from store import directory, review
from store.db import Database
from store.domain.selection import Marked

pytest_plugins = ["cli_case"]
PROFILE = profiles.load("sandbox")


def rejected(db: Database) -> int:
    made = make(db, "101-007", creator="pm")
    who = directory.actor(db, "jlopez")
    review.reject(db, who, Marked({made: version(db, made)}), "Wrong [/] \x1b]52;c;x\x07\nBcc: all@x.example")
    return made


def test_what_happened_is_listed_narrowed_and_shown_whole(company: Database, told: Told) -> None:
    rejected(company)
    code, out, _ = told("--as", "jlopez", "activity", "invoice:101-007")
    assert code == 0 and "notice:1" in out and "undeliverable" in out and "reject" in out
    code, out, _ = told("activity", "type:notice", "outcome:failed", "--json", "--as", "jlopez")
    found = json.loads(out)
    assert code == 0 and {entry["went"] for entry in found} == {"failed"} and found[0]["number"] == "101-007"
    code, out, _ = told("--as", "jlopez", "activity", "--show", "notice:1")
    assert (
        code == 0 and "Message-ID: <" in out and "Wrong [/] ^[]52" in out and not set(out) & {"\x1b", "\x07"}
    )
    code, out, _ = told("--as", "jlopez", "activity", "--show", "notice:1", "--json")
    assert json.loads(out)["subjects"][0]["name"] == "101-007"
    code, out, _ = told("--as", "jlopez", "activity", "--most", "1")
    assert code == 0 and "More are behind these 1" in out
    assert told("--as", "jlopez", "activity", "type:batch")[1] == "0 entries match.\n"


def test_what_cannot_be_read_or_seen_is_refused(company: Database, told: Told) -> None:
    for words, code, says in (
        (("activity", "typ:x"), 2, "There is no filter 'typ'"),
        (("activity", "by:zoe"), 2, "There is no user 'zoe'"),
        (("activity", "invoice:none"), 4, "There is no invoice 'none'"),
        (("activity", "--show", "x"), 2, "names no entry"),
        (("activity", "--show", "batch:77"), 4, "There is no batch 77"),
        (("activity", "--show", "batch:1", "type:batch"), 2, "Leave the filter out"),
        (("where", "nothing"), 4, "Nothing is called 'nothing'"),
    ):
        got, out, err = told("--as", "jlopez", *words)
        assert (got, out) == (code, "") and says in err, words


def test_where_tells_where_it_is_and_what_was_paid(company: Database, told: Told) -> None:
    made = rejected(company)
    code, out, _ = told("--as", "mgarcia", "where", "101-007")
    assert code == 0 and "Where:   In Commitments, rejected by jlopez: Wrong [/] ^[]52" in out
    assert "Who:     the project" in out and "Payment" not in out
    company.execute(
        "UPDATE invoices SET erp_status = 'synced', outcome = NULL, origin_id = 'B-9' WHERE id = ?", (made,)
    )
    company.execute(
        "INSERT INTO payments (erp, ref, invoice_id, paid_on, amount, currency, pulled_at)"
        " VALUES ('sandbox', 'CHK-1', ?, '2026-11-10', 90000, 'USD', 1)",
        (made,),
    )
    code, out, _ = told("--as", "jlopez", "where", "chk-1")
    assert code == 0 and "Payment: Paid 900.00 USD on 2026-11-10 (CHK-1)" in out
    code, out, _ = told("--as", "jlopez", "where", "apex", "1,000.00", "--json")
    [found] = json.loads(out)
    assert (found["where"], found["holder"], found["paid"]) == ("Synced as B-9", "erp", "900.00")
    assert found["payments"] == [{"day": "2026-11-10", "reference": "CHK-1", "amount": "900.00"}]
    code, out, _ = told("--as", "jlopez", "where", "nothing", "--json")
    assert (code, out) == (4, "[]\n")
