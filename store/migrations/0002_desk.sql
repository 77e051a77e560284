-- What the desk needs at full size: stored order, flags, holds, saved views, and the indexes of its lists.

-- A commitment's rank by vendor name and its own number; invoices carry their commitment's. store/places.py keeps it.
ALTER TABLE commitments ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN duplicate $BOOL NOT NULL DEFAULT $FALSE;
-- The number folded, where it has more than ASCII; store/duplicates.py keeps it.
ALTER TABLE invoices ADD COLUMN twin TEXT;
ALTER TABLE invoices ADD COLUMN held $BOOL NOT NULL DEFAULT $FALSE;

UPDATE commitments SET place = ranked.place FROM (
    SELECT c.id, ROW_NUMBER() OVER (ORDER BY v.name $BYTES, c.number $BYTES, c.id) * 4294967296 AS place
    FROM commitments c JOIN vendors v ON v.id = c.vendor_id
) AS ranked WHERE ranked.id = commitments.id;
CREATE UNIQUE INDEX commitments_place ON commitments (place) WHERE place > 0;
UPDATE invoices SET place = (SELECT c.place FROM commitments c WHERE c.id = invoices.commitment_id);

-- The views in the order of their vendors, with what a search reads; store/routes.py knows them by name.
CREATE INDEX invoices_ready ON invoices (place, application, number $BYTES$ID) WHERE erp_status = 'ready_to_export';
CREATE INDEX invoices_synced ON invoices (place, application, number $BYTES$ID) WHERE erp_status = 'synced';
CREATE INDEX invoices_unsent ON invoices (place, application, number $BYTES$ID) WHERE erp_status = 'not_sent';
CREATE INDEX invoices_returned ON invoices (place, application, number $BYTES$ID)
    WHERE erp_status = 'not_sent' AND outcome = 'rejected';
CREATE INDEX invoices_sent ON invoices (place, application, number $BYTES$ID) WHERE erp_status <> 'not_sent';
CREATE INDEX invoices_placed ON invoices (place, application, number $BYTES$ID);
CREATE INDEX invoices_ready_number ON invoices (number $BYTES$ID) WHERE erp_status = 'ready_to_export';
-- Of all views: an index that no state is in is not written when states change.
CREATE INDEX invoices_period ON invoices (period_end $BYTES, place, application, number $BYTES$ID);
-- Who has a flag: few, of many.
CREATE INDEX invoices_flagged ON invoices (erp_status)
    WHERE overbilled OR changed_since OR duplicate OR held;
CREATE INDEX invoices_sender ON invoices (sender_id);
-- Whose: values of ASCII by their small letters, others, which are few, by themselves; store/owning.py asks.
CREATE INDEX invoices_creator ON invoices (lower(substr(creator_login, 1, 200)));
CREATE INDEX invoices_creator_email ON invoices (lower(substr(creator_email, 1, 200)));
CREATE INDEX invoices_creator_beyond ON invoices (substr(creator_login, 1, 200))
    WHERE $OCTETS creator_login $END <> length(creator_login);
CREATE INDEX invoices_creator_email_beyond ON invoices (substr(creator_email, 1, 200))
    WHERE $OCTETS creator_email $END <> length(creator_email);

-- Above this net amount, in minor units of the company's currency, the count is typed before an export; NULL: never.
ALTER TABLE company ADD COLUMN confirm_net BIGINT;
-- When the user put the first-run card away.
ALTER TABLE users ADD COLUMN welcomed_at BIGINT;

CREATE TABLE holds (
    id $PK,
    invoice_id BIGINT NOT NULL REFERENCES invoices (id),
    reason TEXT NOT NULL,
    placed_by BIGINT NOT NULL REFERENCES users (id),
    placed_at BIGINT NOT NULL,
    released_by BIGINT REFERENCES users (id),
    released_at BIGINT
);
CREATE UNIQUE INDEX holds_open ON holds (invoice_id) WHERE released_at IS NULL;

-- Invoices of one vendor with the same number, case aside: exact duplicates. It serves all that invoices_vendor did.
CREATE INDEX invoices_twin ON invoices (vendor_id, coalesce(twin, lower(number)));
DROP INDEX invoices_vendor;
UPDATE invoices SET duplicate = $TRUE WHERE (vendor_id, lower(number)) IN
    (SELECT vendor_id, lower(number) FROM invoices GROUP BY vendor_id, lower(number) HAVING count(*) > 1);
-- An invoice is found by what the ERP calls it.
CREATE INDEX invoices_origin ON invoices ($HEAD origin_id $CUT) WHERE origin_id IS NOT NULL;
CREATE INDEX invoices_erp_number ON invoices ($HEAD erp_number $CUT) WHERE erp_number <> '';
-- A number that an approver gave is compared with others of the vendor; PostgreSQL indexes no text of thousands.
CREATE INDEX invoices_renumbered ON invoices (vendor_id, lower(erp_number))
    WHERE erp_number <> '' AND length(erp_number) <= 500;

CREATE TABLE saved_views (
    id $PK,
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    view TEXT NOT NULL,
    query TEXT NOT NULL,
    sort TEXT NOT NULL,
    descending $BOOL NOT NULL DEFAULT $FALSE,
    UNIQUE (user_id, name)
);
