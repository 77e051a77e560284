-- The speed of the queue: no index of invoices stands on what changes while an invoice is exported.
DROP INDEX invoices_ready;
DROP INDEX invoices_synced;
DROP INDEX invoices_unsent;
DROP INDEX invoices_returned;
DROP INDEX invoices_sent;
DROP INDEX invoices_ready_number;
DROP INDEX invoices_flagged;
DROP INDEX invoices_status;

-- ``phase`` is erp_status with all the states of the Exporting view as one, 'exporting'; ``sent`` is 1 for what is in ERP
-- Integrations. PostgreSQL works them out. On SQLite, which would write the indexes of a generated column anew whenever
-- what it is made from is written, store/phases.py sets them along with the status, and triggers do where nobody did.
ALTER TABLE invoices ADD COLUMN phase TEXT NOT NULL $POSTGRES GENERATED ALWAYS AS (CASE
    WHEN erp_status IN ('queued', 'uncertain', 'parked') THEN 'exporting' ELSE erp_status END) STORED
    $ELSE DEFAULT 'not_sent' $DONE;
ALTER TABLE invoices ADD COLUMN sent INTEGER NOT NULL $POSTGRES GENERATED ALWAYS AS (CASE
    WHEN erp_status = 'not_sent' THEN 0 ELSE 1 END) STORED $ELSE DEFAULT 0 $DONE;
$POSTGRES $ELSE UPDATE invoices SET sent = 1,
    phase = CASE WHEN erp_status IN ('queued', 'uncertain', 'parked') THEN 'exporting' ELSE erp_status END
    WHERE erp_status <> 'not_sent' $DONE;
$POSTGRES $ELSE CREATE TRIGGER invoices_come AFTER INSERT ON invoices WHEN NEW.erp_status <> 'not_sent' BEGIN
    UPDATE invoices SET sent = 1,
    phase = CASE WHEN erp_status IN ('queued', 'uncertain', 'parked') THEN 'exporting' ELSE erp_status END
    WHERE id = NEW.id; END $DONE;
$POSTGRES $ELSE CREATE TRIGGER invoices_move AFTER UPDATE OF erp_status ON invoices
    WHEN NEW.sent <> (NEW.erp_status <> 'not_sent') OR NEW.phase <> NEW.erp_status
    AND (NEW.phase <> 'exporting' OR NEW.erp_status NOT IN ('queued', 'uncertain', 'parked')) BEGIN
    UPDATE invoices SET sent = erp_status <> 'not_sent',
    phase = CASE WHEN erp_status IN ('queued', 'uncertain', 'parked') THEN 'exporting' ELSE erp_status END
    WHERE id = NEW.id; END $DONE;

CREATE INDEX invoices_ready ON invoices (place, application, number $BYTES$ID) WHERE phase = 'ready_to_export';
CREATE INDEX invoices_synced ON invoices (place, application, number $BYTES$ID) WHERE phase = 'synced';
CREATE INDEX invoices_unsent ON invoices (place, application, number $BYTES$ID) WHERE phase = 'not_sent';
CREATE INDEX invoices_returned ON invoices (place, application, number $BYTES$ID)
    WHERE phase = 'not_sent' AND outcome = 'rejected';
CREATE INDEX invoices_sent ON invoices (place, application, number $BYTES$ID) WHERE sent = 1;
CREATE INDEX invoices_ready_number ON invoices (number $BYTES$ID) WHERE phase = 'ready_to_export';
CREATE INDEX invoices_flagged ON invoices (phase) WHERE overbilled OR changed_since OR duplicate OR held;
-- What a view sums up, each phase in the order of the ids; it answers which view an invoice is in.
CREATE INDEX invoices_status ON invoices (phase, currency, id, gross, retainage, net, number_hash, sent);

-- Room on each page for the rows that are there once more: an invoice that begins to be exported stays on its page, and
-- no index is written (HOT).
$POSTGRES ALTER TABLE invoices SET (fillfactor = 50) $ELSE $DONE;
