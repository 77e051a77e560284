"""``payapp reconcile``: what it prints, its exit codes, who may, and docs/reconcile.md typed as it stands."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cli_case import Told
from export_case import make_bill, sandbox_on, seed_books
from reconciling_case import by_hand, export, park, refs, uncertain

from erp import profiles
from store import directory
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Level
from store.domain.bill import Bill
from store.job import JOB_COLUMNS, job_of, log_attempts
from tui.bootstrap import Books

pytest_plugins = ["cli_case"]
PAGE = (Path(__file__).parents[2] / "docs" / "reconcile.md").read_text(encoding="utf-8")
RECONCILE = ("--as", "jlopez", "reconcile", "--period", "2026-10")


@pytest.fixture
def books(place: Path) -> Path:
    """The ledger of the demo's ERP."""
    file = place / "sandbox.db"
    seed_books(file)
    return file


def sent(company: Database, books: Path, bills: list[Bill], how: Any) -> list[int]:
    """These bills exported or uncertain; returns the invoice ids."""

    async def go() -> list[int]:
        erp = sandbox_on(books, profiles.load("sandbox"))
        try:
            ids: list[int] = await how(company, erp, bills)
            return ids
        finally:
            await erp.close()

    return asyncio.run(go())


async def lost(company: Database, _erp: Any, bills: list[Bill]) -> list[int]:
    """Sent, without a reply, and not in the ERP."""
    return await uncertain(company, None, bills)


def status(company: Database, number: int) -> str:
    return str(company.execute("SELECT erp_status FROM invoices WHERE id = ?", (number,)).fetchone()[0])


# -- what it tells ---------------------------------------------------------------------------------------------------


def test_books_that_agree_exit_0_and_show_totals_that_foot(
    company: Database, books: Path, told: Told
) -> None:
    sent(company, books, [make_bill(n) for n in range(1, 4)], export)
    code, out, err = told(*RECONCILE)
    assert (code, err) == (0, "")
    assert re.search(r"Agree +sent +3 +300\.06 +273\.06\n +ERP +3 +300\.06 +273\.06\n", out)
    assert re.search(r"All, as they were read +sent +3 +300\.06 .*\n +ERP +3 +300\.06 ", out)
    assert "The books agree." in out and "2026-10-01 to 2026-10-31" in out


def test_books_that_differ_exit_6_and_name_each_bill(company: Database, books: Path, told: Told) -> None:
    bills = [make_bill(n) for n in range(1, 4)]
    ids = sent(company, books, bills, export)
    by_hand(books, "UPDATE bills SET gross = '1.00' WHERE key = ?", bills[0].key)
    by_hand(books, "DELETE FROM bills WHERE key = ?", bills[1].key)
    code, out, err = told(*RECONCILE)
    assert (code, err) == (6, "")
    assert f"#{ids[0]} 00001" in out and "gross: here 100.01, in the ERP 1.00" in out
    assert f"#{ids[1]} 00002" in out and "its reference was SBX-000002" in out and "The books differ." in out
    _, out, _ = told(*RECONCILE, "--json")
    said = json.loads(out)
    assert [(f["class"], f["id"]) for f in said["findings"]] == [("missing", ids[1]), ("differs", ids[0])]
    assert said["findings"][1]["differences"] == [{"field": "gross", "here": "100.01", "erp": "1.00"}]
    [totals] = said["totals"]
    assert totals["foots"] and totals["sent"] == {"count": 3, "gross": "300.06", "net": "273.06"}
    assert totals["erp"]["count"] == 2 == sum(row["erp"]["count"] for row in totals["classes"])
    assert said["differs"] and said["lists"] and said["resolved"] is None


def test_what_is_not_settled_exits_3_and_what_is_found_is_resolved(
    company: Database, books: Path, told: Told
) -> None:
    [there] = sent(company, books, [make_bill(1)], uncertain)
    [nowhere] = sent(company, books, [make_bill(2)], lost)
    assert told(*RECONCILE)[0] == 6
    assert status(company, there) == "uncertain"
    code, out, _ = told(*RECONCILE, "--resolve")
    assert code == 3 and "1 resolved" in out and f"#{nowhere}" in out and "some are not settled yet" in out
    assert (status(company, there), status(company, nowhere)) == ("synced", "uncertain")
    assert told(*RECONCILE)[0] == 3


