"""ERP profiles: one TOML per ERP that payapp knows, and a company's own one over it, read by store.domain.profile_file."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from store.domain import profile_file
from store.domain.errors import SettingsError
from store.domain.profile import Profile


def names() -> list[str]:
    """The ERPs that payapp ships a profile for."""
    entries = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml"))


@cache
def load(name: str) -> Profile:
    """The profile of that ERP. Raises SettingsError for a name that payapp does not know."""
    known = names()
    if name not in known:
        raise SettingsError(f"There is no ERP profile {name!r}", fix=f"Use one of: {', '.join(known)}")
    return profile_file.load((resources.files(__name__) / f"{name}.toml").read_bytes(), f"{name}.toml", load)


def read(path: Path) -> Profile:
    """A company's own profile. Raises SettingsError that names the file and the key."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"The ERP profile {path} cannot be read",
            why=str(error.strerror),
            fix="Mend erp.profile in the settings file",
        ) from None
    return profile_file.load(text, str(path), load)
