"""What the tests of the export stand on: a quick profile and a seeded sandbox."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from export_case import seed_books

from erp import profiles
from store.domain.profile import Profile


@pytest.fixture
def quick() -> Profile:
    """The sandbox's profile with a test's patience."""
    return msgspec.structs.replace(profiles.load("sandbox"), settle=0.05, timeout=2.0)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """A seeded sandbox's file."""
    file = tmp_path / "sandbox.db"
    seed_books(file)
    return file
