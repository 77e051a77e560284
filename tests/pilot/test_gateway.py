"""The SSH gateway on a real sshd: who comes in, as whom, and what nobody gets out of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from desks import count, desks, ended_with, processes, wait_until
from sshd_case import ME, Server, needs_sshd, sshd
from terminal import PAYAPP, Terminal, demo_company

pytestmark = [needs_sshd, pytest.mark.xdist_group("gateway")]


DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A demo company behind the gateway, with its worker running as a service would."""
    made = demo_company(tmp_path_factory.mktemp("gate") / "demo", 60)
    with made.open("a", encoding="utf-8") as file:
        file.write(f'\n[gateway]\naccount = "{ME}"\n')
    with closing(sqlite3.connect(made.parent / "payapp.db")) as db, db:
        db.execute("UPDATE users SET welcomed_at = 1")
    with ended_with(made):
        service = subprocess.Popen([PAYAPP, "--config", str(made), "worker"], stderr=subprocess.DEVNULL)
        yield made
        service.terminate()
        service.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, settings: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    # env belongs to root everywhere; sshd asks nothing that others could write to. The rest of its settings is as careless as can be.
    here = {
        "Match User payapp": f"Match User {ME}", "CommandUser payapp": f"CommandUser {ME}",
        "/opt/payapp/bin/payapp": f"/usr/bin/env {sys.executable} -I -m tui.cli", "/etc/payapp/payapp.toml": str(settings),
    }  # fmt: skip
    text = (DOCS / "payapp-sshd.conf").read_text(encoding="utf-8")
    for there, own in here.items():
        assert there in text
        text = text.replace(there, own)
    with sshd(folder, {"AcceptEnv": "*", "Subsystem": "sftp internal-sftp"}, text) as running:
        running.make_key("stranger")
        for login, key in (("jlopez", "user"), ("mgarcia", "maria")):
            public = folder / f"{key}.pub"
            if not public.exists():
                running.make_key(key)
            subprocess.run(
                [PAYAPP, "--config", str(settings), "--as", login, "ssh-keys", "add", login, str(public)],
                check=True, capture_output=True,
            )  # fmt: skip
        yield running


