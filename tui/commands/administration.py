"""Subcommands that set payapp up: init, demo, users."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from store.domain.errors import BadInput
from tui.commands.options import acting, books_and_actor, print_json, print_table

if TYPE_CHECKING:
    from store.db import Database

LEVELS = ("none", "read_only", "standard", "admin")
SENDER, APPROVER = "mgarcia", "jlopez"


def _write_settings(path: Path, text: str) -> None:
    if path.exists():
        raise BadInput(
            f"There is a settings file {path} already", fix="Name another place with --config or --dir"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@click.command()
@click.option("--company", required=True, prompt="Company", help="The company's name.")
@click.option("--currency", default="USD", show_default=True, help="Its currency, e.g. USD.")
@click.option("--erp", type=click.Choice(["sandbox", "files"]), default="files", show_default=True,
              help="Where exports go: CSV files in a drop folder, or the stand-in sandbox.")  # fmt: skip
@click.option("--drop-folder", default="export", show_default=True, help="The drop folder of files.")
@click.option(
    "--database", metavar="URL", help="sqlite:PATH or postgresql://…; a file beside the settings if left out."
)
@click.option("--name", help="Your name, as the first Directory Admin.")
@click.option("--email", default="", help="Your mail address.")
@click.pass_context
def init(
    ctx: click.Context, company: str, currency: str, erp: str, drop_folder: str, database: str | None,
    name: str | None, email: str,
) -> None:  # fmt: skip
    """Set up a company: its settings file, its database, and you as its admin.

    \b
    payapp init --company 'ACME BUILDERS'
    payapp init --company ACME --database postgresql://payapp@db/payapp
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import directory
    from store.domain.actor import Level
    from tui import bootstrap, settings

    path = settings.config_path(ctx.obj["config"])
    if path.exists():
        raise BadInput(f"There is a settings file {path} already", fix="Name another place with --config")
    path.parent.mkdir(parents=True, exist_ok=True)
    url = database or "sqlite:payapp.db"
    absolute = url if database else f"sqlite:{path.parent / 'payapp.db'}"
    login = bootstrap.own_login()
    with bootstrap.created(absolute) as db, db.transaction():
        directory.found(db, company, currency, erp, demo=False)
        # The first admin cannot push: another admin, whom this one adds, grants that.
        directory.put_user(db, None, directory.UserValues(
            login, name or login, email, Level.ADMIN, Level.ADMIN, Level.ADMIN
        ))  # fmt: skip
    options = f'folder = "{drop_folder}"' if erp == "files" else 'file = "sandbox.db"'
    _write_settings(
        path, f'[database]\nurl = "{url}"\n\n[erp]\nconnector = "{erp}"\n\n[erp.options]\n{options}\n'
    )
    click.echo(f"{company}: settings in {path}. You are {login}, its Directory Admin.")
    click.echo("Next: payapp users add, payapp import --template vendors vendors.csv")


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True,
              help="Where the demo lives.")  # fmt: skip
@click.option("--rows", default=300, show_default=True, help="How many invoices.")
@click.option("--empty", is_flag=True, help="The company, its two users and its ERP only; no invoices.")
@click.option("--mail", metavar="HOST:PORT", help="A mail server without TLS, e.g. 127.0.0.1:2525.")
@click.option("--no-open", is_flag=True, help="Make it, and do not open the desk.")
def demo(folder: Path, rows: int, empty: bool, mail: str | None, no_open: bool) -> None:
    """Make a made-up company with two users and open the desk on it, offline.

    \b
    payapp demo
    payapp demo --dir walk --empty
    """  # noqa: D301 - \b keeps click from wrapping the examples
    path = folder / "payapp.toml"
    if not path.exists():
        _make_demo(folder, path, rows=rows, empty=empty, mail=_mail_settings(mail))
        click.echo(f"Made the demo company in {folder}. {SENDER} sends, {APPROVER} accepts and rejects.")
    if no_open or empty:
        return
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        click.echo("The desk needs a terminal. In one, type:")
        click.echo(f"  payapp --config {path} --as {APPROVER}")
        click.echo("Here you can type:")
        click.echo(f"  payapp --config {path} --as {APPROVER} list")
        return
    from tui.commands.desk import open_desk

    open_desk(str(path), APPROVER, ascii_only=False, mouse=True)


