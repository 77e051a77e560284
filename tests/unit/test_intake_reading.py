"""Reading files: values, JSON in pieces, tables of both kinds."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.domain.errors import BadFile, BadInput
from store.domain.money import to_minor
from store.intake import json_stream, kinds, tabular, textfile
from store.intake.report import Report
from store.intake.values import amount, day, key, whole, yes


@given(st.integers(-(10**12), 10**12), st.sampled_from(("USD", "JPY", "KWD")))
def test_amounts_are_read_as_money_reads_them(minor: int, currency: str) -> None:
    text = f"{Decimal(minor).scaleb(-{'USD': 2, 'JPY': 0, 'KWD': 3}[currency]):f}"
    assert amount(text, currency) == minor == to_minor(text, currency)
    assert amount(Decimal(text), currency) == minor
    assert amount(text, currency) == minor


@pytest.mark.parametrize(
    "value", ["1_0.00", "٣.00", "12.3a", "--1.00", "1,0.00", " ", 1.5, True, None, [], "²2.00"]
)
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(BadInput):
        amount(value, "USD")


@pytest.mark.parametrize(
    "value", ["2026-02-30", "20261031", "2026-W01-1", "2026-10-31T00:00:00", 20261031, "31.10.2026"]
)
def test_what_is_no_day_is_refused(value: Any) -> None:
    with pytest.raises(BadInput):
        day(value)


def test_keys_numbers_and_answers() -> None:
    assert (key(7), key("7"), key("  a")) == ("7", "7", "  a")
    assert (whole(3), whole("12")) == (3, 12)
    assert [yes(x) for x in ("yes", "No", "", "TRUE")] == [True, False, False, True]
    wrong: list[tuple[Callable[[Any], object], Any]] = [
        (key, " "),
        (key, True),
        (key, 1.0),
        (whole, "0"),
        (whole, "-1"),
        (whole, "1.0"),
        (yes, "x"),
    ]
    for function, value in wrong:
        with pytest.raises(BadInput):
            function(value)


# -- JSON ------------------------------------------------------------------------------------------------------


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(max_size=6), JSON, max_size=5), max_size=6), st.integers(1, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_list_read_in_pieces_is_the_list(tmp_path: Path, body: list[Any], size: int) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps(body, ensure_ascii=False, indent=size % 3 or None), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", size)
        patch.setattr(json_stream._Reader.more, "__defaults__", (size,))
        assert list(json_stream.records(path)) == list(enumerate(body, 1))


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_it_is_cut_it_is_called_cut_off(tmp_path: Path, data: st.DataObject) -> None:
    body = [{"a": "x\\u00e9\n", "b": [1, -2.5, True, None], "c": {"d": "é"}}, {"e": 1e3}]
    text = json.dumps(body, indent=1)
    keep = data.draw(st.integers(1, len(text) - 1))
    path = tmp_path / "cut.json"
    path.write_text(text[:keep])
    with pytest.raises(BadFile, match="cut off"):
        list(json_stream.records(path))


def test_numbers_never_become_floats(tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    path.write_text('[{"a": 0.1, "b": 12, "c": 1e2, "d": "5.0"}]')
    [(_, found)] = json_stream.records(path)
    assert found == {"a": Decimal("0.1"), "b": 12, "c": Decimal("1e2"), "d": "5.0"}
    assert not any(isinstance(value, float) for value in found.values())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ('[{"a": NaN}]', "NaN"),
        ('[{"a": 1}] x', "line 1, character 12"),
        ('{"a": 1} {"b": 2}', "after the end"),
        ('[{"a": 1}{"b": 2}]', "comma"),
        ('[{"a": 1},]' + " " * 40, "not JSON"),
        ('[\n{"a": "tab\there"}]' + " " * 40, "line 2"),
        ("[" * 100_000, "deep"),
        ('[{"a": ' + "9" * 5000 + "}]", "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(BadFile, match=reason):
        list(json_stream.records(path))


# -- text ------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), st.integers(1, 7), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_in_pieces_is_the_text(tmp_path: Path, text: str, size: int, mark: bool) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + text.removeprefix("\ufeff").encode())
    with textfile.Chunks(path) as chunks:
        pieces = []
        while piece := chunks.read(size):
            pieces.append(piece)
    assert "".join(pieces) == text.removeprefix("\ufeff")
    assert "".join(textfile.lines(path)) == text.removeprefix("\ufeff")


@given(st.binary(max_size=20), st.integers(1, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_byte_that_is_not_utf_8_is_named(tmp_path: Path, tail: bytes, size: int) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("aé\nb".encode() + b"\xff" + tail)
    with textfile.Chunks(path) as chunks, pytest.raises(BadFile, match="byte 6, in line 2"):
        while chunks.read(size):
            pass


# -- tables ----------------------------------------------------------------------------------------------------


def table(path: Path) -> list[tuple[int, dict[str, str]]]:
    return [(row.number, row.cells) for row in tabular.open_table(path).rows]


def test_csv_cells_come_raw_with_the_number_of_their_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'Name , ERP_ref\r\n"a ""b"", \x1bc\nd",1\r\n\r\n=x,2\r\n')
    assert table(path) == [
        (2, {"name": 'a "b", \x1bc\nd', "erp_ref": "1"}),
        (5, {"name": "=x", "erp_ref": "2"}),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("name,name\na,b\n", "column twice"),
        ("name,\na,b\n", "row 2 has 2 cells"),
        ("name,erp_ref\na\n", "row 2 has 1 cells"),
        ("name,erp_ref\na,b,c\n", "row 2 has 3 cells"),
        ('name\na"b"c\n"x"y\n', "row 3 is not CSV"),
        ('name\n"never ends\n', "row 2 is not CSV"),
        ("name\n" + "x" * 200_000 + "\n", "row 2 is not CSV"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(BadFile, match=reason):
        table(path)


def sheet(path: Path, rows: list[list[Any]]) -> Path:
    book = xlsxwriter.Workbook(path, {"strings_to_formulas": False, "default_date_format": "yyyy-mm-dd"})
    page = book.add_worksheet()
    for n, cells in enumerate(rows):
        page.write_row(n, 0, cells)
    book.close()
    return path


def test_xlsx_cells_become_their_exact_text(tmp_path: Path) -> None:
    from datetime import date

    path = sheet(
        tmp_path / "t.xlsx",
        [
            ["a", "b", "c", "d", "e", "f"],
            ["x", 0.1, 1234567.89, 7, date(2026, 10, 31), True],
            [],
            [1e-7, 1e15, "", 3.0],
        ],
    )
    assert table(path) == [
        (2, {"a": "x", "b": "0.1", "c": "1234567.89", "d": "7", "e": "2026-10-31", "f": "yes"}),
        (4, {"a": "0.0000001", "b": "1000000000000000", "c": "", "d": "3", "e": "", "f": ""}),
    ]
    # What a formula left behind is no amount.
    assert tabular._cell("f", 1, 1, 0.1 + 0.2) == "0.30000000000000004"
    with pytest.raises(BadInput, match="too many decimals"):
        amount(tabular._cell("f", 1, 1, 0.1 + 0.2), "USD")


def written(path: Path, *cells: str) -> Path:
    """A sheet of a header and a row whose cells are given as XML."""
    sheet(path, [["a", "b", "c"], [7.0, 7.0, 7.0]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    row = "".join(cells).encode()
    whole = re.sub(rb'(<row r="2"[^>]*>).*(</row>)', lambda m: m[1] + row + m[2], parts[name])
    assert row in whole
    with zipfile.ZipFile(path, "w") as archive:
        for part, data in (parts | {name: whole}).items():
            archive.writestr(part, data)
    return path


FINE = '<c r="A2"><v>1</v></c>'


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ('<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "row 2, column B holds the error #DIV/0!"),
        ('<c r="AB2" t="e"><v>#N/A</v></c>', "row 2, column AB holds the error #N/A"),
        ('<c r="B2"><f>A1+1</f></c>', "row 2, column B holds a formula without its calculated value"),
        ("<c><f>A1+1</f><v></v></c>", "row 2, column B holds a formula without its calculated value"),
        ('<c r="B2" t="str"><f>A1</f></c>', "row 2, column B holds a formula without its calculated value"),
        ('<c r="B2"><v>9007199254740992</v></c>', "row 2, column B holds a number too large"),
        ('<c r="B2"><f>A2</f><v>-1E300</v></c>', "row 2, column B holds a number too large"),
    ],
)
def test_a_cell_without_an_exact_value_is_refused_by_row_and_column(
    tmp_path: Path, cell: str, reason: str
) -> None:
    path = written(tmp_path / "t.xlsx", FINE, cell)
    with pytest.raises(BadFile) as caught:
        table(path)
    assert reason in str(caught.value)


def test_calculated_formulas_count_as_what_they_show(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.xlsx", FINE, '<c r="B2"><f>A2+1</f><v>2</v></c><c r="C2" t="str"><f>""</f><v></v></c>'
    )
    assert table(path) == [(2, {"a": "1", "b": "2", "c": ""})]


def test_a_sheet_that_declares_entities_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "t.xlsx", FINE)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = parts[name].replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY e "1">]><worksheet', 1)
    with zipfile.ZipFile(path, "w") as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    with pytest.raises(BadFile, match="document type"):
        table(path)


def test_a_sheet_whose_bytes_are_damaged_or_encrypted_is_refused(tmp_path: Path) -> None:
    whole = sheet(tmp_path / "t.xlsx", [["a"], *([n] for n in range(500))]).read_bytes()
    with zipfile.ZipFile(tmp_path / "t.xlsx") as archive:
        entry = archive.getinfo("xl/worksheets/sheet1.xml")
    begin = entry.header_offset + 30 + len(entry.filename)
    packed, central = bytearray(whole), whole.rindex(b"PK\x01\x02", 0, whole.rindex(entry.filename.encode()))
    packed[begin : begin + 8] = b"\xff" * 8
    locked = bytearray(whole)
    locked[entry.header_offset + 6] |= 1
    locked[central + 8] |= 1
    for n, content in enumerate((packed, locked)):
        path = tmp_path / f"{n}.xlsx"
        path.write_bytes(content)
        with pytest.raises(BadFile, match="not an XLSX file"):
            table(path)


@pytest.mark.parametrize("content", [b"", b"name\nx\n", b"PK\x03\x04 not really"])
def test_what_is_no_xlsx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(content)
    with pytest.raises(BadFile, match="not an XLSX file"):
        table(path)


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_is_recognised_by_its_required_columns_alone_and_by_all(kind: str) -> None:
    columns = kinds.KINDS[kind]
    assert kinds.recognise("f", columns.required, None) == kind
    assert kinds.recognise("f", [*columns.required, *columns.optional], None) == kind


# -- problems --------------------------------------------------------------------------------------------------


def test_a_report_of_a_whole_file_is_short_and_of_a_partial_one_complete() -> None:
    for partial, kept in ((False, 20), (True, 50)):
        report = Report("f", partial)
        for n in range(50):
            report.add(f"row {n}", "bad \x1b")
        assert (report.count, len(report.problems)) == (50, kept)
        assert str(report.problems[3]) == "f, row 3: bad ^["
    report.settle()
    with pytest.raises(BadFile, match="50 errors"):
        Report("f", partial=False, problems=report.problems, count=50).settle()
