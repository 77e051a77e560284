"""ERP profiles: one TOML per ERP that payapp knows, and a company's own one over it, read by store.domain.profile_file."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from store.domain import profile_file
from store.domain.errors import SettingsError
from store.domain.profile import Profile

# What the ERPs that take files stand on; itself none.
_FILES = "_files"


def names() -> list[str]:
    """The ERPs that payapp ships a profile for."""
    entries = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml") and name[0] != "_")


@cache
def load(name: str) -> Profile:
    """The profile of that ERP. Raises SettingsError for a name that payapp does not know."""
    known = names()
    if name not in known:
        raise SettingsError(f"There is no ERP profile {name!r}", fix=f"Use one of: {', '.join(known)}")
    return _shipped(name)


def _shipped(name: str) -> Profile:
    text = (resources.files(__name__) / f"{name}.toml").read_bytes()
    return profile_file.load(
        text, f"{name}.toml", lambda base: _shipped(base) if base == _FILES else load(base)
    )


def chosen(erp: str, own: Path | None) -> Profile:
    """The profile of the company that exports to ``erp``; ``own``: its own one, in that file.

    Raises SettingsError for a name that payapp does not know, and for a file that cannot be used or is of another ERP.
    """
    if own is None:
        return load(erp)
    profile = read(own)
    if profile.name != erp:
        raise SettingsError(
            f"The ERP profile {own} is of {profile.name}",
            why=f"the company exports to {erp}",
            fix=f'Write extends = "{erp}" or name = "{erp}" into it',
        )
    return profile


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
