"""The single sources: Procore's printed shapes, the event, the invoice table, the masters, the demo."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from store import demo
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadFile, BadInput
from store.domain.invoice import Line, foot, summarize
from store.intake import books, example, templates
from store.intake.event import _formatted
from store.intake.load import import_file
from store.intake.report import Problem
from store.intake.values import Taker


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def reason(db: Database, who: Actor, path: Path) -> str:
    """The sentence of the refusal."""
    with pytest.raises(BadFile) as caught:
        import_file(db, who, path)
    return str(caught.value)


# -- the event -------------------------------------------------------------------------------------------------


def event_line(number: int, cost_code: int, description: str) -> dict[str, Any]:
    return {
        "procore_requisition_item_id": number,
        "accounting_method": "amount",
        "amount": "500.0",
        "change_order_line_item_origin_id": None,
        "commitment_item_origin_id": "commitment_item_origin_id",
        "cost_code_id": cost_code,
        "description": description,
        "formatted_amount": "$500.00",
        "line_item_description": description,
        "qty": "0.0",
        "released_work_completed_this_period": "0.0",
        "requisition_item_type": "Billings::ContractItem",
        "retainage_materials_presently_stored": "0.0",
        "retainage_materials_previously_stored": "0.0",
        "retainage_this_period": "10.0",
        "retainage_work_completed_this_period": "10.0",
        "scheduled_total_amount": "1000.0",
        "tax_code_origin_id": None,
        "uom": None,
    }


def event(**changes: Any) -> dict[str, Any]:
    """The event as Procore's documentation prints it."""
    return {
        "procore_requisition_id": 1,
        "billing_date": "2021-03-31",
        "code": "9348",
        "contract_id": 1,
        "created_at": "2021-03-02T22:26:28Z",
        "custom_fields": {"custom_field_1": {"data_type": "datetime", "value": "2025-02-21T10:00:00Z"}},
        "formatted_payment_due": "$1,087.80",
        "invoice_number": "9348",
        "line_items": [event_line(1, 6, "Forms equipment"), event_line(2, 7, "Steel")],
        **changes,
    }


def event_file(folder: Path, *bodies: dict[str, Any]) -> Path:
    path = folder / "event.json"
    data = {"request_name": "create_requisitions", "request_data": {"requisitions": list(bodies)}}
    path.write_text(json.dumps(data))
    return path


@pytest.fixture
def contract(db: Database, admin: Actor, tmp_path: Path) -> Path:
    """The masters that the printed event names: contract 1, three lines, one of them not billed."""
    head = "commitment_id,number,project,vendor,title,kind,line_item,cost_code,description,scheduled_value"
    for path in (
        table(tmp_path / "v.csv", "name", "Forms & Steel"),
        table(tmp_path / "p.csv", "number,name", "J1,Job"),
        table(tmp_path / "c.csv", "cost_code_id,project,code,name", "6,J1,03-100,Forms", "7,J1,05-100,Steel"),
        table(
            tmp_path / "b.csv",
            "project,start_date,end_date",
            "J1,2021-03-01,2021-03-31",
            "J1,2021-04-01,2021-04-30",
        ),
        table(
            tmp_path / "s.csv",
            head,
            "1,SC-1,J1,Forms & Steel,Work,subcontract,11,03-100,Forms equipment,1000",
            "1,SC-1,J1,Forms & Steel,Work,subcontract,12,05-100,Steel,1000",
            "1,SC-1,J1,Forms & Steel,Work,subcontract,13,05-100,Bolts,200",
        ),
    ):
        import_file(db, admin, path)
    return tmp_path


def test_the_printed_event_does_not_foot_without_its_tax(db: Database, admin: Actor, contract: Path) -> None:
    text = reason(db, admin, event_file(contract, event()))
    assert "record 1, key formatted_payment_due" in text
    assert "it says 1,087.80, but net plus tax comes to 980.00" in text


def test_the_printed_event_names_its_missing_contract(db: Database, admin: Actor, tmp_path: Path) -> None:
    assert "record 1, key contract_id: there is no commitment 1" in reason(
        db, admin, event_file(tmp_path, event())
    )


