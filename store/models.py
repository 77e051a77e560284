"""The tables, for Peewee. The migrations make them; a test holds the two together.

Amounts are integer minor units, moments milliseconds since 1970 in UTC, days ISO text. The models are bound to no
database: their queries run through ``Database.rows``, so that one process can hold several databases open.
"""

from __future__ import annotations

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from store.control_models import Hold, ReturnedForm, SignOff, SshKey
from store.erp_models import ErpFact, Likeness, Mapping, Override, Payment, Receipt
from store.master_models import (
    BillingPeriod,
    Commitment,
    CommitmentLine,
    Company,
    CostCode,
    Project,
    User,
    Vendor,
)

__all__ = [
    "TABLES",
    "Attachment",
    "AuditEvent",
    "AuditHead",
    "AuditRow",
    "Batch",
    "BillingPeriod",
    "Commitment",
    "CommitmentLine",
    "Company",
    "CostCode",
    "ErpFact",
    "ErpPeriod",
    "ErpState",
    "ExportAttempt",
    "ExportJob",
    "Hold",
    "Invoice",
    "InvoiceLine",
    "Likeness",
    "Mapping",
    "Notice",
    "Override",
    "Parcel",
    "Payment",
    "Project",
    "Receipt",
    "ReturnedForm",
    "SavedView",
    "SignOff",
    "SshKey",
    "User",
    "Vendor",
    "Worker",
]


class Batch(Model):
    """What one press of Export accepted together."""

    id = BigAutoField()
    operator = ForeignKeyField(User, backref="+")
    created_at = BigIntegerField()
    erp = TextField()
    currency = TextField()
    accounting_date = TextField(null=True)
    description = TextField(default="")
    count = IntegerField()
    gross = BigIntegerField()
    retainage = BigIntegerField()
    net = BigIntegerField()
    hash_total = BigIntegerField()
    hold_until = BigIntegerField()
    policy_count = IntegerField(default=0)
    policy_due = BigIntegerField(default=0)
    policy_lost = BigIntegerField(default=0)
    told_at = BigIntegerField(null=True)

    class Meta:
        table_name = "batches"


class Invoice(Model):
    """Subcontractor invoices."""

    id = BigAutoField()
    uuid = TextField(unique=True)
    source = TextField()
    source_id = TextField()
    commitment = ForeignKeyField(Commitment, backref="+")
    project = ForeignKeyField(Project, backref="+")
    vendor = ForeignKeyField(Vendor, backref="+")
    application = IntegerField()
    number = TextField()
    period_start = TextField()
    period_end = TextField()
    billing_date = TextField()
    status = TextField()
    erp_status = TextField(default="not_sent")
    outcome = TextField(null=True)
    outcome_reason = TextField(default="")
    outcome_at = BigIntegerField(null=True)
    currency = TextField()
    gross = BigIntegerField()
    retainage = BigIntegerField()
    net = BigIntegerField()
    tax = BigIntegerField(default=0)
    completed = BigIntegerField()
    retainage_to_date = BigIntegerField()
    overbilled = BooleanField(default=False)
    final = BooleanField(default=False)
    changed_since = BooleanField(default=False)
    duplicate = BooleanField(default=False)
    held = BooleanField(default=False)
    place = BigIntegerField(default=0)
    # Both follow erp_status (store/phases.py): nobody else sets them.
    phase = TextField()
    sent = IntegerField()
    version = IntegerField(default=1)
    revision = IntegerField(default=0)
    creator_login = TextField(default="")
    creator_name = TextField(default="")
    creator_email = TextField(default="")
    sender = ForeignKeyField(User, backref="+", null=True)
    sent_at = BigIntegerField(null=True)
    erp_number = TextField(default="")
    number_hash = BigIntegerField(default=0)
    accounting_date = TextField(null=True)
    description = TextField(default="")
    batch = ForeignKeyField(Batch, backref="+", null=True)
    origin_id = TextField(null=True)
    error_code = TextField(default="")
    error_cause = TextField(default="")
    error_fix = TextField(default="")
    created_at = BigIntegerField()
    updated_at = BigIntegerField()

    class Meta:
        table_name = "invoices"


class InvoiceLine(Model):
    """G703 lines."""

    invoice = ForeignKeyField(Invoice, backref="+")
    position = IntegerField()
    item = TextField()
    item_type = TextField()
    cost_code = TextField()
    description = TextField()
    scheduled = BigIntegerField()
    work_before = BigIntegerField()
    work_now = BigIntegerField()
    stored_now = BigIntegerField()
    stored_before = BigIntegerField()
    moved = BigIntegerField()
    total_before = BigIntegerField(null=True)
    held = BigIntegerField()
    released = BigIntegerField()
    retainage_before = BigIntegerField(null=True)

    class Meta:
        table_name = "invoice_lines"
        primary_key = CompositeKey("invoice", "position")


class Attachment(Model):
    """Files that belong to an invoice, by address."""

    id = BigAutoField()
    invoice = ForeignKeyField(Invoice, backref="+")
    filename = TextField()
    url = TextField()
    added_by = BigIntegerField(null=True)
    added_at = BigIntegerField(null=True)

    class Meta:
        table_name = "attachments"


class SavedView(Model):
    """A user's own views: a filter and an order under a name."""

    id = BigAutoField()
    user = ForeignKeyField(User, backref="+")
    name = TextField()
    view = TextField()
    query = TextField()
    sort = TextField()
    descending = BooleanField(default=False)

    class Meta:
        table_name = "saved_views"


