"""Whole files through the public door, on both databases: what comes in, what is refused, and that nothing is half done."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store import audit, differences, directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import invoice_uuid
from store.domain.errors import BadFile, BadInput, Changed, NotPermitted
from store.domain.money import hash_part
from store.domain.status import Outcome
from store.intake import example, kinds, templates
from store.intake.load import Result, import_file

MASTERS = example.FILES[:5]
Edit = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "example"
    example.write(folder)
    return folder


@pytest.fixture
def ready(db: Database, admin: Actor, files: Path) -> Path:
    """The example's folder, its masters imported."""
    for name in MASTERS:
        import_file(db, admin, files / name)
    return files


def invoices(folder: Path, edit: Edit) -> Path:
    """The example's list, edited."""
    body = json.loads((folder / "invoices.json").read_text())
    edit(body)
    path = folder / "edited.json"
    path.write_text(json.dumps(body))
    return path


def books(db: Database) -> list[Any]:
    """Everything an import may change, but for the audit trail."""
    tables = (
        "vendors",
        "projects",
        "cost_codes",
        "billing_periods",
        "commitments",
        "commitment_lines",
        "invoices",
        "invoice_lines",
        "attachments",
        "users",
    )
    return [sorted(map(tuple, db.execute(f"SELECT * FROM {t}").fetchall()), key=repr) for t in tables]


def count(db: Database, table: str = "invoices") -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def refused(db: Database, admin: Actor, path: Path, *words: str, partial: bool = False) -> BadFile:
    """The import fails with these words in its sentence, and changes nothing."""
    before, events = books(db), count(db, "audit_events")
    with pytest.raises(BadFile) as caught:
        import_file(db, admin, path, partial=partial)
    assert path.name in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert books(db) == before
    assert count(db, "audit_events") == events
    return caught.value


# -- the example -----------------------------------------------------------------------------------------------


def test_the_shipped_example_comes_in_whole_and_a_second_time_changes_nothing(
    db: Database, admin: Actor, files: Path
) -> None:
    created = [import_file(db, admin, files / name).created for name in example.FILES]
    assert created == [6, 2, 12, 8, 9, 8, 2, 1, 4]
    before = books(db)
    for name, size in zip(example.FILES, created, strict=True):
        assert import_file(db, admin, files / name) == Result(
            kinds.INVOICES if "invoices" in name or name.endswith(".json") else name.removesuffix(".csv"),
            0,
            0,
            size,
            (),
            (),
        )
    assert books(db) == before


def test_what_the_example_says_is_what_the_store_holds(db: Database, admin: Actor, ready: Path) -> None:
    import_file(db, admin, ready / "invoices.json")
    found = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT number, gross, retainage, net, completed, final, erp_status FROM invoices"
        )
    }
    assert found["201-007"][:4] == (1508333, 150833, 1357500, 4320833)
    assert found["202-022-CR"][:3] == (-415000, -41500, -373500)
    assert found["202-023-R"] == (0, -800000, 800000, 8000000, 1, "not_sent")
    row = db.execute(
        "SELECT uuid, source, source_id, number_hash, creator_login, creator_name, creator_email, sender_id, version"
        " FROM invoices WHERE number = '2026-10-DELTA-0007'"
    ).fetchone()
    assert tuple(row) == (
        invoice_uuid("procore", "1280705"),
        "procore",
        "1280705",
        hash_part("2026-10-DELTA-0007"),
        "mgarcia@acme.example",
        "Maria Garcia",
        "mgarcia@acme.example",
        None,
        1,
    )
    assert count(db, "attachments") == 8
    moved = db.execute(
        "SELECT moved, stored_before FROM invoice_lines WHERE moved <> 0 ORDER BY moved"
    ).fetchall()
    assert [tuple(x) for x in moved] == [(500000, 1250000), (5400000, 5400000)]


