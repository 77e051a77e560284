"""One application after another, with gaps between them: no work is billed twice, in whatever order they come."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadFile
from store.intake import example
from store.intake.load import Result, import_file

COLUMNS = (
    "project,commitment,application,invoice_number,status,period_start,period_end,line_item,cost_code,"
    "scheduled_value,work_previous,work_this_period,total_previous,retainage_previous,retainage_held"
)
WALL, STEPS = "5170801", "5170802"


class App(NamedTuple):
    """An application of SC-201-05 that says what came before it."""

    number: int
    before: int
    now: int
    steps: int | None = 0
    commitment: str = "26-201,SC-201-05"
    items: tuple[str, str] = (WALL, STEPS)
    values: tuple[str, str] = ("54000.00", "19600.00")

    def rows(self) -> list[list[str]]:
        head = [*self.commitment.split(","), str(self.number), f"N-{self.number}", "approved"]
        period = ["2026-10-01", "2026-10-31"]
        found = []
        for item, value, before, now in zip(
            self.items, self.values, (self.before, self.steps), (self.now, 0), strict=True
        ):
            if before is not None:
                amounts = [str(before), str(now), str(before), "0", "0"]
                found.append([*head, *period, item, "03-300", value, *amounts])
        return found


@pytest.fixture
def folder(db: Database, admin: Actor, tmp_path: Path) -> Path:
    """The example's masters."""
    for path in example.write(tmp_path / "example")[:5]:
        import_file(db, admin, path)
    return tmp_path


def take(db: Database, who: Actor, folder: Path, *apps: App, partial: bool = False) -> Result:
    path = folder / "apps.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS.split(","), *(row for app in apps for row in app.rows())])
    return import_file(db, who, path, partial=partial)


def refused(db: Database, who: Actor, folder: Path, *apps: App) -> str:
    before = db.execute("SELECT count(*), sum(gross) FROM invoices").fetchone()
    with pytest.raises(BadFile) as caught:
        take(db, who, folder, *apps)
    assert db.execute("SELECT count(*), sum(gross) FROM invoices").fetchone() == before
    return str(caught.value)


def test_the_same_work_does_not_come_in_again_behind_a_gap(db: Database, admin: Actor, folder: Path) -> None:
    take(db, admin, folder, App(1, 0, 16_200))
    says = "column total_previous: it says {}, but application 1, invoice N-1 here, ends at 16,200.00"
    for before, shown in ((0, "0.00"), (16_199, "16,199.00")):
        text = refused(db, admin, folder, App(3, before, 16_200))
        assert f"row 2, {says.format(shown)}: import application 2 first" in text


@pytest.mark.parametrize("before", [16_200, 20_000])
def test_what_was_billed_elsewhere_in_a_gap_is_believed(
    db: Database, admin: Actor, folder: Path, before: int
) -> None:
    take(db, admin, folder, App(1, 0, 16_200))
    assert take(db, admin, folder, App(3, before, 5_000)).created == 1
    assert take(db, admin, folder, App(3, before, 5_000)).unchanged == 1
    # The missing one then has to fit exactly in between.
    text = refused(db, admin, folder, App(2, 16_200, before - 16_200 + 1))
    assert "application 3, invoice N-3 here, starts elsewhere" in text
    assert take(db, admin, folder, App(2, 16_200, before - 16_200)).created == 1


def test_a_gap_within_the_file_counts_alike_in_any_order(db: Database, admin: Actor, folder: Path) -> None:
    first, third = App(1, 0, 16_200), App(3, 0, 16_200)
    for apps, row in (((first, third), 2), ((third, first), 4)):
        text = refused(db, admin, folder, *apps)
        assert (
            f"but application 1, row {row} of the file, ends at 16,200.00: import application 2 first" in text
        )
        result = take(db, admin, folder, *apps, partial=True)
        assert len(result.problems) == 1
        assert (result.created, result.unchanged) in {(1, 0), (0, 1)}


def test_an_earlier_application_does_not_come_in_below_a_later_one(
    db: Database, admin: Actor, folder: Path
) -> None:
    take(db, admin, folder, App(3, 0, 16_200))
    text = refused(db, admin, folder, App(1, 0, 16_200))
    assert "application 3, invoice N-3 here, starts elsewhere" in text
    assert f"line item {WALL} ends at 16,200.00 completed and starts at 0.00" in text
    # Correcting both in one file is the way.
    both = (App(1, 0, 16_200), App(3, 16_200, 10_000))
    assert take(db, admin, folder, *both).updated == 1


def test_a_line_does_not_vanish_in_a_gap(db: Database, admin: Actor, folder: Path) -> None:
    take(db, admin, folder, App(1, 0, 16_200), App(2, 16_200, 0))
    text = refused(db, admin, folder, App(4, 16_200, 1_000)._replace(items=(STEPS, "x"), steps=None))
    assert f"line item {WALL} is missing, but application 2, invoice N-2 here, ends at 16,200.00" in text


def test_an_opening_balance_is_the_last_that_is_known(db: Database, admin: Actor, folder: Path) -> None:
    app = App(
        7, 0, 5_000, 80_000, "26-202,SC-202-02", ("5170502", "5170501"), ("65000.00", "80000.00")
    )  # The opening balance stands for application 5.
    text = refused(db, admin, folder, app)
    assert "it says 0.00, but the opening balance ends at 52,000.00: import application 6 first" in text
    assert take(db, admin, folder, app._replace(before=53_000)).created == 1


def test_a_correction_is_held_against_what_the_file_built_on_the_old_one(
    db: Database, admin: Actor, folder: Path
) -> None:
    take(db, admin, folder, App(1, 0, 10_000), App(2, 10_000, 5_000))
    later = (App(3, 15_000, 1_000), App(4, 16_000, 1_000))
    text = refused(db, admin, folder, *later, App(2, 10_000, 6_000))
    assert "application 3, row 2 of the file, starts elsewhere" in text
    assert take(db, admin, folder, *later).created == 2


def test_an_application_that_came_before_its_turn_is_held_too(
    db: Database, admin: Actor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.intake.invoices._WAITING", 0)
    text = refused(db, admin, folder, App(3, 0, 16_200), App(4, 16_200, 0), App(1, 0, 16_200))
    assert "application 3, row 2 of the file, starts elsewhere" in text
