"""The chaos harness's processes, started once for all of its tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chaos.herd import Herd
from chaos.http_erp import ErpProcess
from chaos.postgres import Postgres


@pytest.fixture(scope="session")
def herd() -> Iterator[Herd]:
    """The workers of all runs; what still runs is killed at the end."""
    own = Herd()
    yield own
    own.close()


@pytest.fixture(scope="session")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ErpProcess]:
    """The ERP's process, with books of any name."""
    own = ErpProcess(tmp_path_factory.mktemp("erp"))
    yield own
    own.close()


@pytest.fixture(scope="session")
def chaos_server() -> Iterator[Postgres]:
    """A PostgreSQL that may be restarted: no other test is on it."""
    own = Postgres()
    yield own
    own.close()


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest) -> Postgres | None:
    """Once each: SQLite, which needs no server, and the server."""
    return None if request.param == "sqlite" else request.getfixturevalue("chaos_server")