def _mail_settings(server: str | None) -> str:
    """The [mail] table for that server; nothing for none, so that notices wait."""
    if server is None:
        return ""
    host, _, port = server.rpartition(":")
    if not host or not port.isascii() or not port.isdigit():
        raise BadInput(f"{server} names no mail server", fix="Write HOST:PORT, e.g. 127.0.0.1:2525")
    return f'\n[mail]\nhost = "{host}"\nport = {port}\ntls = "none"\nsender = "payapp@acme.example"\n'


def _make_demo(folder: Path, path: Path, *, rows: int, empty: bool, mail: str) -> None:
    from store import directory
    from tui import bootstrap

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "payapp.db"
    if target.exists():
        raise BadInput(f"There is a database {target} already", fix="Name another folder with --dir")
    with bootstrap.created(f"sqlite:{target}") as db:
        directory.found(db, "ACME BUILDERS", "USD", "sandbox", demo=True, hold_ms=3_000)
        _people(db)
        if not empty:
            _invoices(db, rows)
        bootstrap.seed_sandbox(db, folder / "sandbox.db", example=empty)
    _write_settings(
        path,
        '[database]\nurl = "sqlite:payapp.db"\n\n[erp]\nconnector = "sandbox"\n\n[erp.options]\nfile = "sandbox.db"\n'
        + mail,
    )


def _people(db: Database) -> None:
    from store.directory import UserValues, put_user
    from store.domain.actor import Level

    put_user(db, None, UserValues(
        SENDER, "Maria Garcia", "mgarcia@acme.example", Level.READ_ONLY, Level.ADMIN
    ))  # fmt: skip
    put_user(db, None, UserValues(
        APPROVER, "Juan Lopez", "jlopez@acme.example", Level.STANDARD, Level.READ_ONLY, can_push=True
    ))  # fmt: skip


def _invoices(db: Database, rows: int) -> None:
    """The invoices of the demo, most of them sent."""
    from store import demo as made_up
    from store import directory, review
    from store.domain.selection import Matching
    from store.domain.status import ProjectView

    maria = directory.actor(db, SENDER, "command line")
    made_up.seed(db, maria, rows=rows)
    review.send(db, maria, Matching(ProjectView.NOT_SENT))


@click.group()
def users() -> None:
    """The Directory: who may do what."""


@users.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def users_list(ctx: click.Context, as_json: bool, login: str | None) -> None:
    """List the users and their permissions.

    \b
    payapp users list
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import directory

    with books_and_actor(ctx, login) as (books, _):
        found = directory.users(books.db)
    if as_json:
        print_json([
            {"login": u.login, "name": u.name, "email": u.email, "erp": u.erp_level, "commitments": u.commitments_level,
             "directory": u.directory_level, "can_push": u.can_push} for u in found
        ])  # fmt: skip
        return
    print_table(
        ("Login", "Name", "ERP Integrations", "Commitments", "Directory", "Can push"),
        [(u.login, u.name, u.erp_level, u.commitments_level, u.directory_level, "yes" if u.can_push else "no")
         for u in found],
    )  # fmt: skip


@users.command("add")
@click.argument("new", metavar="LOGIN")
@click.option("--name", required=True, help="The person's name.")
@click.option("--email", default="", help="Where notices go.")
@click.option("--erp", type=click.Choice(LEVELS), default="none", show_default=True, help="ERP Integrations.")
@click.option(
    "--commitments", type=click.Choice(LEVELS), default="none", show_default=True, help="Commitments."
)
@click.option("--directory", "directory_level", type=click.Choice(LEVELS), default="none", show_default=True,
              help="Company Directory.")  # fmt: skip
@click.option("--can-push", is_flag=True, help="Can Push to Accounting: may accept and reject.")
@acting
@click.pass_context
def users_add(
    ctx: click.Context, new: str, name: str, email: str, erp: str, commitments: str, directory_level: str,
    can_push: bool, login: str | None,
) -> None:  # fmt: skip
    """Add a user, or change one.

    \b
    payapp users add jlopez --name 'Juan Lopez' --erp standard --can-push
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import directory
    from store.domain.actor import Level

    with books_and_actor(ctx, login) as (books, me):
        directory.put_user(books.db, me, directory.UserValues(
            new, name, email, Level(erp), Level(commitments), Level(directory_level), can_push
        ))  # fmt: skip
    click.echo(f"{new} is in the Directory.")
