"""Numbered schema steps, applied in order by store.db."""
