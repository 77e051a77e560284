-- Of a batch, what the company's policy lets pass though the ERP drops some of its money (store/posting.py): how many,
-- the payment due (net and tax) that they invoice, and what of it will not post, in minor units.
ALTER TABLE batches ADD COLUMN policy_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN policy_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN policy_lost BIGINT NOT NULL DEFAULT 0;
