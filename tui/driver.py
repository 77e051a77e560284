"""The terminal as the desk drives it: Textual's driver, hardened against what terminals really send and how they go.

- Bytes that are no UTF-8 (a terminal set to Latin-1) become replacement characters; they do not end the desk.
- What is pasted is one piece of text, whatever sequences are in it: none of it becomes keys.
- The function keys of PuTTY's VT100+ mode, and every other ``ESC O`` letter, are keys or nothing, never letters.
- Escape and the key behind it are two keys, however fast they come.
- A terminal that is gone is quiet: nothing is written to it, nothing read, and the desk ends.
- Where only ASCII can be shown nothing else is written, whatever it comes from, cell by cell.
- It waits for keys without waking up.
- A terminal that says it has millions of cells gets as many as a wall of screens has.
"""

from __future__ import annotations

import asyncio
import contextlib
import locale
import os
import selectors
import signal
import sys
import unicodedata
from codecs import getincrementaldecoder
from collections.abc import Iterable
from threading import Event
from typing import Any, TextIO, cast

from rich.cells import cell_len
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS, IGNORE_SEQUENCE
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key, Paste, Resize
from textual.keys import Keys
from textual.message import Message

# PuTTY's VT100+ mode: F5 to F12. The letters in between are F-keys of longer keyboards.
_VT100_PLUS = {
    "T": Keys.F5, "V": Keys.F6, "W": Keys.F7, "X": Keys.F8, "Y": Keys.F9, "Z": Keys.F10, "\\": Keys.F11, "]": Keys.F12,
}  # fmt: skip


def _learn(known: dict[str, Any]) -> None:
    """Add what Textual's table lacks: F1 to F4, the arrows and the keypad's application mode it has."""
    for last in map(chr, range(0x3A, 0x7F)):
        known.setdefault(f"\x1bO{last}", (_VT100_PLUS[last],) if last in _VT100_PLUS else IGNORE_SEQUENCE)
    for modifier in "2345678":
        # Old xterms and their kind: arrows and F1 to F4 with Shift, Alt and Ctrl.
        for last in "ABCDFHPQRS":
            known.setdefault(f"\x1bO{modifier}{last}", IGNORE_SEQUENCE)


_learn(cast("dict[str, Any]", ANSI_SEQUENCES_KEYS))

# With these a terminal begins its own sequences, and with Alt and these a text box moves and deletes by words.
_BEGINS, _BY_WORDS = "[]ONPX^_\\", "bf\x7f"


class _Parser(XTermParser):
    """Escape and a key typed in one go are both there: nothing is bound to Alt, and neither is to be lost."""

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[Key]:
        typed = len(sequence) == 2 and sequence[0] == "\x1b" and sequence[1] not in _BEGINS + _BY_WORDS
        if typed or alt:
            yield Key("escape", "\x1b")
        yield from super()._sequence_to_key_events(sequence[1:] if typed else sequence)


def parsed(text: str) -> list[Any]:
    """The events that the desk makes of what one key sends."""
    parser = _Parser()
    return [*parser.feed(text), *parser.feed("")]


# What terminals put around pasted text, and the most of it that is kept.
_BEGIN, _END = "\x1b[200~", "\x1b[201~"
_MOST = 100_000
# Every cell takes memory here: a size of 65,535 by 65,535, which a client may claim, would take all there is.
COLUMNS_MOST, LINES_MOST = 1000, 500
# How many bytes are read at once.
_READ = 4096
# How often, and how long, is looked whether an escape sequence goes on after the last byte, in seconds.
_TICK, _TICKS = 0.025, 8


class _Ascii(dict[int, str]):
    """A table for str.translate: one ASCII character for each cell that a character takes."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if code < 0x80:
            self[code] = character
        elif 0x2500 <= code < 0x2580:
            self[code] = _line(unicodedata.name(character))
        elif 0x2580 <= code < 0x25A0:
            self[code] = "#"
        else:
            self[code] = _LOOKS.get(character, "?" * cell_len(character))
        return self[code]


_LOOKS = {
    "…": "~",
    "·": ".",
    "•": "*",
    "\u2013": "-",
    "\u2014": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\xa0": " ",
}


def _line(name: str) -> str:
    horizontal, vertical = "HORIZONTAL" in name, "VERTICAL" in name
    return "-" if horizontal and not vertical else "|" if vertical and not horizontal else "+"


_ASCII = _Ascii()


def ascii_text(text: str) -> str:
    """The text in ASCII, as wide as it was: lines as ``- | +``, blocks as ``#``, any other character as ``?``."""
    return text if text.isascii() else text.translate(_ASCII)


class Pastes:
    """Takes pasted text out of what arrives: Textual's parser makes keys of what follows an escape within it."""

    def __init__(self) -> None:
        self._held = ""
        self._text: str | None = None

    def split(self, data: str, *, more: bool) -> list[str | Paste]:
        """Keys to parse and pasted texts, in their order; ``more`` follows at once. A paste may come in many parts."""
        data, self._held = self._held + data, ""
        pieces: list[str | Paste] = []
        while data:
            before, mark, after = data.partition(_BEGIN if self._text is None else _END)
            if not mark:
                # The mark may come in two parts; an escape by itself is a key, and is not kept waiting.
                kept = _beginning(data, _BEGIN if self._text is None else _END)
                if self._text is None and kept == 1 and not more:
                    kept = 0
                before, self._held = data[: len(data) - kept], data[len(data) - kept :]
            if self._text is not None:
                self._text = (self._text + before)[:_MOST]
                if mark:
                    pieces.append(Paste(self._text))
                    self._text = None
            else:
                pieces += [before] if before else []
                self._text = "" if mark else None
            data = after
        return pieces

    def rest(self) -> list[str | Paste]:
        """What was kept for a mark that did not come: keys."""
        if self._text is not None or not self._held:
            return []
        held, self._held = self._held, ""
        return [held]


