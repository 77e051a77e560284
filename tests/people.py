"""The company of the tests and its people."""

from __future__ import annotations

from store import db as database
from store import directory, models
from store.directory import UserValues
from store.domain.actor import Level

PEOPLE = {
    "admin": UserValues(
        "admin", "Ada Admin", "ada@acme.example", Level.ADMIN, Level.ADMIN, Level.ADMIN, can_push=True
    ),
    "mgarcia": UserValues("mgarcia", "Maria Garcia", "mgarcia@acme.example", commitments_level=Level.ADMIN),
    "jlopez": UserValues(
        "jlopez", "Juan Lopez", "jlopez@acme.example", Level.STANDARD, Level.READ_ONLY, can_push=True
    ),
    "viewer": UserValues("viewer", "Vera Viewer", "vera@acme.example", Level.READ_ONLY),
    "nopush": UserValues("nopush", "Nora Nopush", "nora@acme.example", Level.STANDARD),
}


def bound(opened: database.Database) -> None:
    """Tests may use the models on this database directly."""
    opened.pw.bind(models.TABLES, bind_refs=False, bind_backrefs=False)


def founded(opened: database.Database) -> None:
    """The company and its people, in a fresh database; tests may use the models on it directly."""
    bound(opened)
    directory.found(opened, "ACME BUILDERS", "USD", "sandbox", demo=True, hold_ms=0)
    for user in PEOPLE.values():
        directory.put_user(opened, None, user)
