"""The tables of the masters, for Peewee: the company, its people, vendors, projects and commitments. See store.models."""

from __future__ import annotations

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


class Company(Model):
    """The one company whose books these are, and its policies."""

    id = IntegerField(primary_key=True)
    name = TextField()
    currency = TextField()
    erp = TextField()
    demo = BooleanField(default=False)
    hold_ms = BigIntegerField(default=10000)
    confirm_count = IntegerField(default=500)
    confirm_net = BigIntegerField(null=True)
    epoch = IntegerField(default=1)
    self_policy = TextField(default="never")
    order_policy = TextField(default="warn")
    policy_comments = TextField(default="{}")
    summary_day = TextField(default="")

    class Meta:
        table_name = "company"


class User(Model):
    """The Directory: people, their permission levels and privilege."""

    id = BigAutoField()
    login = TextField(unique=True)
    name = TextField()
    email = TextField(default="")
    erp_level = TextField(default="none")
    commitments_level = TextField(default="none")
    directory_level = TextField(default="none")
    can_push = BooleanField(default=False)
    active = BooleanField(default=True)
    limit_invoice = BigIntegerField(null=True)
    welcomed_at = BigIntegerField(null=True)
    limit_commitment = BigIntegerField(null=True)
    limit_day = BigIntegerField(null=True)
    summary = BooleanField(default=True)

    class Meta:
        table_name = "users"


class Vendor(Model):
    """Subcontractors and suppliers."""

    id = BigAutoField()
    source_id = TextField(unique=True)
    name = TextField()
    erp_ref = TextField(default="")

    class Meta:
        table_name = "vendors"


class Project(Model):
    """Projects (jobs)."""

    id = BigAutoField()
    source_id = TextField(unique=True)
    number = TextField(unique=True)
    name = TextField()
    erp_ref = TextField(default="")

    class Meta:
        table_name = "projects"


class CostCode(Model):
    """A project's cost codes."""

    id = BigAutoField()
    project = ForeignKeyField(Project, backref="+")
    source_id = TextField(unique=True)
    code = TextField()
    name = TextField()
    erp_ref = TextField(default="")

    class Meta:
        table_name = "cost_codes"


class BillingPeriod(Model):
    """A project's billing periods."""

    id = BigAutoField()
    project = ForeignKeyField(Project, backref="+")
    source_id = TextField(unique=True)
    start_date = TextField()
    end_date = TextField()

    class Meta:
        table_name = "billing_periods"


class Commitment(Model):
    """Subcontracts and purchase orders."""

    id = BigAutoField()
    source_id = TextField(unique=True)
    project = ForeignKeyField(Project, backref="+")
    vendor = ForeignKeyField(Vendor, backref="+")
    number = TextField()
    title = TextField()
    kind = TextField()
    currency = TextField()
    retainage_bp = IntegerField(default=0)
    erp_ref = TextField(default="")
    opening_application = IntegerField(default=0)
    place = BigIntegerField(default=0)

    class Meta:
        table_name = "commitments"


class CommitmentLine(Model):
    """A commitment's schedule of values, with opening balances."""

    id = BigAutoField()
    commitment = ForeignKeyField(Commitment, backref="+")
    position = IntegerField()
    item = TextField()
    item_type = TextField()
    cost_code = TextField()
    description = TextField()
    scheduled = BigIntegerField()
    opening_work = BigIntegerField(default=0)
    opening_stored = BigIntegerField(default=0)
    opening_retainage = BigIntegerField(default=0)

    class Meta:
        table_name = "commitment_lines"
