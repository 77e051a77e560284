-- The project side and the controls: policies, limits, holds, sign-offs, notices, attachments, keys.

-- 'never': who created or sent an invoice does not accept it. 'review': he may, and another person signs it off later.
-- With why, who set it, and when: shown wherever the policy counts.
ALTER TABLE company ADD COLUMN self_policy TEXT NOT NULL DEFAULT 'never';
-- 'warn' or 'block': an export that would overtake an earlier application of its commitment.
ALTER TABLE company ADD COLUMN order_policy TEXT NOT NULL DEFAULT 'warn';
-- Why a policy was loosened, by its name: JSON {"self": {"comment": …, "by": login, "at": ms}}.
ALTER TABLE company ADD COLUMN policy_comments TEXT NOT NULL DEFAULT '{}';

-- Approval limits, absolute gross in minor units of the company's currency; NULL: none. limit_invoice is one invoice's.
ALTER TABLE users ADD COLUMN limit_commitment BIGINT;
ALTER TABLE users ADD COLUMN limit_day BIGINT;
-- Whether the daily summary is mailed to him.
ALTER TABLE users ADD COLUMN summary $BOOL NOT NULL DEFAULT $TRUE;

-- A hold stands on an invoice, on a commitment or on a vendor: on one of them. ``kind`` says what is waited for, ``effect``
-- what it does: block, warn, or pay (the bill goes, with the ERP's own hold on its payment).
-- On each of them one of a kind is open.
DROP INDEX holds_open;
$POSTGRES ALTER TABLE holds ALTER COLUMN invoice_id DROP NOT NULL;
ALTER TABLE holds ADD COLUMN commitment_id BIGINT REFERENCES commitments (id);
ALTER TABLE holds ADD COLUMN vendor_id BIGINT REFERENCES vendors (id);
ALTER TABLE holds ADD COLUMN kind TEXT NOT NULL DEFAULT 'other';
ALTER TABLE holds ADD COLUMN effect TEXT NOT NULL DEFAULT 'block';
$ELSE ALTER TABLE holds RENAME TO holds_before;
CREATE TABLE holds (
    id $PK,
    invoice_id BIGINT REFERENCES invoices (id),
    commitment_id BIGINT REFERENCES commitments (id),
    vendor_id BIGINT REFERENCES vendors (id),
    kind TEXT NOT NULL DEFAULT 'other',
    effect TEXT NOT NULL DEFAULT 'block',
    reason TEXT NOT NULL,
    placed_by BIGINT NOT NULL REFERENCES users (id),
    placed_at BIGINT NOT NULL,
    released_by BIGINT REFERENCES users (id),
    released_at BIGINT
);
INSERT INTO holds (id, invoice_id, reason, placed_by, placed_at, released_by, released_at)
    SELECT id, invoice_id, reason, placed_by, placed_at, released_by, released_at FROM holds_before;
DROP TABLE holds_before;
$DONE
CREATE UNIQUE INDEX holds_open ON holds (invoice_id, kind) WHERE released_at IS NULL AND invoice_id IS NOT NULL;
CREATE UNIQUE INDEX holds_open_commitment ON holds (commitment_id, kind)
    WHERE released_at IS NULL AND commitment_id IS NOT NULL;
CREATE UNIQUE INDEX holds_open_vendor ON holds (vendor_id, kind) WHERE released_at IS NULL AND vendor_id IS NOT NULL;
CREATE INDEX holds_of_commitment ON holds (commitment_id) WHERE commitment_id IS NOT NULL;
CREATE INDEX holds_of_vendor ON holds (vendor_id) WHERE vendor_id IS NOT NULL;

-- What accounting gave back: rejected, or parted from its bill (store/undoing.py).
DROP INDEX invoices_returned;
CREATE INDEX invoices_returned ON invoices (place, application, number $BYTES$ID)
    WHERE phase = 'not_sent' AND outcome IN ('rejected', 'unlinked', 'reset');

-- Exports of one's own invoices under the policy 'review', and who signed them off; store/signing.py keeps it.
CREATE TABLE sign_offs (
    id $PK,
    invoice_id BIGINT NOT NULL REFERENCES invoices (id),
    revision INTEGER NOT NULL,
    batch_id BIGINT NOT NULL REFERENCES batches (id),
    operator_id BIGINT NOT NULL REFERENCES users (id),
    made_at BIGINT NOT NULL,
    signed_by BIGINT REFERENCES users (id),
    signed_at BIGINT,
    verdict TEXT NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT '',
    UNIQUE (invoice_id, revision)
);
CREATE INDEX sign_offs_open ON sign_offs (id) WHERE signed_at IS NULL;
CREATE INDEX sign_offs_batch ON sign_offs (batch_id);

-- ``once``: what must not be mailed twice, such as the summary of a day to a user. ``operator_id``: by whose decision.
ALTER TABLE notices ADD COLUMN once TEXT;
CREATE UNIQUE INDEX notices_once ON notices (once) WHERE once IS NOT NULL;
ALTER TABLE notices ADD COLUMN operator_id BIGINT REFERENCES users (id);

-- What an invoice said when it last came back to the project, to tell what was changed since: ``content`` as
-- store/domain/form.py writes it, ``reason`` why it came back, by whom and when. store/differences.py keeps it.
CREATE TABLE returned_forms (
    invoice_id BIGINT PRIMARY KEY REFERENCES invoices (id),
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    by_id BIGINT NOT NULL REFERENCES users (id),
    at BIGINT NOT NULL,
    content TEXT NOT NULL
);
-- When it was looked at what of a batch had failed, once it had come to rest; those that have already are not told again.
ALTER TABLE batches ADD COLUMN told_at BIGINT;
UPDATE batches SET told_at = 0 WHERE NOT EXISTS (
    SELECT 1 FROM export_jobs j WHERE j.batch_id = batches.id
    AND j.state IN ('held', 'pending', 'claimed', 'sent', 'uncertain')
);
CREATE INDEX batches_untold ON batches (id) WHERE told_at IS NULL;
-- The last day, ISO, whose summaries were written.
ALTER TABLE company ADD COLUMN summary_day TEXT NOT NULL DEFAULT '';

-- Who added an attachment, and when; NULL: it came with the invoice.
ALTER TABLE attachments ADD COLUMN added_by BIGINT REFERENCES users (id);
ALTER TABLE attachments ADD COLUMN added_at BIGINT;

-- "Where is my invoice" asks for an amount and for a payment: by indexes that no export writes.
CREATE INDEX invoices_net ON invoices (net$ID);
CREATE INDEX payments_ref ON payments (ref);
-- How a number begins: a collation other than C does not keep together what begins alike.
$POSTGRES CREATE INDEX invoices_begun ON invoices (number COLLATE "C") $ELSE $DONE;

-- The keys with which users log in through SSH; store/ssh_keys.py keeps it.
CREATE TABLE ssh_keys (
    id $PK,
    user_id BIGINT NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    material TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    comment TEXT NOT NULL DEFAULT '',
    added_by BIGINT NOT NULL REFERENCES users (id),
    added_at BIGINT NOT NULL,
    revoked_by BIGINT REFERENCES users (id),
    revoked_at BIGINT
);
CREATE UNIQUE INDEX ssh_keys_active ON ssh_keys (fingerprint) WHERE revoked_at IS NULL;
