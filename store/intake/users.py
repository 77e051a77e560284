"""Users from a table, under the Directory's own rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from store import directory
from store.audit import Change
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor, Level
from store.domain.errors import BadInput, NotPermitted
from store.intake.masters import BadRow, Cells, Tally
from store.intake.tabular import Row
from store.intake.values import amount, yes

_FIELDS = (
    "login",
    "name",
    "email",
    "erp_level",
    "commitments_level",
    "directory_level",
    "can_push",
    "limit_invoice",
)


def take(db: Database, actor: Actor, rows: Sequence[Row], tally: Tally, partial: bool) -> None:
    """Add or change the users of the rows; each change is an audit event of its own beside the import's.

    Raises NotPermitted where the importing user would grant the privilege to himself; a partial import leaves the
    row out instead.
    """
    currency = directory.company(db).currency
    # What the table has no column for is as it is now, whatever another admin does at this moment.
    directory.administering(db, actor)
    known = {user.login: user for user in directory.everybody(db)}
    seen: dict[str, int] = {}
    for row in rows:
        try:
            login = Cells(row).key("login")
            if (double := seen.setdefault(login, row.number)) != row.number:
                raise BadRow("login", f"{login} stands in row {double} already")
            before = known.get(login)
            # What the table has no column for stays as it is: who was removed is not let in by it.
            wanted = _read(Cells(row), currency, before or UserValues(login, ""))
            old = {name: getattr(before, name) for name in _FIELDS} if before else {}
            new = {name: getattr(wanted, name) for name in _FIELDS}
            if old == new:
                tally.unchanged += 1
                continue
            directory.put_user(db, actor, wanted)
        except BadRow as bad:
            tally.report.add(f"row {row.number}, column {bad.column}", bad.reason)
        except BadInput as error:
            tally.report.add(f"row {row.number}, column login", str(error))
        except NotPermitted as error:
            if not partial:
                raise
            tally.report.add(f"row {row.number}, column can_push", str(error))
        else:
            tally.created += before is None
            tally.updated += before is not None
            number = db.execute("SELECT id FROM users WHERE login = ?", (wanted.login,)).fetchone()[0]
            tally.changes.append(Change("user", number, old, new, "import"))


def _read(cells: Cells, currency: str, before: UserValues) -> UserValues:
    return replace(
        before,
        name=cells.key("name"),
        email=cells.text("email"),
        erp_level=cells.read("erp_level", _level),
        commitments_level=cells.read("commitments_level", _level),
        directory_level=cells.read("directory_level", _level),
        can_push=cells.read("can_push", yes),
        limit_invoice=cells.read("limit_invoice", lambda value: amount(value, currency) if value else None),
    )


def _level(value: str) -> Level:
    low = value.strip().lower().replace(" ", "_") or Level.NONE.value
    if low not in set(Level):
        raise BadInput(f"{value!r} is none of {', '.join(Level)}")
    return Level(low)
