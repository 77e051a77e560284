"""Subcommands that set payapp up: init, demo."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from store.domain.errors import BadInput
from store.domain.text import safe
from tui.commands import progress

if TYPE_CHECKING:
    from store.db import Database

SENDER, APPROVER, KEEPER = "mgarcia", "jlopez", "kchen"
SETTINGS, DATABASE, SANDBOX = "payapp.toml", "payapp.db", "sandbox.db"


def _refuse_existing(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise BadInput(f"There is a file {path} already", fix="Name another place with --config or --dir")


@contextlib.contextmanager
def _undoing() -> Iterator[contextlib.ExitStack]:
    """What is registered here is undone, last first, unless the block comes to its end."""
    with contextlib.ExitStack() as undo:
        yield undo
        undo.pop_all()


def _make_folder(folder: Path, undo: contextlib.ExitStack) -> None:
    """The folder and those above it that are missing. Raises OSError where something else stands in its place."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        undo.callback(_remove_folder, path)
    folder.mkdir(exist_ok=True)


def _remove_folder(folder: Path) -> None:
    # Not what somebody else has put something into meanwhile.
    with contextlib.suppress(OSError):
        folder.rmdir()


def _remove_database(file: Path) -> None:
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)


@click.command()
@click.option("--company", help="The company's name; on a terminal all is asked for without it.")
@click.option("--currency", default="USD", show_default=True, help="Its currency, e.g. USD.")
@click.option("--erp", metavar="ERP", default="files", show_default=True,
              help="Where exports go: files, tryton, sandbox, or another of payapp erp list.")  # fmt: skip
@click.option("--drop-folder", default="export", show_default=True, help="The drop folder of files.")
@click.option(
    "--database", metavar="URL", help="sqlite:PATH or postgresql://…; a file beside the settings if left out."
)
@click.option("--name", help="Your name, as the first Directory Admin.")
@click.option("--email", default="", help="Your mail address.")
@click.pass_context
def init(
    ctx: click.Context, company: str | None, currency: str, erp: str, drop_folder: str, database: str | None,
    name: str | None, email: str,
) -> None:  # fmt: skip
    """Set up a company: its settings, its database, you as admin.

    \b
    payapp init                                  asks, on a terminal
    payapp init --company 'ACME BUILDERS'
    payapp init --company ACME --database postgresql://payapp@db/payapp
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from erp import profiles
    from tui import bootstrap, settings

    path = settings.config_path(ctx.obj["config"])
    _refuse_existing(path)
    connection: dict[str, str] = {}
    if company is None:
        from tui.commands import asking

        told = asking.answers(ctx)
        if told.get("demo"):
            ctx.invoke(demo)
            return
        company, currency, erp, name = (told[key] for key in ("company", "currency", "erp", "name"))
        email, drop_folder = told["email"], told.get("drop_folder", drop_folder)
        connection = told.get("options", {})
    profile = profiles.load(erp)
    connector = profile.connectors[0]
    login = bootstrap.own_login()
    url = database or f"sqlite:{DATABASE}"
    options = _erp_options(connector, company, drop_folder) | connection
    if profile.formats[:1] in _FORM_NEEDS:
        options |= _FORM_NEEDS[profile.formats[:1]] | (
            {"currency": currency} if profile.formats[0] == "iif" else {}
        )
    tables: dict[str, dict[str, str | int]] = {
        "database": {"url": url},
        "erp": {"connector": connector},
        "erp.options": options,
    }
    with _undoing() as undo:
        _make_folder(path.parent, undo)
        found = settings.anchored_url(url, path.parent)
        file = Path(found.removeprefix("sqlite:"))
        if found.startswith("sqlite:") and not file.exists():
            undo.callback(_remove_database, file)
        with bootstrap.created(found) as db, db.transaction():
            _found(db, company, currency, erp, login, name or login, email)
            # Inside the transaction: a company without its settings would be in the way of the next try.
            settings.write(path, tables)
            undo.callback(path.unlink)
            books = path.parent / SANDBOX
            if connector == "sandbox" and not books.exists():
                # Of an empty file it makes new books.
                books.touch()
                undo.callback(books.unlink, missing_ok=True)
    click.echo(f"{safe(company)}: settings in {safe(str(path))}. You are {safe(login)}, its Directory Admin.")
    if erp == "tryton":
        click.echo(
            "First: write into its [erp.options] where Tryton is and what the accounts are called there."
        )
    elif profile.no_invoices:
        click.echo(f"{profile.no_invoices}: nothing can be sent or exported.")
    elif profile.formats[:1] not in {(), ("payapp",)}:
        click.echo(
            f"First: write into its [erp.options] what {profile.title} calls the accounts (docs/files.md)."
        )
    click.echo("Next: payapp users add, payapp import --template vendors vendors.csv")


# By the first form that the ERP takes: what only its owner knows (docs/files.md).
_FORM_NEEDS: dict[tuple[str, ...], dict[str, str | int]] = {
    ("iif",): {"payable": "", "retainage": "", "tax": ""},
    ("xero",): {"retainage": "", "tax_type": "", "days": "", "tax": ""},
}


def _erp_options(connector: str, company: str, drop_folder: str) -> dict[str, str | int]:
    """What a new settings file says of the ERP; what only its owner knows stands empty (docs/tryton.md)."""
    if connector == "files":
        return {"folder": drop_folder}
    if connector == "sandbox":
        return {"file": SANDBOX}
    known: dict[str, str | int] = {"url": "https://tryton.example.com", "company": company, "journal": "EXP"}
    return known | dict.fromkeys(("database", "user", "password_file", "payable", "retainage", "tax"), "")


def _found(db: Database, company: str, currency: str, erp: str, login: str, name: str, email: str) -> None:
    from store import directory
    from store.domain.actor import Level

    directory.found(db, company, currency, erp, demo=False)
    # The first admin cannot push: another admin, whom this one adds, grants that.
    directory.put_user(db, None, directory.UserValues(
        login, name, email, Level.ADMIN, Level.ADMIN, Level.ADMIN
    ))  # fmt: skip


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True,
              help="Where the demo lives.")  # fmt: skip
@click.option("--rows", type=click.IntRange(min=1), default=300, show_default=True, help="How many invoices.")
@click.option("--empty", is_flag=True, help="The company, its users and its ERP only; no invoices.")
@click.option("--mail", metavar="HOST:PORT", help="A mail server without TLS, e.g. 127.0.0.1:2525.")
@click.option("--no-open", is_flag=True, help="Make it, and do not open the desk.")
def demo(folder: Path, rows: int, empty: bool, mail: str | None, no_open: bool) -> None:
    """Make a made-up company with three users, and open its desk.

    \b
    payapp demo
    payapp demo --dir walk --empty
    """  # noqa: D301 - \b keeps click from wrapping the examples
    path = folder / SETTINGS
    if not path.exists():
        _make_demo(folder, 0 if empty else rows, _mail_settings(mail))
        click.echo(
            f"Made the demo company in {safe(str(folder))}. {SENDER} sends, {APPROVER} accepts and rejects,"
            f" {KEEPER} keeps the Directory."
        )
    if no_open or empty:
        return
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        click.echo("The desk needs a terminal. In one, type:")
        program = "payapp" if shutil.which("payapp") else sys.argv[0]
        click.echo(f"  {program} --config {path} --as {APPROVER}")
        click.echo("Here you can type:")
        click.echo(f"  {program} --config {path} --as {APPROVER} list")
        return
    from tui.commands.desk import open_desk

    open_desk(str(path), APPROVER, ascii_only=False, mouse=True)


def _mail_settings(server: str | None) -> Mapping[str, str | int] | None:
    """The [mail] table for that server; None for none, so that notices wait."""
    if server is None:
        return None
    host, _, port = server.rpartition(":")
    if not host or not port.isascii() or not port.isdigit():
        raise BadInput(f"{server} names no mail server", fix="Write HOST:PORT, e.g. 127.0.0.1:2525")
    return {"host": host, "port": int(port), "tls": "none", "sender": "payapp@acme.example"}


def _make_demo(folder: Path, rows: int, mail: Mapping[str, str | int] | None) -> None:
    """Make the demo's files in a folder of their own, and move them to their place when all of them are there."""
    _refuse_existing(folder / DATABASE, folder / SANDBOX)
    with _undoing() as undo:
        _make_folder(folder, undo)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".payapp-demo-") as name:
            made = Path(name)
            _write_demo(made, rows, mail)
            # The settings last: with them the demo is made.
            for file in (DATABASE, SANDBOX, SETTINGS):
                (made / file).rename(folder / file)
                undo.callback((folder / file).unlink)
            _settle(folder / DATABASE)


