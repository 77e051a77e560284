"""README and docs: every command that they show is run as it stands, page by page and in order, in a demo company.

Where a page's commands need more than that, another test runs them: ELSEWHERE. What cannot run as it stands is in an ``sh``
block: EXEMPT says why.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from cli_case import Told

from store import db as database
from store import directory, epochs, ssh_keys
from store.domain.actor import Level, UserValues
from tui.cli import main_group, run

pytest_plugins = ["cli_case"]

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
# Their commands are run by that test, which reads the page.
ELSEWHERE = {
    "README.md": "tests/pilot/test_walk.py",
    "worker.md": "tests/integration/test_worker_page.py",
    "reconcile.md": "tests/integration/test_cli_reconcile.py",
    "tryton.md": "tests/tryton_page.py",
}
# Pages with sh blocks: why these do not run as they stand, and what tests them instead.
EXEMPT = {
    "chaos.md": "hours of make; tests/chaos/test_storm.py runs a short storm, test_make.py what make would do",
    "postgres.md": "needs a PostgreSQL and its roles; tests/integration/test_role.py makes them",
    "ssh.md": "root, systemd and sshd; tests/pilot/test_sshd.py runs a real sshd with the same lines",
}
# Who types a subcommand; all others the approver.
WHO = {
    "users": "kchen", "company": "kchen", "import": "mgarcia", "send": "mgarcia", "retrieve": "mgarcia",
    "invoice": "mgarcia", "commitments": "mgarcia", "ssh-keys": "kchen", "notices retry": "kchen",
}  # fmt: skip
# Other exit codes than 0 that say something and are no mistake: what would stay, what differs, what doctor finds.
SAYS = {"--dry-run": {0, 3}, "reconcile": {0, 3, 6}, "doctor": {0, 1}}
# A public key that no private one belongs to.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH laptop\n"


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", PAGES[page].read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """The lines of its console blocks that are typed; where one has a prompt, the others are answers."""
    found: list[str] = []
    for kind, text in blocks(page):
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")] or lines
        found += typed if kind == "console" else []
    return found


RUN_HERE = [page for page in PAGES if page not in ELSEWHERE and commands(page)]


# -- the company -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo of 300 invoices that holds no batch and whose ERP is quick; never opened again."""
    folder = tmp_path_factory.mktemp("pages") / "demo"
    assert run(["demo", "--dir", str(folder), "--no-open"]) == 0
    with (folder / "payapp.toml").open("a", encoding="utf-8") as settings:
        settings.write("seconds_per_bill = 0.0\n")
    execute(folder, "UPDATE company SET hold_ms = 0")
    return folder


