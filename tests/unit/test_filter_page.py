"""docs/filter.md: its examples can be read, and it leaves no key, status or flag out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from store.domain.filter import FLAGS, KEYS, STATUSES, TERMS_MOST, VALUE_MOST, parse

PAGE = (Path(__file__).parents[2] / "docs" / "filter.md").read_text(encoding="utf-8")
BLOCKS = [
    line for block in re.findall(r"```filter\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]
CELLS = [
    example
    for row in PAGE.splitlines()
    if row.startswith("| `")
    for example in re.findall(r"`([^`]+)`", row.split("|")[1])
]


@pytest.mark.parametrize("example", [*BLOCKS, *CELLS])
def test_every_example_is_read(example: str) -> None:
    assert parse(example)


def test_every_key_status_and_flag_is_told() -> None:
    assert len(BLOCKS) > 5
    assert {term.key for example in [*BLOCKS, *CELLS] for term in parse(example)} == {"", *KEYS}
    for name in STATUSES:
        assert f"`{name}`" in PAGE
    for letter, meaning in FLAGS.items():
        assert re.search(rf"`{letter}`\s{meaning.split()[0]}", PAGE), letter
    assert f"{TERMS_MOST} words" in PAGE and f"{VALUE_MOST} characters" in PAGE
