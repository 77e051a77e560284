"""Long work tells on a terminal's standard error how far it is; nothing of it is written anywhere else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cli_case import Told

from store.intake import example
from tui.commands import progress
from tui.commands.progress import counted

pytest_plugins = ["cli_case"]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_and_goes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress, "_APART", 0.0)
    with pytest.raises(KeyError), counted("demo", 400) as told:
        for done in (0, 100, 400):
            told(done)
        raise KeyError
    drawn = screen.getvalue().split("\r\x1b[K")
    assert drawn == [
        "", f"demo: [{'.' * 30}] 0 of 400", f"demo: [{'#' * 7}{'.' * 23}] 100 of 400",
        f"demo: [{'#' * 30}] 400 of 400", "",
    ]  # fmt: skip


def test_it_is_drawn_ten_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    moments = iter([10.0, 10.05, 10.09, 10.11])
    monkeypatch.setattr("time.monotonic", lambda: next(moments))
    with counted("import") as told:
        for done in range(1, 5):
            told(done)
    assert screen.getvalue().count("import: ") == 2 and "import: 4" in screen.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["demo", "--rows", "40", "--no-open", "--dir", "other"], "demo: [#"),
        (["--as", "mgarcia", "import", "example/vendors.csv"], "vendors.csv: "),
        (["--as", "jlopez", "audit", "verify"], "audit verify: "),
        (["--as", "jlopez", "backup", "b.payapp"], "backup: "),
    ],
)
def test_long_work_tells_how_far_it_is_on_a_terminal_only(
    place: Path, told: Told, monkeypatch: pytest.MonkeyPatch, words: list[str], shown: str, terminal: bool
) -> None:
    monkeypatch.chdir(place)
    example.write(Path("example"))
    monkeypatch.setattr("store.verifying._TOLD_EACH", 1)
    monkeypatch.setattr(progress, "on_terminal", lambda: terminal)
    code, out, err = told(*words)
    # What stands on the terminal is taken away again; click itself leaves the escapes out of what is no terminal.
    assert code == 0 and "\r" not in out
    assert (shown in err) == ("\r" in err) == terminal
