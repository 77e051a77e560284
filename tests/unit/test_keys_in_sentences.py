"""Sentences name keys by what they do, so that each reader finds his own key in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.domain import keys
from store.domain.errors import Disallowed
from store.domain.keys import DEFAULT, spelled
from tui.keymap import KEYS, Place, pressed, way

ROOT = Path(__file__).parents[2]
# Their own keys are not the user's to change, and stand on them; command lines and the table itself.
FIXED = {
    "activity_entry", "ask", "ask_by_mail", "confirm", "dialog", "dry_list", "dry_run", "edit", "export_values", "help", "hold", "more", "payload", "plan_text",
    "reconciled", "reject", "too_small", "undoing", "user_page", "views", "writing",
}  # fmt: skip
APART = {"key_table", "keymap", "user_keymap", "driver"}
MARKER = re.compile(r"\{([a-z-]+\.[a-z0-9-]+)\}")
DOES = (
    "marks|retries|rejects|releases|places|clears|shows|sends|approves|exports|recalls|sorts|brings|lists|filters|"
    "opens|leaves|drops|quits|completes"
)
NAMED = re.compile(
    rf"\((?:view \d, )?(?:F\d|[A-Za-z]|\d|\d-\d|/|\\)\)|^[A-Z]: |(?:^|[ (])(?:[b-zA-Z]|F\d+|[/\\+*]) (?:{DOES})\b"
    r"|\bEsc\b|\bSpace\b|\bview \d|\bpress [A-Za-z]\b"
)


def literals(path: Path) -> Iterator[str]:
    """Every text of a module that is no docstring."""
    tree = ast.parse(path.read_text())
    told = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in told:
            yield node.value


def below() -> list[Path]:
    found = [path for part in ("store", "erp") for path in (ROOT / part).rglob("*.py")]
    return [path for path in found if path.name != "keys.py"]


def profiles() -> list[Path]:
    return sorted((ROOT / "erp" / "profiles").glob("*.toml"))


def desk() -> list[Path]:
    found = [path for part in ("screens", "widgets") for path in (ROOT / "tui" / part).glob("*.py")]
    return [path for path in [*found, *(ROOT / "tui").glob("*.py")] if path.stem not in FIXED | APART]


@pytest.mark.parametrize("path", [*below(), *desk()], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_has_a_key_written_out(path: Path) -> None:
    assert [text for text in literals(path) if NAMED.search(text)] == []


@pytest.mark.parametrize("path", profiles(), ids=lambda path: path.stem)
def test_no_rule_of_a_profile_has_a_key_written_out(path: Path) -> None:
    text = path.read_text()
    fixes = re.findall(r'^fix = "(.*)"$', text, re.MULTILINE)
    assert len(fixes) == text.count("[[rules]]") + text.count("[[unsupported]]")
    assert [fix for fix in fixes if NAMED.search(fix)] == []


@pytest.mark.parametrize(
    "text",
    ["Look again (F5)", "D: enter the number", "Only then (view 3, x)", "then x retries; r rejects", "Esc leaves.",
     "\\ clears the filter.", "What arrived is in view 4.", "choose another view (1-5)", "Mark it and press f."],
)  # fmt: skip
def test_written_out_it_is_found(text: str) -> None:
    assert NAMED.search(text)


def test_what_is_named_below_the_desk_is_the_desks_own_key() -> None:
    texts = [text for path in below() for text in literals(path)] + [path.read_text() for path in profiles()]
    named = {name for text in texts for name in MARKER.findall(text)}
    assert named == set(DEFAULT)
    assert {name: pressed(name) for name in DEFAULT} == dict(DEFAULT)


def test_what_the_desk_names_is_in_its_table() -> None:
    named = {
        name
        for path in (ROOT / "tui").rglob("*.py")
        for text in literals(path)
        for name in MARKER.findall(text)
    }
    assert named and named <= {key.name for key in KEYS}


def test_an_error_and_what_others_wrote_say_the_key() -> None:
    error = Disallowed("It is {list.refresh}", why="{invoices.export}", fix="Look again ({list.refresh})")
    assert (error.fix, str(error)) == (
        "Look again (F5)", "It is {list.refresh}: {invoices.export}. Look again (F5)."
    )  # fmt: skip
    assert spelled("{no.such} {} {x} {Invoice}, then {invoices.export} retries") == (
        "{no.such} {} {x} {Invoice}, then x retries"
    )


def test_other_keys_are_named_until_they_are_the_desks_own_again() -> None:
    try:
        keys.use({"invoices.export": "F"})
        assert spelled("{invoices.export} retries, {list.refresh}") == "F retries, {list.refresh}"
    finally:
        keys.use({key.name: way(key.name) for key in KEYS})
    assert spelled("{invoices.export} retries") == "x retries"
    assert all(way(key.name) for key in KEYS if key.place is not Place.DIALOG)
