"""What the tests of the export stand on: a quick profile and a seeded sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import tryton_server
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


@pytest.fixture(scope="session")
def _tryton(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tryton_server.Tryton]:
    if why := tryton_server.missing():
        pytest.skip(why)
    with tryton_server.running(postgres_server, tmp_path_factory.mktemp("tryton")) as server:
        yield server


@pytest.fixture
def tryton(_tryton: tryton_server.Tryton) -> tryton_server.Tryton:
    """A real Tryton with its books as they were seeded. Mark its tests ``xdist_group("tryton")``: it starts slowly."""
    _tryton.reset()
    return _tryton
