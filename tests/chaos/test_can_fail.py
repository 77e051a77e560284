"""The harness finds what it is there to find: without the fence, the look-up or the key an invoice is paid twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chaos.crashing import TIMEOUT, Crashes
from chaos.herd import Herd
from chaos.http_erp import ErpProcess
from chaos.postgres import Postgres

# The worker dies when the ERP has booked and the worker does not know it yet.
BOOKED = "post:booked#1"
# The ERP books the first parcel when payapp has asked twice and was told twice that it has nothing.
LATE = {"plan": {"N-00001": ["late"]}, "refused": [], "late": [TIMEOUT + 2.5] * 2}
PLAIN: dict[str, Any] = {"plan": {}, "refused": []}
CASES: dict[str, tuple[bool, str, dict[str, Any]]] = {
    "fence": (False, BOOKED, PLAIN),
    "look-up": (False, BOOKED, PLAIN),
    "key": (True, "", LATE),
}


@pytest.mark.parametrize("off", CASES)
def test_it_finds_duplicates_without(
    herd: Herd, erp: ErpProcess, server: Postgres | None, tmp_path: Path, off: str
) -> None:
    enforces, point, terms = CASES[off]
    crashes = Crashes(herd, erp, server, tmp_path, enforces_keys=enforces)
    crash = crashes.at(point, off=off, **terms)
    assert crash.died is bool(point)
    assert crash.verdict.duplicates, crash
    if off == "key":
        # And only without it; the others' crash is among those of test_crash_points.
        whole = crashes.at(point, **terms)
        assert whole.verdict.good, whole.verdict.told()