@pytest.fixture
def reader(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the reader types: that demo, adopted there; no worker starts by itself."""
    folder = tmp_path / "office"
    shutil.copytree(template, folder)
    opened = database.open(f"sqlite:{folder / 'payapp.db'}")
    epochs.here(opened, "made")
    # The notices and a restore want an Admin of ERP Integrations.
    directory.put_user(
        opened,
        None,
        UserValues("kchen", "Kim Chen", "k@x.example", Level.ADMIN, Level.READ_ONLY, Level.ADMIN),
    )
    opened.close()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PAYAPP_CONFIG", "payapp.toml")
    monkeypatch.setattr("tui.bootstrap.start_worker", lambda _books: False)
    return folder


def execute(folder: Path, sql: str) -> None:
    connection = sqlite3.connect(folder / "payapp.db")
    with connection:
        connection.execute(sql)
    connection.close()


def type_all(told: Told, *lines: str) -> None:
    for line in lines:
        code, _, err = told(*shlex.split(line))
        assert code == 0, (line, err)


# -- what stands ready before a page, or before one of its commands ----------------------------------------------


def of_quickbooks(folder: Path, told: Told) -> None:
    """A company whose ERP gives receipts has exported one."""
    text = (folder / "payapp.toml").read_text("utf-8").partition("[erp]")[0]
    (folder / "payapp.toml").write_text(
        f'{text}[erp]\nconnector = "files"\n[erp.options]\nfolder = "export"\nform = "iif"\n'
        'payable = "2000"\nretainage = "2100"\ntax = "2200"\ncurrency = "USD"\n'
    )
    execute(folder, "UPDATE company SET erp = 'quickbooks-desktop'")
    for kind, code in (("vendor", "Apex Drywall LLC"), ("account", "09-250")):
        type_all(told, f"--as jlopez erp map {kind} '{code}' '{code}'")
    type_all(told, "--as jlopez export 101-001 --yes", "worker --until-idle")


def filled_in(folder: Path, _told: Told) -> None:
    header, line, *_ = (folder / "waiting.csv").read_text("utf-8-sig").splitlines()
    values = dict(zip(header.split(","), line.split(","), strict=True))
    values |= {"reference": "QB-1", "amount": values["expected"], "status": "imported"}
    (folder / "imported.csv").write_text(f"{header}\n{','.join(values.values())}\n", encoding="utf-8")


def own_exports(_folder: Path, told: Told) -> None:
    """Who sent three of them exports them himself, under review."""
    type_all(
        told, "--as kchen users add mgarcia --erp standard --can-push",
        "--as kchen company --self review --comment 'she is alone'",
        "--as mgarcia export 101-007 101-008 101-009 --yes", "worker --until-idle",
    )  # fmt: skip


def rejections(folder: Path, told: Told) -> None:
    """Fourteen mails are owed; one of them was refused."""
    type_all(told, "--as jlopez reject --where 'job:24-101' --reason Retainage --yes")
    execute(folder, "UPDATE notices SET state = 'failed' WHERE id IN (12, 13)")


def one_failed(folder: Path, _told: Told) -> None:
    execute(folder, "UPDATE invoices SET erp_status = 'failed_to_export' WHERE number = '101-008'")


def in_commitments(folder: Path, told: Told) -> None:
    """Some are not sent, and there are lines of the next period."""
    type_all(told, "--as mgarcia retrieve 101-008 101-015 101-022 --yes")
    (folder / "november.csv").write_text("line_item,work_this_period\n1000000,1250.00\n", encoding="utf-8")


def backed_up(folder: Path, _told: Told) -> None:
    shutil.copy(folder / "payapp.db", folder / "copy.db")


def emptied(folder: Path, _told: Told) -> None:
    for file in folder.glob("payapp.db*"):
        file.unlink()


def a_key(folder: Path, _told: Told) -> None:
    (folder / "id_ed25519.pub").write_text(KEY, encoding="utf-8")


def a_map(folder: Path, _told: Told) -> None:
    (folder / "map.csv").write_text("kind,code,target,job\naccount,09-250,5200,\n", encoding="utf-8")


# By page, or by a command before which it is.
BEFORE: dict[str, Callable[[Path, Told], None]] = {
    "files.md": of_quickbooks,
    "dry-run.md": one_failed,
    "guide-approvers.md": one_failed,
    "payapp receipt imported.csv": filled_in,
    "controls.md": own_exports,
    "notices.md": rejections,
    "guide-project.md": in_commitments,
    "restore.md": backed_up,
    "ssh.md": a_key,
    "mappings.md": a_map,
    "payapp restore monday.payapp": emptied,
}


# -- the pages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", RUN_HERE)
def test_every_command_of_a_page_runs(
    page: str, reader: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(page, reader, told)
    for line in commands(page):
        words = shlex.split(placed(line, told), comments=True)
        prepare(shlex.join(words), reader, told)
        with monkeypatch.context() as patch:
            while "=" in words[0]:
                patch.setenv(*words.pop(0).split("=", 1))
            if words[0] != "payapp":
                assert words[0] in {"rm", "cp"}, line
                subprocess.run(words, check=True)
                continue
            code, err = typed(words[1:], told, patch)
        allowed = next((codes for part, codes in SAYS.items() if part in line), {0})
        assert code in allowed, f"{page}: {line}: {err}"


def prepare(what: str, folder: Path, told: Told) -> None:
    if what in BEFORE:
        BEFORE[what](folder, told)


def placed(line: str, told: Told) -> str:
    """The line with what a reader puts in the place of an example: a head that was kept, the key's fingerprint."""
    head = (
        told("--as", "jlopez", "audit", "verify")[1].partition("Head ")[2].strip() if "9f3c" in line else ""
    )
    fingerprint = ssh_keys.fingerprint(ssh_keys.parse(KEY)[1])
    return re.sub(r"SHA256:\S{43}", fingerprint, line.replace("1204:9f3c...", head))


def typed(words: list[str], told: Told, patch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Run payapp as a shell would, with files for input and output, by who may; returns (exit code, standard error)."""
    into, out_of = taken(words, ">"), taken(words, "<")
    if out_of:
        patch.setattr(sys, "stdin", io.StringIO(out_of.read_text("utf-8")))
    login = next((who for start, who in WHO.items() if " ".join(words).startswith(start)), "jlopez")
    # Nobody can be asked here; a reader says yes.
    yes = ["--yes"] if asks(words) and "--yes" not in words else []
    code, out, err = told("--as", login, *words, *yes)
    if into:
        into.write_text(out, encoding="utf-8")
    return code, err


def taken(words: list[str], sign: str) -> Path | None:
    """The file behind that sign, which is taken out of the words with it."""
    if sign not in words:
        return None
    at = words.index(sign)
    _, name = words.pop(at), words.pop(at)
    return Path(name)


def asks(words: list[str]) -> bool:
    """Whether the command takes ``--yes``."""
    command: click.Command | None = main_group
    for word in words:
        if isinstance(command, click.Group) and (inner := command.get_command(click.Context(command), word)):
            command = inner
    assert command is not None
    return any("--yes" in param.opts for param in command.params) and "--dry-run" not in words


# -- nothing is left out ------------------------------------------------------------------------------------------


def test_who_runs_a_page_elsewhere_reads_it() -> None:
    for page, test in ELSEWHERE.items():
        assert commands(page) or any(text.startswith("payapp") for _, text in blocks(page)), page
        assert page in (ROOT / test).read_text("utf-8"), f"{test} does not name {page}"


def test_what_does_not_run_as_it_stands_says_why() -> None:
    assert {page for page in PAGES if any(kind == "sh" for kind, _ in blocks(page))} == set(EXEMPT)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_no_command_stands_where_no_test_finds_it(page: str) -> None:
    text = PAGES[page].read_text("utf-8")
    # In a block of no language, or indented as one.
    hidden = (
        [] if page == "tryton.md" else [body for kind, body in blocks(page) if kind not in {"console", "sh"}]
    )
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    hidden += re.findall(r"^ {4}.*$", outside, re.MULTILINE)
    assert [
        line for body in hidden for line in body.splitlines() if re.match(r"\s*(\$ )?payapp ", line)
    ] == []
