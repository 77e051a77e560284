"""Intake: files of invoices and masters become records of the store."""
