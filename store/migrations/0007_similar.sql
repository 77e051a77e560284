-- The bills that the ERP named when it refused this one as similar to them, by their references there, with commas
-- (store/outcomes.py): an override lets it pass for these (store/alike.py).
ALTER TABLE export_jobs ADD COLUMN similar_to TEXT NOT NULL DEFAULT '';
