"""Every key of the table, pressed at every place of a list: something shows, or the status line says why nothing does."""

from __future__ import annotations

import pytest
from hand import Hand, Start
from textual.widgets import Static

from store.db import Database
from tui.keymap import DIALOGS, KEYS, Place
from tui.screens.confirm import ConfirmExport
from tui.screens.gestures import GestureScreen
from tui.widgets.bar import Bar
from tui.widgets.export_panel import ExportPanel

# What does its work elsewhere than on this screen: another program's terminal, the end of the desk.
ELSEWHERE = {"list.quit", "list.redraw", "list.suspend"}
PRESSED = [
    key
    for key in KEYS
    if key.keys and key.place not in DIALOGS | {Place.FILTER, Place.COMMAND} and key.name not in ELSEWHERE
]


def listing(hand: Hand) -> GestureScreen:  # type: ignore[type-arg] # of either tool
    return next(screen for screen in hand.app.screen_stack if isinstance(screen, GestureScreen))


def look(hand: Hand) -> tuple[object, ...]:
    """All that can be seen: the screens, the focus, every line of them."""
    below = listing(hand)
    return (
        tuple(hand.app.screen_stack), hand.app.focused, below.classes,
        tuple((line.prefix, line.text, line.is_cursor) for line in below.table._drawn), below.table._heading,
        tuple(bar.text for screen in hand.app.screen_stack for bar in screen.query(Bar)),
        tuple(str(text.render()) for text in hand.app.screen.query(Static)),
    )  # fmt: skip


async def stand(hand: Hand, where: str) -> None:
    """At the list, in the detail, or at an empty view, with nothing marked and nothing said."""
    while len(hand.app.screen_stack) > 1 and not isinstance(hand.app.screen, GestureScreen):
        await hand.until(lambda: getattr(hand.app.screen, "armed", True))
        await hand.pilot.press("escape")
        await hand.pilot.pause()
    screen = listing(hand)
    screen.show_view(list(screen.TITLES)[1 if where == "empty" else 0])
    screen.action_unmark_all()
    screen.table.drop_range()
    screen.close_detail()
    screen.set_focus(screen.table)
    await hand.idle()
    if where == "detail":
        screen.action_open()
        await hand.idle()
    screen.say("")


async def shows(hand: Hand, name: str) -> bool:
    """Whether anything of that key is seen, once it is done with."""
    before = look(hand)
    await hand.pilot.press(name)
    try:
        await hand.until(lambda: look(hand) != before or hand.app._answered is hand.app._last_key)
    except AssertionError:
        return False
    await hand.idle()
    return look(hand) != before


@pytest.mark.parametrize(
    ("login", "tool", "where"),
    [("jlopez", "invoices", "table"), ("jlopez", "invoices", "detail"), ("jlopez", "invoices", "empty"),
     ("jlopez", "commitments", "table"), ("mgarcia", "", "empty")],
)  # fmt: skip
async def test_no_key_is_silent(start: Start, login: str, tool: str, where: str) -> None:
    silent: list[str] = []
    async with start(login) as hand:
        if tool and listing(hand) is not hand.app.get_screen(tool):
            hand.app.switch_screen(tool)
            await hand.until(lambda: isinstance(hand.app.screen, GestureScreen) and hand.app.screen._counts)
        for key in PRESSED:
            await stand(hand, where)
            if not await shows(hand, key.keys[0]):
                silent.append(f"{key.name} ({key.keys[0]})")
    assert ", ".join(silent) == ""


async def test_a_key_of_another_tool_says_where_it_works(start: Start) -> None:
    async with start("mgarcia") as hand:
        await hand.press("x")
        await hand.says("x works in ERP Integrations (m): export what is marked")
        await hand.press("g", "g")
        await hand.says("This is the first invoice.")
        await hand.press("K")
        await hand.says("K does nothing here. ? lists the keys.")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("v", "j", "j", "escape"), ""),
        (("u", "u"), "Nothing was marked."),
        (("z", "z"), "There is no marking to undo."),
        (("f5", "f5"), "Everything is read anew."),
        (("slash", *"foo:x", "enter", "x", "a"), "There is no filter 'foo'"),
    ],
)
async def test_a_key_that_said_or_dropped_something_is_not_called_idle(
    start: Start, keys: tuple[str, ...], said: str
) -> None:
    async with start() as hand:
        await hand.press(*keys)
        await hand.until(lambda: hand.app._last_key is not None and hand.app._last_key.key == keys[-1])
        await hand.pilot.pause()
        message = hand.invoices._message
        assert message.startswith(said) if said else not message


async def test_enter_in_the_open_detail_names_the_way_back(start: Start) -> None:
    async with start() as hand:
        await hand.press("enter", "enter")
        await hand.says("The detail is open already: Esc goes back to the list.")


async def test_the_panel_that_a_key_hides_or_shows_is_an_answer(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("space", "x")
        await hand.dialog(ConfirmExport)
        await hand.pilot.press("y")
        await hand.says("1 accepted for export")
        await hand.idle()
        hand.invoices.say("")
        for shown in (False, True):
            await hand.press("b")
            assert hand.invoices.query_one(ExportPanel).has_class("shown") is shown
            await hand.pilot.pause()
            assert not hand.invoices._message
