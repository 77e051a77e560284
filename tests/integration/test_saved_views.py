"""Saved views on both databases: private, named once, and still there when their filter cannot be read any more."""

from __future__ import annotations

import pytest

from store import directory, saved_views
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, NothingMatched
from store.domain.filter import BadFilter
from store.domain.status import ProjectView, View
from store.invoices import SortBy
from store.saved_views import NAME_MOST, VIEWS_MOST, NameTaken, SavedView


def keep(db: Database, me: Actor, name: str, query: str = "net>10k", *, replace: bool = False) -> SavedView:
    return saved_views.save(db, me, name, View.READY, query, SortBy.NET, descending=True, replace=replace)


def test_a_view_comes_back_as_it_was_saved_and_is_its_users_alone(db: Database) -> None:
    me, other = directory.actor(db, "jlopez"), directory.actor(db, "admin")
    kept = keep(db, me, " month-end ", 'job:24-101 vendor:"a \\"b\\""')
    assert kept == SavedView(
        "month-end", View.READY, 'job:24-101 vendor:"a \\"b\\""', SortBy.NET, descending=True
    )
    saved_views.save(db, me, "Back", ProjectView.ALL, "", SortBy.VENDOR, descending=False)
    assert [(v.name, v.view) for v in saved_views.views(db, me)] == [
        ("Back", ProjectView.ALL), ("month-end", View.READY),
    ]  # fmt: skip
    assert saved_views.load(db, me, "month-end") == kept
    assert saved_views.views(db, other) == []
    with pytest.raises(NothingMatched, match="no saved view 'month-end'"):
        saved_views.load(db, other, "month-end")
    with pytest.raises(NothingMatched):
        saved_views.delete(db, other, "month-end")
    saved_views.delete(db, me, "month-end")
    assert [v.name for v in saved_views.views(db, me)] == ["Back"]


def test_a_name_is_overwritten_only_when_that_is_said(db: Database) -> None:
    me = directory.actor(db, "jlopez")
    keep(db, me, "big", "net>10k")
    with pytest.raises(NameTaken, match="There is a view 'big' already"):
        keep(db, me, "big", "net>20k")
    assert saved_views.load(db, me, "big").query == "net>10k"
    assert keep(db, me, "big", "net>20k", replace=True).query == "net>20k"
    assert len(saved_views.views(db, me)) == 1
    keep(db, directory.actor(db, "admin"), "big", "net>30k")
    assert saved_views.load(db, me, "big").query == "net>20k"


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * (NAME_MOST + 1), "a\x1bb", "a\x00", "\ud800", "a\nb", "a\u202eb", "a  b"]
)
def test_a_name_that_cannot_be_kept_is_refused(db: Database, name: str) -> None:
    me = directory.actor(db, "jlopez")
    with pytest.raises(BadInput):
        keep(db, me, name)
    assert saved_views.views(db, me) == []


def test_a_filter_that_cannot_be_read_is_not_saved(db: Database) -> None:
    me = directory.actor(db, "jlopez")
    for query in ("a colour:red", "x" * 5000):
        with pytest.raises(BadInput):
            keep(db, me, "bad", query)
    with pytest.raises(BadFilter) as caught:
        keep(db, me, "bad", "a colour:red")
    assert caught.value.position == 2
    assert saved_views.views(db, me) == []


def test_what_another_version_saved_is_shown_with_what_is_wrong(db: Database) -> None:
    me = directory.actor(db, "jlopez")
    keep(db, me, "old")
    db.execute("UPDATE saved_views SET query = 'a colour:red', view = 'gone', sort = 'gone'")
    (found,) = saved_views.views(db, me)
    assert (found.view, found.sort, found.query, found.position) == (None, None, "a colour:red", 2)
    assert "There is no filter 'colour'" in found.fault


def test_there_is_an_end_to_saving(db: Database) -> None:
    me = directory.actor(db, "jlopez")
    for n in range(VIEWS_MOST):
        keep(db, me, f"v{n}")
    with pytest.raises(BadInput, match="already"):
        keep(db, me, "one more")
    assert keep(db, me, "v1", "net>1", replace=True).query == "net>1"
