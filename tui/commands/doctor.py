"""The subcommand ``doctor``: what could keep payapp from working here, each with what helps."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from store.domain.errors import PayappError
from store.domain.text import one_line
from tui.commands.output import print_json
from tui.settings import without_password

if TYPE_CHECKING:
    from tui.bootstrap import Books

WORSE = 1
# Below it a database or a drop folder soon cannot grow.
ROOM = 200 * 1024 * 1024
# More than that between this machine's clock and PostgreSQL's confuses who reads both.
DRIFT_MS = 5_000
SMALLEST = (80, 24)


class Verdict(StrEnum):
    """How it is: as it should be, not needed or noteworthy, or in the way."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``fix`` says what helps, "" where nothing is to do."""

    about: str
    verdict: Verdict
    said: str
    fix: str = ""


def _ok(about: str, said: str) -> Finding:
    return Finding(about, Verdict.OK, said)


def _note(about: str, said: str, fix: str = "") -> Finding:
    return Finding(about, Verdict.NOTE, said, fix)


def _bad(about: str, said: str, fix: str = "") -> Finding:
    return Finding(about, Verdict.BAD, said, fix)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--keys", "keys", is_flag=True, help="Tell what each key sends and what the desk takes it for.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, keys: bool) -> None:
    """Look for trouble, and tell the fix.

    Looks at the terminal, the settings, the keys, the database, the worker, the ERP and the mail. Nothing is changed, exported or mailed. Exit 1 when something is in the way.

    \b
    payapp doctor
    payapp doctor --keys
    """  # noqa: D301 - \b keeps click from wrapping the examples
    if keys:
        from tui.commands.key_echo import echo_keys

        echo_keys()
        return
    found = [*_terminal(), *_books(ctx.obj["config"])]
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        _print(found)
    ctx.exit(WORSE if any(finding.verdict is Verdict.BAD for finding in found) else 0)


def _print(found: list[Finding]) -> None:
    width = max(len(finding.about) for finding in found)
    for finding in found:
        click.echo(f"{finding.verdict:<4}  {finding.about:<{width}}  {one_line(finding.said)}")
        if finding.fix:
            click.echo(f"{'':<{width + 6}}  {one_line(finding.fix)}")


# -- the terminal ----------------------------------------------------------------------------------------------


def _terminal() -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        yield _note("terminal", "input or output is none, so the desk cannot open here", "ssh -t gives one")
    elif term in {"", "dumb"}:
        yield _bad("terminal", f"TERM is {term or 'not set'}", "Set TERM: xterm-256color, screen-256color")
    else:
        yield _ok("terminal", f"TERM is {term}; {_colours(term)}")
        yield _size()
    from tui.commands.desk import speaks_utf8

    if speaks_utf8():
        yield _ok("text", "UTF-8")
    else:
        yield _note(
            "text", "the locale is not UTF-8: the desk draws ASCII alone", "Set LANG, for example C.UTF-8"
        )


def _colours(term: str) -> str:
    if os.environ.get("NO_COLOR"):
        return "NO_COLOR is set: no colours"
    if os.environ.get("COLORTERM") in {"truecolor", "24bit"} or "256" in term:
        return "the terminal's own 16 colours, of more"
    return "the terminal's own colours"


def _size() -> Finding:
    width, height = shutil.get_terminal_size()
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return _bad("size", f"{width} x {height}", f"Make it {SMALLEST[0]} x {SMALLEST[1]} or larger")
    return _ok("size", f"{width} x {height}")


# -- settings and books ----------------------------------------------------------------------------------------


def _books(config: str | None) -> Iterator[Finding]:
    from tui import bootstrap, settings

    path = settings.config_path(config)
    try:
        loaded = settings.load(path)
        yield _ok("settings", str(path))
    except PayappError as error:
        yield _failed("settings", error)
        return
    yield _keymap(loaded, path.parent)
    try:
        with bootstrap.opened(config) as books:
            yield _ok(
                "database",
                f"{without_password(books.settings.database.url)}, {books.company.name}, {books.company.currency}",
            )
            yield _sound(books)
            yield from _in_books(books)
    except PayappError as error:
        yield _failed("database", error)


def _failed(about: str, error: PayappError) -> Finding:
    said = f"{error.what}: {error.why}" if error.why else error.what
    return _bad(about, said, error.fix)


def _keymap(loaded: object, folder: Path) -> Finding:
    from tui.settings import Settings, keymap_path

    assert isinstance(loaded, Settings)  # noqa: S101 - what load() returns
    path = keymap_path(loaded, folder)
    if path is None:
        return _ok("keys", "payapp's own; payapp doctor --keys tells what yours send")
    from tui import user_keymap

    try:
        user_keymap.load(path)
    except PayappError as error:
        return _failed("keys", error)
    return _ok("keys", str(path))


