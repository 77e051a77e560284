"""A secret of a connector: from the environment, or from a file that its owner alone may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from store.domain.errors import SettingsError


def read(what: str, *, env: str, file: str) -> str:
    """The secret ``what`` (such as "Tryton password") of that variable or file, read anew each time.

    Raises SettingsError where it is not to be had, or where others may read the file; none of it names the secret.
    """
    if env:
        if secret := os.environ.get(env):
            return secret
        raise SettingsError(
            f"The {what} is missing",
            why=f"the variable {env} is not set",
            fix="Set it in the environment of the worker",
        )
    try:
        if stat.S_IMODE(Path(file).stat().st_mode) & 0o077:
            raise SettingsError(
                f"The {what} is not used", why=f"others may read {file}", fix=f"chmod 600 {file}"
            )
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        why = f"{file} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        why = f"{file} is no text in UTF-8"
    raise SettingsError(f"The {what} is missing", why=why, fix="Make it readable for the worker")
