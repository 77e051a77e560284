"""Places of commitments and flags of duplicates when several write names and numbers at once, and how few move."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from invoice_factory import make, version
from people import founded

from store import commitments, directory, duplicates, places
from store import db as database
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import Changed
from store.intake import example, kinds
from store.intake.load import import_file
from store.intake.templates import rows
from store.places import STEP


def table(folder: Path, kind: str, /, **values: str) -> Path:
    """A file of one row."""
    path = folder / f"{kind}-{len(list(folder.iterdir()))}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows(kind)[0]), restval="")
        writer.writeheader()
        writer.writerow(values)
    return path


def commitment(folder: Path, number: str, vendor: str) -> Path:
    return table(
        folder, kinds.COMMITMENTS, commitment_id=number, number=number, project="24-101", vendor=vendor,
        title="Drywall", kind="subcontract", currency="USD", line_item="1", scheduled_value="1000.00",
        cost_code="03-300", description="Concrete", item_type="contract_item",
    )  # fmt: skip


def renamed(folder: Path, vendor: str, name: str) -> Path:
    return table(folder, kinds.VENDORS, vendor_id=vendor, name=name, erp_ref=vendor)


@pytest.fixture
def desks(postgres_url: str) -> Iterator[tuple[Database, Database]]:
    first = database.create(postgres_url)
    founded(first)
    second = database.open(postgres_url)
    make(first, "101-001", commitment="SC-101", vendor="Apex", vendor_ref="APEX")
    make(first, "201-001", commitment="SC-201", vendor="Zeta", vendor_ref="ZETA")
    first.execute("INSERT INTO vendors (source_id, name) VALUES ('BELL', 'Bell'), ('COLE', 'Cole')")
    yield first, second
    second.close()
    first.close()


def at_once(
    desks: tuple[Database, Database], after: tuple[object, str], first: Callable[[Database], object],
    second: Callable[[Database], object],
) -> list[Exception]:  # fmt: skip
    """Run ``first`` up to where it has called ``after``, then ``second`` until it ends or waits; then the rest. Returns what failed."""
    mine, other = desks
    reached, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    plain = getattr(*after)
    failed: list[Exception] = []

    def paused(db: Database, *args: object) -> object:
        found = plain(db, *args)
        if db is mine:
            reached.set()
            assert go_on.wait(20)
        return found

    def run(db: Database, act: Callable[[Database], object]) -> None:
        try:
            act(db)
        except Exception as error:  # noqa: BLE001 - told in the thread of the test
            failed.append(error)
        finally:
            reached.set()
            if db is other:
                ended.set()
            db.pw.close()

    with patch.object(*after, paused):
        threads = [threading.Thread(target=run, args=args) for args in ((mine, first), (other, second))]
        threads[0].start()
        assert reached.wait(20)
        threads[1].start()
        while not ended.wait(0.01) and not waiting(mine):
            pass
        go_on.set()
        for thread in threads:
            thread.join(20)
    return failed


def waiting(db: Database) -> bool:
    """Whether anybody waits for a lock."""
    return bool(db.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0])


def settled(db: Database) -> list[str]:
    """The vendors in the order of their places, which are right."""
    rows = db.execute(
        "SELECT v.name, c.place FROM commitments c JOIN vendors v ON v.id = c.vendor_id"
    ).fetchall()
    taken = [place for _, place in rows]
    assert len(set(taken)) == len(taken)
    assert min(taken) > 0
    assert places.astray(db) == 0
    return [name for name, _ in sorted(rows, key=lambda row: int(row[1]))]


def place(db: Database, number: str) -> int:
    return int(db.execute("SELECT place FROM commitments WHERE number = ?", (number,)).fetchone()[0])


def test_two_imports_at_once_give_no_place_twice(desks: tuple[Database, Database], tmp_path: Path) -> None:
    admin = directory.actor(desks[0], "admin")
    bell, cole = commitment(tmp_path, "SC-102", "BELL"), commitment(tmp_path, "SC-202", "COLE")
    assert not at_once(
        desks,
        (places, "refresh"),
        lambda db: import_file(db, admin, bell),
        lambda db: import_file(db, admin, cole),
    )
    assert settled(desks[0]) == ["Apex", "Bell", "Cole", "Zeta"]


def test_an_invoice_that_comes_in_beside_a_renaming_has_the_new_place(
    desks: tuple[Database, Database], tmp_path: Path
) -> None:
    admin = directory.actor(desks[0], "admin")
    # Two stand between its old place and its new one: it is the commitment that moves, and not they.
    for number, vendor in (("SC-102", "BELL"), ("SC-202", "COLE")):
        import_file(desks[0], admin, commitment(tmp_path, number, vendor))
    before = place(desks[0], "SC-102")
    files = renamed(tmp_path, "BELL", "Zulu"), invoice(tmp_path, "SC-102", "1")
    assert not at_once(
        desks,
        (places, "refresh"),
        lambda db: import_file(db, admin, files[0]),
        lambda db: import_file(db, admin, files[1]),
    )
    assert settled(desks[0]) == ["Apex", "Cole", "Zeta", "Zulu"]
    assert place(desks[0], "SC-102") != before
    assert desks[0].execute("SELECT count(*) FROM invoices").fetchone()[0] == 3


def invoice(folder: Path, number: str, application: str) -> Path:
    return table(
        folder, kinds.INVOICES, project="24-101", commitment=number, application=application,
        invoice_number=f"{number}-{application}", status="approved", period_start="2026-10-01",
        period_end="2026-10-31", billing_date="2026-10-31", final="no", tax="0.00", gross="100.00",
        retainage="0.00", net="100.00", line_item="1", item_type="contract_item", cost_code="03-300",
        description="Concrete", scheduled_value="1000.00", work_previous="0.00", work_this_period="100.00",
        stored_previous="0.00", stored_now="0.00", materials_moved="0.00", total_previous="0.00",
        retainage_previous="0.00", retainage_held="0.00", retainage_released="0.00", total_completed="100.00",
        bill_line="100.00",
    )  # fmt: skip


def numbered(number: int, to: str) -> Callable[[Database], object]:
    return lambda db: commitments.edit(
        db, directory.actor(db, "mgarcia"), number, version(db, number), number=to
    )


def test_of_two_edits_of_one_invoice_the_first_stands(desks: tuple[Database, Database]) -> None:
    own = make(desks[0], "B-1", commitment="SC-301", erp_status="not_sent")
    [refused] = at_once(desks, (duplicates, "refresh"), numbered(own, "FIRST"), numbered(own, "SECOND"))
    assert isinstance(refused, Changed)
    assert desks[0].execute("SELECT number FROM invoices WHERE id = ?", (own,)).fetchone()[0] == "FIRST"


def test_two_edits_to_one_number_flag_both(desks: tuple[Database, Database]) -> None:
    first = make(desks[0], "B-1", commitment="SC-301", erp_status="not_sent", period_end="2026-08-31")
    other = make(desks[0], "B-2", commitment="SC-302", erp_status="not_sent", period_end="2026-09-30")

    assert not at_once(desks, (duplicates, "refresh"), numbered(first, "SAME-1"), numbered(other, "same-1"))
    found = desks[0].execute("SELECT number FROM invoices WHERE duplicate").fetchall()
    assert {row[0] for row in found} == {"SAME-1", "same-1"}


def test_after_every_kind_of_import_places_are_right(db: Database, admin: Actor, tmp_path: Path) -> None:
    example.write(tmp_path / "example")
    for name in example.FILES:
        import_file(db, admin, tmp_path / "example" / name)
        if db.execute("SELECT count(*) FROM commitments").fetchone()[0]:
            settled(db)
    names = db.execute("SELECT source_id, name FROM vendors ORDER BY name").fetchall()
    # The first takes the last one's place and the other way round.
    for (source, _), (_, name) in zip((names[0], names[-1]), (names[-1], names[0]), strict=True):
        import_file(db, admin, renamed(tmp_path, source, name))
    assert settled(db) == sorted(settled(db))


def test_hundreds_that_come_in_at_one_spot_move_few() -> None:
    found = [STEP * n for n in range(1, 10_001)]
    moved = 0
    for _ in range(200):
        given = [*found[:1], 0, *found[1:]]
        found = places.spread(given)
        assert found == sorted(set(found))
        moved += sum(was != now for was, now in zip(given, found, strict=True))
    assert moved < 2000
