"""How each action of the table of permissions is done, for its test: a call of the store's own function per action."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from invoice_factory import version

from erp import profiles
from store import (
    adopting,
    asking,
    attaching,
    backup,
    commitments,
    contracts,
    directory,
    discarding,
    drafting,
    holding,
    holding_on,
    linking,
    mapping,
    mapping_list,
    outbox,
    payments,
    policies,
    previewing,
    receipts,
    remailing,
    resolving,
    review,
    signing,
    ssh_keys,
    summaries,
    undoing,
)
from store.db import Database
from store.domain.actor import Actor
from store.domain.hold import HoldScope
from store.domain.knowing import Kind
from store.domain.outcome import Period
from store.domain.selection import Marked
from store.domain.status import Action, Status
from store.holding_on import Subject
from store.intake import load
from store.linking import ErpSaid, Link, Presence
from store.mapping import Want
from store.reconciling import Reconciliation

PROFILE = profiles.load("sandbox")
MASTERS = "vendor_id,name,erp_ref\nV-77,New Vendor,NV\n"
VENDORS = "vendors.csv"


@dataclass(frozen=True, slots=True)
class Deed:
    """One cell's call: who, on which invoice."""

    db: Database
    actor: Actor
    invoice: int
    folder: Path

    @property
    def marked(self) -> Marked:
        """The invoice as it is now."""
        return Marked({self.invoice: version(self.db, self.invoice)})


@dataclass(frozen=True, slots=True)
class Run:
    """How an action is done: ``call``; the functions of the store that decide it, each under the same check.

    ``arrange`` brings a locked invoice, Ready to Export, where the action is possible.
    """

    call: Callable[[Deed], Any]
    functions: tuple[str, ...]
    arrange: Callable[[Database, int], None] | None = None


def _hold(db: Database, invoice: int) -> None:
    holding.place(db, directory.actor(db, "admin"), Marked({invoice: version(db, invoice)}), "Waiver missing")


def _accepted(db: Database, invoice: int) -> None:
    """Queued by Juan."""
    juan = directory.actor(db, "jlopez")
    review.accept(db, juan, Marked({invoice: version(db, invoice)}), PROFILE)


def _parked(db: Database, invoice: int) -> None:
    """Sent, without an answer, and parked for a person."""
    _accepted(db, invoice)
    outbox.fence(db, "w", outbox.claim(db, "sandbox", "w", limit=1, lease_ms=60_000, concurrency=1))
    db.execute("UPDATE export_jobs SET state = 'parked' WHERE invoice_id = ?", (invoice,))
    db.execute("UPDATE invoices SET erp_status = 'parked' WHERE id = ?", (invoice,))


def _failed(db: Database, invoice: int) -> None:
    db.execute("UPDATE invoices SET erp_status = 'failed_to_export' WHERE id = ?", (invoice,))


def _synced(db: Database, invoice: int) -> None:
    _parked(db, invoice)
    resolving.booked(db, directory.actor(db, "jlopez"), invoice, "B-9", "Seen there")


def _reviewed(db: Database, invoice: int) -> None:
    """Juan's own export, which another signs off."""
    _accepted(db, invoice)
    batch = db.execute("SELECT batch_id FROM invoices WHERE id = ?", (invoice,)).fetchone()[0]
    signing.expect(db, directory.actor(db, "jlopez"), [(invoice, 1, batch)])


def _asked(deed: Deed, presence: Presence) -> tuple[Link, ErpSaid]:
    """The ERP was asked, by somebody who may."""
    [link] = linking.links(deed.db, directory.actor(deed.db, "admin"), [deed.invoice])
    return link, ErpSaid(presence, presence.value)


def _mark_exported(deed: Deed) -> None:
    undoing.mark_exported(
        deed.db, deed.actor, *_asked(deed, Presence.THERE), "R-1", "Typed in there", PROFILE
    )


def _parting(how: Callable[..., Any]) -> Callable[[Deed], None]:
    def part(deed: Deed) -> None:
        how(deed.db, deed.actor, [_asked(deed, Presence.GONE)], "Voided there", settle_ms=0)

    return part


def _sign(deed: Deed) -> None:
    found = deed.db.execute("SELECT id FROM sign_offs WHERE invoice_id = ?", (deed.invoice,)).fetchall()
    signing.sign(deed.db, deed.actor, [row[0] for row in found], agree=True)


