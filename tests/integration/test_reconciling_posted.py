"""What the company's policy lets pass though the ERP drops it: a reconciliation counts with what will post."""

from __future__ import annotations

from pathlib import Path

import msgspec
from export_case import make_bill, queue_jobs
from reconciling_case import V, compared, end, totals

from erp import profiles
from erp.connectors.files import Files, FilesSettings
from erp.connectors.sandbox import Sandbox
from store.db import Database
from store.domain.bill import BillLine
from store.domain.money import to_minor

pytest_plugins = ["reconciling_case"]


async def test_what_policy_lets_pass_agrees_with_what_will_post(
    db: Database, erp: Sandbox, tmp_path: Path
) -> None:
    # The ERP drops the tax, and releases no retainage: 20.00 less is payable than invoiced.
    lines = (
        BillLine(1, "contract_item", "03-300", "Concrete", "90.00", "-20.00"),
        BillLine(2, "contract_item", "09-250", "Drywall", "10.01", "0.00"),
    )
    sent = [
        make_bill(n, gross="100.01", retainage="-20.00", net="120.01", tax=tax, lines=lines, unposted=lost)
        for n, tax, lost in (
            (1, "0.00", "20.00"),
            (2, "7.50", "27.50"),
            (3, "7.50", "20.00"),
            (4, "7.50", "7.50"),
        )
    ]
    kept = tuple(msgspec.structs.replace(line, retainage="0.00") for line in lines)
    made = [
        msgspec.structs.replace(bill, retainage="0.00", net="100.01", lines=kept)
        if bill is not sent[3]
        else bill
        for bill in sent
    ]
    ids = queue_jobs(db, sent)
    end(db, await erp.post(made), sent)
    for number, bill in zip(ids, sent, strict=True):
        minor = [to_minor(getattr(bill, name), "USD") for name in ("gross", "retainage", "net", "tax")]
        db.execute(
            "UPDATE invoices SET gross = ?, retainage = ?, net = ?, tax = ? WHERE id = ?", (*minor, number)
        )
    async with compared(db, erp) as (of, named):
        assert named == {}
        assert totals(of) == {V.AGREES: (4, 40_004, 42_004, 4, 40_004, 42_004)}
    # What a folder has is what was sent.
    folder = Files(FilesSettings(str(tmp_path / "drop")), profiles.load("files"))
    await folder.post(sent)
    async with compared(db, folder) as (of, named):
        assert list(named) == [V.DIFFERS]
        assert {one.field for found in named[V.DIFFERS] for one in found.differences} == {"reference"}
    await folder.close()
