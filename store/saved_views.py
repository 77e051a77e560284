"""A user's saved views: a view, a filter and an order under a name. Private preferences: they are not audited."""

from __future__ import annotations

from dataclasses import dataclass

from store import directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, Disallowed, NothingMatched
from store.domain.filter import BadFilter, parse
from store.domain.status import ProjectView, View
from store.domain.text import one_line, safe, storable
from store.invoices import SortBy

NAME_MOST = 40
# Nobody reads a longer list; the table is not for hoarding.
VIEWS_MOST = 100
QUERY_MOST = 4000


@dataclass(frozen=True, slots=True)
class SavedView:
    """One saved view. ``fault`` is why its filter cannot be read any more, at offset ``position``; "" and None if it can.

    ``view`` and ``sort`` are None where this program does not know them.
    """

    name: str
    view: View | ProjectView | None
    query: str
    sort: SortBy | None
    descending: bool
    fault: str = ""
    position: int | None = None


class NameTaken(Disallowed):
    """The user has a view of that name."""

    title = "Saved views"


def views(db: Database, actor: Actor) -> list[SavedView]:
    """The user's views, by name. Raises NotPermitted for who is no user any more."""
    directory.refresh(db, actor)
    rows = db.execute(
        "SELECT name, view, query, sort, descending FROM saved_views WHERE user_id = ? ORDER BY lower(name), name",
        (actor.id,),
    ).fetchall()
    return [_view(*row) for row in rows]


def load(db: Database, actor: Actor, name: str) -> SavedView:
    """The user's view of that name. Raises NothingMatched where there is none."""
    for saved in views(db, actor):
        if saved.name == name:
            return saved
    raise NothingMatched(
        f"There is no saved view {safe(name)!r}", fix="{list.saved-views} shows those there are"
    )


def save(
    db: Database,
    actor: Actor,
    name: str,
    view: View | ProjectView,
    query: str,
    sort: SortBy,
    *,
    descending: bool,
    replace: bool = False,
) -> SavedView:
    """Keep a view under a name of at most NAME_MOST characters, blanks at its ends aside.

    Raises BadInput for a name or filter that cannot be kept, BadFilter for a filter that cannot be read, NameTaken
    where there is such a view and ``replace`` does not say to overwrite it.
    """
    name = _checked_name(name)
    if len(query) > QUERY_MOST:
        raise BadInput(f"The filter has more than {QUERY_MOST:,} characters", fix="Ask for less at once")
    parse(query)
    with db.transaction():
        taken = {saved.name for saved in views(db, actor)}
        if name in taken and not replace:
            raise NameTaken(f"There is a view {name!r} already", fix="Overwrite it, or take another name")
        if name not in taken and len(taken) >= VIEWS_MOST:
            raise BadInput(
                f"There are {VIEWS_MOST} saved views already", fix="Delete one first ({list.saved-views}, x)"
            )
        db.execute(
            "INSERT INTO saved_views (user_id, name, view, query, sort, descending) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (user_id, name) DO UPDATE SET view = excluded.view, query = excluded.query,"
            " sort = excluded.sort, descending = excluded.descending",
            (actor.id, name, view.value, query, sort.value, descending),
        )
    return load(db, actor, name)


def delete(db: Database, actor: Actor, name: str) -> None:
    """Forget the user's view. Raises NothingMatched where there is none."""
    with db.transaction():
        load(db, actor, name)
        db.execute("DELETE FROM saved_views WHERE user_id = ? AND name = ?", (actor.id, name))


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name:
        raise BadInput("A view needs a name", fix="Write one, for example month-end")
    if len(name) > NAME_MOST:
        raise BadInput(f"The name has {len(name)} characters", fix=f"Use at most {NAME_MOST}")
    if not storable(name) or one_line(name) != name:
        raise BadInput(
            "The name has a character that cannot be shown", fix="Use letters, digits and single blanks"
        )
    return name


def _view(name: str, view: str, query: str, sort: str, descending: object) -> SavedView:
    fault, position = "", None
    try:
        parse(query)
    except BadFilter as error:
        fault, position = str(error), error.position
    known = View(view) if view in set(View) else ProjectView(view) if view in set(ProjectView) else None
    order = SortBy(sort) if sort in set(SortBy) else None
    return SavedView(name, known, query, order, bool(descending), fault, position)