def _key(deed: Deed, login: str) -> None:
    name = b"ssh-ed25519"
    material = b"".join(len(part).to_bytes(4, "big") + part for part in (name, bytes(32)))
    ssh_keys.add(deed.db, deed.actor, login, f"{name.decode()} {b64encode(material).decode()}")


def _plan(deed: Deed) -> None:
    review.plan_export(deed.db, deed.actor, deed.marked, PROFILE, Action.ACCEPT)


def _edit(deed: Deed) -> None:
    commitments.edit(deed.db, deed.actor, deed.invoice, version(deed.db, deed.invoice), number="101-009")


def _discard(deed: Deed) -> None:
    deed.db.execute("UPDATE invoices SET source = ? WHERE id = ?", (drafting.SOURCE, deed.invoice))
    discarding.discard(deed.db, deed.actor, deed.marked)


def _hold_all(deed: Deed) -> None:
    number, name = deed.db.execute("SELECT id, name FROM vendors").fetchone()
    wanted = [Subject(HoldScope.VENDOR, number, name)]
    holding_on.place(deed.db, deed.actor, wanted, "Insurance lapsed")
    holding_on.release(deed.db, deed.actor, wanted)


def _reconcile(deed: Deed) -> None:
    with Reconciliation("sandbox", Period(date(2026, 10, 1), date(2026, 10, 31), True), lists=True) as found:
        resolving.resolve(deed.db, deed.actor, found)


def _receipt(deed: Deed) -> None:
    receipts.take(
        deed.db,
        deed.actor,
        "receipt.csv",
        b"key,vendor,number,reference,amount,status,error\nnone:1,,,B-1,,booked,\n",
    )


def _import(deed: Deed, name: str, text: str) -> None:
    path = deed.folder / name
    path.write_text(text, encoding="utf-8")
    load.import_file(deed.db, deed.actor, path)


def _user(deed: Deed) -> None:
    found = directory.find_user(deed.db, "viewer")
    assert found is not None
    directory.put_user(deed.db, deed.actor, replace(found, name="Vera V."))