def _in_books(books: Books) -> Iterator[Finding]:
    for look in (_you, _adopted, _clock, _room, _worker, _queue, _erp, _mail):
        try:
            yield look(books)
        except PayappError as error:
            yield _failed(look.__name__.strip("_"), error)


def _sound(books: Books) -> Finding:
    from store import soundness

    try:
        soundness.try_writing(books.db)
        soundness.require_whole(books.db)
    except PayappError as error:
        return _failed("books", error)
    return _ok("books", "they can be written" if books.db.postgres else "whole, and can be written")


def _you(books: Books) -> Finding:
    from store import directory
    from tui.bootstrap import own_login

    login = own_login()
    if login in {user.login for user in directory.users(books.db)}:
        return _ok("you", f"{login}, in the Directory")
    if books.company.demo:
        return _ok("you", f"{login}; this is a demo, --as says who acts")
    return _bad(
        "you", f"{login} is not in the Directory", f"A Directory Admin adds you: payapp users add {login}"
    )


def _adopted(books: Books) -> Finding:
    from store import epochs

    why = epochs.trouble(books.db)
    return _bad("place", why) if why else _ok("place", "where it was adopted")


def _clock(books: Books) -> Finding:
    apart = abs(books.db.now() - time.time_ns() // 1_000_000)
    if apart > DRIFT_MS:
        fix = "Set both by NTP; the database's clock decides"
        return _note("clock", f"{apart / 1000:.0f} s apart from the database's", fix)
    return _ok("clock", "that of the database" if books.db.postgres else "this machine's decides")


def _room(books: Books) -> Finding:
    folder = books.path.parent
    if not books.db.postgres:
        folder = Path(books.settings.database.url.removeprefix("sqlite:")).parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 1024**3:,.1f} GB free at {folder}"
    return _ok("disk", said) if free >= ROOM else _bad("disk", said, "Free some space")


def _worker(books: Books) -> Finding:
    from store import workers

    alive = [worker for worker in workers.seen(books.db) if worker.alive]
    if alive:
        return _ok("worker", f"{len(alive)} at work, the newest on {alive[0].host}")
    return _note(
        "worker", "none at work", "The desk and payapp export start one; docs/worker.md has a service"
    )


def _queue(books: Books) -> Finding:
    from store import standing

    queue = standing.of(books.db, books.company.erp)
    if queue.paused:
        return _bad("queue", f"the ERP is paused: {queue.failure}", "payapp status tells more")
    waits = queue.uncertain + queue.parked
    if waits:
        return _note("queue", f"{waits:,} uncertain or parked", "payapp reconcile --resolve")
    return _ok("queue", "nothing is in doubt")


def _erp(books: Books) -> Finding:
    from tui import bootstrap

    about, profile = "ERP", books.profile()
    if profile.no_invoices:
        return _bad(about, profile.no_invoices)

    async def ask() -> int:
        connector = bootstrap.connector(books)
        try:
            async with asyncio.timeout(profile.timeout):
                return len(await connector.periods())
        finally:
            await connector.close()

    said, trouble, fix = _answered(ask)
    if trouble:
        return _bad(
            about,
            f"{profile.title} did not answer: {trouble}",
            fix or "Check [erp.options] in the settings, and the ERP",
        )
    return _ok(about, f"{profile.title} answered, {said} accounting periods")


def _mail(books: Books) -> Finding:
    about, mail = "mail", books.settings.mail
    if mail is None:
        return _note(about, "no mail server in the settings: notices wait", "Add [mail] (docs/settings.md)")
    from erp.notices import Mailer

    _, trouble, fix = _answered(Mailer(mail).check)
    if trouble:
        return _bad(
            about,
            f"{mail.host}:{mail.port} did not take us: {trouble}",
            fix or "Check [mail] in the settings",
        )
    return _ok(about, f"{mail.host}:{mail.port} takes mail")


def _answered(ask: Callable[[], object]) -> tuple[object, str, str]:
    """What a coroutine function returned, or why it did not and what helps, as far as the error says so."""
    try:
        return asyncio.run(ask()), "", ""  # type: ignore[arg-type] # both are coroutine functions
    except PayappError as error:
        return None, f"{error.what}: {error.why}" if error.why else error.what, error.fix
    except TimeoutError:
        return None, "it took too long", ""
    except Exception as error:  # noqa: BLE001 - whatever a connector or a mail server raises is the finding
        return None, str(error) or type(error).__name__, ""
