"""The settings of the drop folder: which form its files have, and what that form needs to know of the ERP."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from store.domain.errors import BadInput, SettingsError
from store.domain.money import decimals
from store.domain.profile import Profile
from store.domain.text import safe


class Form(StrEnum):
    """payapp's own CSV, QuickBooks Desktop's IIF, Xero's bills CSV (docs/files.md)."""

    CSV = "csv"
    IIF = "iif"
    XERO = "xero"


class Days(StrEnum):
    """How a Xero organisation's region writes a day: 31/10/2026 or 10/31/2026."""

    DMY = "dmy"
    MDY = "mdy"


class FilesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``folder`` is the drop folder; its ``archive/`` must stay on the same file system.

    ``form``: None is the first one that the ERP's profile takes. ``payable``, ``retainage`` and ``tax`` are accounts as the
    ERP calls them; ``tax`` is for bills that name none. ``currency``: that of a QuickBooks company, whose files name none;
    ``jobs``: its cost lines name the job. ``tax_type``, ``days``, ``due_days`` (after the accounting date, where the terms
    are no number of days) and ``tracking`` (the category whose option is the job) are Xero's.
    """

    folder: str = "export"
    form: Form | None = None
    payable: str = ""
    retainage: str = ""
    tax: str = ""
    currency: str = ""
    jobs: bool = False
    tax_type: str = ""
    days: str = ""
    due_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30
    tracking: str = ""


_NEEDS = {
    Form.CSV: (),
    Form.IIF: ("payable", "retainage", "currency"),
    Form.XERO: ("retainage", "tax_type", "days"),
}
_TEXTS = ("payable", "retainage", "tax", "tax_type", "tracking")
# What a profile calls the forms.
_CALLED = {Form.CSV: "payapp"}


def form_of(settings: FilesSettings, profile: Profile) -> Form:
    """The form of the files, checked with all that it needs. Raises SettingsError that names the key."""
    known = {_CALLED.get(form, form.value): form for form in Form}
    taken = [known[name] for name in profile.formats if name in known] or [Form.CSV]
    form = settings.form or taken[0]
    if settings.form and profile.formats and form not in taken:
        raise _refused(
            "form",
            f"{safe(profile.title)} does not take {form.value}",
            f"Use {' or '.join(one.value for one in taken)}",
        )
    for name in _NEEDS[form]:
        if not getattr(settings, name):
            raise _refused(name, f"the form {form.value} needs it", f"Give {name} (docs/files.md)")
    for name in _TEXTS:
        text = getattr(settings, name)
        if safe(text) != text or text != text.strip() or '"' in text:
            raise _refused(
                name,
                f"{safe(text)[:40]!r} cannot stand in a file",
                "Write it as the ERP has it, without quotes",
            )
    if settings.days and settings.days not in set(Days):
        raise _refused("days", f"{safe(settings.days)[:40]!r} is no order of day and month", "Use dmy or mdy")
    if settings.currency:
        try:
            decimals(settings.currency)
        except BadInput as error:
            raise _refused("currency", error.what, error.fix) from None
    return form


def _refused(key: str, why: str, fix: str) -> SettingsError:
    return SettingsError(f"erp.options.{key} cannot be used", why=why, fix=fix)
