"""Starting a process that outlives this one: the worker that the desk starts, so that an export outlives the session.

Run as a program it is the go-between: it starts the process in a session of its own, prints its pid and ends, so that
nobody here has a child to wait for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def start(argv: Sequence[str], log: Path) -> int:
    """Start ``argv`` detached, its output appended to ``log``; returns its pid.

    It has a session of its own, no controlling terminal, nothing on its input and no other descriptor of ours.
    Raises OSError where the log cannot be written or the program is not there.
    """
    go_between = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(log), *argv]
    # In a session of its own from the start: a hang-up of ours must not reach the go-between either.
    done = subprocess.run(  # noqa: S603 - the program is this file, and its arguments are not a shell's
        go_between, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(f"{argv[0]} could not be started: {lines[-1] if lines else 'no reason given'}")
    return int(done.stdout)


def _go_between(log: str, argv: Sequence[str]) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    process = subprocess.Popen(  # noqa: S603 - as above
        argv,
        stdin=subprocess.DEVNULL,
        stdout=descriptor,
        stderr=descriptor,
        close_fds=True,
        start_new_session=True,
    )
    os.write(1, f"{process.pid}\n".encode())
    # Ends without waiting, and without a warning that it did not wait.
    os._exit(0)


if __name__ == "__main__":
    _go_between(sys.argv[1], sys.argv[2:])
