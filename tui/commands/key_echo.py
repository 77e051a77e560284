"""What each key of this terminal sends, and what the desk takes it for."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty

import click
from textual.events import Key

from tui.commands.desk import require_terminal
from tui.driver import parsed
from tui.keymap import Place, table

# So long a key's own bytes may be apart; a lone Esc is one after that.
APART = 0.1
ENOUGH = "ctrl+c"
_LIST = frozenset({Place.TABLE, Place.LIST, Place.INVOICES})


def echo_keys() -> None:
    """Read keys until Ctrl+C. Raises BadInput without a terminal."""
    require_terminal()
    click.echo("Press keys. Ctrl+C ends.")
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        while (sent := _piece(descriptor)) and not _tell(sent):
            pass
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _piece(descriptor: int) -> bytes:
    """What one key sends."""
    sent = os.read(descriptor, 1024)
    while sent and select.select([descriptor], [], [], APART)[0]:
        more = os.read(descriptor, 1024)
        if not more:
            break
        sent += more
    return sent


def _tell(sent: bytes) -> bool:
    """Say what it is; whether it ends."""
    raw = " ".join(_named(byte) for byte in sent)
    keys = [event.key for event in parsed(sent.decode("utf-8", "replace")) if isinstance(event, Key)]
    names = ", ".join(f"{key}{_meaning(key)}" for key in keys) or "nothing"
    sys.stdout.write(f"{raw:<24} {names}\r\n")
    sys.stdout.flush()
    return ENOUGH in keys


def _meaning(name: str) -> str:
    """What it does in the list of invoices, where it does something."""
    does = [key.help for key in table() if key.place in _LIST and name in key.keys]
    return f": {does[0]}" if does else ""


def _named(byte: int) -> str:
    if byte == 0x1B:
        return "ESC"
    return chr(byte) if 0x20 < byte < 0x7F else f"{byte:02x}"
