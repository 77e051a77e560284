"""The export: everything that leaves the machine."""
