"""What the desk says: with the reader's own keys, to who may not decide, and where a filter finds nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import msgspec
import pytest
from hand import PROFILE, Counter, Hand, Start
from textual.widgets import Static

from store import batches, review
from store.batches import Failure
from store.db import Database
from store.directory import actor
from store.domain.profile import Capabilities
from store.domain.selection import Marked
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.keymap import KEYS, Place, sections, use, why_off
from tui.screens.gestures import GestureScreen
from tui.screens.help import HelpScreen
from tui.screens.welcome import card
from tui.silence import nothing_done
from tui.user_keymap import laid_over
from tui.widgets.export_panel import report

# A person who has other keys for all that sentences name. The bindings of this process stay as they are.
OWN = {
    "table.mark": "=", "table.range": "'", "list.mark-all": "K", "list.mark-every": "J", "list.mark-query": "&",
    "list.only-marked": '"', "list.undo-marking": "ctrl+u", "list.filter": ";", "list.clear-filter": ",",
    "list.refresh": "ctrl+e", "list.saved-views": "ctrl+o", "list.sort": "ctrl+k", "list.more": "ctrl+t", "list.open": "ctrl+y",
    "list.cancel": "ctrl+x", "list.command": "!", "list.help": "#", "list.quit": "ctrl+w", "list.write": "ctrl+f",
    "list.show-history": "ctrl+v", "list.view-1": "F", "list.view-2": "I", "list.view-3": "L", "list.view-4": "B",
    "list.view-5": "C", "invoices.export": "E", "invoices.reject": "@", "invoices.hold": "%", "invoices.dry-run": "$",
    "invoices.query": "^", "invoices.export-values": "0", "invoices.recall": "9", "invoices.show-errors": "8",
    "invoices.panel": "7", "commitments.send": "6", "commitments.retrieve": "_", "commitments.edit": "~",
    "commitments.approve": "`", "commitments.files": "(", "commitments.changes": ")", "filter.complete": "ctrl+n",
}  # fmt: skip
# Default keys that no sentence here has for another reason; digits and "/" are told by what is around them.
DEFAULT = re.compile(
    r"(?<![\w'+.,-])(?:Space|Esc|F5|[xrdftzmosewhvyADHZ]|\\|\+)(?![\w'+-])|\((?:[1-5]|/)\)|view [1-5]\b|Press \d"
)


@pytest.fixture
def own() -> Iterator[None]:
    laid, problems = laid_over({"keys": {name: [key] for name, key in OWN.items()}})
    assert problems == []
    use(laid)
    yield
    use(KEYS)


def listing(hand: Hand) -> GestureScreen:  # type: ignore[type-arg] # of either tool
    return next(screen for screen in reversed(hand.app.screen_stack) if isinstance(screen, GestureScreen))


def seen(hand: Hand) -> str:
    """What is said, on the status line, in the list's place and in the detail."""
    screen = listing(hand)
    parts = [screen._message, *(line.text for line in screen.table._drawn if not screen.table.count)]
    if screen.reading:
        parts += [line.removeprefix("|") for line in screen.pane.text.splitlines()]
    return " ".join(" ".join(parts).split())


def away(db: Database, where: str = "1 = 1") -> None:
    """These invoices are not there any more."""
    db.execute(f"DELETE FROM invoice_lines WHERE invoice_id IN (SELECT id FROM invoices WHERE {where})")
    db.execute(f"DELETE FROM invoices WHERE {where}")


def mended(db: Database) -> None:
    """What a worker wrote names keys by what they do."""
    db.execute(
        "UPDATE invoices SET error_fix = '{invoices.export-values}: another date, then {invoices.export} retries'"
        " WHERE error_code <> ''"
    )


def held(db: Database) -> None:
    db.execute("UPDATE invoices SET held = true WHERE id = 1")


def approved(db: Database) -> None:
    """Nothing needs approval any more."""
    db.execute("UPDATE invoices SET status = 'approved'")


FILTER = ("slash", *"zebra", "enter")


