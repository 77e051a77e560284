# SPDX-License-Identifier: GPL-3.0-or-later
"""The invoice with its export key, and the call that books a parcel of them whole or not at all."""

from trytond.backend import DatabaseOperationalError
from trytond.i18n import gettext
from trytond.model import Unique, fields
from trytond.model.exceptions import SQLConstraintError
from trytond.pool import Pool, PoolMeta
from trytond.rpc import RPC
from trytond.transaction import Transaction, without_check_access


class Invoice(metaclass=PoolMeta):
    """An invoice; ``export_key`` is unique where there is one."""

    __name__ = "account.invoice"

    export_key = fields.Char("Export Key", readonly=True, strip=False)

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        table = cls.__table__()
        name = "export_key.msg_export_key_unique"
        cls._sql_constraints.append(("export_key_unique", Unique(table, table.export_key), name))
        cls.__rpc__["export_bill"] = RPC(readonly=False)

    @classmethod
    def export_bill(cls, bills: list[dict]) -> dict[str, int]:
        """Create and post these supplier invoices in one transaction; the id of each by its export key.

        A key that is there already answers with its first invoice, whatever became of it since. ``let_pass`` of a bill
        names the invoices that a person has let it pass beside, by their ids, or keys where they had no id yet:
        {"invoice_similar": ["12", KEY]}. Another one that is similar is warned of.
        """
        own = {"export_key", "let_pass"}
        # Copies: what arrived is what the server begins again with.
        asked = {bill["export_key"]: {k: v for k, v in bill.items() if k not in own} for bill in bills}
        let_pass = {bill["export_key"]: bill.get("let_pass") or {} for bill in bills}
        known = {found.export_key: found.id for found in cls.search([("export_key", "in", list(asked))])}
        new = {key: bill for key, bill in asked.items() if key not in known}
        if new:
            cls._lock_numbers()
        made = cls.create(list(new.values()))
        for key, invoice in zip(new, made, strict=True):
            invoice.export_key = key
        try:
            # The field is readonly for everyone else.
            with without_check_access():
                cls.save(made)
        except SQLConstraintError as error:
            if error.message != gettext("export_key.msg_export_key_unique"):
                raise
            # Another call booked one of them meanwhile; the server begins this one again and finds it.
            raise DatabaseOperationalError(error.message) from error
        passed = {invoice.id: cls._beside(let_pass[invoice.export_key]) for invoice in made}
        with Transaction().set_context(export_key_passed=passed):
            cls.post(cls.browse(made))
        return known | {invoice.export_key: invoice.id for invoice in made}

    @classmethod
    def _beside(cls, let_pass: object) -> list[int]:
        """The ids of the invoices that it names; a payapp of before names none."""
        names = let_pass.get("invoice_similar", ()) if isinstance(let_pass, dict) else ()
        keys = [name for name in names if not name.isdecimal()]
        ids = [int(name) for name in names if name.isdecimal()]
        return ids + [found.id for found in cls.search([("export_key", "in", keys)])] if keys else ids

    @classmethod
    def _lock_numbers(cls) -> None:
        """Take all numbers' locks at once and first: for each that it meets later Tryton begins the call again."""
        pool = Pool()
        company = Transaction().context.get("company")
        with without_check_access():
            open_ones = [("company", "=", company), ("state", "=", "open")]
            years = pool.get("account.fiscalyear").search(open_ones)
            numbers = {year.move_sequence for year in years}
            for each in (each for year in years for each in year.invoice_sequences):
                numbers |= {each.in_invoice_sequence, each.in_credit_note_sequence}
            pool.get("ir.sequence.strict").lock([number for number in numbers if number])

    def _similar_domain(self, delay: object = None) -> list | None:
        """A voided invoice does not stand against the one that replaces it, nor does what was let pass beside it.

        Of one call each stands against those that come after it alone.
        """
        domain = super()._similar_domain(delay=delay)
        if domain and self.export_key:
            passed = Transaction().context.get("export_key_passed", {})
            domain.append(("state", "!=", "cancelled"))
            after = [number for number in passed if number > self.id]
            domain.append(("id", "not in", [*after, *passed.get(self.id, ())]))
        return domain

    @classmethod
    def copy(cls, invoices: list, default: dict | None = None) -> list:
        """A copy is another invoice: it has no export key."""
        return super().copy(invoices, default={"export_key": None, **(default or {})})
