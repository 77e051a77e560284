"""The connectors: one module per kind of ERP."""
