"""The table of permissions, every cell of it against the store: who may, where the invoice stands, whose it is, how much."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from invoice_factory import make
from permission_case import ALSO, RUNS, STATUS, Deed, Run

from store import directory
from store.db import Database
from store.domain.actor import Actor, Level, UserValues
from store.domain.errors import NotPermitted, PayappError
from store.domain.permissions import ACTIONS, Action, Need, table

STORE = Path(__file__).parents[2] / "store"
PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
LEVELS = tuple(Level)
FREE, LOCKED = 1, 2


@dataclass(frozen=True, slots=True)
class Cell:
    """A user with these rights, and the invoice: locked or not, his own or another's, within or over his limit."""

    user: UserValues
    locked: bool = False
    own: bool = False
    over: bool = False

    def expected(self, action: Action) -> bool:
        """What the table says."""
        if not action.need.met(self.user):
            return False
        if not action.invoice:
            return True
        stands = action.locked if self.locked else action.free
        return stands and (action.own or not self.own) and (action.over or not self.over)


def people() -> list[UserValues]:
    """A user for each set of levels, with and without the privilege, and one who had all rights and is removed."""
    found = [
        UserValues(f"{erp}-{com}-{own}-{push}", "A Person", "", erp, com, own, can_push=push)
        for erp, com, own, push in itertools.product(LEVELS, LEVELS, LEVELS, (False, True))
    ]
    return [*found, replace(found[-1], login="removed", active=False)]


PEOPLE = people()


def cells(action: Action) -> Iterator[Cell]:
    """Every level of every tool, with and without the privilege; where it is about an invoice, each in every place."""
    places = itertools.product((False, True), repeat=3) if action.invoice else [(False, False, False)]
    for user, place in itertools.product(PEOPLE, places):
        yield Cell(user, *place)


class RolledBack(Exception):
    """Nothing of a cell stays."""


@pytest.fixture
def stage(sqlite_db: Database) -> Database:
    """Two invoices, one in Commitments and one in ERP Integrations, and all the people; no demo."""
    return staged(sqlite_db)


