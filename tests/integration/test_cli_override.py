"""Possible duplicates on the command line: what stays and why, and the reason that lets it go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import line, make, state

from store import directory, duplicates, mapping
from store.db import Database
from store.domain.knowing import Kind
from store.intake import example
from store.mapping import Want

pytest_plugins = ["cli_case"]
AS = ("--as", "jlopez")


@pytest.fixture
def pair(company: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """One that is synced, and one that looks like it; no worker runs."""
    monkeypatch.setattr("tui.commands.waiting.start_worker", lambda _books: None)
    synced = make(company, "INV-0012", erp_status="synced")
    own = make(company, "inv 12", commitment="SC-2", lines=(line(work=50_000),))
    with company.transaction():
        duplicates.refresh(company, duplicates.known(company, [synced, own]))
    return synced, own


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_it_stays_and_the_other_one_is_named(
    company: Database, told: Told, pair: tuple[int, int], how: tuple[str, ...]
) -> None:
    make(company, "B", commitment="SC-3", lines=(line(work=60_000),))
    code, out, err = told(*AS, "export", "--all", "--yes", *how)
    assert code == 3
    assert "INV-0012 (SC-101, job 24-101, Synced)" in out + err
    assert "--override" in out + err
    assert state(company, pair[1]) == "ready_to_export"


def test_with_a_reason_it_goes_and_both_are_told(
    company: Database, told: Told, pair: tuple[int, int]
) -> None:
    code, _, err = told(*AS, "export", "inv 12", "--yes", "--override", "Second delivery")
    assert code == 0
    assert "goes with the override: inv 12 (SC-2): INV-0012 (SC-101" in err
    assert state(company, pair[1]) == "queued"
    out = told(*AS, "show", "inv 12")[1]
    assert "a number that differs in case, zeros or punctuation alone" in out
    assert "let pass by jlopez" in out and "Second delivery" in out


def test_what_comes_while_a_person_is_asked_does_not_go_with_it(
    company: Database, told: Told, pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def twin() -> None:
        third = make(company, "INV 00012", commitment="SC-3", lines=(line(work=70_000),))
        with company.transaction():
            duplicates.refresh(company, duplicates.known(company, [third]))

    def mapped() -> None:
        mapping.put(company, directory.actor(company, "jlopez"), Want(Kind.VENDOR, "APEX", "OTHER"))

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for meanwhile, why in ((twin, "possible duplicates"), (mapped, "What the ERP calls a vendor")):
        monkeypatch.setattr("click.confirm", lambda *_args, meanwhile=meanwhile, **_more: meanwhile() or True)
        code, _, err = told(*AS, "export", "inv 12", "--override", "Second delivery")
        assert (code, why in err, state(company, pair[1])) == (1, True, "ready_to_export"), err


@pytest.mark.parametrize("reason", ["", "   "])
@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_a_reason_that_says_nothing_is_refused(
    company: Database, told: Told, pair: tuple[int, int], reason: str, how: tuple[str, ...]
) -> None:
    code, _, err = told(*AS, "export", "inv 12", "--yes", "--override", reason, *how)
    assert (code, "An override needs a reason" in err) == (2, True)
    assert state(company, pair[1]) == "ready_to_export"


def test_a_retry_lets_the_erps_own_warning_pass(company: Database, told: Told, pair: tuple[int, int]) -> None:
    with company.transaction():
        company.execute(
            "UPDATE invoices SET erp_status = 'failed_to_export', error_code = 'duplicate.similar', revision = 1,"
            " error_cause = 'The ERP has BILL-7, which is like it' WHERE id = ?",
            (pair[1],),
        )
    code, _, err = told(*AS, "retry", "inv 12", "--yes", "--override", "Looked at both")
    assert (code, state(company, pair[1])) == (0, "queued"), err
    payload = company.execute("SELECT payload FROM export_jobs").fetchone()[0]
    assert json.loads(payload)["overrides"] == ["duplicate.similar"]


def test_the_document_of_a_dry_run_has_the_others(
    company: Database, told: Told, pair: tuple[int, int]
) -> None:
    code, out, _ = told(*AS, "export", "--all", "--dry-run", "--json")
    said = json.loads(out)
    assert code == 3 and said["stays"][0]["code"] == "duplicate.number"
    [possible] = said["possible_duplicates"]["first"]
    assert [other["id"] for other in possible["others"]] == [pair[0]]
    assert possible["others"][0]["codes"] == ["duplicate.number"]


def test_an_import_names_what_looks_like_what(company: Database, told: Told, tmp_path: Path) -> None:
    folder = tmp_path / "example"
    example.write(folder)
    for name in example.FILES:
        code, _, err = told("--as", "mgarcia", "import", str(folder / name))
        assert (code, "possible duplicate" in err) == (0, False), err
    number, other = company.execute(
        "SELECT i.number, o.number FROM invoices i JOIN invoices o ON o.vendor_id = i.vendor_id AND o.id <> i.id"
        " WHERE i.erp_status = 'not_sent' ORDER BY i.id"
    ).fetchone()
    listed = json.loads((folder / "invoices.json").read_text())
    record = next(one for one in listed if one["invoice_number"] == number)
    again = tmp_path / "again.json"
    again.write_text(json.dumps([{**record, "invoice_number": f"0{other}."}]))
    code, out, err = told("--as", "mgarcia", "import", str(again))
    assert (code, "1 changed" in out) == (0, True), err
    assert f"possible duplicate: 0{other}." in err and f": {other} (" in err
