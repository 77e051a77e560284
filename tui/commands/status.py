"""The subcommand ``status``: where everything stands, and what needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from store.domain.text import one_line, safe
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_json

if TYPE_CHECKING:
    from store.batches import Progress
    from store.db import Database
    from store.standing import Lease, QueueStanding
    from store.workers import WorkerSeen
    from tui.bootstrap import Books

# How many of the newest notices are looked through for the newest error.
NOTICES = 1000
# Those of the last seven days in these states went nowhere, and a person can help.
LATELY_MS, LOST = 7 * 24 * 3600 * 1000, ("failed", "undeliverable")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where everything stands; ``mail_error`` is the newest of the notices that wait, "" for none.

    ``notices_lost``: how many of the newest ones the mail server refused for good, or have nobody to go to.
    """

    settings: Path
    company: str
    erp: str
    title: str
    demo: bool
    views: dict[str, int]
    queue: QueueStanding
    workers: list[WorkerSeen]
    displaced: str | None
    looked_for: int
    batches: list[Progress]
    notices_waiting: int
    sign_offs: int
    policies: list[str]
    mail_configured: bool
    mail_error: str
    notices_lost: int


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def status(ctx: click.Context, as_json: bool, login: str | None) -> None:
    """Tell how many invoices stand where, and what waits.

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
    from store import batches, epochs, invoices, lookup, notices, policies, signing, standing, workers

    return Standing(
        settings=books.path,
        company=books.company.name,
        erp=books.company.erp,
        title=books.profile().title,
        demo=books.company.demo,
        views={view.value: n for view, n in invoices.counts(books.db).items()},
        queue=standing.of(books.db, books.company.erp),
        workers=workers.seen(books.db),
        displaced=epochs.trouble(books.db),
        looked_for=lookup.waiting(books.db),
        batches=[p for p in batches.recent(books.db) if p.running or p.failed or p.parked or p.awaiting],
        notices_waiting=notices.waiting_count(books.db),
        sign_offs=signing.waiting(books.db),
        policies=[
            one.told for one in policies.policies(books.db).values() if one.loose and one.at is not None
        ],
        mail_configured=books.settings.mail is not None,
        **_mail_trouble(books.db),
    )


def _mail_trouble(db: Database) -> dict[str, Any]:
    """The newest error of those that wait, and how many lately went nowhere."""
    from store.notices import NoticeState, recent

    newest = recent(db, NOTICES)
    errors = (notice.error for notice in newest if notice.state is NoticeState.WAITING and notice.error)
    since = db.now() - LATELY_MS
    nowhere = [n for n in newest if n.state in LOST and n.created_at >= since]
    return {"mail_error": next(errors, ""), "notices_lost": len(nowhere)}


def _record(of: Standing) -> dict[str, Any]:
    """The stable schema of ``--json``."""
    return {
        "company": of.company,
        "erp": of.erp,
        "demo": of.demo,
        "views": of.views,
        "uncertain": of.queue.uncertain,
        "parked": of.queue.parked,
        "waiting_for_a_receipt": of.queue.awaiting,
        "workers": [asdict(worker) for worker in of.workers],
        "erp_paused": of.queue.paused,
        "queue": asdict(of.queue),
        "nothing_is_sent": of.displaced or "",
        "looked_for_first": of.looked_for,
        "batches": [
            {"id": p.id, "count": p.count, "ok": p.done, "failed": p.failed, "left": p.left,
             "uncertain": p.uncertain, "parked": p.parked, "waiting_for_a_receipt": p.awaiting, "posting": p.posted and p.posted.told} for p in of.batches
        ],
        "notices_waiting": of.notices_waiting,
        "waiting_for_a_sign_off": of.sign_offs,
        "loosened_policies": of.policies,
        "mail_configured": of.mail_configured,
        "mail_error": of.mail_error,
        "notices_lost": of.notices_lost,
    }  # fmt: skip


def _print(of: Standing) -> None:
    click.echo(f"{safe(of.company)} > {safe(of.title)}{'   [DEMO]' if of.demo else ''}")
    click.echo("   ".join(f"{name} {n:,}" for name, n in of.views.items()))
    if of.displaced:
        click.echo(safe(of.displaced))
    _print_queue(of.queue)
    if of.looked_for:
        click.echo(
            f"{of.looked_for:,} are looked for in the ERP before they are sent: the database was restored."
        )
    _print_workers(of)
    for p in of.batches:
        click.echo(f"batch {p.id}: {p.done + p.failed}/{p.count}  ok {p.done}  FAIL {p.failed}  left {p.left}"
                   f"  uncertain {p.uncertain}  parked {p.parked}"
                   + (f"  waiting for a receipt {p.awaiting}" if p.awaiting else "")
                   + (f"  SELF {p.own}" if p.own else ""))  # fmt: skip
        if p.posted:
            click.echo(f"  {p.posted.told}.")
    for told in of.policies:
        click.echo(f"policy {told}")
    if of.sign_offs:
        click.echo(f"exports of one's own that wait for another person: {of.sign_offs:,} (payapp sign-off)")
    click.echo(f"notices waiting: {of.notices_waiting:,}")
    if of.notices_lost:
        click.echo(f"notices refused or without an address: {of.notices_lost:,} (payapp notices list)")
    if of.notices_waiting and of.mail_error:
        click.echo(f"newest mail error: {one_line(of.mail_error)}")
    if of.notices_waiting and not of.mail_configured:
        click.echo(f"They wait because mail is not configured: add [mail] to {safe(str(of.settings))}")


def _print_queue(of: QueueStanding) -> None:
    """How much is on its way, how fast it goes, and why it does not."""
    click.echo(f"on their way {of.depth:,}   held {of.held:,}   due {of.pending:,}   being sent {of.claimed:,}"
               f"   booked in the last minute {of.booked_last_minute:,}")  # fmt: skip
    click.echo(f"uncertain {of.uncertain:,}   parked {of.parked:,}")
    if of.awaiting and of.awaiting_since is not None:
        click.echo(
            f"waiting for a receipt {of.awaiting:,}, the oldest since {_moment(of.awaiting_since)}: payapp receipt"
        )
    if of.oldest_at is not None:
        click.echo(f"the oldest of them was accepted {_moment(of.oldest_at)}")
    if of.paused:
        click.echo(f"The ERP does not answer, {of.failures} parcels in a row: {one_line(of.failure)}")
        click.echo(
            f"The queue is paused until {_moment(of.paused_until)}, then one request tries again by itself."
        )
    elif of.failures:
        click.echo(f"The newest parcel had no answer: {one_line(of.failure)}")
    for doubt in of.in_doubt:
        what = "parked" if doubt.parked else f"uncertain, asked again {_moment(doubt.asked_next)}"
        click.echo(f"invoice {doubt.invoice_id}, key {doubt.key}: {what}: {one_line(doubt.cause)}")
    unnamed = of.uncertain + of.parked - len(of.in_doubt)
    if unnamed > 0:
        click.echo(f"and {unnamed:,} more: payapp list --view exporting --where status:uncertain")
    if of.parked:
        click.echo(
            "Parked ones wait for a person: payapp list --view exporting --where status:parked; payapp reconcile"
            " asks the ERP about them, and settles them by hand"
        )


def _print_workers(of: Standing) -> None:
    """Who works, what they hold, and who holds something and gives no sign of life."""
    held: dict[str, list[Lease]] = {}
    for lease in of.queue.leases:
        held.setdefault(lease.worker, []).append(lease)
    for worker in of.workers:
        leases = held.pop(worker.id, [])
        if not worker.alive and not leases:
            continue
        silent = "" if worker.alive else f", no sign of life since {_moment(worker.heartbeat_at)}"
        version = f", payapp {safe(worker.version)}" if worker.version else ""
        click.echo(f"worker {worker.id[:8]} on {safe(worker.host)}, process {worker.pid}{version}{silent}")
        _print_leases(leases)
    for name, leases in held.items():
        click.echo(f"worker {safe(name[:8])}, which has ended or is another database's")
        _print_leases(leases)
    if not any(worker.alive for worker in of.workers):
        click.echo("No worker is alive: payapp worker runs one; the desk and payapp export start one.")


def _print_leases(leases: Sequence[Lease]) -> None:
    for lease in leases:
        what = "being sent" if lease.sending else "claimed"
        click.echo(f"  parcel {lease.parcel}: {lease.jobs} {what}, its lease ends {_moment(lease.until)}")


def _moment(ms: int) -> str:
    """In this machine's time, to the second: leases are short."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
