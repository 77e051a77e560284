"""Reading from a script: who may, what list, show and status write, and readers who leave."""

import csv
import io
import json
import os
import subprocess

import pytest
from cli_case import PAYAPP, Told
from export_case import make_bill, queue_jobs
from invoice_factory import make

from store.db import Database

pytest_plugins = ["cli_case"]


# -- who may see -----------------------------------------------------------------------------------------------


@pytest.fixture
def readers(company: Database) -> None:
    """erin sees ERP Integrations alone, carl Commitments alone, dora neither."""
    with company.transaction():
        for login, erp, commitments in (
            ("erin", "read_only", "none"),
            ("carl", "none", "read_only"),
            ("dora", "none", "none"),
        ):
            company.execute(
                "INSERT INTO users (login, name, erp_level, commitments_level) VALUES (?, ?, ?, ?)",
                (login, login, erp, commitments),
            )


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["list"], {"erin"}),
        (["list", "--view", "exporting"], {"erin"}),
        (["list", "--view", "failed"], {"erin"}),
        (["list", "--view", "synced"], {"erin"}),
        (["list", "--view", "all"], {"erin"}),
        (["list", "--view", "returned"], {"carl"}),
        (["list", "--view", "not-sent"], {"carl"}),
        (["list", "--view", "sent", "--json"], {"carl"}),
        (["show", "#1"], {"erin", "carl"}),
        (["status"], {"erin", "carl"}),
        (["status", "--json"], {"erin", "carl"}),
    ],
)
def test_who_may_not_see_reads_nothing(
    company: Database, readers: None, told: Told, words: list[str], allowed: set[str]
) -> None:
    make(company, "101-007")
    for login in ("erin", "carl", "dora"):
        code, out, err = told("--as", login, *words)
        assert (login, code) == (login, 0 if login in allowed else 5), err
        assert code == 0 or (out == "" and "may not see" in err)


def test_status_is_for_users_of_the_company(company: Database, told: Told) -> None:
    assert told("--as", "stranger", "status")[0] == 5
    assert told("status", "--as", "jlopez")[0] == 0


# -- what is written -------------------------------------------------------------------------------------------


def test_json_escapes_what_harms_a_terminal_and_loses_nothing(company: Database, told: Told) -> None:
    vendor = (
        'C1 \u009b31m DEL \x7f bidi \u202e LS \u2028 BOM \ufeff ESC \x1b[2J quote " back \\ line\n 東京 😀'
    )
    number = make(company, "101-007", vendor=vendor)
    for words in (["list", "--json"], ["show", f"#{number}", "--json"]):
        code, out, _ = told("--as", "jlopez", *words)
        assert code == 0
        assert not set(out) & set("\u009b\x7f\u202e\u2028\ufeff\x1b")
        assert "\\u009b31m DEL \\u007f bidi \\u202e" in out and "東京 😀" in out
    assert json.loads(told("--as", "jlopez", "list", "--json")[1])[0]["vendor"] == vendor


def test_csv_keeps_money_numeric_and_quotes_text(company: Database, told: Told) -> None:
    make(company, "=1+1", vendor="-Minus LLC")
    with company.transaction():
        company.execute("UPDATE invoices SET gross = -20000, retainage = -2000, net = -18000")
    (row,) = csv.DictReader(io.StringIO(told("--as", "jlopez", "list", "--csv")[1]))
    assert (row["gross"], row["retainage"], row["net"]) == ("-200.00", "-20.00", "-180.00")
    assert (row["number"], row["vendor"]) == ("'=1+1", "'-Minus LLC")


def test_status_tells_where_everything_stands(company: Database, told: Told) -> None:
    queue_jobs(company, [make_bill(n) for n in range(1, 5)])
    for status, first, last in (("uncertain", 1, 1), ("parked", 2, 3)):
        which = "SELECT invoice_id FROM export_jobs WHERE id BETWEEN ? AND ?"
        company.execute(f"UPDATE invoices SET erp_status = ? WHERE id IN ({which})", (status, first, last))
        company.execute("UPDATE export_jobs SET state = ? WHERE id BETWEEN ? AND ?", (status, first, last))
    code, out, _ = told("--as", "jlopez", "status", "--json")
    said = json.loads(out)
    assert code == 0 and (said["views"]["exporting"], said["uncertain"], said["parked"]) == (4, 1, 2)
    out = told("--as", "jlopez", "status")[1]
    assert "[DEMO]" in out and "uncertain 1   parked 2" in out and "payapp list --view exporting" in out
    parked = told("--as", "jlopez", "list", "--view", "exporting", "--where", "status:parked", "--json")[1]
    assert [row["number"] for row in json.loads(parked)] == ["00002", "00003"]