def test_an_import_is_one_audit_event_with_a_change_for_each_invoice(
    db: Database, admin: Actor, ready: Path
) -> None:
    events = count(db, "audit_events")
    import_file(db, admin, ready / "invoices.json")
    assert count(db, "audit_events") == events + 1
    actor, action, detail, rows = db.execute(
        "SELECT actor, action, detail, row_count FROM audit_events ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert (actor, action, rows) == ("admin", "import", 8)
    assert json.loads(detail) == {
        "file": "invoices.json",
        "kind": "invoices",
        "created": 8,
        "updated": 0,
        "unchanged": 0,
        "locked": 0,
        "problems": 0,
    }
    after = db.execute(
        "SELECT r.after FROM audit_rows r JOIN invoices i ON i.id = r.subject_id AND r.subject = 'invoice'"
        " WHERE i.number = '201-006'"
    ).fetchone()[0]
    assert json.loads(after)["net"] == "25312.50"


def test_progress_hears_the_records_read(db: Database, admin: Actor, ready: Path) -> None:
    heard: list[int] = []
    import_file(db, admin, ready / "invoices.json", progress=heard.append)
    assert heard[-1] == 8


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_templates_come_in_as_they_are_written(
    db: Database, admin: Actor, tmp_path: Path, suffix: str
) -> None:
    for kind in kinds.KINDS:
        path = tmp_path / f"{kind}{suffix}"
        templates.write(kind, path)
        result = import_file(db, admin, path)
        assert (result.kind, result.created, result.problems) == (kind, 1, ())
    assert db.execute("SELECT gross, retainage, net FROM invoices").fetchone()[:] == (450000, 45000, 405000)


# -- again, changed, locked ------------------------------------------------------------------------------------


def raised(body: list[dict[str, Any]]) -> None:
    """The last invoice of the list bills a dollar more, at ten percent."""
    item, summary = body[5]["items"][0], body[5]["summary"]
    for key, by in (
        ("work_completed_this_period", 1.00),
        ("total_completed_and_stored_to_date", 1.00),
        ("work_completed_retainage_retained_this_period", 0.10),
        ("gross_amount", 1.00),
        ("net_amount", 0.90),
    ):
        item[key] = f"{float(item[key]) + by:.2f}"
    summary.clear()


def test_a_changed_invoice_is_updated_with_a_new_version(db: Database, admin: Actor, ready: Path) -> None:
    import_file(db, admin, ready / "invoices.json")
    before = db.execute("SELECT id, uuid, gross FROM invoices WHERE number = '202-021'").fetchone()
    result = import_file(db, admin, invoices(ready, raised))
    assert (result.created, result.updated, result.unchanged) == (0, 1, 7)
    after = db.execute(
        "SELECT id, uuid, gross, version, changed_since FROM invoices WHERE number = '202-021'"
    ).fetchone()
    assert tuple(after) == (before[0], before[1], before[2] + 100, 2, 0)
    old, new = db.execute("SELECT before, after FROM audit_rows ORDER BY event_id DESC LIMIT 1").fetchone()
    assert json.loads(old)["line 1"] == "this period 24687.50, held 2468.75"
    assert json.loads(new)["line 1"] == "this period 24688.50, held 2468.85"
    assert (json.loads(old)["net"], json.loads(new)["net"]) == ("48948.75", "48949.65")


def test_a_rejected_invoice_that_comes_as_it_was_again_is_marked_no_more(
    db: Database, admin: Actor, ready: Path
) -> None:
    import_file(db, admin, ready / "invoices.json")
    [number] = db.execute("SELECT id FROM invoices WHERE number = '202-021'").fetchone()
    db.execute("UPDATE invoices SET outcome = 'rejected' WHERE id = ?", (number,))
    differences.keep(db, admin, Outcome.REJECTED, {number: "Wrong"})
    original = (ready / "invoices.json").read_bytes()
    marked = []
    for file in (invoices(ready, raised), None):
        if file is None:
            (ready / "invoices.json").write_bytes(original)
        import_file(db, admin, file or ready / "invoices.json")
        [flag] = db.execute("SELECT changed_since FROM invoices WHERE id = ?", (number,)).fetchone()
        marked.append(bool(flag))
    assert marked == [True, False]


def test_a_rejected_invoice_that_comes_changed_is_marked_so(db: Database, admin: Actor, ready: Path) -> None:
    import_file(db, admin, ready / "invoices.json")
    db.execute("UPDATE invoices SET outcome = 'rejected', erp_number = 'X7', number_hash = 7")
    import_file(db, admin, invoices(ready, raised))
    row = db.execute(
        "SELECT changed_since, outcome, erp_number, number_hash FROM invoices WHERE number = '202-021'"
    ).fetchone()
    assert (bool(row[0]), *row[1:]) == (True, "rejected", "X7", 7)


def test_what_an_import_changes_of_a_rejected_invoice_is_told_like_any_other_change(
    db: Database, admin: Actor, ready: Path
) -> None:
    import_file(db, admin, ready / "invoices.json")
    number = db.execute("SELECT id FROM invoices WHERE number = '202-021'").fetchone()[0]
    differences.keep(db, admin, Outcome.REJECTED, {number: "The amount is wrong"})
    import_file(db, admin, ready / "invoices.json")
    assert differences.of(db, [number])[number].lines() == ()
    import_file(db, admin, invoices(ready, raised))
    told = differences.of(db, [number])[number].lines()
    assert "Net 48,948.75 -> 48,949.65" in told
    assert [line.partition(": ")[2] for line in told if line.startswith("Line 1")] == [
        "E Work 24,687.50 -> 24,688.50",
        "Retainage held 2,468.75 -> 2,468.85",
    ]


def test_a_locked_invoice_is_named_and_not_changed(db: Database, admin: Actor, ready: Path) -> None:
    import_file(db, admin, ready / "invoices.json")
    db.execute("UPDATE invoices SET erp_status = 'ready_to_export'")
    before = books(db)
    result = import_file(db, admin, invoices(ready, raised))
    assert (result.updated, result.unchanged, result.locked) == (0, 7, ("SC-202-01 202-021",))
    assert books(db) == before


def test_what_the_erp_has_already_comes_in_synced_and_is_not_for_sending(
    db: Database, admin: Actor, ready: Path
) -> None:
    def booked(body: list[dict[str, Any]]) -> None:
        body[0]["origin_id"] = "AP-77"

    import_file(db, admin, invoices(ready, booked))
    rows = db.execute(
        "SELECT erp_status, origin_id, count(*) FROM invoices GROUP BY 1, 2 ORDER BY 1"
    ).fetchall()
    assert [tuple(row) for row in rows] == [("not_sent", None, 7), ("synced", "AP-77", 1)]


def test_a_change_that_a_later_application_contradicts_is_refused(
    db: Database, admin: Actor, ready: Path
) -> None:
    import_file(db, admin, ready / "invoices.json")
    import_file(db, admin, ready / "requisition.json")
    path = invoices(ready, raised)
    refused(db, admin, path, "record 6", "application 2, invoice 202-024 here", "24,688.50", "24,687.50")
    result = import_file(db, admin, path, partial=True)
    assert (result.updated, result.unchanged, len(result.problems)) == (0, 7, 1)


def turned(body: list[dict[str, Any]]) -> None:
    """The second application of a commitment before its first."""
    body[3], body[4] = body[4], body[3]


def turned_and_wrong(body: list[dict[str, Any]]) -> None:
    raise_by_a_cent(body[3]["items"][0])
    body[3]["summary"].clear()
    turned(body)


def test_applications_may_come_in_any_order_and_are_held_together(
    db: Database, admin: Actor, ready: Path
) -> None:
    refused(db, admin, invoices(ready, turned_and_wrong), "record 4", "86,000.00", "86,000.01")
    assert import_file(db, admin, invoices(ready, turned)).created == 8


def test_too_many_applications_in_the_wrong_order_are_refused_rather_than_believed(
    db: Database, admin: Actor, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.intake.invoices._WAITING", 0)

    def unmoved(body: list[dict[str, Any]]) -> None:
        del body[2:]
        raise_by_a_cent(body[0]["items"][0])
        body[0]["summary"].clear()
        body.reverse()

    refused(db, admin, invoices(ready, turned), "record 4", "previous application is unknown")
    refused(
        db, admin, invoices(ready, unmoved), "record 2", "application 2, record 1 of the file", "18,500.01"
    )


def raise_by_a_cent(item: dict[str, Any]) -> None:
    """One line completes a cent more, consistently within itself; its invoice makes no claims."""
    for key in (
        "work_completed_this_period",
        "total_completed_and_stored_to_date",
        "gross_amount",
        "net_amount",
    ):
        item[key] = f"{float(item[key]) + 0.01:.2f}"


# -- bad input -------------------------------------------------------------------------------------------------


def test_an_unknown_file_type_is_refused_and_the_known_ones_named(
    db: Database, admin: Actor, tmp_path: Path
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(b"%PDF-1.7")
    refused(db, admin, path, "no known type", ".json", ".csv", ".xlsx")


def test_a_missing_file_is_named(db: Database, admin: Actor, tmp_path: Path) -> None:
    refused(db, admin, tmp_path / "none.csv", "no file")


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("keep", [200, 5_000, 25_000])
def test_truncated_json_is_called_cut_off_with_its_line(
    db: Database, admin: Actor, ready: Path, keep: int, *, partial: bool
) -> None:
    text = (ready / "invoices.json").read_text()[:keep]
    path = ready / "cut.json"
    path.write_text(text)
    refused(db, admin, path, f"line {text.count(chr(10)) + 1}", "cut off", partial=partial)


def test_json_that_is_none_is_named_with_its_line(db: Database, admin: Actor, ready: Path) -> None:
    path = ready / "bad.json"
    path.write_text('[\n{"id": 1,\n "commitment_id": oops}]' + " " * 100)
    refused(db, admin, path, "line 3", "not JSON")


@pytest.mark.parametrize("name", ["vendors.csv", "invoices.json"])
def test_wrong_encoding_names_the_byte(db: Database, admin: Actor, ready: Path, name: str) -> None:
    raw = (ready / name).read_bytes()
    at = raw.index(b"Drywall")
    path = ready / f"latin-{name}"
    path.write_bytes(raw[:at] + "Müller ".encode("latin-1") + raw[at:])
    line = raw[:at].count(b"\n") + 1
    refused(db, admin, path, "not UTF-8", f"byte {at + 2}", f"line {line}")


def test_a_byte_order_mark_is_no_part_of_the_first_column(db: Database, admin: Actor, files: Path) -> None:
    path = files / "vendors.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert import_file(db, admin, path).created == 6


@pytest.mark.parametrize(
    "value", ["12,5", "1.234.567", "NaN", "1e3", "12.345", "", [], True, {"a": 1}, "١٢.٠٠"]
)
def test_a_number_that_is_not_money_names_record_and_key(
    db: Database, admin: Actor, ready: Path, value: Any
) -> None:
    def spoilt(body: list[dict[str, Any]]) -> None:
        body[2]["items"][1]["scheduled_value"] = value

    refused(db, admin, invoices(ready, spoilt), "record 3", "items[1].scheduled_value")


def test_a_json_number_is_exact_money(db: Database, admin: Actor, ready: Path) -> None:
    text = (ready / "invoices.json").read_text()
    path = ready / "numbers.json"
    path.write_text(text.replace('"scheduled_value": "125000.50"', '"scheduled_value": 125000.50'))
    assert path.read_text() != text
    assert import_file(db, admin, path).created == 8


def test_amounts_that_do_not_foot_name_both_figures(db: Database, admin: Actor, ready: Path) -> None:
    def off(body: list[dict[str, Any]]) -> None:
        body[1]["summary"]["current_payment_due"] = "13575.01"

    refused(db, admin, invoices(ready, off), "record 2", "201-007", "13,575.01", "13,575.00")


def test_the_source_and_the_previous_application_must_agree_to_the_cent(
    db: Database, admin: Actor, ready: Path
) -> None:
    def off(body: list[dict[str, Any]]) -> None:
        body[1]["items"][0]["total_completed_and_stored_to_date_from_previous"] = "18500.01"

    name = "items[0].total_completed_and_stored_to_date_from_previous"
    refused(db, admin, invoices(ready, off), "record 2", name, "18,500.01", "18,500.00")


def test_an_unknown_previous_application_blocks(db: Database, admin: Actor, ready: Path) -> None:
    def orphan(body: list[dict[str, Any]]) -> None:
        del body[0]
        for item in body[0]["items"]:
            del item["total_completed_and_stored_to_date_from_previous"]

    refused(db, admin, invoices(ready, orphan), "record 1", "the previous application is unknown")


def test_a_duplicate_number_on_a_commitment_names_the_other(db: Database, admin: Actor, ready: Path) -> None:
    def double(body: list[dict[str, Any]]) -> None:
        body[1]["invoice_number"] = "201-006"

    refused(db, admin, invoices(ready, double), "record 2", "201-006", "SC-201-01", "in record 1")
    import_file(db, admin, ready / "invoices.json")

    def stored(body: list[dict[str, Any]]) -> None:
        del body[1:]
        body[0]["id"] = 42

    refused(db, admin, invoices(ready, stored), "record 1", "201-006", "as invoice 1280701 from procore")


def test_a_missing_commitment_is_named(db: Database, admin: Actor, ready: Path) -> None:
    def lost(body: list[dict[str, Any]]) -> None:
        body[7]["commitment_id"] = 404

    refused(db, admin, invoices(ready, lost), "record 8, key commitment_id", "404")


def test_another_currency_than_the_commitments_is_refused(db: Database, admin: Actor, ready: Path) -> None:
    def euro(body: list[dict[str, Any]]) -> None:
        body[0]["items"][0]["currency_configuration"]["currency_iso_code"] = "EUR"

    refused(db, admin, invoices(ready, euro), "record 1", "EUR", "USD")


def test_an_unknown_status_is_refused(db: Database, admin: Actor, ready: Path) -> None:
    def odd(body: list[dict[str, Any]]) -> None:
        body[0]["status"] = "paid"

    refused(db, admin, invoices(ready, odd), "record 1, key status", "paid", "approved_as_noted")


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d"])
def test_text_that_no_database_holds_is_refused(db: Database, admin: Actor, ready: Path, text: str) -> None:
    def spoilt(body: list[dict[str, Any]]) -> None:
        body[0]["items"][0]["description_of_work"] = text

    refused(db, admin, invoices(ready, spoilt), "record 1, key items[0].description_of_work")


HOSTILE = "[/] \x1b]52;c;cGF5\x07 \u202egnp 東京 " + "x" * 300


def test_hostile_text_comes_in_unharmed_and_is_harmless_in_messages(
    db: Database, admin: Actor, ready: Path
) -> None:
    vendors = ready / "hostile.csv"
    with vendors.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["name"], [HOSTILE]])
    import_file(db, admin, vendors)
    assert db.execute("SELECT count(*) FROM vendors WHERE name = ?", (HOSTILE,)).fetchone()[0] == 1

    def named(body: list[dict[str, Any]]) -> None:
        body[0]["items"][0]["description_of_work"] = HOSTILE
        body[0]["invoice_number"] = HOSTILE[:60]

    def also_wrong(body: list[dict[str, Any]]) -> None:
        named(body)
        body[0]["summary"]["current_payment_due"] = "1.00"
        body[1]["status"] = HOSTILE

    error = refused(db, admin, invoices(ready, also_wrong), "^[]52", "<202E>")
    assert not set(str(error)) & {"\x1b", "\x07", "\u202e"}
    assert import_file(db, admin, invoices(ready, named)).created == 8
    assert db.execute("SELECT count(*) FROM invoices WHERE number = ?", (HOSTILE[:60],)).fetchone()[0] == 1


def test_a_file_with_many_errors_names_twenty_and_counts_the_rest(
    db: Database, admin: Actor, ready: Path
) -> None:
    path = ready / "many.csv"
    path.write_text("name\n" + '" "\n' * 27)
    error = refused(db, admin, path, "27 errors", "row 2, column name", "and 7 more")
    assert "row 22," not in str(error)


# -- partial ---------------------------------------------------------------------------------------------------


def test_partial_takes_exactly_the_good_records(db: Database, admin: Actor, ready: Path) -> None:
    def spoilt(body: list[dict[str, Any]]) -> None:
        body[0]["status"] = "nonsense"
        body[5]["commitment_id"] = None
        body.append(7)  # type: ignore[arg-type] # what no file of records should hold

    result = import_file(db, admin, invoices(ready, spoilt), partial=True)
    assert (result.created, result.updated) == (6, 0)
    assert [p.where for p in result.problems] == [
        "record 1, key status",
        "record 6, key commitment_id",
        "record 9",
    ]
    assert str(result.problems[1]) == "edited.json, record 6, key commitment_id: it is missing"
    numbers = {row[0] for row in db.execute("SELECT number FROM invoices")}
    assert numbers.isdisjoint({"201-006", "202-021"})


def test_what_builds_on_a_refused_application_says_so(db: Database, admin: Actor, ready: Path) -> None:
    def spoilt(body: list[dict[str, Any]]) -> None:
        body[0]["status"] = "nonsense"
        for item in body[1]["items"]:
            del item["total_completed_and_stored_to_date_from_previous"]

    result = import_file(db, admin, invoices(ready, spoilt), partial=True)
    assert result.created == 6
    assert any("application 1, record 1 of the file, was refused" in p.reason for p in result.problems)


# -- who may ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "name", "allowed"),
    [
        ("mgarcia", "vendors.csv", True),
        ("viewer", "vendors.csv", False),
        ("jlopez", "invoices.json", False),
        ("jlopez", "event.json", False),
        ("nopush", "invoices.csv", False),
    ],
)
def test_who_may_import_what(
    db: Database, admin: Actor, files: Path, login: str, name: str, *, allowed: bool
) -> None:
    who = directory.actor(db, login)
    if allowed:
        assert import_file(db, who, files / name).created
        return
    before = books(db)
    with pytest.raises(NotPermitted):
        import_file(db, who, files / name)
    assert books(db) == before


