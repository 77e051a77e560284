"""The card of a first run: once per user, put away by any key, and that key does nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hand import Counter, Hand
from textual.widgets import Static

from store import signs
from store.db import Database
from store.directory import actor
from store.domain.actor import Level
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.gestures import GestureScreen
from tui.screens.welcome import WelcomeScreen, card

Wire = Callable[[str], tuple[Desk, Counter]]


async def test_any_key_puts_it_away_and_does_nothing_else(desk_of: Wire) -> None:
    desk, counter = desk_of("jlopez")
    app = DeskApp(desk, welcome=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        hand = Hand(app, pilot, counter)
        await hand.dialog(WelcomeScreen)
        await hand.until(lambda: app.screen_stack[0].is_mounted)
        await hand.press("space")
        await hand.until(lambda: isinstance(app.screen, GestureScreen))
        await hand.until(lambda: signs.welcomed(desk.db, desk.me))
        assert hand.marked() == set()
        await hand.press("space")
        assert hand.marked() == {"R-00"}


async def test_typed_ahead_it_stays(desk_of: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow the machine is, the key of this test comes within the time.
    monkeypatch.setattr(WelcomeScreen, "GUARD", 600.0)
    desk, counter = desk_of("jlopez")
    app = DeskApp(desk, welcome=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        hand = Hand(app, pilot, counter)
        await hand.until(lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("x")
        assert isinstance(app.screen, WelcomeScreen)
        assert not signs.welcomed(desk.db, desk.me)


@pytest.mark.parametrize(
    ("login", "fourth"),
    [
        ("jlopez", "  x        exports what is marked, and asks before; r rejects"),
        ("mgarcia", "  f        sends what is marked; e edits the one under the cursor"),
        ("viewer", "  w        writes a file of what is listed or marked: CSV, XLSX, report"),
        ("nopush", "  w        writes a file of what is listed or marked: CSV, XLSX, report"),
    ],
)
def test_five_keys_for_what_each_may_do(books: Database, login: str, fourth: str) -> None:
    lines = card(actor(books, login))
    assert len(lines) == 5 and all(len(line) <= 76 for line in lines)
    assert not any("{" in line for line in lines)
    assert lines[3] == fourth


def test_who_reads_where_the_desk_opens_is_led_to_where_he_decides(books: Database) -> None:
    sender = replace(actor(books, "mgarcia"), erp_level=Level.READ_ONLY)
    assert card(sender)[3] == "  m        the other tools; in Commitments f sends, e edits"


@pytest.mark.parametrize(("login", "reads"), [("jlopez", False), ("mgarcia", False), ("viewer", True)])
async def test_who_only_reads_is_told_whom_to_ask(desk_of: Wire, login: str, reads: bool) -> None:
    desk, counter = desk_of(login)
    app = DeskApp(desk, welcome=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        hand = Hand(app, pilot, counter)
        await hand.dialog(WelcomeScreen)
        told = " ".join(str(text.render()) for text in app.screen.query(Static))
        assert ("You read here; a Directory Admin grants more." in told) is reads
