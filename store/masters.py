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
    """(job, cost code), both as the ERP calls them, of every cost code."""
    query = CostCode.select(Project.erp_ref, Project.number, CostCode.erp_ref, CostCode.code).join(Project)
    return [(job or number, ref or code) for job, number, ref, code in db.rows(query)]