def test_nothing_sent_is_told_and_agrees(company: Database, books: Path, told: Told) -> None:
    code, out, _ = told(*RECONCILE)
    assert code == 0 and "Nothing was sent" in out
    assert json.loads(told(*RECONCILE, "--json")[1])["findings"] == []


def test_so_many_are_named_and_json_has_all(company: Database, books: Path, told: Told) -> None:
    sent(company, books, [make_bill(n) for n in range(1, 7)], export)
    by_hand(books, "DELETE FROM bills")
    _, out, _ = told(*RECONCILE, "--limit", 2)
    assert out.count("net 91.0") == 2 and "and 4 more" in out
    assert "net 91.0" not in told(*RECONCILE, "--limit", 0)[1]
    assert len(json.loads(told(*RECONCILE, "--json", "--limit", 2)[1])["findings"]) == 6


def test_an_erp_that_cannot_list_says_so(
    company: Database, books: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(company, books, [make_bill(1)], export)
    by_hand(books, "INSERT INTO bills SELECT 99, 'x', 'V', 'N', job, commitment, accounting_date, currency, gross,"
            " retainage, net, '' FROM bills")  # fmt: skip
    profile = msgspec.structs.replace(profiles.load("sandbox"), lists=False)
    monkeypatch.setattr(Books, "profile", lambda _self: profile)
    code, out, _ = told(*RECONCILE)
    assert code == 0 and "cannot list its bills" in out and re.search(r"ERP +1 +\? +\?", out)


def test_an_erp_that_does_not_answer_is_an_error_and_no_report(
    company: Database, books: Path, told: Told
) -> None:
    books.write_bytes(b"not a database" * 100)
    code, out, err = told(*RECONCILE)
    assert (code, out) == (1, "") and "did not list its bills" in err


def test_hostile_text_of_the_erp_is_shown_safe(company: Database, books: Path, told: Told) -> None:
    sent(company, books, [make_bill(1)], export)
    evil = "\x1b]52;c;aGk=\x07\u202e[/]"
    by_hand(books, "UPDATE bills SET vendor = ?, number = ?, gross = ?, currency = ?", evil, evil, evil, evil)
    for more in ((), ("--json",)):
        code, out, err = told(*RECONCILE, *more)
        assert code == 6 and not any(c in out + err for c in "\x1b\x07\u202e")
    assert "^[]52;c;aGk=^G<202E>[/]" in told(*RECONCILE)[1]


def test_other_days_with_doubt_are_counted(company: Database, books: Path, told: Told) -> None:
    sent(company, books, [make_bill(1, accounting_date=date(2026, 12, 1))], lost)
    code, out, _ = told(*RECONCILE)
    assert code == 0 and "1 more, uncertain or parked" in out


# -- its words ----------------------------------------------------------------------------------------------------------


def test_by_default_it_is_this_month_and_the_last(company: Database, books: Path, told: Told) -> None:
    before = datetime.now(UTC).astimezone().date()
    said = json.loads(told("--as", "jlopez", "reconcile", "--json")[1])
    first, last = date.fromisoformat(said["from"]), date.fromisoformat(said["to"])
    # On the stroke of a month either is right.
    for today in (before, datetime.now(UTC).astimezone().date()):
        months = (today.year * 12 + today.month) - (first.year * 12 + first.month)
        if months == 1 and (last.year, last.month) == (today.year, today.month):
            break
    else:
        raise AssertionError(said)
    assert first.day == 1 and last.day >= 28


@pytest.mark.parametrize(
    ("words", "span"),
    [
        (("--period", "2028-02"), ("2028-02-01", "2028-02-29")),
        (("--from", "2026-10-05", "--to", "2026-10-05"), ("2026-10-05", "2026-10-05")),
    ],
)
def test_the_days_can_be_said(
    company: Database, books: Path, told: Told, words: tuple[str, ...], span: tuple[str, str]
) -> None:
    said = json.loads(told("--as", "jlopez", "reconcile", *words, "--json")[1])
    assert (said["from"], said["to"]) == span


@pytest.mark.parametrize(
    "words",
    [
        ("--period", "2026"),
        ("--period", "2026-13"),
        ("--period", "0000-01"),
        ("--period", "٢٠٢٦-10"),
        ("--from", "2026-10-01"),
        ("--to", "2026-10-01"),
        ("--from", "2026-10-02", "--to", "2026-10-01"),
        ("--period", "2026-10", "--from", "2026-10-01", "--to", "2026-10-02"),
        ("#1",),
        ("--booked", "R-1", "--comment", "x"),
        ("--not-booked", "--comment", "x"),
        ("#1", "--booked", "R-1", "--not-booked", "--comment", "x"),
        ("#1", "--booked", "R-1", "--comment", "x", "--resolve"),
        ("#1", "--booked", "R-1", "--comment", "x", "--period", "2026-10"),
    ],
)
def test_words_that_do_not_go_together_are_refused(
    company: Database, books: Path, told: Told, words: tuple[str, ...]
) -> None:
    code, out, err = told("--as", "jlopez", "reconcile", *words)
    assert (code, out) == (2, "") and err


def test_who_may(company: Database, books: Path, told: Told) -> None:
    [number] = sent(company, books, [make_bill(1)], uncertain)
    for login, level in (("reader", Level.READ_ONLY), ("nobody", Level.NONE)):
        directory.put_user(company, None, UserValues(login, login, erp_level=level))
    reading = ("reconcile", "--period", "2026-10")
    assert told("--as", "reader", *reading)[0] == 6
    assert told("--as", "nobody", *reading)[0] == 5
    for words in (
        (*reading, "--resolve"),
        ("reconcile", f"#{number}", "--booked", "R", "--comment", "x", "--yes"),
        ("reconcile", "#99", "--not-booked", "--comment", "x", "--yes"),
    ):
        for login in ("reader", "nobody"):
            code, out, err = told("--as", login, *words)
            assert (code, out) == (5, "") and "Ask a Directory Admin" in err
    assert status(company, number) == "uncertain"


# -- by hand -----------------------------------------------------------------------------------------------------------


def parked(company: Database, books: Path, how: Any = lost) -> int:
    [number] = sent(company, books, [make_bill(1)], how)
    park(company)
    company.execute("UPDATE export_jobs SET send_begun = 1")
    return number


def test_by_hand_booked(company: Database, books: Path, told: Told) -> None:
    number = parked(company, books)
    words = ("--as", "jlopez", "reconcile", f"#{number}", "--booked", "B-9", "--comment", "seen")
    code, _, err = told(*words)
    assert code == 2 and "--yes" in err and status(company, number) == "parked"
    code, out, _ = told(*words, "--yes")
    assert code == 0 and "Synced, with the reference B-9" in out and status(company, number) == "synced"
    assert told(*words, "--yes")[0] == 1


def test_the_question_says_what_the_erp_said(
    company: Database, books: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = parked(company, books)
    asked: list[str] = []

    def no(question: str, **_: Any) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", no)
    for words in (("--booked", "B-9"), ("--not-booked",)):
        assert told("--as", "jlopez", "reconcile", f"#{number}", *words, "--comment", "x")[0] == 130
    assert "there is no bill of that reference" in asked[0] and "never paid" in asked[0]
    assert "it does not have it" in asked[1] and "paid twice" in asked[1]
    assert status(company, number) == "parked"


def test_by_hand_not_booked_goes_again_as_a_new_bill(company: Database, books: Path, told: Told) -> None:
    number = parked(company, books)
    words = (
        "--as",
        "jlopez",
        "reconcile",
        f"#{number}",
        "--not-booked",
        "--comment",
        "not in the list",
        "--yes",
    )
    code, out, _ = told(*words)
    assert code == 0 and "payapp retry" in out and status(company, number) == "failed_to_export"
    _, out, _ = told("--as", "jlopez", "show", f"#{number}")
    assert (
        "jlopez has found that the ERP does not have it: not in the list" in out
        and "x exports it again" in out
    )


def test_what_the_erp_has_cannot_be_called_not_booked(company: Database, books: Path, told: Told) -> None:
    number = parked(company, books, uncertain)
    ref = refs(books)[make_bill(1).key]
    code, _, err = told(
        "--as", "jlopez", "reconcile", f"#{number}", "--not-booked", "--comment", "x", "--yes"
    )
    assert code == 1 and f"--booked {ref}" in err and status(company, number) == "parked"


def test_what_was_restored_is_asked_for_under_the_keys_that_may_have_followed(
    company: Database, books: Path, told: Told
) -> None:
    """Before the restore it was recalled, accepted again and booked."""
    number = parked(company, books, uncertain)
    key = make_bill(1).key
    by_hand(books, "UPDATE bills SET key = ?", key.removesuffix("1") + "3")
    company.execute("UPDATE export_jobs SET look_first = TRUE")
    code, _, err = told(
        "--as", "jlopez", "reconcile", f"#{number}", "--not-booked", "--comment", "x", "--yes"
    )
    [ref] = refs(books).values()
    assert code == 1 and f"--booked {ref}" in err and status(company, number) == "parked"


def test_what_payapp_has_proof_of_is_free_only_when_the_erp_has_it_no_longer(
    company: Database, books: Path, told: Told
) -> None:
    number = parked(company, books, uncertain)
    [ref] = refs(books).values()
    job = job_of(company.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs").fetchone())
    log_attempts(company, "w1", [(job, "late", "booked", ref)], 1)
    words = ("--as", "jlopez", "reconcile", f"#{number}", "--not-booked", "--comment", "voided", "--yes")
    # The ERP lost its key, and has the bill.
    by_hand(books, "UPDATE bills SET key = 'x'")
    code, _, err = told(*words)
    assert code == 1 and f"booked it, as {ref}" in err and status(company, number) == "parked"
    by_hand(books, "DELETE FROM bills")
    assert told(*words)[0] == 0 and status(company, number) == "failed_to_export"


@pytest.mark.parametrize("way", [("--booked", "R-1"), ("--not-booked",)])
def test_by_hand_needs_a_comment(company: Database, books: Path, told: Told, way: tuple[str, ...]) -> None:
    number = parked(company, books)
    for comment in ((), ("--comment", " ")):
        code, _, err = told("--as", "jlopez", "reconcile", f"#{number}", *way, *comment, "--yes")
        assert code == 2 and "A comment is needed" in err and status(company, number) == "parked"


def test_a_parked_invoice_names_the_command(company: Database, books: Path, told: Told) -> None:
    number = parked(company, books)
    assert "payapp reconcile" in told("--as", "jlopez", "show", f"#{number}")[1]
    assert "payapp reconcile" in told("--as", "jlopez", "status")[1]
    assert "payapp reconcile" in told("--as", "jlopez", "reject", f"#{number}", "--reason", "x", "--yes")[2]


# -- the page -----------------------------------------------------------------------------------------------------------


def test_every_command_of_the_page_does_what_it_says(company: Database, books: Path, told: Told) -> None:
    first, second = (sent(company, books, [make_bill(n)], lost)[0] for n in (7, 8))
    park(company)
    company.execute("UPDATE export_jobs SET send_begun = 1")
    for number, name in ((first, "101-007"), (second, "101-008")):
        company.execute("UPDATE invoices SET number = ? WHERE id = ?", (name, number))
    commands = [
        line.removeprefix("$ payapp ")
        for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) >= 5
    for command in commands:
        hand = ("--yes",) if "--comment" in command else ()
        code, _, err = told("--as", "jlopez", *shlex.split(command), *hand)
        assert code in ({0} if hand else {0, 3, 6}), (command, err)
    assert (status(company, first), status(company, second)) == ("synced", "failed_to_export")


def test_the_page_tells_every_class(company: Database) -> None:
    from store.domain.verdict import TITLES

    for verdict, title in TITLES.items():
        assert f"| {title} | `{verdict.value}` |" in PAGE