def test_an_event_that_foots_comes_in_approved_on_what_was_billed_before(
    db: Database, admin: Actor, contract: Path
) -> None:
    first = event(tax_amount="107.80")
    assert import_file(db, admin, event_file(contract, first)).created == 1
    second = event(
        procore_requisition_id=2, code="9349", invoice_number=None, billing_date="2021-04-30",
        formatted_payment_due="($90.00)", line_items=[event_line(3, 7, "Steel")],
    )  # fmt: skip
    second["line_items"][0] |= {
        "amount": "-100.00",
        "formatted_amount": "-$100.00",
        "retainage_this_period": "-10.00",
        "retainage_work_completed_this_period": "-10.00",
    }
    assert import_file(db, admin, event_file(contract, first, second)).created == 1
    rows = db.execute(
        "SELECT application, number, status, period_start, gross, retainage, net, tax, completed, retainage_to_date"
        " FROM invoices ORDER BY application"
    ).fetchall()
    assert [tuple(row) for row in rows] == [
        (1, "9348", "approved", "2021-03-01", 100000, 2000, 98000, 10780, 100000, 2000),
        (2, "9349", "approved", "2021-04-01", -10000, -1000, -9000, 0, 90000, 1000),
    ]
    # What the second event leaves out is carried on.
    lines = db.execute(
        "SELECT item, work_before, work_now, total_before, retainage_before FROM invoice_lines l"
        " JOIN invoices i ON i.id = l.invoice_id WHERE application = 2 ORDER BY item"
    ).fetchall()
    assert [tuple(x) for x in lines] == [
        ("11", 50000, 0, 50000, 1000),
        ("12", 50000, -10000, 50000, 1000),
        ("13", 0, 0, 0, 0),
    ]
    again = import_file(db, admin, event_file(contract, first, second))
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"cost_code_id": 8, "line_item_description": "Nails"},
            ("line_items[0]", "'Nails' is no line item", "SC-1"),
        ),
        ({"amount": "500.01"}, ("line_items[0].formatted_amount", "500.00", "500.01")),
        ({"amount": None}, ("line_items[0].amount", "missing")),
        ({"retainage_this_period": "11.0"}, ("line_items[0].retainage_this_period", "11.00", "10.00")),
        (
            {"retainage_work_completed_this_period": None, "retainage_materials_presently_stored": "5.00"},
            ("line_items[0].retainage_work_completed_this_period", "cannot be told"),
        ),
        ({"formatted_amount": "five"}, ("line_items[0].formatted_amount", "not an amount")),
    ],
)
def test_a_line_of_an_event_that_contradicts_itself_is_refused(
    db: Database, admin: Actor, contract: Path, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    body = event(tax_amount="107.80")
    body["line_items"][0] |= change
    text = reason(db, admin, event_file(contract, body))
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"billing_date": "2022-01-31"}, "no billing period of project J1 holds 2022-01-31"),
        ({"code": None, "invoice_number": None}, "key code: it is missing"),
        ({"code": "1"}, "code says 1, invoice_number 9348"),
        ({"line_items": []}, "no lines"),
        ({"line_items": "x"}, "key line_items: Expected `array | null`, got `str`"),
    ],
)
def test_an_event_that_lacks_something_is_refused(
    db: Database, admin: Actor, contract: Path, change: dict[str, Any], word: str
) -> None:
    assert word in reason(db, admin, event_file(contract, event(tax_amount="107.80", **change)))


# -- Procore's printed requisition -----------------------------------------------------------------------------


def test_the_printed_requisition_is_a_shape_and_says_why(db: Database, admin: Actor, contract: Path) -> None:
    body = {
        "id": 1280646,
        "billing_date": "2017-11-01",
        "commitment_id": 1,
        "invoice_number": "123",
        "percent_complete": "96.36%",
        "status": "draft",
        "requisition_start": "2016-11-01",
        "requisition_end": "2016-11-30",
        "number": 19,
        "g702": {"total_retainage": "5300.00", "current_payment_due": "0.00"},
        "attachments": [],
    }
    path = contract / "requisition.json"
    path.write_text(json.dumps(body))
    assert "key items: it is missing" in reason(db, admin, path)


def test_a_printed_line_without_ids_of_materials_comes_in(db: Database, admin: Actor, contract: Path) -> None:
    """The change-order lines as printed: no materials, no item type, a percentage without its sign."""
    item = {
        "id": 592007, "cost_code_id": 6, "line_item_id": 11786340, "description_of_work": "Landscape design re-work",
        "scheduled_value": "500.00", "work_completed_from_previous_application": "0.00",
        "work_completed_this_period": "100.00", "total_completed_and_stored_to_date": "100.00",
        "total_completed_and_stored_to_date_percent": "20.00",
        "work_completed_retainage_from_previous_application": "0.00",
        "work_completed_retainage_retained_this_period": "0.00",
        "work_completed_retainage_released_this_period": "0.00",
        "scheduled_unit_price": "0.0000", "change_order_package_id": 1708957,
    }  # fmt: skip
    body = {
        "id": 5, "commitment_id": 1, "invoice_number": 123, "number": 1, "status": "draft",
        "requisition_start": "2021-03-01", "requisition_end": "2021-03-31", "custom": {"x": 1}, "items": [item],
    }  # fmt: skip
    path = contract / "requisition.json"
    path.write_text(json.dumps(body))
    assert import_file(db, admin, path).created == 1
    row = db.execute("SELECT number, gross, item_type, cost_code FROM invoices, invoice_lines").fetchone()
    assert tuple(row) == ("123", 10000, "change_order_item", "03-100")


