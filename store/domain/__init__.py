"""The rules, in plain Python: no database, no files, no network."""