def staged(db: Database) -> Database:
    db.execute("UPDATE company SET demo = ?", (False,))
    make(db, "101-001", erp_status="not_sent", creator="x@y.example")
    make(db, "102-001", commitment="SC-102", creator="x@y.example")
    values = [
        (
            u.login,
            u.name,
            u.erp_level.value,
            u.commitments_level.value,
            u.directory_level.value,
            u.can_push,
            u.active,
        )
        for u in PEOPLE
    ]
    db.executemany(
        "INSERT INTO users (login, name, erp_level, commitments_level, directory_level, can_push, active)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    return db


def arrange(db: Database, action: Action) -> None:
    """Bring the invoices where the action is possible."""
    run = RUNS[action.name]
    if run.arrange is not None:
        run.arrange(db, LOCKED)
    if action.name in STATUS:
        db.execute("UPDATE invoices SET status = ?", (STATUS[action.name],))


def outcome(
    db: Database, action: Action, cell: Cell, folder: Path, *, arranging: bool, run: Run | None = None
) -> str:
    """What the store says to the cell: ``""`` where it is done, else the refusal's class. Nothing of it stays.

    The user comes with all the rights that he had when he opened his desk: the store must look what is left of them.
    """
    login = cell.user.login
    number = db.execute("SELECT id FROM users WHERE login = ?", (login,)).fetchone()[0]
    rights = (Level.ADMIN, Level.ADMIN, Level.ADMIN)
    was = Actor(number, login, "A Person", "", *rights, can_push=True, limit_invoice=None)
    invoice, said = LOCKED if cell.locked else FREE, ""
    try:
        with db.transaction():
            if arranging:
                arrange(db, action)
            if cell.own:
                db.execute("UPDATE invoices SET creator_login = ? WHERE id = ?", (login, invoice))
            if cell.over:
                db.execute("UPDATE users SET limit_invoice = 1 WHERE id = ?", (number,))
            try:
                (run or RUNS[action.name]).call(Deed(db, was, invoice, folder))
            except PayappError as error:
                said = type(error).__name__
            raise RolledBack
    except RolledBack:
        return said


def wrong(
    db: Database, action: Action, some: Iterable[Cell], folder: Path, *, arranging: bool = False
) -> list[str]:
    """Those of the cells that are not as the table says."""
    found = []
    for cell in some:
        said = outcome(db, action, cell, folder, arranging=arranging)
        if not action.need.met(cell.user):
            right = said == NotPermitted.__name__
        elif not action.invoice:
            # Whoever may is heard; whether there is anything to do is another matter.
            right = said != NotPermitted.__name__
        else:
            right = (not said) == cell.expected(action)
        if not right:
            found.append(f"{cell}: {said or 'done'}")
    return found


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_cell_is_as_the_table_says(stage: Database, tmp_path: Path, action: Action) -> None:
    arrange(stage, action)
    every = list(cells(action))
    assert len(every) == len(PEOPLE) * (8 if action.invoice else 1)
    assert wrong(stage, action, every, tmp_path) == []


def test_every_29th_cell_is_so_on_either_database(db: Database, tmp_path: Path) -> None:
    staged(db)
    for action in ACTIONS:
        some = [*itertools.islice(cells(action), 3, None, 29)]
        assert wrong(db, action, some, tmp_path, arranging=True) == [], action.name


def test_every_other_function_of_an_action_takes_the_same_rights(stage: Database, tmp_path: Path) -> None:
    RUNS["keys"].call(Deed(stage, directory.actor(stage, "admin"), LOCKED, tmp_path))
    beside = [(action, name) for action in ACTIONS for name in RUNS[action.name].functions[1:]]
    assert {name for _, name in beside} == {*ALSO}
    # Every fifth: of each level of each tool some with the privilege and some without; and who was removed.
    some = [*PEOPLE[::5], PEOPLE[-1]]
    for action, name in beside:
        run = replace(RUNS[action.name], call=ALSO[name], arrange=None)
        refused = set()
        for user in some:
            said = outcome(stage, action, Cell(user, locked=True), tmp_path, arranging=False, run=run)
            if said == NotPermitted.__name__:
                refused.add(user.login)
        assert refused == {user.login for user in some if not action.need.met(user)}, name


@pytest.mark.parametrize("mark", ["free", "locked", "own", "over", "need"])
def test_a_table_that_says_otherwise_is_found_out(stage: Database, tmp_path: Path, mark: str) -> None:
    export = next(action for action in ACTIONS if action.name == "export")
    other = Need.SENDER if mark == "need" else not getattr(export, mark)
    changed: dict[str, Any] = {mark: other}
    his = [cell for cell in cells(export) if cell.user.login == "standard-none-none-True"]
    assert wrong(stage, export, his, tmp_path) == []
    assert wrong(stage, replace(export, **changed), his, tmp_path)


# -- whether the table is whole --------------------------------------------------------------------------------

# They decide nothing by themselves: the demo's maker acts as others, and a session ends whatever its user may.
PARTS = {"demo.seed", "ssh_keys.left"}


def deciding() -> set[str]:
    """The public functions of the store that take an Actor and write an event of the audit trail: ``review.reject``."""
    found = set()
    for path in STORE.rglob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        parts = {
            node.name: _called(node)
            for node in module.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        for node in module.body:
            if (
                isinstance(node, ast.FunctionDef)
                and not node.name.startswith("_")
                and _takes_actor(node)
                and _reached(node.name, parts) & {"audit.record", "audit.append"}
            ):
                found.add(".".join([*path.relative_to(STORE).with_suffix("").parts, node.name]))
    return found


def _takes_actor(node: ast.FunctionDef) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return any(a.annotation is not None and "Actor" in ast.unparse(a.annotation) for a in arguments)


def _called(node: ast.AST) -> set[str]:
    return {ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}


def _reached(name: str, parts: dict[str, set[str]]) -> set[str]:
    """All that is called from there, through the module's own functions."""
    seen: set[str] = set()
    waits = {name}
    while waits:
        calls = parts.get(waits.pop(), set()) - seen
        seen |= calls
        waits |= calls
    return seen


def test_every_function_of_the_store_that_decides_stands_in_the_table() -> None:
    assert {action.name for action in ACTIONS} == set(RUNS)
    named = [name for run in RUNS.values() for name in run.functions]
    assert len(named) == len(set(named))
    found = deciding()
    assert len(found) > 30
    assert found - set(named) - PARTS == set(), "give it a row in store/domain/permissions.py"


def test_the_page_has_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "\n".join(table()) in page, "payapp users rights --markdown prints it for docs/permissions.md"