def ran(
    server: Server, *words: str, key: str = "user", options: tuple[str, ...] = (), given: bytes = b""
) -> tuple[int, bytes, str]:
    """What ssh comes to with these words: exit code, output, errors."""
    done = subprocess.run(
        server.connect(*words, key=key, options=options), check=False, capture_output=True, timeout=60,
        input=given, env={**os.environ, "PAYAPP_WELCOME": "no"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def events(settings: Path, *actions: str) -> list[tuple[str, str, dict[str, str]]]:
    """What the audit trail has of these actions: who, which, and its detail."""
    with closing(sqlite3.connect(settings.parent / "payapp.db")) as db:
        rows = db.execute("SELECT actor, action, detail FROM audit_events ORDER BY id").fetchall()
    return [(who, action, json.loads(detail)) for who, action, detail in rows if action in actions]


def desk(server: Server, key: str = "user", term: str = "xterm") -> Terminal:
    return Terminal(server.connect(key=key, options=("-tt",)), env={"TERM": term})


def test_a_key_opens_the_desk_of_its_user_and_both_ends_are_audited(server: Server, settings: Path) -> None:
    before = len(events(settings, "login", "logout"))
    terminal = desk(server)
    terminal.shows("jlopez  Approver")
    wait_until(lambda: len(events(settings, "login", "logout")) == before + 1, "the login")
    who, action, detail = events(settings, "login", "logout")[-1]
    assert (who, action, detail["from"]) == ("jlopez", "login", "127.0.0.1")
    assert detail["key"].startswith("SHA256:")
    # No shell behind Ctrl+Z, nor behind anything else that a terminal can send.
    terminal.type("\x1a")
    assert "There is no shell to go to" in terminal.text()
    terminal.feed(b"\x1c\x1a")
    terminal.shows("jlopez  Approver")
    terminal.press("q")
    assert terminal.ended() == 0
    wait_until(lambda: events(settings, "login", "logout")[-1][1] == "logout", "the logout")
    terminal.close()


def test_another_users_key_is_another_user(server: Server) -> None:
    terminal = desk(server, key="maria")
    terminal.shows("mgarcia  Read Only")
    terminal.press("q")
    terminal.ended()
    terminal.close()


def test_a_key_that_nobody_has_does_not_come_in(server: Server) -> None:
    code, out, err = ran(server, "files", key="stranger")
    assert code == 255 and out == b"" and "Permission denied" in err


# What else is refused is in tests/unit/test_gateway_words.py.
def test_nothing_but_what_is_known_is_run(server: Server) -> None:
    code, out, err = ran(server, "sh -c id")
    assert code == 5 and out == b"" and err.startswith("payapp: ") and "Traceback" not in err
    # As a subsystem goes another way through sshd.
    assert ran(server, "sftp", options=("-s",))[:2] == (5, b"")


def test_nothing_is_forwarded(server: Server) -> None:
    with socket.socket() as bait:
        bait.bind(("127.0.0.1", 0))
        bait.listen()
        port = bait.getsockname()[1]
        code, _, err = ran(server, options=("-W", f"127.0.0.1:{port}"))
        assert code == 255 and ("prohibited" in err or "forwarding failed" in err)
        code, _, err = ran(
            server, options=("-N", "-o", "ExitOnForwardFailure=yes", "-R", f"0:127.0.0.1:{port}")
        )
        assert code == 255 and "forwarding" in err
        bait.setblocking(False)
        with pytest.raises(BlockingIOError):
            bait.accept()


def test_the_environment_of_a_client_changes_nothing(server: Server, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for name in ("tui.py", "sitecustomize.py"):
        (tmp_path / name).write_text(f"open({str(canary)!r}, 'w')", encoding="utf-8")
    (tmp_path / "env.sh").write_text(f"touch {canary}\n", encoding="utf-8")
    evil = {
        "PAYAPP_CONFIG": f"{tmp_path}/evil.toml", "PAYAPP_DATABASE": f"sqlite:{tmp_path}/evil.db",
        "_PAYAPP_COMPLETE": "bash_complete", "PYTHONPATH": f"{tmp_path}", "PYTHONSTARTUP": f"{tmp_path}/tui.py",
        "PYTHONHOME": f"{tmp_path}", "PAGER": f"touch\t{canary}", "EDITOR": f"touch\t{canary}", "BASH_ENV": f"{tmp_path}/env.sh",
        "ENV": f"{tmp_path}/env.sh", "TEXTUAL_DRIVER": "evil:Driver", "SSH_ORIGINAL_COMMAND": "id", "TZ": f"/{tmp_path}/zone",
        "LD_PRELOAD": f"{tmp_path}/none.so", "LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(canary), "LC_ALL": f"../../{tmp_path}",
    }  # fmt: skip
    given = " ".join(f'"{name}={value}"' for name, value in evil.items())
    code, out, err = ran(server, "files", options=("-o", f"SetEnv={given}"))
    assert (code, out) == (0, b"") and "ld.so" not in err and "Traceback" not in err
    assert not list(tmp_path.glob("canary*")) and not (tmp_path / "evil.db").exists()


def test_a_strange_terminal_gets_a_sentence(server: Server) -> None:
    terminal = desk(server, term="../../../../etc/passwd;$(id)%s%n")
    terminal.shows("cannot draw")
    assert terminal.ended() == 2
    terminal.close()


def test_a_file_is_written_to_the_users_own_folder_and_fetched(server: Server, settings: Path) -> None:
    terminal = desk(server)
    terminal.shows("jlopez  Approver")
    terminal.type("w")
    terminal.shows("ssh HOST get NAME")
    terminal.type("Tab", "Tab", "\x15", "../stolen.csv", "Enter", "Enter")
    terminal.shows("is no name of a file here")
    terminal.type("\x15", "ready.csv", "Enter", "Enter")
    terminal.shows("ready.csv is written")
    terminal.press("q")
    terminal.ended()
    terminal.close()
    assert not list(settings.parent.rglob("stolen.csv"))
    code, out, _ = ran(server, "files")
    assert code == 0 and out.split()[1] == b"ready.csv"
    file = settings.parent / "files" / "jlopez" / "ready.csv"
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert ran(server, "get", "ready.csv")[:2] == (0, file.read_bytes())
    assert ran(server, "get", "ready.csv", key="maria")[0] == 4


def test_a_connection_that_drops_leaves_the_export_to_the_service(server: Server, settings: Path) -> None:
    synced = count(settings, "synced")
    terminal = desk(server)
    terminal.shows("jlopez  Approver")
    terminal.type(" " * 4)
    terminal.shows("MARKED 4")
    terminal.press("x")
    terminal.shows("Export: ACME BUILDERS")
    terminal.type("y")
    terminal.shows("4 accepted for export")
    os.kill(terminal.pid, signal.SIGKILL)
    wait_until(lambda: not far_desks(settings), "the desk to end")
    wait_until(lambda: count(settings, "synced") == synced + 4, "the export to be done")
    wait_until(lambda: events(settings, "login", "logout")[-1][1] == "logout", "the logout")
    terminal.close()


def far_desks(settings: Path) -> list[int]:
    return [pid for pid in desks(settings) if "gateway" in processes(settings).get(pid, [])]


def test_a_revoked_key_ends_its_sessions_and_opens_no_other(server: Server, settings: Path) -> None:
    line = server.make_key("third")
    assert ran(server, "keys add mgarcia", given=line.encode())[0] == 5
    code, out, err = ran(server, "keys add jlopez", given=line.encode())
    assert code == 0 and b"can come in with SHA256:" in out, err
    code, out, _ = ran(server, "keys", key="third")
    own = next(row for row in out.decode().splitlines() if " third " in row)
    large = settings.parent / "files" / "jlopez" / "large.csv"
    with large.open("wb") as file:
        file.truncate(2**30)
    terminal = desk(server, key="third")
    terminal.shows("jlopez  Approver")
    getting = subprocess.Popen(
        server.connect("get large.csv", key="third"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert getting.stdout is not None
    got = len(getting.stdout.read(1_000_000))
    assert ran(server, f"keys revoke {own.split()[2]}")[0] == 0
    terminal.ended()
    terminal.settle()
    assert "The key that you came in with was revoked" in terminal.text()
    terminal.close()
    rest, err_ = getting.communicate(timeout=60)
    assert got + len(rest) < 2**30 and b"was revoked" in err_ and getting.returncode == 5
    large.unlink()
    assert ran(server, "files", key="third")[0] == 255


def test_a_fetch_that_is_hung_up_on_or_goes_no_further_ends(server: Server, settings: Path) -> None:
    assert server.port
    short = settings.with_name("short.toml")
    short.write_text(settings.read_text(encoding="utf-8") + "idle_minutes = 0.02\n", encoding="utf-8")
    own = settings.parent / "files" / "jlopez"
    own.mkdir(parents=True, exist_ok=True)
    with (own / "stalled.csv").open("wb") as file:
        file.truncate(2**24)
    for hung_up, code, why in ((True, 130, "KeyboardInterrupt"), (False, 1, "This session is over")):
        getting = subprocess.Popen(
            [PAYAPP, "--config", str(settings if hung_up else short), "gateway", "1"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, "SSH_ORIGINAL_COMMAND": "get stalled.csv"},
        )  # fmt: skip
        assert getting.stdout is not None
        getting.stdout.read(1)
        if hung_up:
            getting.send_signal(signal.SIGHUP)
        # Nobody reads the rest.
        assert getting.wait(60) == code
        getting.stdout.close()
        assert events(settings, "logout")[-1][2]["why"] == why
    (own / "stalled.csv").unlink()


def test_only_the_account_of_the_settings_serves_it(settings: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    text = settings.read_text(encoding="utf-8").replace(
        '"sqlite:payapp.db"', f'"sqlite:{settings.parent / "payapp.db"}"'
    )
    for gateway, said in ((text.replace(f'account = "{ME}"', 'account = "nobody"'), "does not serve the SSH gateway"),
                          (text.partition("[gateway]")[0], "There is no SSH gateway here")):  # fmt: skip
        other.write_text(gateway, encoding="utf-8")
        for words in (["gateway", "1"], ["ssh-keys", "serve", ME, "ssh-ed25519", "AAAA"]):
            done = subprocess.run(
                [PAYAPP, "--config", str(other), *words], check=False, capture_output=True, text=True
            )
            assert done.returncode == 5 and done.stdout == "" and said in done.stderr


def test_twenty_desks_at_once(server: Server, settings: Path) -> None:
    terminals = [desk(server) for _ in range(20)]
    try:
        threads = [
            threading.Thread(target=terminal.shows, args=("jlopez  Approver",)) for terminal in terminals
        ]
        for terminal in terminals:
            terminal.patience = 120
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all("jlopez  Approver" in terminal.text() for terminal in terminals)
        assert len(far_desks(settings)) == 20
        for terminal in terminals:
            terminal.press("j")
            terminal.press("q")
        assert [terminal.ended() for terminal in terminals] == [0] * 20
    finally:
        for terminal in terminals:
            terminal.close()
    wait_until(lambda: not far_desks(settings), "the desks to end")
