-- What the export needs on many hosts: pace of an ERP, restores, what a reconciliation reads.

-- When the next request may go to this ERP, in milliseconds of the database's clock; store/gate.py keeps the pace.
ALTER TABLE erp_state ADD COLUMN pace_at BIGINT NOT NULL DEFAULT 0;
-- The one request that finds out whether a paused ERP answers again, and when it is given up; '': none is under way.
ALTER TABLE erp_state ADD COLUMN probe TEXT NOT NULL DEFAULT '';
ALTER TABLE erp_state ADD COLUMN probe_until BIGINT NOT NULL DEFAULT 0;

-- The ERP is asked about this job before anything of it is sent: it was open, or its invoice was known, when the
-- database was restored (store/epochs.py).
ALTER TABLE export_jobs ADD COLUMN look_first $BOOL NOT NULL DEFAULT $FALSE;
-- The bill's accounting date, as in its payload: a reconciliation asks for what was sent in a period.
ALTER TABLE export_jobs ADD COLUMN accounting_date TEXT NOT NULL DEFAULT '';
UPDATE export_jobs SET accounting_date = substr(payload, $FIND (payload, '"accounting_date":"') + 19, 10);
CREATE INDEX export_jobs_sent ON export_jobs (erp, accounting_date $BYTES$ID) WHERE sends > 0;
-- What a restored database found in the ERP, or asks about, without having sent it.
CREATE INDEX export_jobs_found ON export_jobs (erp, accounting_date $BYTES$ID)
    WHERE sends = 0 AND state IN ('done', 'uncertain', 'parked');
-- What looks first is claimed for look-up alone, and is in nobody's way.
DROP INDEX export_jobs_due;
CREATE INDEX export_jobs_due ON export_jobs (erp, run_at, id) WHERE state IN ('held', 'pending') AND NOT look_first;
CREATE INDEX export_jobs_look ON export_jobs (run_at, id) WHERE look_first AND state IN ('held', 'pending');
CREATE INDEX export_jobs_parked ON export_jobs (id) WHERE state = 'parked';

-- What was sent in that attempt: after a restore its job's id may be another invoice's.
ALTER TABLE export_attempts ADD COLUMN idem_key TEXT NOT NULL DEFAULT '';
UPDATE export_attempts SET idem_key = (SELECT j.idem_key FROM export_jobs j WHERE j.id = export_attempts.job_id);

-- What runs where: a worker says which program it is and which ERP it serves.
ALTER TABLE workers ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE workers ADD COLUMN erp TEXT NOT NULL DEFAULT '';

-- Append-only; the newest row is the epoch. ``place`` is where the database was then (store/epochs.py).
CREATE TABLE epochs (
    id $PK,
    raised_at BIGINT NOT NULL,
    raised_by BIGINT REFERENCES users (id),
    reason TEXT NOT NULL,
    place TEXT NOT NULL
);

-- What a view sums up, each state in the order of the ids: a decision on many, or the queue, that moves neighbours from
-- state to state writes neighbouring entries. By gross every one of them was on a page of its own.
DROP INDEX invoices_status;
CREATE INDEX invoices_status ON invoices (erp_status, currency, id, gross, retainage, net, number_hash);
-- Amounts in their order, of all views: an index that no state is in is not written when states change.
CREATE INDEX invoices_gross ON invoices (gross $ID);
