"""Processes: where this one runs, and whether another one is proven dead."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


def place() -> str:
    """Where a pid of this process means something: host name, boot and pid namespace, as "desk1/3fa2c1d0".

    Two containers may share a host name, but not this. Without /proc it is the host name alone, and nothing is proven.
    """
    name = platform.node() or "unknown"
    try:
        own = f"{_BOOT.read_text().strip()} {_NAMESPACE.readlink()}"
    except OSError:
        return name
    return f"{name}/{hashlib.sha256(own.encode()).hexdigest()[:8]}"


def proven_dead(where: str, pid: int) -> bool:
    """Whether the process that had this pid at this place is gone for certain. False means: not known.

    A pid that exists proves nothing: it may be the same process or a later one.
    """
    if "/" not in where or where != place():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