def _write_demo(folder: Path, rows: int, mail: Mapping[str, str | int] | None) -> None:
    from store import directory
    from tui import bootstrap, settings

    tables: dict[str, Mapping[str, str | int]] = {
        "database": {"url": f"sqlite:{DATABASE}"},
        "erp": {"connector": "sandbox"},
        "erp.options": {"file": SANDBOX},
    }
    settings.write(folder / SETTINGS, tables | ({"mail": mail} if mail else {}))
    with bootstrap.created(f"sqlite:{folder / DATABASE}") as db:
        directory.found(db, "ACME BUILDERS", "USD", "sandbox", demo=True, hold_ms=3_000)
        _people(db)
        if rows:
            _invoices(db, rows)
        bootstrap.seed_sandbox(db, folder / SANDBOX, example=not rows)


def _settle(file: Path) -> None:
    """The demo is adopted where it is now; it was made elsewhere."""
    from store import epochs
    from tui import bootstrap

    with bootstrap.created(f"sqlite:{file}") as db:
        epochs.here(db, "made")


def _people(db: Database) -> None:
    from store.directory import UserValues, put_user
    from store.domain.actor import Level

    put_user(db, None, UserValues(
        SENDER, "Maria Garcia", "mgarcia@acme.example", Level.READ_ONLY, Level.ADMIN
    ))  # fmt: skip
    put_user(db, None, UserValues(
        APPROVER, "Juan Lopez", "jlopez@acme.example", Level.STANDARD, Level.READ_ONLY, can_push=True
    ))  # fmt: skip
    put_user(db, None, UserValues(
        KEEPER, "Kim Chen", "kchen@acme.example", Level.READ_ONLY, Level.READ_ONLY, Level.ADMIN
    ))  # fmt: skip


def _invoices(db: Database, rows: int) -> None:
    """The invoices of the demo, most of them sent."""
    from store import demo as made_up
    from store import directory, review
    from store.domain.selection import every
    from store.domain.status import ProjectView

    maria = directory.actor(db, SENDER, "command line")
    with progress.counted("demo", rows) as told:
        made_up.seed(db, maria, rows=rows, told=told)
    review.send(db, maria, every(ProjectView.NOT_SENT))
