"""What import-linter does not see: what a package's own __init__ pulls in, and what loads at run time."""

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(' '.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_the_domain_loads_no_database_and_no_screen() -> None:
    modules = " ".join(p.stem for p in (ROOT / "store/domain").glob("*.py") if p.stem != "__init__")
    names = ", ".join(f"store.domain.{name}" for name in modules.split())
    assert not loaded_by(f"import {names}") & {"peewee", "sqlite3", "psycopg", "httpx", "textual", "asyncio"}


def test_the_commands_load_no_textual_and_sqlite_loads_no_psycopg(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    loaded_by(f"from tui.cli import run; assert run(['demo', '--empty', '--dir', {str(folder)!r}]) == 0")
    words = ["--config", str(folder / "payapp.toml"), "--as", "jlopez", "list"]
    found = loaded_by(f"from tui.cli import run; assert run({words!r}) == 0")
    assert "peewee" in found
    assert not {"textual", "psycopg.pq", "httpx", "aiosmtplib", "xlsxwriter", "python_calamine"} & found


@pytest.mark.parametrize("package", ["tui", "store", "erp"])
def test_the_packages_hold_a_docstring_only(package: str) -> None:
    body = ast.parse((ROOT / package / "__init__.py").read_text()).body
    assert len(body) == 1 and isinstance(body[0], ast.Expr)


def test_no_other_distribution_provides_our_packages() -> None:
    owners = importlib.metadata.packages_distributions()
    for package in ("tui", "store", "erp"):
        assert set(owners.get(package, ["payapp"])) == {"payapp"}


def test_every_public_name_has_its_file_within_measure() -> None:
    long = {p.name: n for p in ROOT.glob("*/**/*.py") if ".venv" not in p.parts and p.parts[-2] != "tests"
            and p.relative_to(ROOT).parts[0] in {"tui", "store", "erp"}
            and (n := len(p.read_text().splitlines())) > 460}  # fmt: skip
    assert long == {}, "files are two things when they pass 400 lines by much"
