"""The audit trail is verified whole, read, and written out; what was tampered with is found and located."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from cli_case import Told

from store import audit, trail, verifying
from store.audit import Change
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, NothingMatched
from store.trail import Wanted
from store.verifying import Head

pytest_plugins = ["cli_case"]


def decide(db: Database, approver: Actor, number: int, rows: int = 3) -> int:
    """One event with rows of its own."""
    changes = [Change("invoice", 100 * number + n, {"net": n}, {"net": n + 1}, "a rule") for n in range(rows)]
    with db.transaction():
        return audit.record(db, approver, "accept", {"batch": number}, changes)


@pytest.fixture
def five(db: Database, approver: Actor) -> int:
    """The first of five events, the newest of the trail."""
    first, *_ = [decide(db, approver, number) for number in range(5)]
    return first


def causes(db: Database, kept: Head | None = None) -> dict[int, str]:
    return {fault.event: fault.cause for fault in verifying.verify(db, kept).faults}


def test_what_was_written_is_found_as_it_was(db: Database, five: int) -> None:
    found = verifying.verify(db)
    assert found.fault_count == 0
    assert found.events == found.head.event == five + 4
    assert found.rows >= 15
    assert found.head == verifying.head(db)


def test_an_empty_trail_is_whole(db: Database) -> None:
    assert verifying.verify(db).fault_count == 0


@pytest.mark.parametrize(
    "column", ["actor", "origin", "action", "detail", "at", "row_count", "rows_digest", "prev_hash", "hash"]
)
def test_a_changed_event_is_located(db: Database, five: int, column: str) -> None:
    changed = f"{column} + 1" if column in {"at", "row_count"} else f"'~' || substr({column}, 2)"
    db.execute(f"UPDATE audit_events SET {column} = {changed} WHERE id = ?", (five + 2,))
    assert five + 2 in causes(db)
    assert set(causes(db)) <= {five + 2, five + 3}


@pytest.mark.parametrize("column", ["subject", "before", "after", "rule"])
def test_a_changed_byte_of_a_row_is_located(db: Database, five: int, column: str) -> None:
    db.execute(
        f"UPDATE audit_rows SET {column} = '~' || substr({column}, 2) WHERE event_id = ? AND position = 2",
        (five + 1,),
    )
    assert causes(db) == {five + 1: "one of its rows was changed, or two changed places"}


def test_a_removed_row_is_located_by_its_place(db: Database, five: int) -> None:
    db.execute("DELETE FROM audit_rows WHERE event_id = ? AND position = 2", (five + 3,))
    assert causes(db) == {five + 3: "it has 2 rows and was written with 3: row 2 is missing"}


def test_a_row_more_is_found(db: Database, five: int) -> None:
    db.execute(
        "INSERT INTO audit_rows (event_id, position, subject, subject_id, before, after, rule)"
        " SELECT event_id, 4, subject, subject_id, before, after, rule FROM audit_rows WHERE event_id = ? AND position = 1",
        (five,),
    )
    assert causes(db) == {five: "it has 4 rows and was written with 3"}


def test_two_rows_that_changed_places_are_found(db: Database, five: int) -> None:
    for old, new in ((1, 9), (2, 1), (9, 2)):
        db.execute("UPDATE audit_rows SET position = ? WHERE event_id = ? AND position = ?", (new, five, old))
    assert causes(db) == {five: "one of its rows was changed, or two changed places"}


def test_a_removed_event_is_named(db: Database, five: int) -> None:
    db.execute("DELETE FROM audit_rows WHERE event_id = ?", (five + 2,))
    db.execute("DELETE FROM audit_events WHERE id = ?", (five + 2,))
    assert causes(db) == {five + 2: f"event {five + 2} is missing"}


def test_two_events_that_changed_places_are_found(db: Database, five: int) -> None:
    def told(number: int) -> tuple[object, ...]:
        columns = "at, actor_id, actor, origin, action, detail, row_count, rows_digest, prev_hash, hash"
        return tuple(db.execute(f"SELECT {columns} FROM audit_events WHERE id = ?", (number,)).fetchone())

    one, other = told(five + 1), told(five + 2)
    for number, values in ((five + 1, other), (five + 2, one)):
        db.execute(
            "UPDATE audit_events SET at = ?, actor_id = ?, actor = ?, origin = ?, action = ?, detail = ?, row_count = ?,"
            " rows_digest = ?, prev_hash = ?, hash = ? WHERE id = ?",
            (*values, number),
        )
    assert {five + 1, five + 2} <= set(causes(db))


def cut(db: Database, last: int) -> None:
    """Cut everything behind that event off, the head included, as who knows how it works would."""
    db.execute("DELETE FROM audit_rows WHERE event_id > ?", (last,))
    db.execute("DELETE FROM audit_events WHERE id > ?", (last,))
    db.execute(
        "UPDATE audit_head SET event_id = ?, hash = (SELECT hash FROM audit_events WHERE id = ?)",
        (last, last),
    )


def test_a_tail_that_was_cut_off_shows_against_the_printed_head(db: Database, five: int) -> None:
    printed = verifying.parse_head(verifying.head(db).text)
    cut(db, five + 2)
    assert causes(db) == {}
    assert causes(db, printed) == {
        five + 4: f"event {five + 4}, the head that was printed, is not there any more"
    }


def test_a_tail_that_was_written_anew_shows_against_the_printed_head(
    db: Database, approver: Actor, five: int
) -> None:
    printed = verifying.head(db)
    cut(db, five + 2)
    for number in (7, 8, 9):
        decide(db, approver, number)
    assert causes(db) == {}
    assert causes(db, printed) == {
        printed.event: f"event {printed.event}, the head that was printed, has another hash now"
    }


def test_a_head_that_was_moved_alone_is_found(db: Database, five: int) -> None:
    db.execute("UPDATE audit_head SET hash = ?", ("0" * 64,))
    assert causes(db) == {0: f"the head has another hash than event {five + 4}"}
    db.execute("UPDATE audit_head SET event_id = event_id + 1")
    assert causes(db) == {0: f"the head is event {five + 5}, and the last event is {five + 4}"}


def test_an_event_before_the_first_is_found_and_is_shown_as_nothing_more(db: Database, five: int) -> None:
    db.execute(
        "INSERT INTO audit_events (id, at, actor_id, actor, origin, action, detail, row_count, rows_digest, prev_hash,"
        " hash) SELECT -5, at, actor_id, 'boss', origin, action, detail, 0, rows_digest, prev_hash, hash"
        " FROM audit_events WHERE id = ?",
        (five,),
    )
    assert [event.id for event in trail.newest(db, Wanted(actor="boss"), 9)] == [-5]
    assert causes(db) == {-5: "it was put there: the first event is 1"}


@pytest.mark.parametrize("where", [-1, 1])
def test_rows_of_no_event_are_found(sqlite_db: Database, where: int) -> None:
    number = verifying.head(sqlite_db).event + 1 if where == 1 else where
    sqlite_db.execute("PRAGMA foreign_keys = OFF")
    sqlite_db.execute(
        "INSERT INTO audit_rows (event_id, position, subject, subject_id, before, after, rule)"
        " VALUES (?, 1, 'invoice', 7, '{}', '{}', 'a rule')",
        (number,),
    )
    assert causes(sqlite_db) == {number: "it has rows and is not there"}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (
            "audit_rows SET after = CAST(x'7bff7d' AS TEXT)",
            "one of its rows was changed, or two changed places",
        ),
        ("audit_events SET detail = CAST(x'7bff7d' AS TEXT)", "its hash is not that of what it says"),
        ("audit_events SET row_count = 'many'", "it has 3 rows and was written with 'many'"),
    ],
)
def test_what_no_text_and_no_number_is_is_located_too(
    sqlite_db: Database, approver: Actor, change: str, cause: str
) -> None:
    number = decide(sqlite_db, approver, 1)
    column = "event_id" if "audit_rows" in change else "id"
    sqlite_db.execute(f"UPDATE {change} WHERE {column} = ?", (number,))
    assert causes(sqlite_db) == {number: cause}
    assert sqlite_db.execute("SELECT 'x'").fetchone() == ("x",)


def test_a_head_that_was_removed_is_found(db: Database, five: int) -> None:
    db.execute("DELETE FROM audit_head")
    assert causes(db) == {0: f"the head is event 0, and the last event is {five + 4}"}


def test_what_is_no_json_any_more_is_read_as_it_is(db: Database, five: int) -> None:
    db.execute("UPDATE audit_rows SET after = 'gone' WHERE event_id = ? AND position = 1", (five,))
    db.execute("UPDATE audit_events SET detail = 'gone' WHERE id = ?", (five,))
    assert trail.event(db, five).detail == next(trail.rows(db, five)).after == {"unreadable": "gone"}


@pytest.mark.parametrize(
    "text", ["", "12", "12:", "12:xyz", f"a:{'0' * 64}", f"1:{'0' * 63}", f"-1:{'0' * 64}"]
)
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a head"):
        verifying.parse_head(text)


def test_others_write_while_it_is_verified_and_it_sees_one_moment(
    db: Database, approver: Actor, five: int
) -> None:
    assert five
    left = threading.Event()
    wrong: list[BaseException] = []

    def write() -> None:
        try:
            while not left.is_set():
                decide(db, approver, 50)
        except BaseException as error:  # noqa: BLE001 - told below
            wrong.append(error)
        finally:
            db.pw.close()

    other = threading.Thread(target=write)
    other.start()
    try:
        seen = [verifying.verify(db)]
        while seen[-1].events < seen[0].events + 30 and other.is_alive():
            seen.append(verifying.verify(db))
    finally:
        left.set()
        other.join()
    assert not wrong
    assert [found for found in seen if found.faults] == []
    assert all(found.events == found.head.event for found in seen)
    assert len({found.events for found in seen}) > 2


# -- reading ---------------------------------------------------------------------------------------------------


def test_events_are_read_by_who_what_whose_and_when(db: Database, approver: Actor, five: int) -> None:
    assert [e.id for e in trail.newest(db, Wanted(action="accept"), 2)] == [five + 4, five + 3]
    assert [e.id for e in trail.newest(db, Wanted(invoice=301), 9)] == [five + 3]
    assert {e.actor for e in trail.newest(db, Wanted(actor=approver.login), 9)} == {approver.login}
    at = trail.event(db, five).at
    assert trail.newest(db, Wanted(until=at), 99) == [e for e in trail.newest(db, Wanted(), 99) if e.at < at]
    assert {e.id for e in trail.newest(db, Wanted(since=at), 99)} >= set(range(five, five + 5))
    assert [(r.subject_id, r.before, r.after, r.rule) for r in trail.rows(db, five + 1)][1] == (
        101,
        {"net": 1},
        {"net": 2},
        "a rule",
    )
    with pytest.raises(NothingMatched, match="no event 999"):
        trail.event(db, 999)


def test_what_is_written_out_is_the_whole_trail(db: Database, five: int) -> None:
    out = BytesIO()
    count, head = trail.write(db, out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    events = [line["event"] for line in lines if "event" in line]
    assert len(events) == count == five + 4
    assert lines[-1] == {"head": {"event": head.event, "hash": events[-1]["hash"]}}
    assert sum("row" in line for line in lines) == sum(event["row_count"] for event in events)
    # An auditor proves it with nothing but SHA-256.
    for event in events:
        own = tuple(event[name] for name in list(event)[:-1])
        assert audit.hash_of(own) == event["hash"]


# -- the command -----------------------------------------------------------------------------------------------


@pytest.fixture
def as_(told: Told) -> Callable[..., tuple[int, str, str]]:
    return lambda *words: told("--as", "jlopez", *words)


def test_the_command_verifies_and_prints_the_head(company: Database, as_: Told) -> None:
    code, out, _ = as_("audit", "verify")
    head = verifying.head(company)
    assert code == 0
    assert f"Head {head.text}" in out
    assert "as they were written" in out
    assert as_("audit", "verify", "--head", head.text)[0] == 0
    code, _, err = as_("audit", "verify", "--head", f"{head.event}:{'0' * 64}")
    assert code == 1
    assert f"event {head.event}: event {head.event}, the head that was printed, has another hash now." in err


def test_the_command_names_what_was_changed(company: Database, as_: Told) -> None:
    company.execute("UPDATE audit_events SET actor = 'nobody' WHERE id = 1")
    code, out, err = as_("audit", "verify", "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["faults"] == [{"event": 1, "cause": "its hash is not that of what it says"}]


def test_the_command_shows_an_event_with_its_rows(company: Database, as_: Told) -> None:
    newest = verifying.head(company).event
    code, out, _ = as_("audit", "show", newest, "--json")
    assert code == 0
    [event] = json.loads(out)
    assert event["id"] == newest
    assert event["rows"]
    assert as_("audit", "show", 99999)[0] == 4
    _, out, _ = as_("audit", "show", "--by", "nobody")
    assert out == "0 events match.\n"
    _, out, _ = as_("audit", "show", newest)
    assert "->" in out


def test_the_command_writes_the_trail_and_not_over_a_file(place: Path, as_: Told) -> None:
    file = place / "trail.jsonl"
    code, out, _ = as_("audit", "export", file)
    assert code == 0
    assert "is written" in out
    kept = file.read_bytes()
    code, _, err = as_("audit", "export", file)
    assert code == 2
    assert "--replace" in err
    assert as_("audit", "export", file, "--replace")[0] == 0
    assert file.read_bytes() == kept
    assert [path.name for path in place.iterdir() if path.name.startswith(".trail")] == []
