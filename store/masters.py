"""Reading masters: what an ERP must know before bills arrive."""

from __future__ import annotations

from store.db import Database
from store.models import CostCode, Project, Vendor


def vendors(db: Database) -> list[tuple[str, str]]:
    """(ERP id, name) of every vendor that has an ERP id."""
    return [
        (ref, name)
        for ref, name in db.rows(Vendor.select(Vendor.erp_ref, Vendor.name).where(Vendor.erp_ref != ""))
    ]


def cost_codes(db: Database) -> list[tuple[str, str]]:
    """(job as the ERP calls it, cost code) of every cost code."""
    query = CostCode.select(Project.erp_ref, Project.number, CostCode.code).join(Project)
    return [(ref or number, code) for ref, number, code in db.rows(query)]
