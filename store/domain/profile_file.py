"""ERP profiles as TOML files: read strictly, and laid over the profile that they extend."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec

from store.domain.errors import SettingsError
from store.domain.keys import DEFAULT
from store.domain.profile import (
    COUNTING,
    FIELDS,
    LIMITING,
    NUMBERS,
    TELLABLE,
    Capabilities,
    Count,
    Effect,
    Kind,
    PerMinute,
    Point,
    Policy,
    Positive,
    Profile,
    Proven,
    Remark,
    Rule,
    Unsupported,
)  # fmt: skip

Text = Annotated[str, msgspec.Meta(min_length=1)]
# A profile without these is none, unless it extends one that has them.
_NEEDED = ("name", "title", "enforces_keys", "finds", "settle", "timeout", "parcel", "concurrency")
# Points that are told apart as capabilities too: what one says no to the other must name.
_CAPABLE = {point.value for point in Point} & {field.name for field in msgspec.structs.fields(Capabilities)}


class Off(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule or point of the extended profile that does not hold for this company, and why."""

    code: str
    reason: Text


class Sheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one file says; what it leaves out comes from the profile that it extends."""

    extends: str = ""
    name: Text | None = None
    title: Text | None = None
    enforces_keys: bool | None = None
    finds: bool | None = None
    settle: Positive | None = None
    timeout: Positive | None = None
    parcel: Count | None = None
    concurrency: Count | None = None
    lists: bool | None = None
    per_minute: PerMinute | None = None
    pays_back: bool | None = None
    receipts: bool | None = None
    proven: Proven | None = None
    connectors: tuple[str, ...] | None = None
    formats: tuple[str, ...] | None = None
    capabilities: Capabilities = Capabilities()
    rules: tuple[Rule, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    remarks: tuple[Remark, ...] = ()
    policy: tuple[Policy, ...] = ()
    off: tuple[Off, ...] = ()


def load(text: bytes, name: str, parent: Callable[[str], Profile]) -> Profile:
    """A profile from TOML, strict; ``parent`` gives the one that it extends, by its name.

    Raises SettingsError that names the file and the key.
    """
    try:
        sheet = msgspec.toml.decode(text, type=Sheet)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refused(name, str(error)) from None
    _check_rules(sheet, name)
    _check_points(sheet, name)
    base = parent(sheet.extends) if sheet.extends else None
    if base is None:
        missing = [key for key in _NEEDED if getattr(sheet, key) is None]
        if missing:
            raise refused(
                name, f"it lacks {missing[0]}", f"Give it, or name a profile that it extends: {_NEEDED[0]}, …"
            )
        if sheet.off:
            raise refused(name, "off is for a profile that extends another", "Leave the rule out")
    profile = _merged(sheet, base, name)
    _check_capabilities(profile, name)
    _check_policy(profile, name)
    return profile


def refused(name: str, why: str, fix: str = "Mend the TOML file") -> SettingsError:
    """The error of a profile that cannot be used."""
    return SettingsError(f"The ERP profile {name} cannot be used", why=why, fix=fix)


# -- one profile over another ------------------------------------------------------------------------------------


def _merged(sheet: Sheet, base: Profile | None, name: str) -> Profile:
    values: dict[str, Any] = {
        field.name: given
        for field in msgspec.structs.fields(Sheet)
        if field.name in Profile.__struct_fields__ and (given := getattr(sheet, field.name)) is not None
    }
    if base is None:
        return Profile(**values)
    for place, each in enumerate(sheet.off):
        if not each.reason.strip():
            raise refused(
                name, f"off[{place}].reason: it is empty", "Write why it does not hold for the company"
            )
    off = {each.code for each in sheet.off}
    known = {each.code for each in _cases(base)}
    if unknown := sorted(off - known):
        raise refused(
            name, f"off.code: {base.name} has no {unknown[0]!r}", f"Use one of: {', '.join(sorted(known))}"
        )
    values["rules"] = _over(base.rules, sheet.rules, off)
    values["unsupported"] = _over(base.unsupported, sheet.unsupported, off)
    values["remarks"] = base.remarks + sheet.remarks
    values["policy"] = base.policy + sheet.policy
    values["capabilities"] = _capabilities(base.capabilities, sheet.capabilities, off)
    values["extends"] = base.name
    return msgspec.structs.replace(base, **values)


def _cases(profile: Profile) -> list[Rule | Unsupported]:
    return [*profile.rules, *profile.unsupported]


def _over(base: Iterable[Any], own: Iterable[Any], off: set[str]) -> tuple[Any, ...]:
    """The base's rules with the own ones in the place of those of the same code and phase; those that are off are out."""
    mine = {(each.code, each.phase): each for each in own}
    kept = [mine.pop((each.code, each.phase), each) for each in base if each.code not in off]
    return (*kept, *mine.values())


def _capabilities(base: Capabilities, own: Capabilities, off: set[str]) -> Capabilities:
    names = [field.name for field in msgspec.structs.fields(Capabilities)]
    given = {
        name: value for name in names if name != "invoices" and (value := getattr(own, name)) is not None
    }
    # What the company says is no limit of its ERP, it supports.
    lifted = dict.fromkeys(off & _CAPABLE, True)
    return msgspec.structs.replace(base, **(lifted | given), invoices=base.invoices and own.invoices)


