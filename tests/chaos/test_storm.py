"""Everything goes wrong at once, on both databases, with an ERP that enforces keys and with one that does not."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from chaos.herd import Herd
from chaos.http_erp import ErpProcess
from chaos.nemesis import Plan, Storm
from chaos.postgres import Postgres

# The same each time with the ERP that enforces keys; a new one with the other, unless it is given.
FIXED = "4"


@pytest.mark.parametrize("keyed", [True, False], ids=["keys", "look-up"])
def test_each_accepted_invoice_is_once_in_the_ledger(
    herd: Herd, erp: ErpProcess, server: Postgres | None, tmp_path: Path, *, keyed: bool
) -> None:
    seed = os.environ.get("PAYAPP_CHAOS_SEED") or (FIXED if keyed else str(random.randrange(10**6)))
    sys.stdout.write(f"chaos: seed {seed}\n")
    plan = Plan(jobs=120, kills=6, stops=1, restarts=1, steps=2, keyed=keyed, seed=seed)
    report = Storm(herd, erp, server, tmp_path, plan).run()
    assert report.good, report.told()
    assert report.done["kills"] == 6
    assert report.samples > 0
