"""Unlink, reset and mark exported against the sandbox's ledger: never twice, never lost, and books that agree after each."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import PERIODS, states
from invoice_factory import make, state, version
from reconciling_case import V, by_hand, compared

from erp import linking as asking
from erp import parcel, profiles
from erp.connectors import sandbox
from erp.connectors.files import Files, FilesSettings
from erp.connectors.sandbox import Sandbox
from store import (
    batches,
    directory,
    evidence,
    holding,
    invoices,
    linking,
    lookup,
    outbox,
    payments,
    policies,
    review,
    signing,
    undoing,
)
from store import db as database
from store.db import Database
from store.decision import Decision
from store.domain.actor import Actor
from store.domain.errors import BadInput, Blocked, Disallowed, NotPermitted, PayappError
from store.domain.hold import HoldKind
from store.domain.outcome import Unknown
from store.domain.selection import Marked
from store.domain.status import ProjectView
from store.job import log_attempts
from store.linking import ErpSaid, Presence

pytest_plugins = ["reconciling_case"]
PROFILE = profiles.load("sandbox")
STILL = "The requisition is still in your ERP system. Please delete it before retrying."


@pytest.fixture
def known(books: Path) -> Path:
    """The sandbox knows the vendor of the factory's invoices."""
    sandbox.seed(books, [("APEX", "Apex Drywall LLC")], [("24-101", "03-300")], PERIODS)
    return books


