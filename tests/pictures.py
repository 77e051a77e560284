"""Pictures of the desk for README and docs, taken from the running program: ``make pictures`` writes docs/pictures/*.svg.

A demo company under a clock that stands still, its desk opened and keys pressed, its worker run: the same words each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from unittest import mock

from hand import Counter, Hand

from store.db import Database
from tui import bootstrap, settings
from tui.app import DeskApp
from tui.bootstrap import Books
from tui.cli import run
from tui.screens.dialog import Dialog

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SIZES = ((120, 40), (80, 24))
# 2026-10-31 14:02 UTC.
NOON = 1_793_455_320_000
SENDER, APPROVER = "mgarcia", "jlopez"
OCTOBER = ("slash", *"period:2026-10 net>10k", "enter")
REASON = "Retainage is 5 percent by contract"
# So many of the batch have an outcome in the picture; the others wait.
SENT = 45


@dataclass(frozen=True, slots=True)
class Picture:
    """What is pressed on whose desk before it is taken."""

    name: str
    keys: tuple[str, ...] = ()
    login: str = APPROVER


BEFORE = (
    Picture("list", ("space", "space", "j", "space", "space")),
    Picture("confirm", (*OCTOBER, "a", "x")),
)
AFTER = (
    Picture("progress"),
    Picture("detail", ("3", "enter", "e")),
    Picture("commitments", ("m", "2", "enter"), SENDER),
    Picture("projects", ("m", "6"), SENDER),
    Picture("activity", ("m", "4")),
    Picture("overview", ("m", "8")),
)


class StandingClock(datetime):
    """It is always NOON."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a datetime will do
        return datetime.fromtimestamp(NOON / 1000, tz or UTC)


@contextlib.contextmanager
def standing() -> Iterator[None]:
    """Whatever asks the time is told NOON, in UTC; dialogs take keys at once."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {"TZ": "UTC", "PAYAPP_WELCOME": "no"}))
        time.tzset()
        stack.callback(time.tzset)
        stack.enter_context(mock.patch.object(Database, "now", return_value=NOON))
        stack.enter_context(mock.patch.object(Dialog, "GUARD", 0.0))
        for where in ("tui.screens.tools", "tui.text"):
            stack.enter_context(mock.patch(f"{where}.datetime", StandingClock))
        # The pilot looks whether the desk is idle every 20 ms, several times a key.
        stack.enter_context(mock.patch("textual._wait.SLEEP_GRANULARITY", 0.004))
        stack.enter_context(mock.patch("textual._wait.SLEEP_IDLE", 0.0004))
        for wait in ("REST", "TYPING", "BETWEEN_REFRESHES"):
            stack.enter_context(mock.patch(f"tui.screens.listing.{wait}", 0.02))
        yield


def take() -> dict[str, str]:
    """All pictures: name with size, and SVG."""
    with standing(), tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "demo"
        if run(["demo", "--dir", str(folder), "--no-open"]):
            raise SystemExit("the demo cannot be made")
        with bootstrap.opened(str(folder / settings_name(folder))) as books:
            return asyncio.run(_taken(books))


def settings_name(folder: Path) -> str:
    """The settings file of a demo, made quick."""
    file = folder / "payapp.toml"
    file.write_text(file.read_text("utf-8") + "seconds_per_bill = 0.0\n", encoding="utf-8")
    settings.load(file)
    return file.name


async def _taken(books: Books) -> dict[str, str]:
    books.db.execute("UPDATE company SET hold_ms = 0")
    # What was billed first has waited longest.
    books.db.execute("UPDATE invoices SET sent_at = ? - (300 - id) / 4 * 86400000", (NOON,))
    found = {}
    for picture in BEFORE:
        for size in SIZES:
            found[named(picture, size)] = await _picture(books, picture, size)
    # One is rejected, and October exported as far as SENT.
    await _picture(books, Picture("", ("space", "r", *REASON, "tab", "tab", "enter")), SIZES[0])
    await _picture(books, Picture("", (*OCTOBER, "a", "x", "y")), SIZES[0])
    books.db.execute(
        "UPDATE export_jobs SET run_at = ? WHERE id > (SELECT min(id) FROM export_jobs) + ?",
        (NOON + 3_600_000, SENT - 1),
    )
    await _worked(books)
    for picture in AFTER:
        for size in SIZES:
            found[named(picture, size)] = await _picture(books, picture, size)
    return found


async def _worked(books: Books) -> None:
    """A worker sends what is due, and is told to stop."""
    stop = asyncio.Event()
    worker = asyncio.create_task(bootstrap.worker(books).run(stop, until_idle=False))
    for _ in range(600):
        row = books.db.execute(
            "SELECT count(*) FROM export_jobs WHERE state IN ('done', 'failed')"
        ).fetchone()
        if row[0] >= SENT:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("the worker does not send")
    stop.set()
    await worker


def named(picture: Picture, size: tuple[int, int]) -> str:
    """The picture's name with its size: ``list-80x24``."""
    return f"{picture.name}-{size[0]}x{size[1]}"


async def _picture(books: Books, picture: Picture, size: tuple[int, int]) -> str:
    counter = Counter()
    desk = bootstrap.desk(books, books.actor(picture.login, "desk"))
    desk.ensure_worker = counter.ensure
    app = DeskApp(desk)
    async with app.run_test(size=size) as pilot:
        hand = Hand(app, pilot, counter)
        await hand.idle()
        for key in picture.keys:
            await hand.press("space" if key == " " else key)
            if isinstance(app.screen, Dialog):
                await hand.dialog(type(app.screen))
        await _at_rest(hand)
        return cleaned(app.export_screenshot(title="payapp", simplify=True))


async def _at_rest(hand: Hand) -> None:
    """What is seen does not change any more."""
    seen: list[str] = []
    for _ in range(200):
        await hand.idle()
        await asyncio.sleep(0.05)
        seen.append(words(hand.app.export_screenshot()))
        if len(seen) > 4 and len(set(seen[-4:])) == 1:
            return
    raise AssertionError(f"the desk never rests: {seen[-1]}")


def cleaned(svg: str) -> str:
    """The picture without fonts from elsewhere; a reader's own monospaced one will do."""
    return re.sub(r"^\s*@font-face \{.*?\}\n", "", svg, flags=re.MULTILINE | re.DOTALL)


def words(svg: str) -> str:
    """What the picture says, line by line."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for attributes, text in re.findall(r"<text ([^>]*)>(.*?)</text>", svg):
        at = {name: float(re.search(rf'\b{name}="([\d.]+)"', attributes)[1]) for name in ("x", "y")}  # type: ignore[index]
        lines.setdefault(at["y"], []).append((at["x"], html.unescape(text).replace("\xa0", " ")))
    return "\n".join("".join(text for _, text in sorted(line)) for _, line in sorted(lines.items()))


def main() -> None:
    """Write all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, svg in take().items():
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
        sys.stdout.write(f"docs/pictures/{name}.svg\n")


if __name__ == "__main__":
    main()
