"""Payments in a real Tryton, made and taken back as a clerk does it there: by its wizards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from erp.connectors.tryton import Tryton
from erp.connectors.tryton_rpc import TrytonRefusedError


async def pay(clerk: Tryton, invoice: str, amount: str, day: date = date(2026, 11, 5)) -> None:
    """Pay so much of the invoice by check; the rest of it stays to be paid."""
    [bill] = await clerk._company.search(
        "account.invoice", [("id", "=", int(invoice))], ["party", "currency", "company"]
    )
    [check] = await clerk._company.search("account.invoice.payment.method", [], ["id"])
    start = {
        "payee": bill["party"], "payees": [bill["party"]], "amount": Decimal(amount), "currency": bill["currency"],
        "company": bill["company"], "description": "", "date": day, "payment_method": check["id"],
    }  # fmt: skip
    ask = {
        "type": "partial",
        "amount": Decimal(amount),
        "currency": bill["currency"],
        "company": bill["company"],
    }
    await wizard(clerk, "account.invoice.pay", "account.invoice", [int(invoice)], ("choice", {"start": start}),
                 ("pay", {"start": start, "ask": ask}))  # fmt: skip


async def pay_together(clerk: Tryton, invoices: list[str], amount: str, day: date) -> None:
    """Pay these invoices of one vendor with one transfer, entered by hand and reconciled with them."""
    search = clerk._company.search
    bills = await search(
        "account.invoice",
        [("id", "in", [int(each) for each in invoices])],
        ["party", "account", "lines_to_pay"],
    )
    [bank] = await search("account.account", [("code", "=", "1-100")], ["id"])
    [journal] = await search("account.journal", [("code", "=", "CASH")], ["id"])
    [period] = await search("account.period", [("start_date", "<=", day), ("end_date", ">=", day)], ["id"])
    to_vendor = {
        "account": bills[0]["account"],
        "party": bills[0]["party"],
        "debit": Decimal(amount),
        "credit": Decimal(0),
    }
    from_bank = {"account": bank["id"], "debit": Decimal(0), "credit": Decimal(amount)}
    move = {
        "journal": journal["id"],
        "period": period["id"],
        "date": day,
        "lines": [["create", [to_vendor, from_bank]]],
    }
    [made] = await clerk._company.write("model.account.move.create", [move])
    await clerk._company.write("model.account.move.post", [made])
    [paying] = await search("account.move.line", [("move", "=", made), ("debit", ">", 0)], ["id"])
    lines = [paying["id"], *(line for bill in bills for line in bill["lines_to_pay"])]
    await wizard(clerk, "account.move.reconcile_lines", "account.move.line", lines)


async def take_back(clerk: Tryton, ref: str) -> None:
    """Cancel the payment of that reference: what it settled is open again."""
    [line] = await clerk._company.search(
        "account.move.line", [("id", "=", int(ref.partition("/")[2]))], ["move", "reconciliation"]
    )
    if line["reconciliation"]:
        await wizard(clerk, "account.move.unreconcile_lines", "account.move.line", [line["id"]])
    default = {"description": "taken back", "reversal": True}
    await wizard(
        clerk, "account.move.cancel", "account.move", [line["move"]], ("cancel", {"default": default})
    )


async def wizard(
    clerk: Tryton, name: str, model: str, ids: list[int], *steps: tuple[str, Mapping[str, Any]]
) -> None:
    """Run a wizard of Tryton's over these records: its first state, then each button with what is filled in."""
    context = {**await clerk._company.about(), "active_model": model, "active_id": ids[0], "active_ids": ids}
    number, state, end = await clerk._session.write(f"wizard.{name}.create", context)
    given: dict[str, Any] = {}
    for button, data in [(state, {}), *steps]:
        given |= data
        asked = (f"wizard.{name}.execute", number, given, button, context)
        try:
            result = await clerk._session.write(*asked)
        except TrytonRefusedError as warning:
            assert warning.kind == "UserWarning", warning
            await clerk._company.write("model.res.user.warning.skip", warning.name, False)
            result = await clerk._session.write(*asked)
        if "view" not in result:
            break
    assert end == "end"
    await clerk._session.write(f"wizard.{name}.delete", number, context)
