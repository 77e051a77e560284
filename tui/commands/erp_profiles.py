"""Subcommands that show the ERP profiles: erp list, erp show."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from store.domain.errors import BadInput, SettingsError
from store.domain.text import safe
from tui.commands.output import print_json, print_table

if TYPE_CHECKING:
    from store.domain.profile import Profile, Rule, Unsupported

WIDTH = 78
PROVEN = {
    "server": "run against its own server in payapp's tests",
    "format": "its files are read by an independent reader in payapp's tests",
    "documentation": "from its documentation; not run against the vendor's own server",
    "stand-in": "a stand-in of payapp's own",
}
SHORT = {"server": "server", "format": "files", "documentation": "docs", "stand-in": "stand-in"}
# The capabilities as a reader calls them, and short enough for a column; "": 80 cells have no room for it.
CAPABILITIES = {
    "invoices": ("subcontractor invoices", "inv"),
    "attachments": ("attachments", "att"),
    "retainage_held": ("retainage held", "held"),
    "retainage_released": ("retainage released", "rel"),
    "stored_materials": ("stored materials", "mat"),
    "tax": ("tax", "tax"),
    "negative": ("negative amounts", "neg"),
    "zero": ("zero amounts", "zero"),
    "payments": ("payments come back", "pay"),
    "unlink": ("unlink", "unl"),
    "payment_hold": ("payment hold", ""),
}


def said(value: bool | None) -> str:
    """yes, no, or ? where the documentation does not say."""
    return "?" if value is None else "yes" if value else "no"


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--markdown", is_flag=True, help="The table of docs/erps.md.")
def list_(as_json: bool, markdown: bool) -> None:
    """List the ERPs that payapp has a profile for, and what each supports.

    \b
    payapp erp list
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from erp import profiles

    found = [profiles.load(name) for name in profiles.names()]
    if as_json:
        print_json([_summary(profile) for profile in found])
        return
    if markdown:
        click.echo("\n".join(table(found)))
        return
    print_table(
        ("ERP", *(short for _, short in CAPABILITIES.values() if short), "Shown by"),
        [
            (
                p.name,
                *(said(getattr(p.capabilities, name)) for name, (_, short) in CAPABILITIES.items() if short),
                SHORT[p.proven],
            )
            for p in found
        ],
    )
    click.echo()
    for line in textwrap.wrap(
        "inv: subcontractor invoices, att: attachments, held and rel: retainage held and released, mat: stored materials,"
        " neg and zero: amounts, pay: payments come back, unl: unlink. ?: its documentation does not say."
        " payapp erp show ERP tells the rules.",
        WIDTH,
    ):
        click.echo(line)


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def show(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Show what one ERP supports, and its rules.

    Without a NAME the company's own. NAME may be a TOML file: a profile of your own, which is checked.

    \b
    payapp erp show sage300cre
    payapp erp show our-sage.toml
    """  # noqa: D301 - \b keeps click from wrapping the examples
    profile = _profile(ctx, name)
    if as_json:
        print_json(_everything(profile))
        return
    for line in text(profile):
        click.echo(safe(line))


def _profile(ctx: click.Context, name: str | None) -> Profile:
    from erp import profiles

    if name is not None:
        return profiles.read(Path(name)) if name.endswith(".toml") else profiles.load(name)
    from tui.commands.options import books_only

    try:
        with books_only(ctx) as books:
            return books.profile()
    except SettingsError as error:
        if not error.what.startswith("There is no settings file"):
            raise
        raise BadInput(
            "Name an ERP", why="there is no company here", fix="payapp erp list names them"
        ) from None


def table(found: Sequence[Profile]) -> list[str]:
    """The table of docs/erps.md: every ERP, what it supports, and what comes of the rest."""
    lines = [
        "| ERP | name | "
        + " | ".join(long for long, _ in CAPABILITIES.values())
        + " | what stands against a bill | shown by |",
        "|" + "---|" * (len(CAPABILITIES) + 4),
    ]
    for profile in found:
        cases: list[Rule | Unsupported] = [*profile.unsupported, *profile.rules]
        stands = ", ".join(
            f"`{case.code}`{f' {limit}' if (limit := getattr(case, 'value', 0)) else ''} {effect_of(profile, case)}"
            for case in cases
        )
        says = " | ".join(said(getattr(profile.capabilities, name)) for name in CAPABILITIES)
        lines.append(f"| {profile.title} | `{profile.name}` | {says} | {stands} | {SHORT[profile.proven]} |")
    return lines


# -- as text -----------------------------------------------------------------------------------------------------


def text(profile: Profile) -> list[str]:
    """All that the profile says, in lines of at most 80 cells."""
    lines = [f"{profile.title} ({profile.name})"]
    lines += _pair("shown by", PROVEN[profile.proven])
    if profile.extends[:1] not in {"", "_"}:
        lines += _pair("extends", profile.extends)
    lines += _pair("connector", " or ".join(profile.connectors) or "none of payapp's")
    if profile.formats:
        lines += _pair("files", " or ".join(profile.formats))
    if profile.capabilities.payments and not profile.pays_back:
        lines += _pair("payments", "not brought back by payapp: the connector cannot ask for them")
    if profile.receipts:
        lines += _pair("receipts", "a bill is booked when a receipt says so (payapp receipt FILE)")
    lines += _pair(
        "parcel", f"{profile.parcel:,} bills at most in a request or file, {profile.timeout:g} s to answer"
    )
    lines += ["", "Supports"]
    for answer, words in (("yes", "yes"), ("no", "no"), ("?", "not documented")):
        named = [
            long
            for name, (long, _) in CAPABILITIES.items()
            if said(getattr(profile.capabilities, name)) == answer
        ]
        if named:
            lines += _pair(words, ", ".join(named))
    groups: dict[str, Sequence[Rule | Unsupported]] = {
        "Does not support": profile.unsupported,
        "Rules": profile.rules,
    }
    for title, cases in groups.items():
        if cases:
            lines += ["", title]
            for case in cases:
                lines += _case(profile, case)
    if profile.policy:
        lines += ["", "The company's policy"]
        for each in profile.policy:
            lines += _pair(each.case, f"{each.effect}: {each.reason}")
    if profile.remarks:
        lines += ["", "To know"]
        for remark in profile.remarks:
            lines += _wrapped(remark.text, "  ") + _wrapped(f"[{remark.source}]", "    ")
    return lines


def effect_of(profile: Profile, case: Rule | Unsupported) -> str:
    """What comes of the case here: where the ERP would drop money, it is blocked unless policy names it."""
    if not case.guarded or case.effect == "blocked":
        return case.effect.value
    named = any(each.case == case.code for each in profile.policy)
    return f"{case.effect} (by policy)" if named else f"blocked (the ERP: {case.effect})"


def _case(profile: Profile, case: Rule | Unsupported) -> list[str]:
    from store.domain.keys import spelled

    limit = getattr(case, "value", 0)
    head = f"  {case.code}{f' {limit}' if limit else ''}: {effect_of(profile, case)}, at {case.phase}"
    message = case.message.replace("{limit}", str(limit)).replace("{value}", "…")
    return [
        *_wrapped(head, ""), *_wrapped(message, "    "), *_wrapped(f"Fix: {spelled(case.fix)}", "    "),
        *_wrapped(f"[{case.source}]", "    "),
    ]  # fmt: skip


def _pair(key: str, value: str) -> list[str]:
    return textwrap.wrap(value, WIDTH, initial_indent=f"  {key:<16}", subsequent_indent=" " * 18)


def _wrapped(words: str, indent: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, initial_indent=indent or "", subsequent_indent=indent or "    ")


# -- as JSON -----------------------------------------------------------------------------------------------------


def _summary(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name, "title": profile.title, "proven": profile.proven, "connectors": profile.connectors,
        "formats": profile.formats, "capabilities": profile.capabilities,
    }  # fmt: skip


def _everything(profile: Profile) -> Any:
    import msgspec

    cases: list[Rule | Unsupported] = [*profile.unsupported, *profile.rules]
    return msgspec.to_builtins(profile) | {
        "cases": [
            {"code": case.code, "phase": case.phase, "effect": effect_of(profile, case)} for case in cases
        ]
    }