# -- what a file may not say -------------------------------------------------------------------------------------


def _check_rules(sheet: Sheet, name: str) -> None:
    for place, rule in enumerate(sheet.rules):
        at = f"rules[{place}]"
        if rule.field not in FIELDS:
            raise refused(
                name, f"{at}.field: a bill has no {rule.field!r}", f"Use one of: {', '.join(FIELDS)}"
            )
        if rule.kind in COUNTING and rule.field not in NUMBERS:
            raise refused(
                name,
                f"{at}.kind: {rule.kind} is about amounts, and {rule.field} is none",
                f"Use one of: {', '.join(sorted(NUMBERS))}",
            )
        if rule.kind in LIMITING and rule.value < (0 if rule.kind.endswith("decimal") else 1):
            raise refused(name, f"{at}.value: {rule.kind} needs its limit", "Give value")
        if rule.kind not in LIMITING and rule.value:
            raise refused(name, f"{at}.value: {rule.kind} has no limit", "Leave value out")
        if rule.kind is Kind.UNIQUE and (rule.field, rule.effect) != ("number", Effect.BLOCKED):
            raise refused(
                name, f"{at}.kind: unique is about the number, and blocks", "Use it of number alone"
            )
        if rule.effect is Effect.SKIPPED and not rule.field.startswith("lines."):
            raise refused(
                name, f"{at}.effect: only a line can be skipped", "Use blocked, ignored or truncated"
            )
        _check_texts(rule, at, name, {"value", "limit"} if rule.kind in LIMITING else {"value"})
    _check_once([(rule.code, rule.phase) for rule in sheet.rules], "rules", name)


def _check_points(sheet: Sheet, name: str) -> None:
    for place, each in enumerate(sheet.unsupported):
        _check_texts(each, f"unsupported[{place}]", name, {"value"})
    _check_once([(each.code, each.phase) for each in sheet.unsupported], "unsupported", name)
    for place, remark in enumerate(sheet.remarks):
        if not remark.text.strip() or not remark.source.strip():
            raise refused(name, f"remarks[{place}]: text and source are both needed")


def _check_once(codes: list[tuple[str, Any]], key: str, name: str) -> None:
    for code in codes:
        if codes.count(code) > 1:
            raise refused(
                name, f"{key}: {code[0]} stands there twice for the phase {code[1]}", "Leave one of them out"
            )


def _check_texts(rule: Rule | Unsupported, at: str, name: str, allowed: set[str]) -> None:
    for key in ("message", "fix", "source"):
        if not getattr(rule, key).strip():
            raise refused(name, f"{at}.{key}: it is empty", f"Write the {key}")
    for key, names in (("message", allowed), ("fix", set(DEFAULT))):
        try:
            used = {
                found + (f"!{way}" if way else "") + (f":{form}" if form else "")
                for _, found, form, way in string.Formatter().parse(getattr(rule, key))
                if found is not None
            }
        except ValueError as error:
            raise refused(name, f"{at}.{key}: {error}") from None
        if wrong := sorted(used - names):
            raise refused(
                name,
                f"{at}.{key}: {{{wrong[0]}}} is not known there",
                f"Use one of: {', '.join(f'{{{each}}}' for each in sorted(names))}",
            )


def _check_capabilities(profile: Profile, name: str) -> None:
    """What the capabilities say no to is named under unsupported with its effect, and the other way round."""
    named = {each.point.value for each in profile.unsupported}
    for point in sorted(_CAPABLE):
        says = getattr(profile.capabilities, point)
        if says is False and point not in named:
            raise refused(
                name,
                f"capabilities.{point} is false",
                f"Say what comes of it: [[unsupported]] point = {point!r}",
            )
        if says is not False and point in named:
            raise refused(name, f"unsupported names {point}", f"Set capabilities.{point} = false")


def _check_policy(profile: Profile, name: str) -> None:
    effects = {each.code: each.effect for each in _cases(profile) if each.guarded}
    untold = {each.code for each in profile.unsupported if each.point not in TELLABLE}
    # Dropped, a currency becomes another one: so are amounts.
    untold |= {each.code for each in profile.rules if each.field in {*NUMBERS, "currency"}}
    for place, each in enumerate(profile.policy):
        at = f"policy[{place}]"
        if not each.reason.strip():
            raise refused(name, f"{at}.reason: it is empty", "Write why the company lets it pass")
        if each.case in untold and effects.get(each.case) is not Effect.BLOCKED:
            raise refused(
                name,
                f"{at}.case: what would post of {each.case} cannot be told",
                "Leave the case out; where your ERP does support it, switch it off: [[off]]",
            )
        if each.case not in effects:
            raise refused(
                name,
                f"{at}.case: {each.case!r} is no case of money, vendor, number or commitment of this profile",
                f"Use one of: {', '.join(sorted(effects)) or 'none'}",
            )
        if effects[each.case] is Effect.BLOCKED or each.effect is not effects[each.case]:
            does = effects[each.case]
            raise refused(
                name,
                f"{at}.effect: what the ERP does to {each.case} is {does}, not {each.effect}",
                "Leave the case out: the ERP refuses it" if does is Effect.BLOCKED else f"Use {does}",
            )
