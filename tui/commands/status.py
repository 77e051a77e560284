"""The subcommand ``status``: where everything stands, and what needs a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from store.domain.text import one_line, safe
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_json

if TYPE_CHECKING:
    from store.batches import Progress
    from store.db import Database
    from store.workers import WorkerSeen
    from tui.bootstrap import Books

# How many of the newest notices are looked through for the newest error.
NOTICES = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where everything stands; ``mail_error`` is the newest of the notices that wait, "" for none."""

    settings: Path
    company: str
    erp: str
    title: str
    demo: bool
    views: dict[str, int]
    uncertain: int
    parked: int
    workers: list[WorkerSeen]
    paused: bool
    batches: list[Progress]
    notices_waiting: int
    mail_configured: bool
    mail_error: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def status(ctx: click.Context, as_json: bool, login: str | None) -> None:
    """Tell how many invoices stand where, who works, and what waits.

    \b
    payapp status
    payapp status --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from tui.commands.reading import require_any_reader

    with books_and_actor(ctx, login) as (books, me):
        require_any_reader(me)
        found = _standing(books)
    if as_json:
        print_json(_record(found))
    else:
        _print(found)


def _standing(books: Books) -> Standing:
    from store import batches, due, invoices, notices, workers
    from store.domain.status import ErpStatus

    return Standing(
        settings=books.path,
        company=books.company.name,
        erp=books.company.erp,
        title=books.profile().title,
        demo=books.company.demo,
        views={view.value: n for view, n in invoices.counts(books.db).items()},
        uncertain=_count(books.db, ErpStatus.UNCERTAIN),
        parked=_count(books.db, ErpStatus.PARKED),
        workers=workers.seen(books.db),
        paused=due.of(books.db, books.company.erp).paused,
        batches=[p for p in batches.recent(books.db) if p.running or p.failed or p.parked],
        notices_waiting=notices.waiting_count(books.db),
        mail_configured=books.settings.mail is not None,
        mail_error=_mail_error(books.db),
    )


def _count(db: Database, state: str) -> int:
    from store.domain.status import View
    from store.listing import Order, every_id

    return len(every_id(db, Order(View.EXPORTING, f"status:{state}")))


def _mail_error(db: Database) -> str:
    from store.notices import NoticeState, recent

    waiting = (n for n in recent(db, NOTICES) if n.state is NoticeState.WAITING and n.error)
    return next((notice.error for notice in waiting), "")


def _record(of: Standing) -> dict[str, Any]:
    """The stable schema of ``--json``."""
    return {
        "company": of.company,
        "erp": of.erp,
        "demo": of.demo,
        "views": of.views,
        "uncertain": of.uncertain,
        "parked": of.parked,
        "workers": [asdict(worker) for worker in of.workers],
        "erp_paused": of.paused,
        "batches": [
            {"id": p.id, "count": p.count, "ok": p.done, "failed": p.failed, "left": p.left,
             "uncertain": p.uncertain, "parked": p.parked} for p in of.batches
        ],
        "notices_waiting": of.notices_waiting,
        "mail_configured": of.mail_configured,
        "mail_error": of.mail_error,
    }  # fmt: skip


def _print(of: Standing) -> None:
    click.echo(f"{safe(of.company)} > {safe(of.title)}{'   [DEMO]' if of.demo else ''}")
    click.echo("   ".join(f"{name} {n:,}" for name, n in of.views.items()))
    click.echo(f"uncertain {of.uncertain:,}   parked {of.parked:,}")
    if of.parked:
        click.echo("Parked ones wait for a person: payapp list --view exporting --where status:parked")
    alive = [worker for worker in of.workers if worker.alive]
    for worker in alive:
        click.echo(f"worker {worker.id[:8]} on {safe(worker.host)}, process {worker.pid}")
    if not alive:
        click.echo("No worker is alive: payapp worker runs one; the desk and payapp export start one.")
    if of.paused:
        click.echo("The ERP does not answer; the queue is paused and tries again by itself.")
    for p in of.batches:
        click.echo(f"batch {p.id}: {p.done + p.failed}/{p.count}  ok {p.done}  FAIL {p.failed}  left {p.left}"
                   f"  uncertain {p.uncertain}  parked {p.parked}")  # fmt: skip
    click.echo(f"notices waiting: {of.notices_waiting:,}")
    if of.notices_waiting and of.mail_error:
        click.echo(f"newest mail error: {one_line(of.mail_error)}")
    if of.notices_waiting and not of.mail_configured:
        click.echo(f"They wait because mail is not configured: add [mail] to {safe(str(of.settings))}")
