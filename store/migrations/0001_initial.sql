-- $PK, $BOOL, $TRUE, $FALSE and $NOROWID differ between SQLite and PostgreSQL; store/db.py fills them in.
-- Amounts are integer minor units; moments are milliseconds since 1970 in UTC; days are ISO text.
CREATE TABLE schema_version (version INTEGER NOT NULL);

CREATE TABLE company (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    erp TEXT NOT NULL,
    demo $BOOL NOT NULL DEFAULT $FALSE,
    hold_ms BIGINT NOT NULL DEFAULT 10000,
    confirm_count INTEGER NOT NULL DEFAULT 500,
    epoch INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE users (
    id $PK,
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT NOT NULL DEFAULT '',
    erp_level TEXT NOT NULL DEFAULT 'none',
    commitments_level TEXT NOT NULL DEFAULT 'none',
    directory_level TEXT NOT NULL DEFAULT 'none',
    can_push $BOOL NOT NULL DEFAULT $FALSE,
    active $BOOL NOT NULL DEFAULT $TRUE,
    limit_invoice BIGINT
);

CREATE TABLE vendors (
    id $PK,
    source_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    erp_ref TEXT NOT NULL DEFAULT ''
);

CREATE TABLE projects (
    id $PK,
    source_id TEXT NOT NULL UNIQUE,
    number TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    erp_ref TEXT NOT NULL DEFAULT ''
);

CREATE TABLE cost_codes (
    id $PK,
    project_id BIGINT NOT NULL REFERENCES projects (id),
    source_id TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    erp_ref TEXT NOT NULL DEFAULT '',
    UNIQUE (project_id, code)
);

CREATE TABLE billing_periods (
    id $PK,
    project_id BIGINT NOT NULL REFERENCES projects (id),
    source_id TEXT NOT NULL UNIQUE,
    start_date TEXT NOT NULL,
    end_date TEXT NOT NULL,
    UNIQUE (project_id, start_date)
);

CREATE TABLE commitments (
    id $PK,
    source_id TEXT NOT NULL UNIQUE,
    project_id BIGINT NOT NULL REFERENCES projects (id),
    vendor_id BIGINT NOT NULL REFERENCES vendors (id),
    number TEXT NOT NULL,
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    currency TEXT NOT NULL,
    retainage_bp INTEGER NOT NULL DEFAULT 0,
    erp_ref TEXT NOT NULL DEFAULT '',
    opening_application INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project_id, number)
);
CREATE INDEX commitments_vendor ON commitments (vendor_id);

CREATE TABLE commitment_lines (
    id $PK,
    commitment_id BIGINT NOT NULL REFERENCES commitments (id),
    position INTEGER NOT NULL,
    item TEXT NOT NULL,
    item_type TEXT NOT NULL,
    cost_code TEXT NOT NULL,
    description TEXT NOT NULL,
    scheduled BIGINT NOT NULL,
    opening_work BIGINT NOT NULL DEFAULT 0,
    opening_stored BIGINT NOT NULL DEFAULT 0,
    opening_retainage BIGINT NOT NULL DEFAULT 0,
    UNIQUE (commitment_id, item)
);

CREATE TABLE batches (
    id $PK,
    operator_id BIGINT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    erp TEXT NOT NULL,
    currency TEXT NOT NULL,
    accounting_date TEXT,
    description TEXT NOT NULL DEFAULT '',
    count INTEGER NOT NULL,
    gross BIGINT NOT NULL,
    retainage BIGINT NOT NULL,
    net BIGINT NOT NULL,
    hash_total BIGINT NOT NULL,
    hold_until BIGINT NOT NULL
);

