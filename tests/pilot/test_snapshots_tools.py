"""How the small dialogs look, at 80x24 and 120x40."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hand import Counter, Hand
from textual.pilot import Pilot

from store.asking import Asked
from store.domain.actor import Actor, Level
from store.domain.status import View
from store.listing import Order
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.ask_by_mail import AskByMailScreen
from tui.screens.dialog import Dialog
from tui.screens.hold import HoldScreen
from tui.screens.reconciled import ReconciledScreen
from tui.screens.welcome import WelcomeScreen
from tui.screens.writing import Source, WriteScreen

SIZES = [(80, 24), (120, 40)]
ME = Actor(
    1,
    "jlopez",
    "Juan Lopez",
    "",
    Level.STANDARD,
    Level.READ_ONLY,
    Level.NONE,
    can_push=True,
    limit_invoice=None,
)
ORDER = Order(View.READY)
HOSTILE = "Eve [/] \x1b[2J\u202e 建設"


async def reconciled(first: date) -> list[str]:
    """As payapp reconcile tells it."""
    return [
        f"Sandbox ERP: accounting dates {first} to 2026-11-30",
        "USD                                 Count         Gross           Net",
        "Booked there as sent     sent         118  1,204,330.10  1,083,897.09",
        "                         ERP          118  1,204,330.10  1,083,897.09",
        "Not in the ERP           sent           1     13,833.33     12,450.00",
        f"  #7 101-007  {HOSTILE}  2026-10-31  net 12,450.00 USD  B-1044",
        "The books differ.",
    ]


DIALOGS: dict[str, Callable[[], Dialog[Any]]] = {
    "hold": lambda: HoldScreen(0, 2, ["2 in USD   Net 5,481.00", "1 of them are hidden by the filter"]),
    "hold-mixed": lambda: HoldScreen(3, 9, ["12 in USD   Net 41,220.55"]),
    "release": lambda: HoldScreen(1, 0, ["101-007  Apex Drywall LLC", "waiver missing, placed by jlopez"]),
    "query": lambda: AskByMailScreen(
        "3 invoices",
        [Asked("Maria Garcia", "mgarcia@acme.example", 2), Asked(HOSTILE, "", 1)],
        answerable=True,
    ),
    "write": lambda: WriteScreen(
        [Source("marked 2", ORDER), Source("listed 41", ORDER), Source("all of Ready to Export", ORDER)],
        "ready",
        date(2026, 11, 22),
    ),
    "reconciled": lambda: ReconciledScreen(reconciled, date(2026, 10, 1), lambda: None),
    "welcome": lambda: WelcomeScreen("ACME BUILDERS", ME),
    "welcome-project": lambda: WelcomeScreen(
        "ACME BUILDERS", replace(ME, erp_level=Level.NONE, commitments_level=Level.ADMIN, can_push=False)
    ),
    "welcome-reader": lambda: WelcomeScreen("ACME BUILDERS", replace(ME, can_push=False)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("what", DIALOGS)
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
        screen = DIALOGS[what]()
        app.push_screen(screen)
        await hand.dialog(type(screen))
        await hand.idle()

    assert snap_compare(app, terminal_size=size, run_before=arrange)
