"""The pictures in docs show the desk as it is: taken anew, they say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pictures
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def taken() -> dict[str, str]:
    return pictures.take()


def test_the_pictures_say_what_the_desk_says(taken: dict[str, str]) -> None:
    kept = {file.stem: file.read_text("utf-8") for file in pictures.FOLDER.glob("*.svg")}
    assert set(kept) == set(taken), "make pictures"
    for name, svg in taken.items():
        assert pictures.words(kept[name]) == pictures.words(svg), f"{name}: make pictures"


def test_they_show_what_they_are_named_for(taken: dict[str, str]) -> None:
    for name, said in {
        "list": "MARKED 4", "confirm": "y: export", "progress": "FAIL 2", "detail": "Fix:", "commitments": "REJECTED: Retainage is 5",
        "activity": "ACTIVITY", "overview": "OVERVIEW", "projects": "PROJECTS AND COMMITMENTS",
    }.items():  # fmt: skip
        for size in ("120x40", "80x24"):
            assert said in pictures.words(taken[f"{name}-{size}"]), (name, size)


def test_a_picture_loads_nothing_from_elsewhere(taken: dict[str, str]) -> None:
    for svg in taken.values():
        assert set(re.findall(r"https?://[^\s\"')]+", svg)) <= {
            "http://www.w3.org/2000/svg", "https://www.textualize.io",
        }  # fmt: skip


def test_what_the_pages_show_is_there() -> None:
    named = re.findall(r"\]\((?:docs/)?pictures/([\w-]+)\.svg\)", (ROOT / "README.md").read_text("utf-8"))
    assert named
    assert all((pictures.FOLDER / f"{name}.svg").exists() for name in named)