def test_a_right_revoked_since_sign_in_is_revoked(db: Database, admin: Actor, files: Path) -> None:
    who = directory.actor(db, "mgarcia")
    db.execute("UPDATE users SET commitments_level = 'none' WHERE login = 'mgarcia'")
    with pytest.raises(NotPermitted):
        import_file(db, who, files / "vendors.csv")


def users(folder: Path, *rows: str) -> Path:
    path = folder / "users.csv"
    path.write_text("\n".join(("login,name,directory_level,can_push", *rows)) + "\n")
    return path


def test_users_need_a_directory_admin_who_grants_himself_nothing(
    db: Database, admin: Actor, tmp_path: Path
) -> None:
    with pytest.raises(NotPermitted):
        import_file(db, directory.actor(db, "mgarcia"), users(tmp_path, "new,New,none,no"))
    db.execute("UPDATE users SET can_push = ? WHERE login = 'admin'", (False,))
    path = users(tmp_path, "new,New,none,yes", "admin,Ada,admin,yes")
    with pytest.raises(NotPermitted, match="himself"):
        import_file(db, admin, path)
    assert not db.execute("SELECT 1 FROM users WHERE login = 'new'").fetchone()
    result = import_file(db, admin, path, partial=True)
    assert (result.created, result.updated, len(result.problems)) == (1, 0, 1)
    assert directory.actor(db, "new").can_push
    assert not directory.actor(db, "admin").can_push


