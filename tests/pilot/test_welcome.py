"""The card of a first run: once per user, put away by any key, and that key does nothing else."""

from __future__ import annotations

from collections.abc import Callable

from hand import Counter, Hand

from store import signs
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


async def test_typed_ahead_it_stays(desk_of: Wire) -> None:
    desk, counter = desk_of("jlopez")
    app = DeskApp(desk, welcome=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        hand = Hand(app, pilot, counter)
        await hand.until(lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("x")
        assert isinstance(app.screen, WelcomeScreen)
        assert not signs.welcomed(desk.db, desk.me)


def test_five_keys_for_each_tool() -> None:
    for project in (False, True):
        lines = card(project=project)
        assert len(lines) == 5 and all(len(line) <= 76 for line in lines)
        assert not any("{" in line for line in lines)
    assert "  x        exports" in "\n".join(card(project=False))
    assert "  f        sends" in "\n".join(card(project=True))
