"""How the screens look, at 80x24 and 120x40."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hand import Counter, Hand
from textual.pilot import Pilot

from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.confirm import ConfirmExport
from tui.screens.reject import RejectScreen

SIZES = [(80, 24), (120, 40)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("what", ["list", "confirm", "reject"])
def test_look(
    what: str,
    size: tuple[int, int],
    snap_compare: Callable[..., bool],
    desk_of: Callable[[str], tuple[Desk, Counter]],
) -> None:
    desk, counter = desk_of("jlopez")
    app = DeskApp(desk)

    async def arrange(pilot: Pilot[Any]) -> None:
        hand = Hand(app, pilot, counter)
        await hand.idle()
        await hand.press("space", "space")
        if what == "confirm":
            await hand.press("a", "x")
            await hand.dialog(ConfirmExport)
        elif what == "reject":
            await hand.press("r")
            await hand.dialog(RejectScreen)
            await hand.press(*"Retainage is 5 percent")
        await hand.idle()

    assert snap_compare(app, terminal_size=size, run_before=arrange)