# -- which table is it -----------------------------------------------------------------------------------------


def test_an_unknown_header_names_what_is_known(db: Database, admin: Actor, tmp_path: Path) -> None:
    path = tmp_path / "what.csv"
    path.write_text("colour,size\nred,3\n")
    refused(db, admin, path, "colour, size", "commitments", "invoices")


def test_a_misspelt_column_is_not_taken_for_a_missing_one(db: Database, admin: Actor, ready: Path) -> None:
    path = ready / "invoices.csv"
    path.write_text(path.read_text().replace("retainage_released", "retainage_relased"))
    refused(db, admin, path, "retainage_relased")


def test_a_given_kind_must_fit_the_header(db: Database, admin: Actor, files: Path) -> None:
    with pytest.raises(BadFile, match=r"not a table of commitments.*line_item"):
        import_file(db, admin, files / "vendors.csv", kind="commitments")
    with pytest.raises(BadInput, match="no kind"):
        import_file(db, admin, files / "vendors.csv", kind="cars")


def test_an_event_of_another_name_is_refused(db: Database, admin: Actor, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text('{"request_name": "create_vendors", "request_data": {}}')
    refused(db, admin, path, "create_vendors", "create_requisitions")


def test_the_audit_chain_holds_after_imports(db: Database, admin: Actor, files: Path) -> None:
    for name in example.FILES:
        import_file(db, admin, files / name)
    previous = ""
    for prev_hash, own in db.execute("SELECT prev_hash, hash FROM audit_events ORDER BY id"):
        assert prev_hash == previous
        previous = own
    assert db.execute("SELECT hash FROM audit_head").fetchone()[0] == previous
    assert audit.Change("x", 1, {}, {}).rule == ""


# -- others at work --------------------------------------------------------------------------------------------


def test_a_change_by_somebody_else_meanwhile_is_seen_and_the_file_judged_again(
    db: Database, admin: Actor, ready: Path
) -> None:
    import_file(db, admin, ready / "invoices.json")
    rounds: list[int] = []

    def meanwhile(_: int) -> None:
        rounds.append(1)
        if len(rounds) == 1:
            db.execute("UPDATE invoices SET erp_status = 'ready_to_export', version = version + 1")

    result = import_file(db, admin, invoices(ready, raised), progress=meanwhile)
    assert (len(rounds), result.updated, result.locked) == (2, 0, ("SC-202-01 202-021",))


def test_an_import_that_others_keep_overtaking_gives_up_and_changes_nothing(
    db: Database, admin: Actor, ready: Path
) -> None:
    import_file(db, admin, ready / "invoices.json")

    def meanwhile(_: int) -> None:
        db.execute("UPDATE invoices SET version = version + 1")

    with pytest.raises(Changed, match="Import it again"):
        import_file(db, admin, invoices(ready, raised), progress=meanwhile)
    assert db.execute("SELECT max(gross) FROM invoices WHERE number = '202-021'").fetchone()[0] == 5438750
