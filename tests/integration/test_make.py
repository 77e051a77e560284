"""The two commands of the README, as make sees them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What make looks at, with this environment as its own."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "constraints-tryton.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "payapp"):
        (tmp_path / ".venv" / "bin" / name).symlink_to(Path(sys.executable).parent / name)
    for name in ("run.stamp", "dev.stamp"):
        (tmp_path / ".venv" / name).touch()
    (tmp_path / ".venv-tryton").mkdir()
    (tmp_path / ".venv-tryton" / "made.stamp").touch()
    return tmp_path


def make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *words], cwd=checkout, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_make_demo_without_a_terminal_prints_what_to_do_instead(checkout: Path) -> None:
    for _ in range(2):
        done = make(checkout, "demo")
        assert done.returncode == 0, done.stderr
        assert "payapp --config demo/payapp.toml --as jlopez" in done.stdout
    assert (checkout / "demo" / "payapp.db").exists()


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_second_run_reinstalls_nothing_and_a_changed_requirement_does(checkout: Path, target: str) -> None:
    assert "pip install" not in make(checkout, "-n", target).stdout
    stamp = (checkout / ".venv" / "dev.stamp").stat().st_mtime
    os.utime(checkout / "constraints.txt", (stamp + 10, stamp + 10))
    assert "pip install" in make(checkout, "-n", target).stdout


def test_ci_runs_the_readmes_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "`make test`" in (ROOT / "README.md").read_text()


def test_the_lock_names_no_index() -> None:
    names = ("constraints.txt", "constraints-tryton.txt", "Makefile", "tryton/export_key/pyproject.toml")
    text = "".join((ROOT / name).read_text() for name in names)
    assert "://" not in text
    assert "index-url" not in text
