"""The desk with a heartbeat in its event loop: every gap between two beats is kept, and written down at the end.

    python tests/bench/probed_desk.py SETTINGS USER GAPS      (a terminal's child; GAPS is the file to write)

Without SETTINGS and USER ("-") the loop has nothing but the heartbeat: what the machine itself adds.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from array import array
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The heart's rate, in seconds.
BEAT = 0.002


class Heart:
    """Beats in the loop; ``beats`` are the moments, in seconds of the machine's monotonic clock."""

    def __init__(self) -> None:
        self.beats = array("d")

    def beat(self) -> None:
        """Note the moment, and beat again."""
        self.beats.append(time.monotonic())
        asyncio.get_running_loop().call_later(BEAT, self.beat)


async def _alone(heart: Heart) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    heart.beat()
    await stop.wait()


async def _desk(settings: str, user: str, heart: Heart) -> None:
    # As the command does it: what is imported is not the collector's.
    gc.disable()
    from tui import bootstrap

    bootstrap.spare_the_driver(settings)
    with bootstrap.opened(settings) as opened:
        from tui.app import DeskApp

        app = DeskApp(bootstrap.desk(opened, opened.actor(user, "desk")))
        gc.freeze()
        gc.enable()
        heart.beat()
        await app.run_async()


def main(settings: str, user: str, gaps: str) -> None:
    heart = Heart()
    asyncio.run(_alone(heart) if settings == "-" else _desk(settings, user, heart))
    with Path(gaps).open("wb") as file:
        heart.beats.tofile(file)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(*sys.argv[1:])
