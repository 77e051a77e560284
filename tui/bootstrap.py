"""The one place where concrete parts are wired: database, connector, mailer, worker, desk."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from store.domain.errors import NotPermitted, PayappError, SettingsError
from tui import settings as configuration
from tui.settings import Settings

if TYPE_CHECKING:
    from datetime import date

    from erp.connector import Connector
    from erp.knowing import Asked
    from erp.worker import Worker
    from store.db import Database
    from store.directory import Company
    from store.domain.actor import Actor
    from store.domain.profile import Profile
    from store.known import Codes
    from store.linking import ErpSaid, Link
    from tui.checking import Checks


T = TypeVar("T")
CONNECTORS = ("sandbox", "files", "tryton")


@dataclass(frozen=True, slots=True)
class Books:
    """An open database with the settings that led to it."""

    path: Path
    settings: Settings
    db: Database
    company: Company

    def actor(self, login: str | None, origin: str) -> Actor:
        """Who acts: the user of the operating system or the database's role; in a demo database whom ``--as`` names.

        Raises NotPermitted for --as elsewhere, and as store.identity.given and store.directory.actor do.
        """
        from store import directory, identity

        if login is not None and not self.company.demo:
            raise NotPermitted(
                "--as works in demo databases only",
                why="elsewhere you are who you are logged in as",
                fix="Log in as that user",
            )
        if login is None and self.company.demo:
            known = {user.login for user in directory.users(self.db)}
            login = own_login()
            if login not in known:
                raise NotPermitted(
                    f"{login} is not a user of this demo",
                    fix=f"Say who acts: --as {' or --as '.join(sorted(known))}",
                )
        return directory.actor(self.db, login or identity.given(self.db, own_login()), origin)

    def profile(self) -> Profile:
        """The profile of the company's ERP, or its own one over it. Raises SettingsError naming file and key."""
        from erp import profiles

        own = self.settings.erp.profile
        path = None if own is None else configuration.anchored(own, self.path.parent)
        return profiles.chosen(self.company.erp, path)


@dataclass(slots=True, eq=False)
class Desk:
    """Everything that the desk needs, wired; ``templates`` are the company's usual reasons for a rejection.

    ``me``: with the rights that the user has by now.
    """

    db: Database
    me: Actor
    company: Company
    profile: Profile
    ensure_worker: Callable[[], Awaitable[None]]
    templates: tuple[str, ...] = ()
    # Asks the ERP what it knows of these codes; None where a desk has no ERP to ask.
    ask: Callable[[Codes], Awaitable[Asked]] | None = None
    # As that, of codes that it was asked for lately too: somebody wants to know now.
    ask_afresh: Callable[[Codes], Awaitable[Asked]] | None = None
    # Puts bills to the connector before they are sent; None where a desk has none.
    checks: Checks | None = None
    # Compares what was sent since that day with what the ERP has, in lines; None where a desk has no ERP to ask.
    reconcile: Callable[[date], Awaitable[list[str]]] | None = None
    # Asks the ERP whether it has these bills; None where a desk has no ERP to ask.
    linked: Callable[[Sequence[tuple[Link, str]]], Awaitable[list[ErpSaid]]] | None = None
    # Through the SSH gateway: the only folder that files are written to.
    files: Path | None = None


