"""A real sshd on this machine, for this user and one test alone: what the tests through SSH stand on."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from desks import wait_until

PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SSHD, SSH, KEYGEN = (shutil.which(name, path=PLACES) for name in ("sshd", "ssh", "ssh-keygen"))
needs_sshd = pytest.mark.skipif(
    not (SSHD and SSH and KEYGEN),
    reason="needs an sshd and ssh: apt-get install openssh-server openssh-client",
)
ME = pwd.getpwuid(os.getuid()).pw_name


@dataclass(frozen=True)
class Server:
    """An sshd; its folder has the key ``user``, and what others are made there."""

    folder: Path
    port: int

    def connect(self, *words: str, key: str = "user", options: tuple[str, ...] = ()) -> list[str]:
        """An ssh client's command, with that key; ``words`` as they go over the wire."""
        given = {
            "Port": self.port, "IdentityFile": self.folder / key, "IdentitiesOnly": "yes", "BatchMode": "yes",
            "UserKnownHostsFile": self.folder / "known", "StrictHostKeyChecking": "accept-new", "LogLevel": "ERROR",
        }  # fmt: skip
        named = [word for name, value in given.items() for word in ("-o", f"{name}={value}")]
        return [str(SSH), "-F", "none", *named, *options, f"{ME}@127.0.0.1", *words]

    def command(self, *words: str) -> list[str]:
        """Run that on a terminal of its own at the other end."""
        environment = [f"PYTHONPATH={os.environ['PYTHONPATH']}"] if "PYTHONPATH" in os.environ else []
        there = shlex.join(["env", "PAYAPP_WELCOME=no", *environment, *words])
        return self.connect(there, options=("-tt",))

    def make_key(self, name: str, kind: str = "ed25519") -> str:
        """A key of that name in the folder; its public line."""
        file = self.folder / name
        subprocess.run([str(KEYGEN), "-q", "-t", kind, "-N", "", "-C", name, "-f", str(file)], check=True)
        return file.with_suffix(".pub").read_text(encoding="utf-8")


@contextlib.contextmanager
def sshd(folder: Path, options: Mapping[str, object], settings: str = "") -> Iterator[Server]:
    """An sshd with these options over those that every test needs, and ``settings`` as its file, until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(folder, port)
    for name in ("host", "user"):
        server.make_key(name)
    if os.geteuid() == 0:
        # Debian's service makes it when it starts.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    every = {
        "ListenAddress": f"127.0.0.1:{port}", "HostKey": folder / "host", "PidFile": folder / "pid", "UsePAM": "no",
        "StrictModes": "no", "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "yes", "PrintMotd": "no", "MaxStartups": "50", **options,
    }  # fmt: skip
    given = [word for name, value in every.items() for word in ("-o", f"{name}={value}")]
    (folder / "sshd_config").write_text(settings, encoding="utf-8")
    with (folder / "log").open("wb") as log:
        # sshd runs itself again for every connection, so it wants its whole path.
        daemon = subprocess.Popen(
            [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config"), *given], stderr=log
        )
    try:
        wait_until(lambda: listens(port) or daemon.poll() is not None, "sshd to listen")
        assert daemon.poll() is None, (folder / "log").read_text()
        yield server
    finally:
        daemon.terminate()
        daemon.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
