"""The tables of the controls, for Peewee: holds, sign-offs, keys. See store.models."""

from __future__ import annotations

from peewee import BigAutoField, BigIntegerField, IntegerField, Model, TextField


class Hold(Model):
    """Holds on invoices, commitments or vendors, placed and released by approvers; on an invoice one open one."""

    id = BigAutoField()
    invoice_id = BigIntegerField(null=True)
    commitment_id = BigIntegerField(null=True)
    vendor_id = BigIntegerField(null=True)
    kind = TextField(default="other")
    effect = TextField(default="block")
    reason = TextField()
    placed_by = BigIntegerField()
    placed_at = BigIntegerField()
    released_by = BigIntegerField(null=True)
    released_at = BigIntegerField(null=True)

    class Meta:
        table_name = "holds"


class SignOff(Model):
    """Exports of one's own invoices that another person signs off."""

    id = BigAutoField()
    invoice_id = BigIntegerField()
    revision = IntegerField()
    batch_id = BigIntegerField()
    operator_id = BigIntegerField()
    made_at = BigIntegerField()
    signed_by = BigIntegerField(null=True)
    signed_at = BigIntegerField(null=True)
    verdict = TextField(default="")
    comment = TextField(default="")

    class Meta:
        table_name = "sign_offs"


class ReturnedForm(Model):
    """What invoices said when they last came back to the project."""

    invoice_id = BigIntegerField(primary_key=True)
    outcome = TextField()
    reason = TextField()
    by_id = BigIntegerField()
    at = BigIntegerField()
    content = TextField()

    class Meta:
        table_name = "returned_forms"


class SshKey(Model):
    """Keys of users, who log in with them through SSH."""

    id = BigAutoField()
    user_id = BigIntegerField()
    kind = TextField()
    material = TextField()
    fingerprint = TextField()
    comment = TextField(default="")
    added_by = BigIntegerField()
    added_at = BigIntegerField()
    revoked_by = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)

    class Meta:
        table_name = "ssh_keys"
