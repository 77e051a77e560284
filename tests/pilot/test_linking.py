"""Unlink, reset and mark exported from the list's command line, and the sign-off of one's own, driven by keys at 80x24."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hand import PROFILE, Hand, Start, add_invoice

from store import directory, policies, review, signing
from store.db import Database
from store.domain.selection import Marked
from store.linking import ErpSaid, Link, Presence
from store.models import Project, Vendor
from tui.screens.ask import AskScreen
from tui.screens.invoices import InvoicesScreen
from tui.screens.more import MoreScreen
from tui.screens.signing import SigningScreen
from tui.screens.undoing import UndoScreen

GONE = ErpSaid(Presence.GONE, "it has no bill B-1")


def answers(hand: Hand, *said: ErpSaid) -> list[str]:
    """The ERP says that, one after the other; returns what it is asked for, as it is."""
    asked: list[str] = []
    left = list(said)

    async def linked(links: Sequence[tuple[Link, str]]) -> list[ErpSaid]:
        asked.extend(reference for _, reference in links)
        return [left.pop(0) for _ in links]

    hand.invoices.desk = replace(hand.invoices.desk, linked=linked)
    return asked


def found(db: Database, number: str) -> tuple[str, str, str]:
    row = db.execute(
        "SELECT erp_status, coalesce(outcome, ''), coalesce(origin_id, '') FROM invoices WHERE number = ?",
        (number,),
    ).fetchone()
    return row[0], row[1], row[2]


async def test_a_synced_one_is_unlinked_with_a_comment_once_its_bill_is_gone(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        asked = answers(hand, ErpSaid(Presence.THERE, "it has it as B-1"), GONE)
        await hand.press("4")
        await hand.command("unlink")
        await hand.says("The requisition is still in your ERP system. Please delete it before retrying.")
        await hand.command("unlink")
        await hand.dialog(UndoScreen)
        assert "Unlink S-00" in hand.text(".title") and "it has no bill B-1" in hand.text(".about")
        # Enter leads to Cancel first; without a comment nothing is done.
        await hand.press("enter", "tab", "enter")
        await hand.until(lambda: "A comment is needed" in hand.text("#problem"))
        assert found(books, "S-00") == ("synced", "", "B-1")
        await hand.focus("#comment")
        await hand.press(*"void", "enter", "tab", "enter")
        await hand.says("1 unlinked; it is in Commitments again.")
        assert asked == ["B-1", "B-1"]
        assert found(books, "S-00") == ("not_sent", "unlinked", "")


async def test_enter_alone_never_unlinks(start: Start, books: Database) -> None:
    async with start() as hand:
        answers(hand, GONE)
        await hand.press("4")
        await hand.command("unlink")
        await hand.dialog(UndoScreen)
        await hand.press(*"void", "enter", "enter")
        await hand.until(lambda: isinstance(hand.app.screen, InvoicesScreen))
        assert found(books, "S-00")[0] == "synced"


async def test_reset_is_for_an_admin_and_goes_without_an_answer(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("4")
        await hand.command("reset")
        await hand.says("that needs Admin on ERP Integrations")
    async with start("admin") as hand:
        answers(hand, ErpSaid(Presence.SILENT, "no answer"))
        await hand.press("4")
        await hand.command("reset")
        await hand.dialog(UndoScreen)
        assert "it is paid twice" in hand.text(".note")
        await hand.press(*"stuck", "enter", "tab", "enter")
        await hand.says("1 reset; it is in Commitments again.")
    assert found(books, "S-00")[:2] == ("not_sent", "reset")


async def test_what_was_entered_by_hand_is_marked_exported_and_a_wrong_reference_is_mended_in_place(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        asked = answers(hand, ErpSaid(Presence.GONE, "none"), ErpSaid(Presence.THERE, "it is there"))
        await hand.command("mark-exported")
        await hand.dialog(UndoScreen)
        await hand.press(*"B9", "enter", "enter", *"by hand", "enter", "tab", "enter")
        await hand.until(lambda: "the ERP has no bill B9" in hand.text("#problem"))
        await hand.focus("#reference")
        await hand.press("end", "7", "enter", *"x", "enter", "enter", "tab", "enter")
        await hand.until(lambda: "'x' is not a date" in hand.text("#problem"))
        await hand.focus("#day")
        await hand.press("home", "delete", "enter", "enter", "tab", "enter")
        await hand.says("is Synced as B97; nothing was sent.")
        assert asked == ["B9", "B97"] and hand.worker.calls == 0
    assert found(books, "R-00") == ("synced", "", "B97")


async def test_what_cannot_be_is_refused_before_anything_is_asked(start: Start) -> None:
    async with start() as hand:
        asked = answers(hand)
        await hand.command("unlink")
        await hand.says("cannot be unlinked: it is Ready to Export")
        await hand.press("space", "space")
        await hand.command("mark-exported")
        await hand.says("One invoice at a time")
        assert asked == []
    async with start("viewer") as hand:
        await hand.press("4")
        await hand.command("unlink")
        await hand.says("viewer may not unlink an invoice")


# -- the sign-off --------------------------------------------------------------------------------------------------


def exported_by_herself(db: Database, *numbers: str) -> None:
    """Ada sent and exported these, under the policy ``review``."""
    admin = directory.actor(db, "admin")
    policies.put(db, admin, "self", "review", "Ada [/] alone\x1b[2J")
    for number in numbers:
        made = add_invoice(
            Project.get_by_id(1), Vendor.get_by_id(3), number, "ready_to_export", sender=admin.id
        )
        review.accept(db, admin, Marked({made: 1}), PROFILE)


async def test_another_person_agrees_or_objects_and_the_header_tells_of_the_policy(
    start: Start, books: Database
) -> None:
    exported_by_herself(books, "O-1", "O-2")
    async with start() as hand:
        assert "[SELF REVIEW]" in hand.text("#header")
        await hand.press("m")
        await hand.dialog(MoreScreen)
        await hand.press("7")
        await hand.dialog(SigningScreen)
        await hand.until(lambda: "2 of 2  ! 2 wait" in hand.text("#info"))
        await hand.press("y")
        await hand.dialog(AskScreen)
        await hand.press("enter")
        await hand.dialog(SigningScreen)
        assert signing.waiting(books) == 2
        await hand.press("y")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.until(lambda: "O-1 is signed off." in hand.text("#foot"))
        await hand.press("o")
        await hand.dialog(UndoScreen)
        await hand.press("enter", "tab", "enter")
        await hand.until(lambda: "An objection needs a comment" in hand.text("#problem"))
        await hand.focus("#comment")
        await hand.press(*"no", "enter", "tab", "enter")
        await hand.until(lambda: "your objection is kept" in hand.text("#foot"))
    signed = signing.listed(books, directory.actor(books, "jlopez"), everything=True)
    assert [(one.verdict, one.signed_by) for one in signed] == [("objected", "jlopez"), ("agreed", "jlopez")]


async def test_who_exported_it_signs_nothing_and_a_reader_only_reads(start: Start, books: Database) -> None:
    exported_by_herself(books, "O-1")
    async with start("admin") as hand:
        await hand.press("m", "7")
        await hand.dialog(SigningScreen)
        await hand.until(lambda: "1 of 1" in hand.text("#info"))
        await hand.press("y")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.until(lambda: "Nobody signs off what he exported" in hand.text("#foot"))
    async with start("viewer") as hand:
        await hand.press("m", "7")
        await hand.dialog(SigningScreen)
        await hand.until(lambda: "1 of 1" in hand.text("#info"))
        await hand.press("y")
        await hand.until(lambda: "viewer may not sign exports off" in hand.text("#foot"))
    assert signing.waiting(books) == 1
