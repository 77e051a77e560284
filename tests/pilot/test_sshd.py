"""The desk through a real sshd: what is typed and read over the wire, and a connection that drops."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from desks import count, desks, ended_with, wait_until
from terminal import PAYAPP, Terminal, demo_company

PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SSHD, SSH, KEYGEN = (shutil.which(name, path=PLACES) for name in ("sshd", "ssh", "ssh-keygen"))
pytestmark = pytest.mark.skipif(
    not (SSHD and SSH and KEYGEN),
    reason="needs an sshd and ssh: apt-get install openssh-server openssh-client",
)


@dataclass(frozen=True)
class Server:
    """An sshd on this machine, for this user and this test alone."""

    folder: Path
    port: int

    def command(self, *words: str) -> list[str]:
        """Run that on a terminal of its own at the other end."""
        environment = [f"PYTHONPATH={os.environ['PYTHONPATH']}"] if "PYTHONPATH" in os.environ else []
        options = {
            "Port": self.port, "IdentityFile": self.folder / "user", "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.folder / "known", "StrictHostKeyChecking": "accept-new", "LogLevel": "ERROR",
        }  # fmt: skip
        given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        user = pwd.getpwuid(os.getuid()).pw_name
        there = shlex.join(["env", "PAYAPP_WELCOME=no", *environment, *words])
        return [str(SSH), "-F", "none", "-tt", *given, f"{user}@127.0.0.1", there]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        subprocess.run([str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if os.geteuid() == 0:
        # Debian's service makes it when it starts.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    options = {
        "ListenAddress": f"127.0.0.1:{port}", "HostKey": folder / "host", "PidFile": folder / "pid", "UsePAM": "no",
        "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no", "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no", "PermitRootLogin": "yes", "PrintMotd": "no",
    }  # fmt: skip
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        # sshd runs itself again for every connection, so it wants its whole path.
        daemon = subprocess.Popen([str(SSHD), "-D", "-e", "-f", "/dev/null", *given], stderr=log)
    try:
        wait_until(lambda: listens(port) or daemon.poll() is not None, "sshd to listen")
        assert daemon.poll() is None, (folder / "log").read_text()
        yield Server(folder, port)
    finally:
        daemon.terminate()
        daemon.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The settings of a demo company; whatever runs on its books ends with these tests."""
    made = demo_company(tmp_path_factory.mktemp("far") / "demo", 60)
    with ended_with(made):
        yield made


def far_desk(server: Server, settings: Path, term: str) -> Terminal:
    command = server.command(PAYAPP, "--config", str(settings), "--as", "jlopez")
    terminal = Terminal(command, env={"TERM": term})
    terminal.shows(">[ ]")
    return terminal


@pytest.mark.parametrize("term", ["xterm", "screen-256color", "vt100"])
def test_the_whole_way_from_a_filter_to_an_export(server: Server, settings: Path, term: str) -> None:
    synced = count(settings, "synced")
    terminal = far_desk(server, settings, term)
    terminal.press("/drywall\r")
    terminal.shows("Filter: drywall")
    for key in ("Down", "Up", "Space"):
        terminal.press(key)
    terminal.shows("MARKED 1")
    terminal.press("Up")
    terminal.press("Enter")
    terminal.shows("Lines (G703)")
    terminal.press("Escape")
    terminal.shows(">[x]")
    terminal.press("x")
    terminal.shows("Export: ACME BUILDERS")
    terminal.type("y")
    terminal.shows("accepted for export")
    assert b"\x1b[38;" not in terminal.written
    assert b"\x1b[48;" not in terminal.written
    terminal.press("q")
    assert terminal.ended() == 0
    assert b"\x1b[?1049l" in terminal.written
    terminal.close()
    wait_until(lambda: count(settings, "synced") == synced + 1, "the export to be done")


def test_a_connection_that_drops_ends_the_desk_and_not_the_export(server: Server, settings: Path) -> None:
    synced = count(settings, "synced")
    terminal = far_desk(server, settings, "xterm")
    terminal.press(" " * 8)
    terminal.shows("MARKED 8")
    terminal.press("x")
    terminal.shows("Export: ACME BUILDERS")
    terminal.type("y")
    terminal.shows("8 accepted for export")
    assert desks(settings)
    os.kill(terminal.pid, signal.SIGKILL)
    wait_until(lambda: not desks(settings), "the desk to end")
    wait_until(lambda: count(settings, "synced") == synced + 8, "the export to be done")
    terminal.close()