# -- the invoice table -----------------------------------------------------------------------------------------


@pytest.fixture
def ready(db: Database, admin: Actor, tmp_path: Path) -> Path:
    """The example's folder, with the masters and the JSON files imported."""
    for path in example.write(tmp_path / "example")[:-1]:
        import_file(db, admin, path)
    return tmp_path / "example"


def edited(folder: Path, line: int, column: str, value: str) -> Path:
    """The example's table with one cell changed; lines count as in a spreadsheet."""
    with (folder / "invoices.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[line - 1][rows[0].index(column)] != value
    rows[line - 1][rows[0].index(column)] = value
    path = folder / "edited.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize(
    ("line", "column", "value", "words"),
    [
        (2, "work_this_period", "16200.01", ("row 2", "16,200.00")),
        (2, "work_this_period", "abc", ("row 2, column work_this_period", "not an amount")),
        (2, "work_this_period", "", ("row 2, column work_this_period", "missing")),
        (3, "scheduled_value", "1.999", ("row 3, column scheduled_value", "too many decimals")),
        (3, "status", "draft", ("row 3, column status", "row 2")),
        (4, "total_previous", "16200.01", ("row 4, column total_previous", "16,200.01", "16,200.00")),
        (4, "retainage_previous", "1620.01", ("row 4, column retainage_previous", "1,620.01", "1,620.00")),
        (4, "bill_line", "0.00", ("row 4, column bill_line", "0.00", "10,800.00")),
        (4, "total_completed", "0.00", ("row 4, column total_completed",)),
        (5, "line_item", "5170801", ("row 5, column line_item", "twice")),
        (5, "item_type", "other", ("row 5, column item_type", "contract_item")),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(
    db: Database, admin: Actor, ready: Path, line: int, column: str, value: str, words: tuple[str, ...]
) -> None:
    text = reason(db, admin, edited(ready, line, column, value))
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("column", "net"), [("retainage_released", "114579.00"), ("retainage_held", "-83799.00")]
)
def test_retainage_that_the_line_cannot_hold_is_refused(
    db: Database, admin: Actor, ready: Path, column: str, net: str
) -> None:
    path = edited(ready, 2, column, "99999.00")
    text = path.read_text().replace("1620.00,14580.00", f",{net}", 2)
    path.write_text(text)
    answer = reason(db, admin, path)
    assert "row 2: invoice 201-009 does not foot: line 1: retainage to date comes to" in answer
    assert "between 0.00 and the 16,200.00 completed" in answer


def test_the_rows_of_an_invoice_stand_together(db: Database, admin: Actor, ready: Path) -> None:
    # The second line bills nothing: the invoice would foot without it.
    header, first, second, *others = (ready / "invoices.csv").read_text().splitlines()
    path = table(ready / "edited.csv", header, first, *others, second)
    assert "row 9: the same invoice came before, in row 2 (the rows" in reason(db, admin, path)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("$1,087.80", 108780),
        ("-$20.00", -2000),
        ("($20.00)", -2000),
        ("-$1,087.80", -108780),
        ("($1,087.80)", -108780),
        ("-20.00", -2000),
        ("€5", 500),
        ("USD 7.5", 750),
    ],
)
def test_formatted_amounts(text: str, minor: int) -> None:
    take = Taker("USD", lambda field, _: field)
    assert _formatted(text, take, "x", None) == minor
    assert not take.problems


@pytest.mark.parametrize(
    "text",
    [
        *("1.087,80 €", "$1,0", "(5", "5)", "$", "five", "1,23,456"),
        *(
            "--5.00",
            "-$-20.00",
            "$-20.00",
            "-($20.00)",
            "(-$20.00)",
            "$(20.00)",
            "($-20.00)",
            "$$20.00",
            "+$20.00",
        ),
    ],
)
def test_what_is_no_formatted_amount(text: str) -> None:
    take = Taker("USD", lambda field, _: field)
    _formatted(text, take, "x", None)
    assert take.problems == [("x", f"{text!r} is not an amount")]