def _beginning(data: str, mark: str) -> int:
    """How many characters at the data's end are the mark's beginning."""
    return next((n for n in range(min(len(data), len(mark) - 1), 0, -1) if mark.startswith(data[-n:])), 0)


class Output:
    """What is written to the terminal, for Textual's writing thread. A terminal that is gone takes it without complaint."""

    def __init__(self, stream: TextIO, *, ascii_only: bool) -> None:
        self._stream = stream
        self._ascii = ascii_only
        self._gone = False

    def write(self, text: str) -> None:
        """Write, in ASCII where nothing else can be shown."""
        if not self._gone:
            self._try(lambda: self._stream.write(ascii_text(text) if self._ascii else text))

    def flush(self) -> None:
        """Send what was written."""
        if not self._gone:
            self._try(self._stream.flush)

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """It is one: the desk does not open elsewhere."""
        return True

    def _try(self, call: Any) -> None:
        try:
            call()
        except OSError:
            self._gone = True


class _Wake(Event):
    """An event that ends a wait for input too: its ``reader`` becomes readable. Closed, it is an event and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.reader, self._writer = os.pipe()
        self.closed = False

    def set(self) -> None:
        super().set()
        if not self.closed:
            os.write(self._writer, b"\0")

    def clear(self) -> None:
        if self.is_set() and not self.closed:
            os.read(self.reader, 64)
        super().clear()

    def close(self) -> None:
        """Give its pipe back."""
        if not self.closed:
            self.closed = True
            os.close(self.reader)
            os.close(self._writer)


class DeskDriver(LinuxDriver):
    """Textual's driver for terminals with the hardening above. The application says ``ascii_only``."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._file: Any = Output(sys.__stdout__ or sys.stdout, ascii_only=app.ascii_only)
        self.exit_event: Event = _Wake()
        self._resumed = False
        if self._size is None:
            # Else the first drawing goes by what the console says.
            self._size = self._get_terminal_size()

    def _get_terminal_size(self) -> tuple[int, int]:
        """The terminal's own size: a COLUMNS that somebody exported does not follow the window."""
        with contextlib.suppress(OSError):
            columns, lines = os.get_terminal_size(self.fileno)
            if columns and lines:
                return min(columns, COLUMNS_MOST), min(lines, LINES_MOST)
        return super()._get_terminal_size()

    def process_message(self, message: Message) -> None:
        """As Textual's; a terminal may tell its size among the keys, too."""
        if isinstance(message, Resize):
            columns, lines = min(message.size.width, COLUMNS_MOST), min(message.size.height, LINES_MOST)
            message = Resize.from_dimensions((columns, lines), message.pixel_size)
        super().process_message(message)

    # -- reading -----------------------------------------------------------------------------------------------

    def run_input_thread(self) -> None:
        """Wait for input and hand it on as events, until the desk ends or the terminal is gone."""
        parser, pastes = _Parser(self._debug), Pastes()
        decoder = getincrementaldecoder(_encoding())(errors="replace")
        ticks = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            if isinstance(self.exit_event, _Wake):
                selector.register(self.exit_event.reader, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                ready = selector.select(_TICK if ticks else None)
                if any(key.fd == self.fileno for key, _ in ready):
                    data = self._read()
                    if not data:
                        self._app.call_later(self._app.exit)
                        return
                    pieces = pastes.split(decoder.decode(data), more=len(data) == _READ)
                    ticks = _TICKS
                else:
                    pieces = pastes.rest()
                    ticks = max(0, ticks - 1)
                for piece in pieces:
                    for event in [piece] if isinstance(piece, Paste) else parser.feed(piece):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def _read(self) -> bytes:
        with contextlib.suppress(OSError):
            return os.read(self.fileno, _READ)
        return b""

    # -- stopping and going on ---------------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        """As Textual's; signals are dealt with by the event loop, where no lock is held half-way."""
        if isinstance(self.exit_event, _Wake) and self.exit_event.closed:
            # It was stopped, and goes on.
            self.exit_event = _Wake()
        super().start_application_mode()  # type: ignore[no-untyped-call] # Textual's own is untyped
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTSTP, self._stop_alone)
        loop.add_signal_handler(signal.SIGCONT, self._continue)

    def close(self) -> None:
        """As Textual's, and the pipe that ends the wait for keys: nobody waits any more."""
        super().close()
        if isinstance(self.exit_event, _Wake):
            self.exit_event.close()

    def _stop_alone(self) -> None:
        self.stop(os.getpid())

    def stop(self, target: int) -> None:
        """Give the terminal back and stop ``target``, this process or (0) its group, until the shell lets it go on."""
        self.suspend_application_mode()
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(target, signal.SIGTSTP)
        # Here it goes on. A shell that is not there does not stop anything.
        self._resumed = True
        self._resume()

    def _continue(self) -> None:
        """Somebody let it go on: after a SIGSTOP nobody gave the terminal back, and the shell has changed it since."""
        if self._resumed:
            self._resumed = False
            return
        self.suspend_application_mode()
        self._resume()

    def _resume(self) -> None:
        self.resume_application_mode()
        self._app.call_later(self._app.refresh, layout=True)
        self._app.call_later(self._app.screen.refresh)


def _encoding() -> str:
    """What the terminal sends: the locale's encoding; in the locale C it is read as UTF-8."""
    name = locale.getencoding()
    return "utf-8" if name.upper() in {"ANSI_X3.4-1968", "US-ASCII", "ASCII", "646"} else name
