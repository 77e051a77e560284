"""Connectors to the tests' Tryton, and what their tests say often. A plugin: ``pytest_plugins = ["tryton_case"]``.

PYTEST_DONT_REWRITE: tests import its names as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from export_case import make_bill
from tryton_server import Tryton as Server

from erp import profiles
from erp.connectors.tryton import Tryton
from store.domain.bill import Bill, BillLine
from store.domain.keys import spelled
from store.domain.outcome import Booked, Refused

PROFILE = profiles.load("tryton")
Connect = Callable[..., Tryton]


@pytest.fixture
async def connect(tryton: Server) -> AsyncIterator[Connect]:
    """Makes connectors to the server, each with settings of its own."""
    made: list[Tryton] = []

    def another(kind: type[Tryton] = Tryton, **changes: Any) -> Tryton:
        made.append(kind(tryton.settings(**changes), msgspec.structs.replace(PROFILE, timeout=20.0)))
        return made[-1]

    yield another
    for connector in made:
        await connector.close()


def one_line(amount: str, kept: str = "0.00", **changes: Any) -> Bill:
    """A bill of one line."""
    lines = (BillLine(1, "contract_item", "03-300", "Concrete", amount, kept),)
    net = f"{Decimal(amount) - Decimal(kept)}"
    return make_bill(1, lines=lines, **{"gross": amount, "retainage": kept, "net": net, **changes})


async def refused(connector: Tryton, bill: Bill) -> Refused:
    [outcome] = await connector.post([bill])
    assert isinstance(outcome, Refused), outcome
    assert "x retries" in spelled(outcome.fix)
    return outcome


async def booked(connector: Tryton, bill: Bill) -> str:
    """The bill is booked; its reference."""
    [outcome] = await connector.post([bill])
    assert isinstance(outcome, Booked), outcome
    return outcome.ref