@pytest.mark.parametrize(
    ("login", "books_are", "keys", "said"),
    [
        ("jlopez", away, ("1",), "Nothing waits for export. The project sends from Commitments (Ctrl+T)."),
        ("jlopez", away, ("2",), "Nothing is being exported. Mark in Ready to Export (F) and press E."),
        ("jlopez", away, ("3",), "Nothing failed. What is on its way is in view I, what arrived in view B."),
        ("jlopez", away, ("4",), "Nothing is synced yet. Mark in Ready to Export (F) and press E."),
        ("jlopez", away, ("5",), "No invoice has been sent to ERP Integrations yet (Ctrl+T: Commitments)."),
        ("mgarcia", away, ("1",), "Nothing was rejected. What is not sent yet is in view I."),
        ("mgarcia", away, ("2",), "Every invoice is sent. What came back is in view F."),
        ("mgarcia", away, ("3",), "Nothing is sent. Mark in Not Sent (I) and press 6."),
        ("mgarcia", None, ("5",), "There is no view C here. Press F to B."),
        ("jlopez", None, FILTER, "None of the 10 in Ready to Export matches. , clears the filter; C looks in all 13."),
        ("jlopez", None, ("slash", *"foo:x", "enter", "a"), ", clears the filter."),
        ("jlopez", None, ("x",), "Nothing is marked. = marks the invoice under the cursor, K all clean matches."),
        ("jlopez", None, ("2", "x"), "Export in Ready to Export (F), retry in Failed to Export (L)."),
        ("jlopez", None, ("4", "space", "r"), "it is Synced"),
        ("jlopez", None, ("t",), "Nothing is marked. = marks one, K all."),
        ("jlopez", None, ("a",), "flagged one not (= marks one, J all of them)"),
        ("jlopez", None, ("a", "u"), "unmarked; Ctrl+U brings them back."),
        ("jlopez", None, ("greater_than_sign",), "Ctrl+K sorts by it."),
        ("jlopez", None, ("colon", *"nothing such", "enter"), "Up and Down choose, Enter takes it, Ctrl+X leaves."),
        ("jlopez", mended, ("3", "enter", "e"), "Fix: 0: another date, then E retries Keys: Ctrl+T 3: Mappings 0: dates, description, ERP number E: retry @: reject"),
        ("jlopez", None, ("enter", "e"), "No errors. $ shows what would stand against an export."),
        ("jlopez", held, ("enter",), "% releases it"),
        ("mgarcia", approved, ("2", "space", "y"), "6 sends it"),
        ("mgarcia", None, ("2", "space", "f"), "It must be approved before it is sent"),
    ],
)  # fmt: skip
async def test_a_person_with_other_keys_reads_those(
    start: Start,
    books: Database,
    own: None,
    login: str,
    books_are: Callable[[Database], None] | None,
    keys: tuple[str, ...],
    said: str,
) -> None:
    if books_are is not None:
        books_are(books)
    async with start(login) as hand:
        await hand.press(*keys)
        await hand.until(lambda: said in seen(hand), f"{said!r} is not in what is seen")
        # The detail has letters of its own: flags, the columns of the form.
        assert listing(hand).reading or not DEFAULT.search(seen(hand))


@pytest.mark.parametrize(
    "text", ["Space marks one.", "It goes (1).", "Look again (F5).", "x retries.", "in view 4", "\\ clears"]
)
def test_a_default_key_would_be_found(text: str) -> None:
    assert DEFAULT.search(text)


async def test_a_key_that_is_answered_names_other_ones(start: Start, own: None) -> None:
    async with start() as hand:
        here = set(hand.invoices.PLACES)
        said = nothing_done("apostrophe", here, hand.invoices)
        assert said == "A range begins here: move, and the same key marks it; Ctrl+X drops it."
        assert (
            why_off("6", *here)
            == "6 works in Commitments (Ctrl+T): send (forward) what is marked to ERP Integrations."
        )
        assert why_off("x", *here) == "x does nothing here. # lists the keys."
        helped = dict(pair for _, keys in sections(Place.TABLE) for pair in keys)
        assert helped["'"] == "start a range; again marks it, Ctrl+X drops it"
        assert card(hand.app.desk.me)[3] == "  E        exports what is marked, and asks before; @ rejects"


async def test_the_views_carry_the_keys_that_show_them(start: Start, own: None) -> None:
    async with start() as hand:
        assert (
            hand.text("#views").strip()
            == "Filter By: [F Ready 10] I Exporting 0 L Failed 2! B Synced 1 C All 13"
        )


