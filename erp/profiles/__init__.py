"""ERP profiles: one TOML per ERP, read by store.domain.profile."""