CREATE TABLE invoices (
    id $PK,
    uuid TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    source_id TEXT NOT NULL,
    commitment_id BIGINT NOT NULL REFERENCES commitments (id),
    project_id BIGINT NOT NULL REFERENCES projects (id),
    vendor_id BIGINT NOT NULL REFERENCES vendors (id),
    application INTEGER NOT NULL,
    number TEXT NOT NULL,
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    billing_date TEXT NOT NULL,
    status TEXT NOT NULL,
    erp_status TEXT NOT NULL DEFAULT 'not_sent',
    outcome TEXT,
    outcome_reason TEXT NOT NULL DEFAULT '',
    outcome_at BIGINT,
    currency TEXT NOT NULL,
    gross BIGINT NOT NULL,
    retainage BIGINT NOT NULL,
    net BIGINT NOT NULL,
    tax BIGINT NOT NULL DEFAULT 0,
    completed BIGINT NOT NULL,
    retainage_to_date BIGINT NOT NULL,
    overbilled $BOOL NOT NULL DEFAULT $FALSE,
    final $BOOL NOT NULL DEFAULT $FALSE,
    changed_since $BOOL NOT NULL DEFAULT $FALSE,
    version INTEGER NOT NULL DEFAULT 1,
    revision INTEGER NOT NULL DEFAULT 0,
    creator_login TEXT NOT NULL DEFAULT '',
    creator_name TEXT NOT NULL DEFAULT '',
    creator_email TEXT NOT NULL DEFAULT '',
    sender_id BIGINT REFERENCES users (id),
    sent_at BIGINT,
    erp_number TEXT NOT NULL DEFAULT '',
    number_hash BIGINT NOT NULL DEFAULT 0,
    accounting_date TEXT,
    description TEXT NOT NULL DEFAULT '',
    batch_id BIGINT REFERENCES batches (id),
    origin_id TEXT,
    error_code TEXT NOT NULL DEFAULT '',
    error_cause TEXT NOT NULL DEFAULT '',
    error_fix TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (source, source_id),
    UNIQUE (commitment_id, application)
);
-- By number first: an invoice is found by it; invoices of a commitment are found by (commitment_id, application).
CREATE UNIQUE INDEX invoices_number ON invoices (number, commitment_id);
CREATE INDEX invoices_status ON invoices (erp_status, currency, gross, retainage, net, number_hash);
CREATE INDEX invoices_batch ON invoices (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX invoices_vendor ON invoices (vendor_id);
CREATE INDEX invoices_project ON invoices (project_id);

CREATE TABLE invoice_lines (
    invoice_id BIGINT NOT NULL REFERENCES invoices (id),
    position INTEGER NOT NULL,
    item TEXT NOT NULL,
    item_type TEXT NOT NULL,
    cost_code TEXT NOT NULL,
    description TEXT NOT NULL,
    scheduled BIGINT NOT NULL,
    work_before BIGINT NOT NULL,
    work_now BIGINT NOT NULL,
    stored_now BIGINT NOT NULL,
    stored_before BIGINT NOT NULL,
    moved BIGINT NOT NULL,
    total_before BIGINT,
    held BIGINT NOT NULL,
    released BIGINT NOT NULL,
    retainage_before BIGINT,
    PRIMARY KEY (invoice_id, position)
) $NOROWID;

CREATE TABLE attachments (
    id $PK,
    invoice_id BIGINT NOT NULL REFERENCES invoices (id),
    filename TEXT NOT NULL,
    url TEXT NOT NULL
);
CREATE INDEX attachments_invoice ON attachments (invoice_id);

CREATE TABLE export_jobs (
    id $PK,
    invoice_id BIGINT NOT NULL REFERENCES invoices (id),
    revision INTEGER NOT NULL,
    batch_id BIGINT NOT NULL REFERENCES batches (id),
    parcel BIGINT,
    alone $BOOL NOT NULL DEFAULT $FALSE,
    idem_key TEXT NOT NULL UNIQUE,
    erp TEXT NOT NULL,
    payload TEXT NOT NULL,
    payload_sha256 TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    sends INTEGER NOT NULL DEFAULT 0,
    misses INTEGER NOT NULL DEFAULT 0,
    deferrals INTEGER NOT NULL DEFAULT 0,
    run_at BIGINT NOT NULL,
    lease_until BIGINT,
    worker TEXT,
    send_begun BIGINT,
    erp_ref TEXT NOT NULL DEFAULT '',
    error_code TEXT NOT NULL DEFAULT '',
    error_text TEXT NOT NULL DEFAULT '',
    updated_at BIGINT NOT NULL,
    UNIQUE (invoice_id, revision)
);
CREATE UNIQUE INDEX export_jobs_open ON export_jobs (invoice_id)
    WHERE state IN ('held', 'pending', 'claimed', 'sent', 'uncertain', 'parked');
CREATE INDEX export_jobs_due ON export_jobs (run_at, id) WHERE state IN ('held', 'pending');
CREATE INDEX export_jobs_lease ON export_jobs (lease_until) WHERE state = 'claimed';
CREATE INDEX export_jobs_uncertain ON export_jobs (run_at, id) WHERE state = 'uncertain';
CREATE INDEX export_jobs_batch ON export_jobs (batch_id, state);

CREATE TABLE parcels (
    id $PK,
    erp TEXT NOT NULL,
    worker TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    members INTEGER NOT NULL
);

CREATE TABLE export_attempts (
    id $PK,
    job_id BIGINT NOT NULL REFERENCES export_jobs (id),
    attempt INTEGER NOT NULL,
    parcel BIGINT,
    worker TEXT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    evidence TEXT NOT NULL DEFAULT '',
    at BIGINT NOT NULL
);
CREATE INDEX export_attempts_job ON export_attempts (job_id);

CREATE TABLE erp_state (
    erp TEXT PRIMARY KEY,
    open_until BIGINT NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    error_text TEXT NOT NULL DEFAULT ''
);

CREATE TABLE erp_periods (
    erp TEXT NOT NULL,
    start_date TEXT NOT NULL,
    end_date TEXT NOT NULL,
    is_open $BOOL NOT NULL,
    fetched_at BIGINT NOT NULL,
    PRIMARY KEY (erp, start_date)
);

CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    stopped_at BIGINT
);

CREATE TABLE notices (
    id $PK,
    kind TEXT NOT NULL,
    invoice_id BIGINT REFERENCES invoices (id),
    role TEXT NOT NULL,
    recipient TEXT NOT NULL,
    address TEXT NOT NULL,
    reply_to TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    thread_id TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    run_at BIGINT NOT NULL,
    lease_until BIGINT,
    worker TEXT,
    error_text TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    sent_at BIGINT
);
CREATE INDEX notices_due ON notices (run_at, id) WHERE state = 'waiting';
CREATE INDEX notices_invoice ON notices (invoice_id);

CREATE TABLE audit_events (
    id $PK,
    at BIGINT NOT NULL,
    actor_id BIGINT,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    rows_digest TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE audit_rows (
    event_id BIGINT NOT NULL REFERENCES audit_events (id),
    position INTEGER NOT NULL,
    subject TEXT NOT NULL,
    subject_id BIGINT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    rule TEXT NOT NULL,
    PRIMARY KEY (event_id, position)
) $NOROWID;
CREATE INDEX audit_rows_subject ON audit_rows (subject, subject_id);

CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    event_id BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, event_id, hash) VALUES (1, 0, '');