async def test_an_action_without_a_key_is_named_for_the_command_line(start: Start, own: None) -> None:
    laid, _ = laid_over({"keys": {"list.clear-filter": [], "list.only-marked": []}})
    use(laid)
    async with start() as hand:
        await hand.press(*FILTER)
        assert "None of the 10 in Ready to Export matches. :clear-filter clears the filter" in seen(hand)
        hand.invoices.only_marked = True
        assert hand.invoices.empty_text() == "Nothing marked matches. :only-marked shows all again."


# -- who may not decide ------------------------------------------------------------------------------------------

PROMISES = re.compile(r"\b(?:EXPORT|Reject|Send|Retrieve)\b|[Pp]ress|\b[xrHdDZf] |\([xrHdDZ]\)")


@pytest.mark.parametrize("login", ["viewer", "nopush"])
@pytest.mark.parametrize(
    ("view", "said"),
    [
        ("1", "Nothing waits for export. The project sends from Commitments."),
        ("2", "Nothing is being exported. An accounting approver exports from Ready to Export (1); a Directory Admin says who is one."),
        ("3", "Nothing failed. What is on its way is in view 2, what arrived in view 4."),
        ("4", "Nothing is synced yet. An accounting approver exports from Ready to Export (1); a Directory Admin says who is one."),
        ("5", "No invoice has been sent to ERP Integrations yet."),
    ],
)  # fmt: skip
async def test_who_reads_in_erp_integrations_is_promised_no_decision(
    start: Start, books: Database, login: str, view: str, said: str
) -> None:
    away(books)
    async with start(login) as hand:
        await hand.press(view)
        await hand.until(lambda: said in seen(hand))
        assert not PROMISES.search(f"{said} {hand.text('#foot')}")


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (
            "3",
            "Nothing is sent. Who has Admin on Commitments sends from Not Sent (2); a Directory Admin grants it.",
        ),
        ("4", "There are no invoices yet. Who has Admin on Commitments imports them."),
    ],
)
async def test_who_reads_in_commitments_is_promised_no_decision(
    start: Start, books: Database, view: str, said: str
) -> None:
    away(books)
    async with start("jlopez") as hand:
        hand.app.switch_screen("commitments")
        await hand.until(lambda: hand.app.screen is hand.commitments and hand.commitments._counts)
        await hand.press(view)
        await hand.until(lambda: said in seen(hand))
        assert not PROMISES.search(f"{said} {hand.text('#foot')}")


@pytest.mark.parametrize(
    ("login", "why"),
    [
        ("viewer", "viewer may not accept or reject: that needs Standard or Admin on ERP Integrations, and the level is Read Only."),
        ("nopush", "nopush may not accept or reject: the privilege Can Push to Accounting is missing."),
    ],
)  # fmt: skip
async def test_the_help_of_who_reads_says_why_and_whom_to_ask(start: Start, login: str, why: str) -> None:
    async with start(login, (120, 40)) as hand:
        await hand.press("question_mark")
        await hand.dialog(HelpScreen)
        told = " ".join(str(hand.app.screen.query_one("#keys", Static).render()).split())
        found = dict(cast("HelpScreen", hand.app.screen)._sections)
        assert found["Deciding"] == [
            ("", f"{why} Ask a Directory Admin{' to grant it' if login == 'nopush' else ''}.")
        ]
        assert why[:30] in told
        assert [keys for keys, _ in found["Subcontractor Invoices"]] == ["e", "b"]
        assert "Export" not in found and "Reject" not in found and "Dry run" not in found


async def test_who_decides_has_all_keys_in_the_help(start: Start) -> None:
    async with start() as hand:
        await hand.press("question_mark")
        await hand.dialog(HelpScreen)
        found = dict(cast("HelpScreen", hand.app.screen)._sections)
        assert "Deciding" not in found and {"Export", "Reject", "Dry run", "Payload"} <= found.keys()
        assert "x F6" in [keys for keys, _ in found["Subcontractor Invoices"]]


