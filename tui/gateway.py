"""One session of the SSH gateway: what sshd hands over, and the little that a user may ask for (docs/ssh.md).

Nothing here starts another program, and no word that comes over the wire names a path.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from store.domain.errors import BadInput, NothingMatched, NotPermitted
from store.domain.text import safe

# What of the environment counts; everything else goes before anything is read. The time zone is the machine's: by the day
# accounting dates and limits count.
KEPT = frozenset({"HOME", "LOGNAME", "USER", "PATH", "SSH_CONNECTION", "SSH_TTY"})
_LOCALE = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]{0,40}")
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,40}")
ALONE = ("files", "keys")
KEYS = ("keys add", "keys revoke")
# A name of a file: no folder, no hidden one, nothing that a terminal or a shell would take for more.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. +-]{0,120}")


def cleaned(environment: MutableMapping[str, str]) -> None:
    """Take out of this process's environment what a client could have put there."""
    for name in list(environment):
        value = environment[name]
        known = name in KEPT or name in {"SSH_ORIGINAL_COMMAND", "NO_COLOR"}
        locale = (name == "LANG" or name.startswith("LC_")) and _LOCALE.fullmatch(value)
        terminal = name == "TERM" and _TERM.fullmatch(value)
        if not (known or locale or terminal):
            del environment[name]
    time.tzset()


def asked(command: str) -> tuple[str, str]:
    """What the client asks for, and about what: ("desk", ""), ("get", name), (one of ALONE, ""), (one of KEYS, which).

    Raises NotPermitted for anything else.
    """
    words = command.split()
    if not words:
        return "desk", ""
    if len(words) == 1 and words[0] in ALONE:
        return words[0], ""
    if words[0] == "get" and len(words) > 1:
        return "get", command.split(None, 1)[1].strip()
    if " ".join(words[:2]) in KEYS and len(words) > 2:
        return " ".join(words[:2]), command.split(None, 2)[2].strip()
    raise NotPermitted(
        f"{safe(command)[:60]!r} cannot be run here",
        why="this account opens the desk and nothing else",
        fix="ssh -t HOST opens it; ssh HOST files, get NAME, keys, keys add LOGIN < FILE.pub, keys revoke KEY are all there is",
    )


def checked_name(name: str) -> str:
    """The name of a file in the user's folder. Raises BadInput for what could be more than a name."""
    if not _NAME.fullmatch(name) or name.endswith((".", " ")):
        raise BadInput(
            f"{safe(name)[:60]!r} is no name of a file here",
            why="it is letters, digits, blanks and . _ + -, without a folder",
            fix="ssh HOST files lists your files",
        )
    return name


def folder(files: Path, login: str, number: int) -> Path:
    """The user's own folder, made if there is none, for the account alone; by its ``number`` where a login is no name.

    Raises NotPermitted where something else is in its place.
    """
    try:
        own = files / checked_name(login)
    except BadInput:
        # No login that is a name begins so.
        own = files / f"#{number}"
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    if own.is_symlink() or not stat.S_ISDIR(own.lstat().st_mode):
        raise NotPermitted("Your folder is not a folder", fix="Ask who runs this machine")
    return own


def names(own: Path) -> list[tuple[str, int]]:
    """The files of the user's folder, by name, each with its size in bytes."""
    with os.scandir(own) as found:
        return sorted(
            (entry.name, entry.stat(follow_symlinks=False).st_size)
            for entry in found
            if entry.is_file(follow_symlinks=False) and _NAME.fullmatch(entry.name)
        )


@contextmanager
def opened(own: Path, name: str) -> Iterator[BinaryIO]:
    """A file of the user's folder, for reading: a plain one, never through a link. Raises BadInput, NothingMatched."""
    checked_name(name)
    missing = NothingMatched(f"There is no file {safe(name)}", fix="ssh HOST files lists your files")
    place = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            # A pipe would wait for its other end for ever.
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
        except OSError:
            raise missing from None
    finally:
        os.close(place)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise missing
    with os.fdopen(descriptor, "rb") as file:
        yield file


def away(environment: MutableMapping[str, str]) -> str:
    """Where the client is, as sshd says: its address; "" where it says none."""
    return safe(environment.get("SSH_CONNECTION", "").partition(" ")[0])[:100]