def own_login() -> str:
    """The login of this process's user, from the operating system. Raises NotPermitted where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise NotPermitted(
            f"The operating system knows no login for user id {os.getuid()}",
            why="who acts is told by the login",
            fix="Give that user a login on this machine",
        ) from None


def spare_the_driver(config: str | None) -> None:
    """Keep Peewee from loading psycopg where the books are in SQLite: 0.2 s and 18 MB at every start.

    Call it before anything of the store is imported. Settings that cannot be read are reported by who needs them.
    """
    if "peewee" in sys.modules:
        return
    try:
        url = configuration.load(configuration.config_path(config)).database.url
    except SettingsError:
        return
    if url.startswith("sqlite:"):
        for name in ("psycopg", "psycopg2", "psycopg2cffi"):
            sys.modules.setdefault(name, None)  # type: ignore[arg-type] # None is how an import is told to fail


@contextmanager
def opened(config: str | None) -> Iterator[Books]:
    """The books of that settings file (None: the user's own), open until the end of the block."""
    path = configuration.config_path(config)
    loaded = configuration.load(path)
    from store import db as database
    from store import directory

    db = database.open(loaded.database.url)
    try:
        yield Books(path, loaded, db, directory.company(db))
    finally:
        db.close()


@contextmanager
def created(url: str) -> Iterator[Database]:
    """A database at that URL, made if there is none, open until the end of the block.

    A file that is made is for its owner alone (0600): whoever reads it has the books.
    """
    from store import db as database

    file = Path(url.removeprefix("sqlite:"))
    if url.startswith("sqlite:") and not file.exists() and os.access(file.parent, os.W_OK):
        file.touch(0o600)
    db = database.create(url)
    try:
        yield db
    finally:
        db.close()


def connector(books: Books) -> Connector:
    """The connector that the settings name, with its own settings. Raises SettingsError naming file and key."""
    name, folder = books.settings.erp.connector, books.path.parent
    _check_connector(books, name)
    if name == "sandbox":
        from erp.connectors.sandbox import Sandbox, SandboxSettings

        sandbox = _options(books, SandboxSettings)
        return Sandbox(
            msgspec.structs.replace(sandbox, file=str(configuration.anchored(sandbox.file, folder))),
            books.profile(),
        )
    if name == "files":
        from erp.connectors.files import Files, FilesSettings

        files = _options(books, FilesSettings)
        return Files(
            msgspec.structs.replace(files, folder=str(configuration.anchored(files.folder, folder))),
            books.profile(),
        )
    if name == "tryton":
        from erp.connectors.tryton import Tryton, TrytonSettings

        tryton = _options(books, TrytonSettings)
        return Tryton(
            msgspec.structs.replace(
                tryton,
                password_file=tryton.password_file
                and str(configuration.anchored(tryton.password_file, folder)),
                ca_file=tryton.ca_file and str(configuration.anchored(tryton.ca_file, folder)),
            ),
            books.profile(),
        )
    raise SettingsError(
        f"{books.path}: erp.connector is {name!r}, which payapp does not know",
        fix="Use sandbox, files or tryton",
    )


def _check_connector(books: Books, name: str) -> None:
    """Raise SettingsError for a connector of payapp that does not go with the company's ERP."""
    profile = books.profile()
    if name in CONNECTORS and profile.connectors and name not in profile.connectors:
        raise SettingsError(
            f"{books.path}: erp.connector is {name!r}, which does not go with {profile.title}",
            why=f"the company exports to {profile.name}",
            fix=f"Use {' or '.join(profile.connectors)}; payapp erp show {profile.name} tells more",
        )


def _options(books: Books, kind: type[T]) -> T:
    try:
        return msgspec.convert(books.settings.erp.options, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{books.path}: [erp.options] cannot be used", why=str(error), fix="Mend that key"
        ) from None


def seed_sandbox(db: Database, file: Path, *, example: bool) -> None:
    """Tell the demo's stand-in ERP the masters of these books, or those of the shipped example, and its periods."""
    from datetime import date, timedelta

    from erp.connectors import sandbox
    from store import masters, periods
    from store.domain.outcome import Period

    vendors, cost_codes = _example_masters() if example else (masters.vendors(db), masters.cost_codes(db))
    known = [vendor for vendor in vendors if vendor[0] != "V-UNKNOWN"]
    starts = [date(2026, month, 1) for month in range(1, 13)] + [date(2027, 1, 1)]
    # The books are closed up to September 2026: the example's and the demo's invoices bill October.
    months = [Period(a, b - timedelta(days=1), a >= date(2026, 10, 1)) for a, b in pairwise(starts)]
    sandbox.seed(file, known, cost_codes, months)
    periods.put(db, "sandbox", months)


def _example_masters() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The example's vendors and cost codes, read by the intake itself into books that are thrown away."""
    from store import db as database
    from store import directory, masters
    from store.directory import UserValues
    from store.domain.actor import Level
    from store.intake import example, load

    with tempfile.TemporaryDirectory() as folder:
        db = database.create(f"sqlite:{Path(folder) / 'example.db'}")
        try:
            directory.found(db, "Example", "USD", "sandbox", demo=True)
            directory.put_user(db, None, UserValues("example", "Example", commitments_level=Level.ADMIN))
            who = directory.actor(db, "example")
            for path in example.write(Path(folder) / "example")[:5]:
                load.import_file(db, who, path)
            return masters.vendors(db), masters.cost_codes(db)
        finally:
            db.close()


def worker(books: Books, *, idle_exit: float | None = None) -> Worker:
    """A worker with its connector and mailer."""
    from erp.worker import Worker

    mailer = None
    if books.settings.mail is not None:
        from erp.notices import Mailer

        mailer = Mailer(books.settings.mail)
    chosen = books.settings.worker
    if idle_exit is not None:
        chosen = msgspec.structs.replace(chosen, idle_exit=idle_exit)
    return Worker(books.db, connector(books), mailer, chosen)


def check_worker(books: Books) -> None:
    """Raise SettingsError for what would keep a worker from starting: its connector, its mail, its times."""
    asyncio.run(worker(books).connector.close())


def start_worker(books: Books) -> bool:
    """Start one detached worker when none gives a sign of life; whether it did."""
    from erp import detached
    from store import workers

    if workers.any_alive(books.db):
        return False
    log = books.path.parent / "worker.log"
    # Nothing of the folder where the user stands: the worker has the keys of the ERP.
    ours = [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "tui.cli"]
    detached.start([*ours, "--config", str(books.path), "worker", "--idle-exit", "60"], log)
    return True


def require_worker(books: Books) -> None:
    """Raise PayappError where no worker gives a sign of life, and none may be started from here."""
    from store import workers

    if not workers.any_alive(books.db):
        raise PayappError(
            "No worker runs: what is queued waits", why="the service that sends it does not answer",
            fix="Tell who runs this machine: systemctl start payapp-worker",
        )  # fmt: skip


async def ask(books: Books, codes: Codes, *, afresh: bool = False) -> Asked:
    """Ask the ERP for its periods and for what it knows of these codes, as far as that is missing or old in the store.

    ``afresh``: whatever is in the store. What keeps it from being asked is told, not raised. Not asked at all where ``erp.ask_for`` is 0.
    """
    from erp import knowing

    settings = books.settings.erp
    if not settings.ask_for:
        return knowing.Asked()
    try:
        # Connectors load libraries of their own.
        one = await asyncio.to_thread(connector, books)
    except PayappError as error:
        return knowing.Asked(trouble=str(error))
    try:
        return await knowing.refresh(
            books.db,
            one,
            books.company.erp,
            codes,
            most_ms=0 if afresh else round(settings.known_for * 1000),
            seconds=settings.ask_for,
        )
    finally:
        await knowing.leave(one)


async def linked(books: Books, asked: Sequence[tuple[Link, str]]) -> list[ErpSaid]:
    """Ask the ERP whether it has the bills of these references, and what it has under our keys."""
    from erp import linking

    one = await asyncio.to_thread(connector, books)
    try:
        return await linking.ask(one, asked)
    finally:
        await one.close()


def desk(books: Books, me: Actor, *, files: Path | None = None) -> Desk:
    """The desk's parts; ``files`` is the user's own folder where he came through the SSH gateway."""
    from tui.checking import Checks

    async def ensure_worker() -> None:
        # What the gateway starts must end with its session: there a service runs the worker.
        await books.db.read(lambda _db: start_worker(books) if files is None else require_worker(books))

    async def reconcile(first: date) -> list[str]:
        from tui import reconciled

        return await reconciled.lines(books, first)

    return Desk(
        books.db,
        me,
        books.company,
        books.profile(),
        ensure_worker,
        books.settings.reject.templates,
        partial(ask, books),
        partial(ask, books, afresh=True),
        Checks(books),
        reconcile,
        linked=partial(linked, books),
        files=files,
    )