async def test_the_detail_of_who_reads_names_no_key_that_decides(start: Start, books: Database) -> None:
    books.execute("UPDATE invoices SET held = true WHERE id = 1")
    async with start("viewer") as hand:
        await hand.press("enter", "e")
        await hand.until(lambda: "No errors." in seen(hand))
        assert "stand against" not in seen(hand)
        await hand.press("l", "g")
        await hand.until(lambda: "an accounting approver releases it" in seen(hand))
        await hand.press("escape", "3", "enter", "e")
        await hand.until(
            lambda: "An accounting approver retries or rejects it, in ERP Integrations." in seen(hand)
        )
        assert "x: retry" not in seen(hand)


async def test_the_errors_in_commitments_name_no_key_of_the_other_tool(start: Start) -> None:
    async with start("mgarcia") as hand:
        await hand.press("3", "enter")
        hand.commitments.action_show_errors()
        await hand.until(
            lambda: "An accounting approver retries or rejects it" in seen(hand) or "No errors." in seen(hand)
        )
        assert "x: retry" not in seen(hand) and "d shows" not in seen(hand)


async def test_the_panel_of_who_reads_has_no_key_that_decides(start: Start, books: Database) -> None:
    review.accept(books, actor(books, "jlopez"), Marked({1: 1, 2: 1}), PROFILE)
    failure = Failure(1, "R-00", "Apex", "x", "why", "")
    batch = replace(batches.progress(books, 1), failed=2, failures=(failure,))
    last = ["".join(part.text for part in line) for line in report(batch, 80, 0, 4, decides=False)][-1]
    assert last == "  and 1 more (3)  3: view  e: error"
    books.execute("UPDATE batches SET hold_until = 4102444800000")
    async with start("viewer") as hand:
        await hand.press("b")
        await hand.until(lambda: "BATCH 1" in hand.text("ExportPanel"))
        assert "recall" not in hand.text("ExportPanel")


# -- a filter that finds nothing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "keys", "said"),
    [
        ("", FILTER, "None of the 10 in Ready to Export matches. \\ clears the filter; 5 looks in all 13."),
        ("", ("5", *FILTER), "None of the 13 in All matches. \\ clears the filter."),
        ("", ("4", *FILTER), "The only invoice in Synced does not match. \\ clears the filter; 5 looks in all 13."),
        ("", ("2", *FILTER), "Nothing is being exported. Mark in Ready to Export (1) and press x. \\ clears the filter."),
        ("erp_status <> 'ready_to_export'", FILTER, "None of the 10 in Ready to Export matches. \\ clears the filter."),
    ],
)  # fmt: skip
async def test_a_filter_that_finds_nothing_says_what_there_is_and_how_to_clear_it(
    start: Start, books: Database, gone: str, keys: tuple[str, ...], said: str
) -> None:
    if gone:
        away(books, gone)
    async with start() as hand:
        await hand.press(*keys)
        await hand.until(lambda: seen(hand) == said)
        await hand.press("backslash")
        await hand.until(lambda: hand.invoices.table.count == hand.invoices._counts[hand.invoices.view])


async def test_marked_ones_that_a_filter_hides_are_brought_back_by_their_key(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "t", *FILTER)
        await hand.until(lambda: seen(hand) == "Nothing marked matches. t shows all again.")
        await hand.press("t")
        await hand.until(lambda: seen(hand).startswith("None of the 10 in Ready to Export matches."))


# -- an integration that takes no subcontractor invoices -----------------------------------------------------------


async def test_an_integration_without_invoices_says_so_on_the_tab(
    books: Database, desk_of: Callable[[str], tuple[Desk, Counter]]
) -> None:
    profile = msgspec.structs.replace(PROFILE, title="Ledger", capabilities=Capabilities(invoices=False))
    desk, counter = desk_of("jlopez")
    app = DeskApp(replace(desk, profile=profile))
    sentence = "The Ledger integration does not support subcontractor invoices"
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        hand = Hand(app, pilot, counter)
        await hand.until(lambda: isinstance(app.screen, GestureScreen) and app.screen._counts)
        await hand.idle()
        assert "invoices are not supported" in hand.text("#tabs")
        await hand.press("space", "x")
        await hand.until(lambda: sentence in seen(hand))
        books.execute("UPDATE invoices SET erp_status = 'not_sent', sender_id = NULL")
        await hand.press("f5")
        await hand.until(lambda: sentence in hand.invoices.table.empty)