def test_status_tells_what_holds_the_mail(company: Database, told: Told) -> None:
    out = told("--as", "jlopez", "status")[1]
    assert "notices waiting: 0" in out and "mail" not in out
    make(company, "1")
    make(company, "2", application=2)
    told("--as", "jlopez", "reject", "1", "2", "--reason", "x", "--yes")
    out = told("--as", "jlopez", "status")[1]
    assert "notices waiting: 2" in out and "mail is not configured: add [mail] to" in out
    with company.transaction():
        company.execute("UPDATE notices SET error_text = 'refused: \u009bolder' WHERE invoice_id = 1")
        company.execute("UPDATE notices SET error_text = 'no route \u009bto host' WHERE invoice_id = 2")
    assert "newest mail error: no route <009B>to host" in told("--as", "jlopez", "status")[1]
    said = json.loads(told("--as", "jlopez", "status", "--json")[1])
    assert (said["notices_waiting"], said["mail_configured"]) == (2, False)
    assert said["mail_error"] == "no route \u009bto host"


# -- bytes and readers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["show", "caf\udce9"], ["list", "--where", "\udcff"], ["caf\udce9"]])
def test_an_argument_that_is_no_text_is_a_usage_error(
    company: Database, told: Told, words: list[str]
) -> None:
    code, _, err = told("--as", "jlopez", *words)
    assert code == 2 and "not UTF-8" in err


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_standard_input_that_is_no_text_is_a_usage_error(company: Database, locale: str) -> None:
    done = subprocess.run(
        [*PAYAPP, "--as", "jlopez", "recall", "-", "--yes"], input=b"caf\xe9\n", capture_output=True,
        env={**os.environ, "LC_ALL": locale},
    )  # fmt: skip
    assert done.returncode == 2 and b"not UTF-8" in done.stderr and b"Traceback" not in done.stderr


def test_a_locale_without_a_character_shows_its_number(company: Database) -> None:
    make(company, "é東京", vendor="東京 😀")

    def listed(*words: str) -> str:
        done = subprocess.run(
            [*PAYAPP, "--as", "jlopez", "list", *words], capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.decode("latin-1")

    assert "\\u6771\\u4eac" in listed()
    assert [(row["number"], row["vendor"]) for row in json.loads(listed("--json"))] == [("é東京", "東京 😀")]


def piped(command: str) -> tuple[str, str]:
    """The exit code of the command before the pipe, and everything that it wrote elsewhere."""
    payapp = " ".join([*PAYAPP, "--as", "jlopez"])
    line = command.replace("payapp", payapp) + "; echo code ${PIPESTATUS[0]}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    return done.stdout.rpartition("code ")[2].strip(), done.stderr


@pytest.mark.parametrize(
    "command", ["list", "list --plain", "list --csv", "list --json", "show 1", "status", "--help", "list --help", "users list"]
)  # fmt: skip
def test_a_reader_who_leaves_at_once_is_no_error(company: Database, command: str) -> None:
    for n in range(1, 100):
        make(company, str(n), application=n)
    # The reader is gone before the first byte.
    assert piped(f"{{ sleep 0.1; payapp {command}; }} | true") == ("0", "")


def test_an_error_that_nobody_reads_keeps_its_exit_code(company: Database) -> None:
    for command, code in (("nonsense", "2"), ("show nope", "4"), ("export --all --yes", "4")):
        assert piped(f"{{ sleep 0.1; payapp {command} 2>&1; }} | true") == (code, "")


def test_a_full_disk_is_a_sentence(company: Database) -> None:
    code, err = piped("payapp list > /dev/full | true")
    assert (code, err) == ("1", "payapp: No space left on device.\n")


def test_the_shell_gets_its_completions(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PAYAPP_COMPLETE", "bash_source")
    code, out, _ = told()
    assert code == 0 and "_PAYAPP_COMPLETE=bash_complete" in out