def test_a_wrong_period_or_net_is_refused(db: Database, admin: Actor, ready: Path) -> None:
    text = (ready / "invoices.csv").read_text()
    path = ready / "edited.csv"
    path.write_text(text.replace("2026-09-01,2026-09-30", "2026-09-30,2026-09-01"))
    assert "the period ends before it starts" in reason(db, admin, path)
    path.write_text(text.replace("14580.00", "14580.01"))
    answer = reason(db, admin, path)
    assert "14,580.01" in answer
    assert "14,580.00" in answer
    path.write_text(text.replace("USD", "EUR"))
    assert "column currency: it says EUR" in reason(db, admin, path)


# -- masters ---------------------------------------------------------------------------------------------------


def test_masters_are_updated_by_their_number_where_they_have_no_id(
    db: Database, admin: Actor, ready: Path
) -> None:
    path = table(ready / "x.csv", "number,name,erp_ref", "26-201,Riverside Hospital,26-201", "77,New,77")
    result = import_file(db, admin, path)
    assert (result.created, result.updated) == (1, 1)
    row = db.execute("SELECT source_id, name FROM projects WHERE number = '26-201'").fetchone()
    assert tuple(row) == ("9001", "Riverside Hospital")
    assert import_file(db, admin, path).unchanged == 2


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (("project_id,number,name", "1,26-201,X"), "row 2: project 26-201 is here already, with the id 9001"),
        (("number,name", "5,A", "5,B"), "row 3: project 5 stands in row 2 already"),
        (("number,name", " ,A"), "row 2, column number: it is empty"),
        (("project,code,name", "404,1,A"), "row 2, column project: there is no project 404"),
        (("project,start_date,end_date", "26-201,2026-1-1,2026-01-31"), "row 2, column start_date"),
        (("project,start_date,end_date", "26-201,2026-02-01,2026-01-31"), "row 2, column end_date"),
        (("login,name,erp_level", "a,A,boss"), "row 2, column erp_level: 'boss' is none of none, read_only"),
        (("login,name,limit_invoice", "a,A,much"), "row 2, column limit_invoice"),
        (("login,name", "a,A", "a,B"), "row 3, column login: a stands in row 2 already"),
        (("login,name", " a,A"), "row 2, column login"),
    ],
)
def test_bad_masters_are_named_by_row_and_column(
    db: Database, admin: Actor, ready: Path, rows: tuple[str, ...], word: str
) -> None:
    assert word in reason(db, admin, table(ready / "x.csv", *rows))


def commitment(folder: Path, line: int, column: str, value: str) -> Path:
    with (folder / "commitments.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[line - 1 :]:
        if row[1] == rows[line - 1][1]:
            row[rows[0].index(column)] = value
    path = folder / "edited.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize(
    ("line", "column", "value", "word"),
    [
        (2, "project", "404", "row 2, column project: there is no project 404"),
        (2, "vendor", "Nobody", "row 2, column vendor: there is no vendor Nobody"),
        (2, "kind", "lease", "row 2, column kind: 'lease' is none of subcontract, purchase_order"),
        (2, "currency", "dollars", "row 2, column currency"),
        (2, "retainage_percent", "101", "row 2, column retainage_percent: 101 is not a percentage"),
        (2, "opening_application", "-1", "row 2, column opening_application"),
        (2, "line_item", "1", "row 3, column line_item: line item 1 stands there twice"),
        (2, "scheduled_value", "", "row 2, column scheduled_value: it is empty"),
        (
            5,
            "opening_retainage",
            "102000.01",
            "row 5, column opening_retainage: more is retained",
        ),
        (2, "opening_work", "5.00", "row 2, column opening_work: an opening balance needs"),
        (
            5,
            "opening_work",
            "130000.00",
            "row 5: the opening balance of commitment SC-201-02 cannot change any more",
        ),
        (5, "currency", "EUR", "row 5: currency of commitment SC-201-02 cannot change any more"),
    ],
)
def test_bad_commitments_are_named_by_row_and_column(
    db: Database, admin: Actor, ready: Path, line: int, column: str, value: str, word: str
) -> None:
    assert word in reason(db, admin, commitment(ready, line, column, value))


def test_a_schedule_of_values_is_replaced_by_the_files(db: Database, admin: Actor, ready: Path) -> None:
    result = import_file(db, admin, commitment(ready, 2, "description", "New words"))
    assert (result.created, result.updated, result.unchanged) == (0, 1, 8)
    rows = db.execute(
        "SELECT l.description FROM commitment_lines l JOIN commitments c ON c.id = l.commitment_id"
        " WHERE c.number = 'SC-201-01'"
    ).fetchall()
    assert [row[0] for row in rows] == ["New words"] * 3


