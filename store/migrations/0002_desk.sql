-- What the desk needs at full size: stored order, flags, holds, saved views, and the indexes of its lists.

-- A commitment's rank by vendor name and its own number; invoices carry their commitment's. store/places.py keeps it.
ALTER TABLE commitments ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN duplicate $BOOL NOT NULL DEFAULT $FALSE;
ALTER TABLE invoices ADD COLUMN held $BOOL NOT NULL DEFAULT $FALSE;

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
