"""ERP profiles: one TOML per ERP that payapp knows, read and checked by store.domain.profile."""

from __future__ import annotations

from importlib import resources

from store.domain import profile
from store.domain.errors import SettingsError
from store.domain.profile import Profile


def names() -> list[str]:
    """The ERPs that payapp ships a profile for."""
    entries = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml"))


def load(name: str) -> Profile:
    """The profile of that ERP. Raises SettingsError for a name that payapp does not know."""
    known = names()
    if name not in known:
        raise SettingsError(f"There is no ERP profile {name!r}", fix=f"Use one of: {', '.join(known)}")
    return profile.load((resources.files(__name__) / f"{name}.toml").read_bytes(), f"{name}.toml")
