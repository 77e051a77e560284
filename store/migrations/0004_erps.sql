-- What real ERPs need: what they know, what payapp's codes are called there, warnings let pass, receipts, payments.

-- What the ERP said of a code, and when it was asked; store/known.py keeps it. ``kind`` is a store.domain.knowing.Kind.
CREATE TABLE erp_facts (
    erp TEXT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    known $BOOL NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (erp, kind, code)
) $NOROWID;

-- What a code of ours is called in an ERP; store/mapping.py keeps it. ``project_id`` NULL: on every job.
CREATE TABLE mappings (
    id $PK,
    erp TEXT NOT NULL,
    kind TEXT NOT NULL,
    project_id BIGINT REFERENCES projects (id),
    code TEXT NOT NULL,
    target TEXT NOT NULL,
    set_by BIGINT NOT NULL REFERENCES users (id),
    set_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX mappings_code ON mappings (erp, kind, code, coalesce(project_id, 0));

-- Append-only: who let a warning about an invoice pass, and why; store/overriding.py keeps it. ``other`` is what the
-- warning was about: an invoice ("invoice 123") or what the ERP has ("erp BILL-7").
CREATE TABLE overrides (
    id $PK,
    invoice_id BIGINT NOT NULL REFERENCES invoices (id),
    code TEXT NOT NULL,
    other TEXT NOT NULL,
    comment TEXT NOT NULL,
    made_by BIGINT NOT NULL REFERENCES users (id),
    made_at BIGINT NOT NULL,
    UNIQUE (invoice_id, code, other)
);

-- What an ERP said it imported of our files, a file once; store/receipts.py keeps it.
CREATE TABLE receipts (
    id $PK,
    erp TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    read_by BIGINT NOT NULL REFERENCES users (id),
    read_at BIGINT NOT NULL,
    booked INTEGER NOT NULL,
    refused INTEGER NOT NULL
);
-- What was delivered and waits for its receipt.
CREATE INDEX export_jobs_awaited ON export_jobs (erp, id) WHERE state = 'sent';

-- What the ERP paid of a bill, as it said last; amounts in minor units. store/payments.py keeps it.
CREATE TABLE payments (
    id $PK,
    erp TEXT NOT NULL,
    ref TEXT NOT NULL,
    invoice_id BIGINT NOT NULL REFERENCES invoices (id),
    paid_on TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    method TEXT NOT NULL DEFAULT '',
    pulled_at BIGINT NOT NULL,
    UNIQUE (invoice_id, ref)
);

-- What an invoice's number says without case, leading zeros and punctuation, and its ERP number where it has one.
-- store/duplicates.py keeps it, and fills it when a database comes up to date; no state change writes here. No key to
-- invoices: it would be checked with every invoice that comes in.
CREATE TABLE likenesses (
    vendor_id BIGINT NOT NULL,
    number TEXT NOT NULL,
    invoice_id BIGINT NOT NULL,
    PRIMARY KEY (vendor_id, number, invoice_id)
) $NOROWID;
DROP INDEX invoices_twin;
DROP INDEX invoices_renumbered;
ALTER TABLE invoices DROP COLUMN twin;
-- Invoices of one vendor with the same amount in the same period; it serves all that asks for a vendor's invoices.
CREATE INDEX invoices_amount ON invoices (vendor_id, period_end, (CASE WHEN gross <> 0 THEN gross ELSE net END)$ID);
