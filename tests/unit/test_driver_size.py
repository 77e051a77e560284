"""What a terminal claims of its size costs no more memory than there are screens for."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace

import pytest
from textual.driver import Driver
from textual.events import Resize
from textual.message import Message

from tui.driver import COLUMNS_MOST, LINES_MOST, DeskDriver


@pytest.mark.parametrize(
    ("claimed", "given"),
    [
        ((80, 24), (80, 24)), ((400, 100), (400, 100)), ((65_535, 65_535), (COLUMNS_MOST, LINES_MOST)),
        ((65_535, 24), (COLUMNS_MOST, 24)), ((80, 65_535), (80, LINES_MOST)),
    ],
)  # fmt: skip
def test_a_claimed_size_is_limited(
    monkeypatch: pytest.MonkeyPatch, claimed: tuple[int, int], given: tuple[int, int]
) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size(claimed))
    told: list[Message] = []
    monkeypatch.setattr(Driver, "process_message", lambda _, message: told.append(message))

    async def started() -> None:
        driver = DeskDriver(SimpleNamespace(ascii_only=False))
        # At the start, at a signal, and among the keys.
        assert driver._size == given and driver._get_terminal_size() == given
        driver.process_message(Resize.from_dimensions(claimed, None))
        driver.close()

    asyncio.run(started())
    [event] = told
    assert isinstance(event, Resize) and tuple(event.size) == given
