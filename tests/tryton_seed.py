"""The company in Tryton that the tests book into; run by the environment that has Tryton: CONFIG DATABASE PASSWORD.

Books of 2026 in USD, a bank to pay from, closed up to September; October to December are open, 2027 is not there.
"""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal
from typing import Any

from proteus import Model, Wizard, config

COMPANY = "ACME BUILDERS"
OTHER = "OTHER WORKS"
COSTS = ("03-300", "09-250")
VENDORS = {"V-1": "Apex Drywall LLC", "V-2": "Brook Concrete Inc"}


def one(model: str, **values: Any) -> Any:
    """Make one record of that model and save it."""
    record = Model.get(model)(**values)
    record.save()
    return record


def currencies() -> Any:
    """USD with 2 decimals, JPY with none, KWD with 3, each with a rate; returns USD."""
    made = {}
    for code, digits, rate in (("USD", 2, "1"), ("JPY", 0, "150"), ("KWD", 3, "0.31")):
        currency = Model.get("currency.currency")(name=code, symbol=code, code=code, digits=digits)
        currency.rounding = Decimal(1).scaleb(-digits)
        currency.rates.new(date=date(2020, 1, 1), rate=Decimal(rate))
        currency.save()
        made[code] = currency
    return made["USD"]


def company(name: str, usd: Any) -> Any:
    """A company of that name; whoever runs this works for it from now on."""
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party = one("party.party", name=name)
    wizard.form.currency = usd
    wizard.execute("add")
    config.get_config()._context = Model.get("res.user").get_preferences(True, {})
    [made] = Model.get("company.company").find([("party.name", "=", name)])
    return made


def accounts(owner: Any) -> None:
    """Cost, payables, retainage, tax and exchange, without a chart above them."""

    def kind(name: str, statement: str, **flags: bool) -> Any:
        return one("account.account.type", name=name, company=owner, statement=statement, **flags)

    def account(code: str, name: str, of: Any, *, by_party: bool = False) -> Any:
        flags = {"reconcile": by_party, "party_required": by_party}
        return one("account.account", code=code, name=name, type=of, company=owner, **flags)

    expense = kind("Expense", "income", expense=True)
    for code in COSTS:
        account(code, f"Cost {code}", expense)
    payable = account("2-100", "Accounts payable", kind("Payable", "balance", payable=True), by_party=True)
    retained = kind("Retainage", "balance", debt=True)
    account("2-150", "Retainage payable", retained, by_party=True)
    account("2-200", "Sales tax", kind("Tax", "balance"))
    bank = account("1-100", "Bank", kind("Bank", "balance"))
    [journal] = Model.get("account.journal").find([("code", "=", "CASH")])
    one(
        "account.invoice.payment.method",
        name="Check",
        company=owner,
        journal=journal,
        credit_account=bank,
        debit_account=bank,
    )
    exchange = account("9-100", "Exchange differences", kind("Other", "income"))
    settings = Model.get("account.configuration")(1)
    settings.default_account_payable = payable
    settings.currency_exchange_debit_account = settings.currency_exchange_credit_account = exchange
    settings.save()


def fiscal_year(owner: Any) -> None:
    """2026 by months, closed up to September, with its sequences."""

    def sequence(kind: str) -> Any:
        [found] = Model.get("ir.sequence.type").find([("name", "=", kind)], limit=1)
        return one("ir.sequence.strict", name=f"{kind} 2026", sequence_type=found, company=owner)

    year = Model.get("account.fiscalyear")(name="2026", company=owner)
    year.start_date, year.end_date = date(2026, 1, 1), date(2026, 12, 31)
    year.move_sequence = sequence("Account Move")
    invoices = sequence("Invoice")
    [numbers] = year.invoice_sequences
    for name in ("in_invoice", "in_credit_note", "out_invoice", "out_credit_note"):
        setattr(numbers, f"{name}_sequence", invoices)
    year.save()
    year.click("create_period")
    closed = Model.get("account.period").find([("end_date", "<", date(2026, 10, 1))])
    Model.get("account.period").click(closed, "close")


def user(name: str, owner: Any, password: str) -> None:
    """Who may do in accounting what a clerk may, for one company."""
    [group] = Model.get("res.group").find([("name", "=", "Accounting")])
    made = Model.get("res.user")(name=name, login=name, password=password)
    made.groups.append(group)
    made.companies.append(owner)
    made.company = Model.get("company.company")(owner.id)
    made.save()


def main(file: str, database: str, password: str) -> None:
    """Seed a database that was initialised with account_invoice and export_key."""
    config.set_trytond(f"{database}", config_file=file)
    owner = company(COMPANY, currencies())
    accounts(owner)
    fiscal_year(owner)
    term = Model.get("account.invoice.payment_term")(name="30 days")
    term.lines.new(type="remainder").relativedeltas.new(days=30)
    term.save()
    for code, name in VENDORS.items():
        vendor = Model.get("party.party")(name=name, code=code)
        vendor.addresses[0].street = "1 Main St"
        vendor.save()
    user("payapp", owner, password)
    # Another company, and who works for that one alone.
    user("stranger", company(OTHER, Model.get("currency.currency").find([("code", "=", "USD")])[0]), password)


if __name__ == "__main__":
    main(*sys.argv[1:])
