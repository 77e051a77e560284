"""The errors a user can meet: each says what, why and the fix, and carries the exit code of the command line."""

from __future__ import annotations

from store.domain.keys import spelled


class PayappError(Exception):
    """A refusal with its sentence.

    ``what`` happened, ``why``, and the ``fix`` (naming the command, or the key as store.domain.keys has it); the three make
    the message.
    ``exit_code`` is what the command line returns: 1 error, 2 usage, 3 some failed, 4 none matched,
    5 not permitted, 6 control totals differ.
    """

    exit_code = 1
    title = "Error"

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = spelled(fix)

    def __str__(self) -> str:
        parts = [self.what.rstrip(".") + (f": {self.why.rstrip('.')}." if self.why else ".")]
        if self.fix:
            parts.append(self.fix.rstrip(".") + ".")
        return " ".join(parts)


class BadInput(PayappError):
    """What was typed or given cannot be used: a usage error (exit 2)."""

    exit_code = 2
    title = "Cannot use that"


class NothingMatched(PayappError):
    """A decision was asked for, and nothing is selected or matches (exit 4)."""

    exit_code = 4
    title = "Nothing selected"


class NotPermitted(PayappError):
    """The user lacks a permission level or privilege, or a rule of separation of duties stands against it (exit 5)."""

    exit_code = 5
    title = "Not permitted"


class TotalsDiffer(PayappError):
    """The control totals that the caller expected are not those of the selection (exit 6)."""

    exit_code = 6
    title = "Control totals differ"


class Disallowed(PayappError):
    """The invoice is not in a state from which this action goes."""

    title = "Not possible now"


class Blocked(PayappError):
    """A rule of the ERP's profile, the footing or a closed period stands against the export (exit 3)."""

    exit_code = 3
    title = "Blocked"


class Changed(PayappError):
    """Somebody else changed what was shown, between the look and the press."""

    title = "Changed meanwhile"


class Interrupted(PayappError):
    """What was being read was given up, because something newer was asked for; not an error to show."""

    title = "Given up"


class Misfooted(PayappError):
    """Amounts do not add up to the cent. The sentence names both figures."""

    title = "Amounts do not foot"


class BadFile(PayappError):
    """A file that came in cannot be read as what it claims to be, or holds bad records."""

    title = "Bad file"


class StoreError(PayappError):
    """The database cannot be opened or used: missing, locked, read-only, newer, not payapp's."""

    title = "Database"


class SettingsError(PayappError):
    """A settings file or variable is wrong; the sentence names file and key (exit 2)."""

    exit_code = 2
    title = "Settings"
