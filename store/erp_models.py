"""The tables of what real ERPs need, for Peewee. See store.models."""

from __future__ import annotations

from peewee import BigAutoField, BigIntegerField, BooleanField, CompositeKey, IntegerField, Model, TextField


class ErpFact(Model):
    """Whether the ERP knows a code, and when it was asked."""

    erp = TextField()
    kind = TextField()
    code = TextField()
    known = BooleanField()
    name = TextField(default="")
    asked_at = BigIntegerField()

    class Meta:
        table_name = "erp_facts"
        primary_key = CompositeKey("erp", "kind", "code")


class Mapping(Model):
    """What a code of ours is called in an ERP; without a project on every job."""

    id = BigAutoField()
    erp = TextField()
    kind = TextField()
    project_id = BigIntegerField(null=True)
    code = TextField()
    target = TextField()
    set_by = BigIntegerField()
    set_at = BigIntegerField()

    class Meta:
        table_name = "mappings"


class Override(Model):
    """Who let a warning about an invoice pass, and why; append-only."""

    id = BigAutoField()
    invoice_id = BigIntegerField()
    code = TextField()
    other = TextField()
    comment = TextField()
    made_by = BigIntegerField()
    made_at = BigIntegerField()

    class Meta:
        table_name = "overrides"


class Receipt(Model):
    """What an ERP said it imported of our files."""

    id = BigAutoField()
    erp = TextField()
    name = TextField()
    sha256 = TextField(unique=True)
    read_by = BigIntegerField()
    read_at = BigIntegerField()
    booked = IntegerField()
    refused = IntegerField()

    class Meta:
        table_name = "receipts"


class Payment(Model):
    """What the ERP paid of a bill."""

    id = BigAutoField()
    erp = TextField()
    ref = TextField()
    invoice_id = BigIntegerField()
    paid_on = TextField()
    amount = BigIntegerField()
    currency = TextField()
    method = TextField(default="")
    pulled_at = BigIntegerField()

    class Meta:
        table_name = "payments"


class Likeness(Model):
    """What an invoice's numbers say when they are folded; compared with others of the vendor."""

    vendor_id = BigIntegerField()
    number = TextField()
    invoice_id = BigIntegerField()

    class Meta:
        table_name = "likenesses"
        primary_key = CompositeKey("vendor_id", "number", "invoice_id")