RUNS: dict[str, Run] = {
    "export": Run(lambda d: review.accept(d.db, d.actor, d.marked, PROFILE), ("accepting.accept",)),
    "retry": Run(lambda d: review.retry(d.db, d.actor, d.marked, PROFILE), ("accepting.retry",), arrange=_failed),
    "look": Run(_plan, ("previewing.plan_export", "previewing.snags", "previewing.bills", "previewing.payload")),
    "reject": Run(lambda d: review.reject(d.db, d.actor, d.marked, "Wrong period"), ("review.reject",)),
    "recall": Run(lambda d: review.recall(d.db, d.actor, d.marked), ("review.recall", "review.recall_batch"), arrange=_accepted),
    "values": Run(lambda d: review.set_export_values(d.db, d.actor, d.marked, description="October"), ("review.set_export_values",)),
    "hold": Run(lambda d: holding.place(d.db, d.actor, d.marked, "Waiver missing"), ("holding.place",)),
    "release": Run(lambda d: holding.release(d.db, d.actor, d.marked), ("holding.release",), arrange=_hold),
    "mark-exported": Run(_mark_exported, ("undoing.mark_exported",)),
    "unlink": Run(_parting(undoing.unlink), ("undoing.unlink",), arrange=_synced),
    "reset": Run(_parting(undoing.reset), ("undoing.reset",), arrange=_synced),
    "sign-off": Run(_sign, ("signing.sign",), arrange=_reviewed),
    "notices": Run(lambda d: remailing.retry(d.db, d.actor, [1]), ("remailing.retry", "summaries.write")),
    "keys": Run(lambda d: _key(d, "viewer"), ("ssh_keys.add", "ssh_keys.revoke")),
    "own-keys": Run(lambda d: _key(d, d.actor.login), ()),
    "hold-all": Run(_hold_all, ("holding_on.place", "holding_on.release")),
    "query": Run(lambda d: asking.ask(d.db, d.actor, d.marked, "Which period?"), ("asking.ask", "asking.recipients")),
    "settle": Run(lambda d: resolving.booked(d.db, d.actor, d.invoice, "B-9", "Seen there"), ("resolving.booked", "resolving.not_booked"),
        arrange=_parked),
    "resolve": Run(_reconcile, ("resolving.resolve",)),
    "map": Run(lambda d: mapping.put(d.db, d.actor, Want(Kind.VENDOR, "APEX", "V9")), ("mapping.put", "mapping.put_all")),
    "payments": Run(lambda d: payments.replace(d.db, d.actor, "sandbox", [], []), ("payments.replace",)),
    "receipt": Run(_receipt, ("receipts.take",)),
    "adopt": Run(lambda d: adopting.adopt(d.db, d.actor, "Moved", settle_ms=0), ("adopting.adopt",)),
    "backup": Run(lambda d: backup.write(d.db, d.actor, d.folder / "all.zip", replace=True), ("backup.write",)),
    "see-erp": Run(lambda d: mapping_list.rows(d.db, d.actor), ()),
    "edit": Run(_edit, ("commitments.edit",)),
    "submit": Run(lambda d: commitments.set_status(d.db, d.actor, d.marked, Status.REVISE_AND_RESUBMIT), ("commitments.set_status",)),
    "approve": Run(lambda d: commitments.set_status(d.db, d.actor, d.marked, Status.APPROVED), ()),
    "discard": Run(_discard, ("discarding.discard",)),
    "attach": Run(lambda d: attaching.attach(d.db, d.actor, d.invoice, "/plans/waiver.pdf"), ("attaching.attach", "attaching.detach")),
    "send": Run(lambda d: review.send(d.db, d.actor, d.marked, PROFILE), ("review.send",)),
    "retrieve": Run(lambda d: review.retrieve(d.db, d.actor, d.marked), ("review.retrieve",)),
    "create": Run(lambda d: drafting.create(d.db, d.actor, 1), ("drafting.create",)),
    "import": Run(lambda d: _import(d, "invoices.json", "[]"), ("intake.invoices.import_invoices",)),
    "masters": Run(lambda d: _import(d, VENDORS, MASTERS), ("intake.masters.import_masters",)),
    "see-project": Run(lambda d: contracts.contracts(d.db, directory.refresh(d.db, d.actor)), ()),
    "users": Run(_user, ("directory.put_user",)),
    "policy": Run(lambda d: directory.set_confirmation(d.db, d.actor, 100, None), ("directory.set_confirmation", "policies.put")),
    "summary": Run(lambda d: directory.set_summary(d.db, d.actor, wanted=False), ("directory.set_summary",)),
}  # fmt: skip
# What is approved already takes an approver of the project to be changed; what is not cannot be sent.
STATUS = {
    "edit": "under_review",
    "discard": "under_review",
    "submit": "under_review",
    "approve": "under_review",
}


def _release_all(deed: Deed) -> None:
    number, name = deed.db.execute("SELECT id, name FROM vendors").fetchone()
    holding_on.release(deed.db, deed.actor, [Subject(HoldScope.VENDOR, number, name)])


# The other functions that RUNS names: each refuses whom its row of the table does, whatever else stands against it.
ALSO: dict[str, Callable[[Deed], Any]] = {
    "previewing.snags": lambda d: previewing.snags(d.db, d.actor, [d.invoice], PROFILE, Action.ACCEPT),
    "previewing.bills": lambda d: previewing.bills(d.db, d.actor, [d.invoice], PROFILE, Action.ACCEPT),
    "previewing.payload": lambda d: previewing.payload(d.db, d.actor, d.invoice, PROFILE, Action.ACCEPT),
    "review.recall_batch": lambda d: review.recall_batch(d.db, d.actor, 1),
    "summaries.write": lambda d: summaries.write(d.db, "2026-11-01", summaries.gather(d.db), d.actor),
    "ssh_keys.revoke": lambda d: ssh_keys.revoke(d.db, d.actor, "1"),
    "holding_on.release": _release_all,
    "asking.recipients": lambda d: asking.recipients(d.db, d.actor, d.marked),
    "resolving.not_booked": lambda d: resolving.not_booked(
        d.db, d.actor, d.invoice, "Not there", settle_ms=0
    ),
    "mapping.put_all": lambda d: mapping.put_all(
        d.db, d.actor, "codes.csv", [Want(Kind.VENDOR, "APEX", "V9")]
    ),
    "attaching.detach": lambda d: attaching.detach(d.db, d.actor, d.invoice, 1),
    "policies.put": lambda d: policies.put(d.db, d.actor, "self", "review", "Ann is alone in July"),
}
