"""ERP profiles: what an ERP can do, its limits, and the rules a bill must meet before it leaves."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from store.domain.bill import Bill
from store.domain.errors import SettingsError


class Kind(StrEnum):
    """Procore's rule kinds for ERP metadata, and ``nonzero`` for the documented "no $0"."""

    PRESENT = "present"
    NUMERIC = "numeric"
    POSITIVE = "positive"
    NONZERO = "nonzero"
    MAX_LENGTH = "max_length"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule over one field of the bill; ``source`` says where the ERP documents it.

    Keys in ``fix`` are named as store.domain.keys has it: ``{invoices.reject} rejects``.
    """

    field: str
    kind: Kind
    message: str
    fix: str
    source: str
    value: int = 0


Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ERP. Times in seconds.

    ``enforces_keys``: the ERP itself answers a replay of a key with the first bill. ``finds``: it can be asked for a
    bill by its key. ``settle``: how long after a lost reply its answer to that question counts. ``lists``: it can say
    which bills it has in a period. ``per_minute``: how many requests, look-ups included, it bears in a minute on all hosts
    together; none: as many as come.
    """

    name: str
    title: str
    enforces_keys: bool
    finds: bool
    settle: Positive
    timeout: Positive
    parcel: Count
    concurrency: Count
    rules: tuple[Rule, ...] = ()
    lists: bool = False
    per_minute: Annotated[int, msgspec.Meta(ge=1, le=60_000)] | None = None


class Finding(msgspec.Struct, frozen=True):
    """Why a bill cannot go: a stable code, the plain cause and the fix with its key."""

    code: str
    cause: str
    fix: str


def load(text: bytes, name: str) -> Profile:
    """A profile from TOML, strict. Raises SettingsError that names the file and the key."""
    try:
        profile = msgspec.toml.decode(text, type=Profile)
    except msgspec.MsgspecError as error:
        raise SettingsError(
            f"The ERP profile {name} cannot be used", why=str(error), fix="Mend the TOML file"
        ) from None
    for rule in profile.rules:
        if rule.field not in Bill.__struct_fields__:
            raise SettingsError(
                f"The ERP profile {name} cannot be used",
                why=f"its rule is on {rule.field!r}, which a bill does not have",
                fix=f"Use one of: {', '.join(Bill.__struct_fields__)}",
            )
    return profile


def met(rule: Rule, value: str) -> bool:
    """Whether a field of the bill that has this text meets the rule."""
    match rule.kind:
        case Kind.PRESENT:
            return bool(value.strip())
        case Kind.NUMERIC:
            return value.isascii() and value.isdigit()
        case Kind.POSITIVE:
            return Decimal(value) > 0
        case Kind.NONZERO:
            return Decimal(value) != 0
        case Kind.MAX_LENGTH:
            return len(value) <= rule.value


def findings(profile: Profile, bill: Bill) -> list[Finding]:
    """Every rule of the profile that the bill breaks."""
    found = []
    for rule in profile.rules:
        value = str(getattr(bill, rule.field))
        if not met(rule, value):
            found.append(
                Finding(
                    f"{rule.field}.{rule.kind}", rule.message.format(value=value, limit=rule.value), rule.fix
                )
            )
    return found
