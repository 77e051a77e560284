"""Subcommands of payapp, by purpose."""