class ExportJob(Model):
    """The export queue: one row per invoice and revision."""

    id = BigAutoField()
    invoice = ForeignKeyField(Invoice, backref="+")
    revision = IntegerField()
    batch = ForeignKeyField(Batch, backref="+")
    parcel = BigIntegerField(null=True)
    alone = BooleanField(default=False)
    look_first = BooleanField(default=False)
    accounting_date = TextField(default="")
    idem_key = TextField(unique=True)
    erp = TextField()
    payload = TextField()
    payload_sha256 = TextField()
    state = TextField()
    attempt = IntegerField(default=0)
    sends = IntegerField(default=0)
    misses = IntegerField(default=0)
    deferrals = IntegerField(default=0)
    run_at = BigIntegerField()
    lease_until = BigIntegerField(null=True)
    worker = TextField(null=True)
    send_begun = BigIntegerField(null=True)
    erp_ref = TextField(default="")
    error_code = TextField(default="")
    error_text = TextField(default="")
    similar_to = TextField(default="")
    updated_at = BigIntegerField()

    class Meta:
        table_name = "export_jobs"


class Parcel(Model):
    """What goes to the ERP in one request or file."""

    id = BigAutoField()
    erp = TextField()
    worker = TextField()
    created_at = BigIntegerField()
    members = IntegerField()

    class Meta:
        table_name = "parcels"


class ExportAttempt(Model):
    """Append-only: two rows an attempt, begun and ended, and late replies."""

    id = BigAutoField()
    job = ForeignKeyField(ExportJob, backref="+")
    attempt = IntegerField()
    parcel = BigIntegerField(null=True)
    idem_key = TextField(default="")
    worker = TextField()
    kind = TextField()
    outcome = TextField(default="")
    evidence = TextField(default="")
    at = BigIntegerField()

    class Meta:
        table_name = "export_attempts"


class ErpState(Model):
    """One row per ERP: its circuit breaker, and when the next request may go."""

    erp = TextField(primary_key=True)
    open_until = BigIntegerField(default=0)
    failures = IntegerField(default=0)
    error_text = TextField(default="")
    pace_at = BigIntegerField(default=0)
    probe = TextField(default="")
    probe_until = BigIntegerField(default=0)

    class Meta:
        table_name = "erp_state"


class ErpPeriod(Model):
    """The ERP's accounting periods, as last fetched."""

    erp = TextField()
    start_date = TextField()
    end_date = TextField()
    is_open = BooleanField()
    fetched_at = BigIntegerField()

    class Meta:
        table_name = "erp_periods"
        primary_key = CompositeKey("erp", "start_date")


class Worker(Model):
    """Worker processes and their heartbeats."""

    id = TextField(primary_key=True)
    host = TextField()
    pid = IntegerField()
    started_at = BigIntegerField()
    heartbeat_at = BigIntegerField()
    stopped_at = BigIntegerField(null=True)
    version = TextField(default="")
    erp = TextField(default="")

    class Meta:
        table_name = "workers"


class Epoch(Model):
    """Append-only: where the database was adopted, and when; the newest row counts."""

    id = BigAutoField()
    raised_at = BigIntegerField()
    raised_by = ForeignKeyField(User, backref="+", column_name="raised_by", null=True)
    reason = TextField()
    place = TextField()

    class Meta:
        table_name = "epochs"


class Notice(Model):
    """Mails to be sent, being sent, and sent."""

    id = BigAutoField()
    kind = TextField()
    invoice = ForeignKeyField(Invoice, backref="+", null=True)
    role = TextField()
    recipient = TextField()
    address = TextField()
    reply_to = TextField(default="")
    subject = TextField()
    body = TextField()
    message_id = TextField(unique=True)
    thread_id = TextField(default="")
    state = TextField()
    attempts = IntegerField(default=0)
    run_at = BigIntegerField()
    lease_until = BigIntegerField(null=True)
    worker = TextField(null=True)
    error_text = TextField(default="")
    created_at = BigIntegerField()
    sent_at = BigIntegerField(null=True)
    once = TextField(null=True)
    operator_id = BigIntegerField(null=True)

    class Meta:
        table_name = "notices"


class AuditEvent(Model):
    """Append-only: one chained event per decision."""

    id = BigAutoField()
    at = BigIntegerField()
    actor_id = BigIntegerField(null=True)
    actor = TextField()
    origin = TextField()
    action = TextField()
    detail = TextField()
    row_count = IntegerField()
    rows_digest = TextField()
    prev_hash = TextField()
    hash = TextField()

    class Meta:
        table_name = "audit_events"


class AuditRow(Model):
    """Before and after values of one subject of an event."""

    event = ForeignKeyField(AuditEvent, backref="+")
    position = IntegerField()
    subject = TextField()
    subject_id = BigIntegerField()
    before = TextField()
    after = TextField()
    rule = TextField()

    class Meta:
        table_name = "audit_rows"
        primary_key = CompositeKey("event", "position")


class AuditHead(Model):
    """The newest event and its hash, locked by every decision."""

    id = IntegerField(primary_key=True)
    event_id = BigIntegerField()
    hash = TextField()

    class Meta:
        table_name = "audit_head"


TABLES: tuple[type[Model], ...] = (
    Company,
    User,
    Vendor,
    Project,
    CostCode,
    BillingPeriod,
    Commitment,
    CommitmentLine,
    Batch,
    Invoice,
    InvoiceLine,
    Attachment,
    Hold,
    SignOff,
    SshKey,
    ReturnedForm,
    SavedView,
    ExportJob,
    Parcel,
    ExportAttempt,
    ErpState,
    ErpPeriod,
    Worker,
    Epoch,
    Notice,
    ErpFact,
    Likeness,
    Mapping,
    Override,
    Receipt,
    Payment,
    AuditEvent,
    AuditRow,
    AuditHead,
)