def test_partial_masters_leave_out_the_bad_rows(db: Database, admin: Actor, tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", "number,name", "1,One", "2,", "3,Three")
    result = import_file(db, admin, path, partial=True)
    assert result.created == 2
    assert result.problems == (Problem("p.csv", "row 3, column name", "it is empty"),)


# -- templates and example -------------------------------------------------------------------------------------


def test_nothing_is_written_over(tmp_path: Path) -> None:
    templates.write("vendors", tmp_path / "v.csv")
    with pytest.raises(BadInput, match="there already"):
        templates.write("vendors", tmp_path / "v.csv")
    with pytest.raises(BadInput, match="no template"):
        templates.write("cars", tmp_path / "c.csv")
    with pytest.raises(BadInput, match=r"\.csv or \.xlsx"):
        templates.write("vendors", tmp_path / "v.txt")
    paths = example.write(tmp_path / "example")
    assert example.write(tmp_path / "example") == paths
    paths[0].write_text("mine")
    with pytest.raises(BadInput, match="differs"):
        example.write(tmp_path / "example")
    assert paths[0].read_text() == "mine"


# -- the demo --------------------------------------------------------------------------------------------------


def test_the_demo_foots_line_by_line_and_application_by_application(db: Database, admin: Actor) -> None:
    demo.seed(db, admin, rows=300)
    stood: dict[tuple[int, str], tuple[int, int, int]] = {}
    modes = set()
    for row in db.execute(
        "SELECT i.id, i.commitment_id, i.application, i.gross, i.retainage, i.net, i.completed, i.retainage_to_date,"
        " i.tax, c.opening_application FROM invoices i JOIN commitments c ON c.id = i.commitment_id"
        " ORDER BY i.application"
    ).fetchall():
        lines = [
            Line(*line)
            for line in db.execute(
                f"SELECT {', '.join(books.LINE)} FROM invoice_lines WHERE invoice_id = ? ORDER BY position",
                (row[0],),
            )
        ]
        assert foot(lines, {}, "USD", row[8]) == []
        s = summarize(lines, row[8])
        assert (s.gross, s.retainage, s.net, s.completed, s.retainage_to_date) == tuple(row[3:8])
        for line in lines:
            before = (row[2] - 1, line.total_before, line.retainage_before)
            assert stood.get((row[1], line.item), before) == before
            stood[(row[1], line.item)] = (row[2], line.total, line.retainage_to_date)
            modes |= {"stored"} if line.stored_now else set()
        modes.add("credit" if s.gross < 0 else "release" if s.gross == 0 and s.retainage < 0 else "work")
    assert modes == {"stored", "credit", "release", "work"}
    facts = db.execute(
        "SELECT count(*), count(DISTINCT status), min(erp_status), max(erp_status), min(creator_email),"
        " sum(CASE WHEN length(number) > 15 THEN 1 ELSE 0 END) FROM invoices"
    ).fetchone()
    assert tuple(facts) == (300, 1, "not_sent", "not_sent", "mgarcia@acme.example", 5)
    unknown = db.execute(
        "SELECT count(*) FROM invoices i JOIN vendors v ON v.id = i.vendor_id WHERE v.erp_ref = ?",
        (demo.UNKNOWN_VENDOR,),
    ).fetchone()[0]
    assert 0 < unknown < 30
    # Three numbers twice, on purpose.
    assert db.execute("SELECT count(*) FROM invoices WHERE duplicate = ?", (True,)).fetchone()[0] == 6
    names = {row[0] for row in db.execute("SELECT name FROM vendors")}
    assert {demo.HOSTILE, demo.CJK} < names
    assert len(demo.HOSTILE) == 300


def test_the_demo_is_the_same_every_time(tmp_path: Path, sqlite_db: Database, admin: Actor) -> None:
    from store import db as database
    from store import directory
    from store.directory import UserValues

    demo.seed(sqlite_db, admin, rows=60)
    other = database.create(f"sqlite:{tmp_path / 'other.db'}")
    directory.found(other, "ACME BUILDERS", "USD", "sandbox", demo=True)
    directory.put_user(other, None, UserValues("x", "X"))
    demo.seed(other, directory.actor(other, "x"), rows=60)
    query = "SELECT uuid, number, gross, net, vendor_id FROM invoices ORDER BY id"
    assert other.execute(query).fetchall() == sqlite_db.execute(query).fetchall()
    other.close()