def marked(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


async def work(db: Database, erp: Sandbox) -> None:
    """A worker's round: look-ups until nothing looks first, then what may be sent is sent."""
    for _ in range(3):
        db.execute("UPDATE export_jobs SET run_at = 0 WHERE state IN ('held', 'pending', 'uncertain')")
        jobs = lookup.claim_lookups(db, "sandbox", "w2", limit=50, lease_ms=60_000)
        for job in jobs:
            [(_, answer)], _ = await parcel.ask(erp, [job], lookup.keys(db, [job]))
            lookup.resolve(db, "w2", job, answer, erp.profile, sender_dead=True)
    while jobs := outbox.claim(db, "sandbox", "w1", limit=50, lease_ms=60_000, concurrency=9):
        fenced = outbox.fence(db, "w1", jobs)
        outbox.acknowledge(db, "w1", "sandbox", await parcel.post(erp, fenced), settle_ms=1000)


async def synced(db: Database, erp: Sandbox, approver: Actor, number: str = "101-001", **more: Any) -> int:
    made = make(db, number, **more)
    review.accept(db, approver, marked(db, made), PROFILE)
    await work(db, erp)
    assert state(db, made) == "synced"
    return made


async def undo(db: Database, erp: Any, actor: Actor, number: int, how: Any = undoing.unlink) -> Decision:
    """As the desk and the command do it: read, ask, decide."""
    found = linking.links(db, actor, [number])
    said = await asking.ask(erp, [(link, link.reference) for link in found])
    done: Decision = how(db, actor, list(zip(found, said, strict=True)), "voided by Ann", settle_ms=1000)
    return done


async def mark(db: Database, erp: Any, actor: Actor, number: int, ref: str, **more: Any) -> Decision:
    [link] = linking.links(db, actor, [number])
    [said] = await asking.ask(erp, [(link, ref)])
    return undoing.mark_exported(db, actor, link, said, ref, "entered by Ann", PROFILE, **more)


def void(books: Path) -> None:
    by_hand(books, "DELETE FROM bills WHERE id = (SELECT max(id) FROM bills)")


def typed_in(books: Path, number: str, net: str = "900.00") -> str:
    """Somebody enters the bill of the factory's invoice in the ERP; its reference."""
    by_hand(
        books,
        "INSERT INTO bills (key, vendor, number, job, commitment, accounting_date, currency, gross, retainage, net)"
        " VALUES (?, 'APEX', ?, '24-101', 'SC-101', '2026-10-31', 'USD', '1000.00', '100.00', ?)",
        f"typed {number}", number, net,
    )  # fmt: skip
    return sandbox.ledger(books)[-1].ref


def row(db: Database, number: int) -> tuple[Any, ...]:
    return tuple(
        db.execute(
            "SELECT erp_status, outcome, outcome_reason, origin_id, batch_id FROM invoices WHERE id = ?",
            (number,),
        ).fetchone()
    )


def newest(db: Database) -> tuple[str, str, dict[str, Any], dict[str, Any], str]:
    """The newest event with its first row: who, what, before, after, rule."""
    found = db.execute(
        "SELECT e.actor, e.action, r.before, r.after, r.rule FROM audit_events e JOIN audit_rows r ON r.event_id = e.id"
        " ORDER BY e.id DESC, r.position LIMIT 1"
    ).fetchone()
    return found[0], found[1], json.loads(found[2]), json.loads(found[3]), found[4]


async def verdicts(db: Database, erp: Sandbox) -> dict[V, int]:
    async with compared(db, erp) as (of, _):
        return of.counts()


# -- unlink ------------------------------------------------------------------------------------------------------------


async def test_while_the_bill_is_there_nothing_is_unlinked_and_afterwards_it_goes_out_once_more_corrected(
    db: Database, erp: Sandbox, known: Path, approver: Actor, sender: Actor
) -> None:
    number = await synced(db, erp, approver)
    [first] = sandbox.ledger(known)
    with pytest.raises(Disallowed) as refused:
        await undo(db, erp, approver, number)
    assert STILL in str(refused.value)
    assert row(db, number)[0] == "synced" and states(db) == {"done": 1}

    void(known)
    assert (await undo(db, erp, approver, number)).done == (number,)
    assert row(db, number) == ("not_sent", "unlinked", "voided by Ann", None, None)
    assert invoices.project_counts(db)[ProjectView.RETURNED] == 1
    who, what, before, after, rule = newest(db)
    assert (who, what, rule) == ("jlopez", "unlink", "the ERP has no bill of it")
    assert before == {"erp_status": "synced", "origin_id": first.ref}
    assert (
        after["erp_status"] == "not_sent" and after["reason"] == "voided by Ann" and after["key"] == first.key
    )
    assert await verdicts(db, erp) == {V.FAILED: 1}

    review.send(db, sender, marked(db, number))
    review.accept(db, approver, marked(db, number), PROFILE)
    await work(db, erp)
    [second] = sandbox.ledger(known)
    assert second.key == first.key.replace(":1", ":2") and second.ref != first.ref
    assert row(db, number)[:4] == ("synced", None, "voided by Ann", second.ref)
    assert await verdicts(db, erp) == {V.AGREES: 1, V.FAILED: 1}
    # The batch did arrive: what was unlinked later was not recalled.
    assert [(p.done, p.cancelled, p.recalled_whole) for p in batches.recent(db)] == [(1, 0, False)] * 2


async def test_what_is_corrected_after_it_was_unlinked_is_told_when_it_is_sent_again(
    db: Database, erp: Sandbox, known: Path, approver: Actor, sender: Actor
) -> None:
    number = await synced(db, erp, approver)
    void(known)
    await undo(db, erp, approver, number)
    db.execute("UPDATE invoices SET billing_date = '2026-10-30' WHERE id = ?", (number,))
    review.send(db, sender, marked(db, number))
    assert db.execute("SELECT changed_since FROM invoices").fetchone()[0]
    kind, to, body = db.execute("SELECT kind, address, body FROM notices").fetchone()
    assert (kind, to) == ("resend", "jlopez@acme.example")
    assert "You unlinked it" in body and "voided by Ann" in body and "2026-10-30" in body


async def test_a_bill_under_any_of_its_keys_keeps_it_linked(
    db: Database, erp: Sandbox, known: Path, approver: Actor
) -> None:
    number = await synced(db, erp, approver)
    # As a restore leaves it: the ERP has a later revision that these books do not know.
    by_hand(known, "UPDATE bills SET key = replace(key, ':1', ':3'), id = id + 100")
    with pytest.raises(Disallowed, match="still in your ERP"):
        await undo(db, erp, approver, number)
    assert state(db, number) == "synced"


@pytest.mark.parametrize("silent", ["exists", "find"])
async def test_without_an_answer_nothing_is_unlinked(
    db: Database,
    erp: Sandbox,
    known: Path,
    approver: Actor,
    admin: Actor,
    monkeypatch: pytest.MonkeyPatch,
    silent: str,
) -> None:
    number = await synced(db, erp, approver)
    void(known)

    async def nothing(*_: object) -> Any:
        raise ConnectionError("no route to the ERP")

    monkeypatch.setattr(erp, silent, nothing)
    for who in (approver, admin):
        with pytest.raises(Disallowed, match="did not say whether it still has it"):
            await undo(db, erp, who, number)
    assert state(db, number) == "synced" and states(db) == {"done": 1}


async def test_a_folder_cannot_tell_and_an_admin_says_it_with_a_comment(
    db: Database, erp: Sandbox, known: Path, approver: Actor, admin: Actor, tmp_path: Path
) -> None:
    number = await synced(db, erp, approver)
    files = Files(FilesSettings(folder=str(tmp_path / "drop")), profiles.load("files"))
    with pytest.raises(NotPermitted, match="cannot be asked"):
        await undo(db, files, approver, number)
    assert (await undo(db, files, admin, number)).done == (number,)
    assert newest(db)[4] == "on the word of an Admin of ERP Integrations"
    await files.close()


async def test_what_changed_since_the_erp_was_asked_is_left_alone_and_named(
    db: Database, erp: Sandbox, known: Path, approver: Actor
) -> None:
    one = await synced(db, erp, approver)
    two = await synced(db, erp, approver, "101-002", commitment="SC-2")
    by_hand(known, "DELETE FROM bills")
    found = linking.links(db, approver, [one, two])
    said = await asking.ask(erp, [(link, link.reference) for link in found])
    asked = list(zip(found, said, strict=True))
    db.execute("UPDATE invoices SET version = version + 1 WHERE id = ?", (one,))
    done = undoing.unlink(db, approver, asked, "x", settle_ms=0)
    assert done.done == (two,) and done.changed == ("101-001",)
    # A second time with the same answer: it is not what was asked about.
    with pytest.raises(Disallowed, match="others changed"):
        undoing.unlink(db, approver, asked, "x", settle_ms=0)


async def test_only_approvers_part_or_mark(db: Database, erp: Sandbox, known: Path, approver: Actor) -> None:
    number = await synced(db, erp, approver)
    void(known)
    [link] = linking.links(db, approver, [number])
    gone = ErpSaid(Presence.GONE, "gone")
    for login in ("viewer", "nopush", "mgarcia"):
        who = directory.actor(db, login)
        with pytest.raises(NotPermitted):
            linking.links(db, who, [number])
        for how in (undoing.unlink, undoing.reset):
            with pytest.raises(NotPermitted):
                how(db, who, [(link, gone)], "x", settle_ms=0)
        with pytest.raises(NotPermitted):
            undoing.mark_exported(db, who, link, gone, "R-1", "x", PROFILE)
    assert state(db, number) == "synced"


async def test_without_a_usable_comment_nothing_is_done(
    db: Database, erp: Sandbox, known: Path, approver: Actor
) -> None:
    number = await synced(db, erp, approver)
    void(known)
    [link] = linking.links(db, approver, [number])
    for comment in ("", " \n ", "x" * 501, "a\x00b"):
        with pytest.raises(BadInput):
            undoing.unlink(db, approver, [(link, ErpSaid(Presence.GONE, ""))], comment, settle_ms=0)
    assert state(db, number) == "synced"


async def test_a_late_word_that_it_is_booked_stops_what_was_unlinked(
    db: Database, erp: Sandbox, known: Path, approver: Actor, sender: Actor
) -> None:
    number = await synced(db, erp, approver)
    [link] = linking.links(db, approver, [number])
    void(known)
    await undo(db, erp, approver, number)
    assert evidence.of(db, [number]) == {}
    assert link.job is not None
    log_attempts(db, "w9", [(link.job, "late", "booked", "SBX-000099")], db.now())
    review.send(db, sender, marked(db, number))
    with pytest.raises(Blocked, match="booked it already, as SBX-000099"):
        review.accept(db, approver, marked(db, number), PROFILE)


async def test_an_earlier_sending_without_a_reply_may_still_arrive(
    db: Database, erp: Sandbox, known: Path, approver: Actor
) -> None:
    number = await synced(db, erp, approver)
    void(known)
    db.execute("UPDATE export_jobs SET sends = 2, send_begun = ?", (db.now(),))
    with pytest.raises(Disallowed, match="sent a moment ago"):
        await undo(db, erp, approver, number)
    # It may have arrived since the ERP was asked, however long the question stood open.
    [link] = linking.links(db, approver, [number])
    [said] = await asking.ask(erp, [(link, link.reference)])
    db.execute("UPDATE export_jobs SET send_begun = send_begun - 2000")
    early = replace(link, at=link.at - 2000)
    with pytest.raises(Disallowed, match="sent a moment ago"):
        undoing.unlink(db, approver, [(early, said)], "voided by Ann", settle_ms=1000)
    assert (await undo(db, erp, approver, number)).done == (number,)


async def test_what_was_paid_is_forgotten_with_the_bill_and_stands_in_the_trail(
    db: Database, erp: Sandbox, known: Path, approver: Actor, sender: Actor
) -> None:
    number = await synced(db, erp, approver)
    db.execute(
        "INSERT INTO payments (erp, ref, invoice_id, paid_on, amount, currency, method, pulled_at)"
        " VALUES ('sandbox', 'CHK-1', ?, '2026-11-02', 90000, 'USD', 'check', 1)",
        (number,),
    )
    void(known)
    await undo(db, erp, approver, number)
    assert newest(db)[2]["paid"] == "900.00 on 2026-11-02 (CHK-1)"
    review.send(db, sender, marked(db, number))
    review.accept(db, approver, marked(db, number), PROFILE)
    await work(db, erp)
    assert payments.of_invoice(db, number) == ()


async def test_later_applications_are_named_and_a_synced_one_without_a_trace_is_an_admins(
    db: Database, erp: Sandbox, known: Path, approver: Actor, admin: Actor
) -> None:
    number = await synced(db, erp, approver)
    make(db, "101-002", application=2)
    void(known)
    done = await undo(db, erp, approver, number)
    assert done.notes == (
        "101-002 came after 101-001, which is unlinked: check what its correction means for them",
    )
    # Neither a reference nor an export: there is nothing to ask for.
    bare = make(db, "9", commitment="SC-9", erp_status="synced")
    with pytest.raises(NotPermitted, match="cannot be asked"):
        await undo(db, erp, approver, bare)
    assert (await undo(db, erp, admin, bare)).done == (bare,)


# -- reset -------------------------------------------------------------------------------------------------------------


async def test_a_super_user_resets_what_the_erp_says_nothing_about_and_it_is_looked_for_before_it_is_sent(
    db: Database, erp: Sandbox, known: Path, approver: Actor, admin: Actor, sender: Actor
) -> None:
    number = await synced(db, erp, approver)
    [bill] = sandbox.ledger(known)
    found = linking.links(db, admin, [number])
    silent = [(link, ErpSaid(Presence.SILENT, "no answer")) for link in found]
    with pytest.raises(NotPermitted, match="Admin on ERP Integrations"):
        undoing.reset(db, approver, silent, "stuck", settle_ms=0)
    assert undoing.reset(db, admin, silent, "stuck since Monday", settle_ms=0).done == (number,)
    assert row(db, number)[:3] == ("not_sent", "reset", "stuck since Monday")
    assert newest(db)[1::3] == ("reset", "on the word of an Admin of ERP Integrations")
    # The word was wrong: the bill is there. Exported again it is found under its old key, and booked nowhere twice.
    review.send(db, sender, marked(db, number))
    review.accept(db, approver, marked(db, number), PROFILE)
    await work(db, erp)
    assert sandbox.ledger(known) == [bill]
    assert row(db, number)[0] == "synced" and row(db, number)[3] == bill.ref
    assert (await verdicts(db, erp))[V.AGREES] == 1


async def test_what_was_reset_and_corrected_and_is_there_all_the_same_waits_for_a_person(
    db: Database, erp: Sandbox, known: Path, approver: Actor, admin: Actor, sender: Actor
) -> None:
    number = await synced(db, erp, approver)
    [link] = linking.links(db, admin, [number])
    undoing.reset(db, admin, [(link, ErpSaid(Presence.SILENT, "no answer"))], "stuck", settle_ms=0)
    db.execute("UPDATE invoice_lines SET work_now = 200000 WHERE invoice_id = ?", (number,))
    db.execute("UPDATE invoices SET gross = 200000, net = 190000 WHERE id = ?", (number,))
    review.send(db, sender, marked(db, number))
    review.accept(db, approver, marked(db, number), PROFILE)
    await work(db, erp)
    assert state(db, number) == "parked" and len(sandbox.ledger(known)) == 1


async def test_what_was_exported_and_is_there_is_never_reset(
    db: Database, erp: Sandbox, known: Path, approver: Actor, admin: Actor
) -> None:
    number = await synced(db, erp, approver)
    with pytest.raises(Disallowed, match="still in your ERP"):
        await undo(db, erp, admin, number, undoing.reset)
    # Without its key too: somebody entered it anew.
    by_hand(known, "UPDATE bills SET key = 'typed in'")
    with pytest.raises(Disallowed, match="still in your ERP"):
        await undo(db, erp, admin, number, undoing.reset)
    assert state(db, number) == "synced"


async def test_a_link_that_a_person_made_to_somebody_elses_bill_is_reset(
    db: Database, erp: Sandbox, known: Path, approver: Actor, admin: Actor
) -> None:
    number, other = make(db), typed_in(known, "of another vendor")
    await mark(db, erp, approver, number, other)
    with pytest.raises(Disallowed, match="still in your ERP"):
        await undo(db, erp, admin, number)
    assert (await undo(db, erp, admin, number, undoing.reset)).done == (number,)


# -- mark exported ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["ready_to_export", "failed_to_export"])
async def test_what_was_entered_by_hand_is_synced_without_a_sending_and_the_books_agree(
    db: Database, erp: Sandbox, known: Path, approver: Actor, before: str
) -> None:
    number, ref = make(db, erp_status=before), typed_in(known, "101-001")
    done = await mark(db, erp, approver, number, ref)
    assert done.done == (number,)
    assert row(db, number) == ("synced", None, "", ref, done.batches[0])
    await work(db, erp)
    assert len(sandbox.ledger(known)) == 1
    who, what, _, after, rule = newest(db)
    assert (who, what, rule) == ("jlopez", "mark exported", "preparer is not approver; no limit")
    assert (after["origin_id"], after["erp_said"]) == (ref, f"it has a bill {ref}")
    assert await verdicts(db, erp) == {V.AGREES: 1}
    [batch] = batches.recent(db)
    assert (batch.count, batch.done, batch.gross, batch.net, batch.description) == (
        1, 1, 100_000, 90_000, "Marked exported",
    )  # fmt: skip


async def test_a_marked_one_on_hold_says_so(db: Database, erp: Sandbox, known: Path, approver: Actor) -> None:
    number = make(db, "101-001")
    holding.place(db, approver, marked(db, number), "October's", kind=HoldKind.WAIVER)
    done = await mark(db, erp, approver, number, typed_in(known, "101-001"))
    [note] = done.notes
    assert note.startswith(
        "Hold its payment in the ERP: it is on hold (lien waiver missing: October's, placed by"
    )
    assert newest(db)[4] == "preparer is not approver; no limit; on hold"


async def test_what_differs_from_the_bill_that_was_entered_is_told_by_the_reconciliation(
    db: Database, erp: Sandbox, known: Path, approver: Actor
) -> None:
    number, ref = make(db), typed_in(known, "101-001", net="899.00")
    await mark(db, erp, approver, number, ref)
    async with compared(db, erp) as (of, named):
        assert of.differs and not named.get(V.AGREES)


async def test_a_marked_one_is_unlinked_like_any_other_and_then_exported_once(
    db: Database, erp: Sandbox, known: Path, approver: Actor, sender: Actor
) -> None:
    number, ref = make(db), typed_in(known, "101-001")
    await mark(db, erp, approver, number, ref)
    with pytest.raises(Disallowed, match="still in your ERP"):
        await undo(db, erp, approver, number)
    void(known)
    await undo(db, erp, approver, number)
    review.send(db, sender, marked(db, number))
    review.accept(db, approver, marked(db, number), PROFILE)
    await work(db, erp)
    assert len(sandbox.ledger(known)) == 1 and state(db, number) == "synced"
    assert (await verdicts(db, erp))[V.AGREES] == 1


async def test_what_the_erp_has_by_an_export_is_not_marked(
    db: Database, erp: Sandbox, known: Path, approver: Actor, sender: Actor
) -> None:
    number = await synced(db, erp, approver)
    [bill] = sandbox.ledger(known)
    # Unlinked on a wrong word: the bill is back under its key.
    [link] = linking.links(db, approver, [number])
    undoing.unlink(db, approver, [(link, ErpSaid(Presence.GONE, ""))], "x", settle_ms=0)
    review.send(db, sender, marked(db, number))
    with pytest.raises(Disallowed, match=f"it has it as {bill.ref}, by an export"):
        await mark(db, erp, approver, number, bill.ref)
    assert state(db, number) == "ready_to_export"


async def test_a_reference_that_is_not_there_or_anothers_is_refused(
    db: Database, erp: Sandbox, known: Path, approver: Actor
) -> None:
    one, two = make(db, "1"), make(db, "2", commitment="SC-2")
    with pytest.raises(Disallowed, match="the ERP has no bill SBX-000077"):
        await mark(db, erp, approver, one, "SBX-000077")
    ref = typed_in(known, "1")
    await mark(db, erp, approver, one, ref)
    with pytest.raises(BadInput, match="has it already"):
        await mark(db, erp, approver, two, ref)
    with pytest.raises(BadInput, match="not a reference"):
        await mark(db, erp, approver, two, "a\r\nb")
    assert state(db, two) == "ready_to_export"


async def test_ones_own_and_what_is_over_the_limit_is_not_marked(
    db: Database, erp: Sandbox, known: Path, admin: Actor, approver: Actor
) -> None:
    own, ref = make(db, creator="jlopez"), typed_in(known, "101-001")
    with pytest.raises(NotPermitted, match="created, edited or sent"):
        await mark(db, erp, approver, own, ref)
    juan = directory.find_user(db, "jlopez")
    assert juan is not None
    directory.put_user(db, None, replace(juan, limit_day=99_999))
    policies.put(db, admin, "self", "review", "alone")
    with pytest.raises(NotPermitted, match="limit for a day"):
        await mark(db, erp, approver, own, ref)
    directory.put_user(db, None, replace(juan, limit_day=100_000))
    done = await mark(db, erp, approver, own, ref)
    assert [one.invoice_id for one in signing.listed(db, approver)] == [own]
    # As an export of one's own says it, and as its event does.
    assert done.notes == signing.told(1)
    detail = db.execute("SELECT detail FROM audit_events ORDER BY id DESC LIMIT 1").fetchone()[0]
    assert json.loads(detail)["self"]["policy"] == policies.policies(db)["self"].told


async def test_what_may_be_in_the_erp_is_not_marked(
    db: Database, erp: Sandbox, known: Path, approver: Actor
) -> None:
    number = make(db)
    review.accept(db, approver, marked(db, number), PROFILE)
    ref = typed_in(known, "x")
    with pytest.raises(Disallowed, match="it is Queued"):
        await mark(db, erp, approver, number, ref)
    jobs = outbox.claim(db, "sandbox", "w", limit=5, lease_ms=60_000, concurrency=9)
    fenced = outbox.fence(db, "w", jobs)
    outbox.acknowledge(db, "w", "sandbox", [(job, Unknown(job.key, "lost")) for job in fenced], settle_ms=0)
    with pytest.raises(Disallowed, match="it is Uncertain"):
        await mark(db, erp, approver, number, ref)
    # Failed, and the ERP says late that it has it.
    db.execute("UPDATE export_jobs SET state = 'failed'")
    db.execute("UPDATE invoices SET erp_status = 'failed_to_export'")
    log_attempts(db, "w", [(fenced[0], "late", "booked", "SBX-000050")], db.now())
    with pytest.raises(Blocked, match="booked it already, as SBX-000050"):
        await mark(db, erp, approver, number, ref)


def test_at_most_a_hundred_are_asked_about_at_once(db: Database, approver: Actor) -> None:
    with pytest.raises(BadInput, match="At most 100"):
        linking.links(db, approver, range(1, 102))


def test_the_accounting_date_of_a_marked_one_is_the_erps_own(db: Database, approver: Actor) -> None:
    [link] = linking.links(db, approver, [make(db)])
    there = ErpSaid(Presence.THERE, "it is there")
    undoing.mark_exported(db, approver, link, there, "R-1", "x", PROFILE, accounting_date=date(2026, 11, 3))
    found = db.execute("SELECT accounting_date, payload, state, sends FROM export_jobs").fetchone()
    assert tuple(found)[0::2] == ("2026-11-03", "done")
    assert msgspec.json.decode(found[1])["accounting_date"] == "2026-11-03" and found[3] == 0


async def test_two_who_unlink_the_same_at_the_same_moment_do_it_once(
    db: Database, erp: Sandbox, known: Path, approver: Actor, admin: Actor
) -> None:
    number = await synced(db, erp, approver)
    void(known)
    [link] = linking.links(db, approver, [number])
    start = threading.Barrier(2)
    told: list[bool] = []

    def desk(who: Actor) -> None:
        own = database.open(db.url)
        try:
            start.wait(10)
            undoing.unlink(own, who, [(link, ErpSaid(Presence.GONE, "gone"))], "x", settle_ms=0)
            told.append(True)
        except PayappError:
            told.append(False)
        finally:
            own.close()

    threads = [threading.Thread(target=desk, args=(who,)) for who in (approver, admin)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False, True]
    events = db.execute("SELECT count(*) FROM audit_events WHERE action = 'unlink'").fetchone()
    assert (events[0], state(db, number), states(db)) == (1, "not_sent", {"cancelled": 1})
