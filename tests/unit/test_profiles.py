"""The profiles that payapp ships, those of a company over them, and what their rules say of a bill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from export_case import make_bill

from erp import profiles
from store.domain import profile_file
from store.domain.bill import BillLine
from store.domain.errors import SettingsError
from store.domain.keys import spelled
from store.domain.noting import findings, met, notes
from store.domain.profile import Apart, Effect, Kind, Phase, Profile, Proven, Rule, Unsupported
from tui.commands.erp_profiles import table

SHIPPED = profiles.names()
# What PRODUCT.md's table names, and ERP.md's of the HTTP ones.
DOCUMENTED = {
    "sage300cre", "sage100contractor", "quickbooks-desktop", "quickbooks-online", "vista", "intacct", "netsuite", "yardi",
    "mri", "acumatica", "xero", "cmic", "business-central", "odoo",
}  # fmt: skip


def test_every_erp_of_the_table_has_its_profile() -> None:
    assert set(SHIPPED) == DOCUMENTED | {"files", "sandbox", "tryton"}


@pytest.mark.parametrize("name", SHIPPED)
def test_each_says_where_it_comes_from_what_helps_and_how_far_it_was_shown(name: str) -> None:
    profile = profiles.load(name)
    assert profile.name == name
    assert profile.connectors and set(profile.connectors) <= {"files", "sandbox", "tryton"}
    assert (profile.proven is Proven.DOCUMENTATION) == (name in DOCUMENTED)
    assert profile.policy == ()
    cases: list[Rule | Unsupported] = [*profile.rules, *profile.unsupported]
    for case in cases:
        assert case.source
        assert "{" not in spelled(case.fix)
    for remark in profile.remarks:
        assert remark.source


@pytest.mark.parametrize("name", SHIPPED)
def test_a_good_bill_breaks_no_rule(name: str) -> None:
    assert notes(profiles.load(name), make_bill(1)) == []


def test_the_page_has_the_table_of_the_profiles() -> None:
    page = Path(__file__).parents[2].joinpath("docs/erps.md").read_text()
    own = "\n".join(table([profiles.load(name) for name in SHIPPED]))
    assert own in page, "payapp erp list --markdown is its table"


# -- the kinds of rules ------------------------------------------------------------------------------------------


def rule(kind: str, value: int = 0, field: str = "number", **more: Any) -> Rule:
    return Rule(field, Kind(kind), "m {value}", "f", "s", value, **more)


@pytest.mark.parametrize(
    ("kind", "limit", "good", "bad"),
    [
        ("present", 0, ["0", "V-1"], ["", "  "]),
        ("numeric", 0, ["007", "-12.50"], ["", "A-1", "1,000", "٣", "1e5", "12."]),
        ("positive", 0, ["0.01"], ["0.00", "-1.00"]),
        ("nonzero", 0, ["0.01", "-1.00"], ["0.00", "0", "-0.00"]),
        ("max_length", 4, ["", "1234", "日本語字"], ["12345"]),
        ("max_length_units", 3, ["999.99", "-999.99", "0.5", "0"], ["1000.00", "-1000", "12345.6"]),
        ("max_length_decimal", 2, ["1", "1.25", "1.250", "-1.2"], ["1.255", "-0.001"]),
        ("max_line_length", 3, ["", "abc", "abc\nde"], ["abcd", "ab\nabcd"]),
    ],
)
def test_each_kind(kind: str, limit: int, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not met(rule(kind, limit), value)] == []
    assert [value for value in bad if met(rule(kind, limit), value)] == []


def one(**changes: Any) -> Profile:
    values: dict[str, Any] = {"name": "x", "title": "X", "enforces_keys": True, "finds": True, "settle": 1.0, "timeout": 1.0,
              "parcel": 1, "concurrency": 1}  # fmt: skip
    return Profile(**(values | changes))


def test_a_rule_over_lines_names_each_line_that_breaks_it() -> None:
    profile = one(rules=(rule("max_line_length", 7, "lines.description"),))
    [note] = notes(profile, make_bill(1))
    assert (note.code, note.line, note.cause) == (
        "lines.description.max_line_length",
        1,
        "line 1: m Concrete",
    )


def test_a_rule_of_the_phase_save_holds_at_export_too_and_the_other_does_not() -> None:
    profile = one(rules=(rule("numeric", phase=Phase.SAVE), rule("max_length", 2)))
    assert [n.code for n in notes(profile, make_bill(1), phase=Phase.SAVE)] == ["number.numeric"]
    assert [n.code for n in notes(profile, make_bill(1))] == ["number.numeric", "number.max_length"]


# -- the four effects --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", list(Effect))
def test_what_is_no_money_has_the_effect_that_the_erp_has(effect: Effect) -> None:
    profile = one(rules=(rule("max_length", 2, "lines.description", effect=effect),))
    bill = make_bill(1, lines=make_bill(1).lines[:1])
    assert [(n.effect, n.line) for n in notes(profile, bill)] == [(effect, 1)]
    assert len(findings(profile, bill)) == (effect is Effect.BLOCKED)


@pytest.mark.parametrize("field", ["vendor", "number", "commitment", "gross", "currency", "lines.amount"])
def test_money_vendor_number_and_commitment_are_blocked_whatever_the_erp_would_do(field: str) -> None:
    kind, limit = ("max_length_units", 1) if field in {"gross", "lines.amount"} else ("max_length", 1)
    profile = one(rules=(rule(kind, limit, field, effect=Effect.TRUNCATED),))
    bill = make_bill(1)
    assert {n.effect for n in notes(profile, bill)} == {Effect.BLOCKED}
    if kind == "max_length_units" or field == "currency":
        return
    code = f"{field}.{kind}"
    policy = own(f"""extends = "_base"
        [[policy]]
        case = "{code}"
        effect = "truncated"
        reason = "we know" """, profile)  # fmt: skip
    assert {(n.effect, n.policy) for n in notes(policy, bill)} == {(Effect.TRUNCATED, "we know")}
    assert findings(policy, bill) == []


@pytest.mark.parametrize(
    ("name", "changes", "apart", "found"),
    [
        ("vista", {"gross": "0.00"}, Apart(), ["blocked zero"]),
        ("vista", {}, Apart(stored=((2, "10.00"),)), ["blocked stored_materials 2"]),
        ("vista", {}, Apart(attachments=3, released=((1, "1.00"),)), ["ignored attachments"]),
        ("intacct", {}, Apart(stored=((1, "-5.00"),)), ["blocked stored_materials 1"]),
        ("mri", {"gross": "0.00", "retainage": "-9.00"}, Apart(released=((1, "9.00"),)), ["blocked release_only"]),
        ("mri", {"gross": "0.00", "retainage": "0.00"}, Apart(), ["blocked zero"]),
        ("acumatica", {"gross": "0.00", "retainage": "0.00"}, Apart(), []),
        ("acumatica", {}, Apart(released=((1, "9.00"),)), ["blocked retainage_released 1"]),
        ("yardi", {}, Apart(purchase_order=True), ["blocked purchase_orders"]),
        ("sage100contractor", {}, Apart(purchase_order=True), ["blocked purchase_orders"]),
        ("quickbooks-online", {"gross": "-1.00"}, Apart(), ["blocked negative"]),
        ("quickbooks-online", {"number": "x" * 22}, Apart(), ["blocked number.max_length"]),
        ("quickbooks-online", {"number": "x" * 21}, Apart(), []),
        ("sage300cre", {"tax": "0.01"}, Apart(), ["blocked tax"]),
        ("sage300cre", {"vendor": "x" * 11}, Apart(), ["blocked vendor.max_length"]),
        ("sage300cre", {"number": "x" * 16}, Apart(), ["blocked number.max_length"]),
        ("sage300cre", {"commitment": "x" * 13}, Apart(), ["blocked commitment.max_length"]),
        ("sage300cre", {"gross": "1234567890.00"}, Apart(), ["blocked gross.max_length_units"]),
        ("sage300cre", {"gross": "1.255"}, Apart(), ["blocked gross.max_length_decimal"]),
        ("business-central", {"number": "x" * 36}, Apart(), ["blocked number.max_length"]),
        ("tryton", {"gross": "0.00", "tax": "5.00", "retainage": "-9.00"}, Apart(stored=((1, "1.00"),)), []),
    ],
)  # fmt: skip
def test_what_each_erp_does_not_support(
    name: str, changes: dict[str, Any], apart: Apart, found: list[str]
) -> None:
    told = notes(profiles.load(name), make_bill(1, **changes), apart)
    assert [f"{n.effect} {n.code}{f' {n.line}' if n.line else ''}" for n in told] == found


def test_without_more_than_the_bill_a_release_shows_in_its_lines() -> None:
    lines = (BillLine(1, "contract_item", "03-300", "Concrete", "90.00", "-9.00"),)
    [note] = notes(profiles.load("yardi"), make_bill(1, lines=lines))
    assert (note.code, note.line) == ("retainage_released", 1)
    assert "9.00" in note.cause and "-9.00" not in note.cause


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"vendor": " "}, "vendor.present"),
        ({"vendor": "V-234567890"}, "vendor.max_length"),
        ({"number": ""}, "number.present"),
        ({"description": "x" * 31}, "description.max_length"),
    ],
)
def test_the_sandbox_stops_these_before_export(changes: dict[str, Any], code: str) -> None:
    assert [finding.code for finding in findings(profiles.load("sandbox"), make_bill(1, **changes))] == [code]


@pytest.mark.parametrize(
    "changes", [{"number": "SUB-2026-10-0000101"}, {"vendor": "V-9"}, {"description": "x" * 30}]
)
def test_the_sandbox_lets_these_leave_and_answers_for_itself(changes: dict[str, Any]) -> None:
    assert findings(profiles.load("sandbox"), make_bill(1, **changes)) == []


# -- strict ------------------------------------------------------------------------------------------------------

HEAD = """name = "x"
title = "X"
enforces_keys = true
finds = true
settle = 1.0
timeout = 1.0
parcel = 1
concurrency = 1
"""
RULE = """[[rules]]
field = "{field}"
kind = "{kind}"
message = "{message}"
fix = "{fix}"
source = "{source}"
{more}
"""


def ruled(**changes: str) -> str:
    values = {"field": "number", "kind": "present", "message": "none", "fix": "f", "source": "s", "more": ""}
    return HEAD + RULE.format(**(values | changes))


def own(text: str, base: Profile | None = None) -> Profile:
    return profile_file.load(text.encode(), "ours.toml", lambda name: base or profiles.load(name))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "colour = 1", "colour"),
        (HEAD + "settle = ", "ours.toml"),
        ("name = 'x'", "title"),
        (HEAD.replace("settle = 1.0", "settle = 0"), "settle"),
        (ruled(kind="shiny"), "shiny"),
        (ruled(field="colour"), "rules[0].field: a bill has no 'colour'"),
        (ruled(field="lines.colour"), "'lines.colour'"),
        (ruled(field="lines"), "'lines'"),
        (ruled(field="overrides"), "'overrides'"),
        (ruled(kind="positive"), "positive is about amounts"),
        (ruled(kind="max_length"), "rules[0].value"),
        (ruled(more="value = 3"), "present has no limit"),
        (ruled(message="{limit}"), "{limit} is not known there"),
        (ruled(message="{0}"), "{0} is not known there"),
        (ruled(message="{value!r}"), "{value!r} is not known there"),
        (ruled(message="{value"), "rules[0].message"),
        (ruled(fix="{invoices.fly} flies"), "{invoices.fly} is not known there"),
        (ruled(source=" "), "rules[0].source: it is empty"),
        (ruled(more="phase = 'later'"), "later"),
        (ruled(more="effect = 'eaten'"), "eaten"),
        (ruled(more="effect = 'skipped'"), "only a line can be skipped"),
        (ruled(kind="unique", more="effect = 'ignored'"), "unique is about the number, and blocks"),
        (ruled(field="vendor", kind="unique"), "unique is about the number, and blocks"),
        (ruled() + ruled().removeprefix(HEAD), "number.present stands there twice"),
        (HEAD + "[capabilities]\ntax = false", "capabilities.tax is false"),
        (HEAD + "[capabilities]\ncolour = false", "colour"),
        (
            HEAD + '[[unsupported]]\npoint = "tax"\neffect = "ignored"\nmessage = "m"\nfix = "f"\nsource = "s"',
            "Set capabilities.tax = false",
        ),
        (HEAD + '[[unsupported]]\npoint = "soup"\neffect = "ignored"\nmessage = "m"\nfix = "f"\nsource = "s"', "soup"),
        (HEAD + '[[off]]\ncode = "tax"\nreason = "r"', "off is for a profile that extends another"),
        ('extends = "sage"', "There is no ERP profile 'sage'"),
        ('extends = "_files"', "There is no ERP profile '_files'"),
        ('extends = "sage300cre"\n[[off]]\ncode = "soup"\nreason = "r"', "off.code: sage300cre has no 'soup'"),
        ('extends = "sage300cre"\n[[off]]\ncode = "tax"', "reason"),
        ('extends = "sage300cre"\n[[off]]\ncode = "tax"\nreason = ""', "reason"),
        (
            'extends = "sage300cre"\n[[policy]]\ncase = "description.max_length"\neffect = "ignored"\nreason = "r"',
            "policy[0].case: 'description.max_length' is no case of money",
        ),
        (
            'extends = "sage300cre"\n[[policy]]\ncase = "number.max_length"\neffect = "truncated"\nreason = "r"',
            "the ERP refuses it",
        ),
        ('extends = "sage300cre"\n[[policy]]\ncase = "tax"\neffect = "truncated"\nreason = "r"', "not truncated"),
        ('extends = "sage300cre"\n[[policy]]\ncase = "tax"\neffect = "ignored"\nreason = " "', "policy[0].reason"),
        ('extends = "sage300cre"\n[[off]]\ncode = "tax"\nreason = " "', "off[0].reason"),
        ('extends = "sage300cre"\ntimeout = inf', "timeout"),
        (
            ruled(field="currency", kind="max_length", more='value = 2\neffect = "ignored"')
            + '[[policy]]\ncase = "currency.max_length"\neffect = "ignored"\nreason = "r"',
            "what would post of currency.max_length cannot be told",
        ),
        (
            'extends = "vista"\n[[policy]]\ncase = "stored_materials"\neffect = "ignored"\nreason = "r"',
            "what would post of stored_materials cannot be told",
        ),
    ],
)  # fmt: skip
def test_a_file_that_says_what_it_may_not_names_itself_and_the_key(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        own(text)
    assert told in str(refused.value)
    if not told.startswith("There is no"):
        assert "ours.toml" in str(refused.value)


@pytest.mark.parametrize("name", ["", "sage", "../sandbox", "__init__", "_files"])
def test_an_unknown_profile_names_the_known_ones(name: str) -> None:
    with pytest.raises(SettingsError, match="files, intacct, mri"):
        profiles.load(name)


# -- a company's own ---------------------------------------------------------------------------------------------

OURS = """extends = "sage300cre"
title = "Sage (ACME)"
receipts = false

[[rules]]
field = "number"
kind = "max_length"
value = 8
message = "longer than {limit}"
fix = "{invoices.export-values}: shorten"
source = "our manual"

[[rules]]
field = "lines.cost_code"
kind = "present"
message = "no cost code"
fix = "{invoices.reject} rejects"
source = "our manual"
phase = "save"

[[off]]
code = "commitment.max_length"
reason = "ours takes 15"

[[policy]]
case = "tax"
effect = "ignored"
reason = "tax is added in Sage"
"""


def test_a_company_s_own_profile_replaces_adds_lifts_and_lets_pass(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(OURS)
    profile = profiles.chosen("sage300cre", path)
    assert (profile.name, profile.title, profile.receipts) == ("sage300cre", "Sage (ACME)", False)
    assert (profile.extends, profile.connectors, profile.parcel) == ("sage300cre", ("files",), 500)
    lines = (BillLine(1, "contract_item", " ", "Concrete", "100.01", "0.00"),)
    bill = make_bill(1, number="x" * 9, commitment="x" * 15, tax="7.00", lines=lines)
    told = [(n.effect.value, n.code, n.policy) for n in notes(profile, bill)]
    assert told == [
        ("blocked", "number.max_length", ""),
        ("blocked", "lines.cost_code.present", ""),
        ("ignored", "tax", "tax is added in Sage"),
    ]
    last = notes(profile, bill)[-1]
    assert last.cause.endswith(": payment due 98.01 invoiced, 91.01 will post")
    assert last.kind == "Sage 300 CRE would not get its … of tax"
    assert next(n.cause for n in notes(profile, bill)) == "longer than 8"


def test_policy_says_what_will_post_of_a_release() -> None:
    profile = own(
        'extends = "mri"\n[[policy]]\ncase = "retainage_released"\neffect = "ignored"\nreason = "released in MRI"'
    )
    bill = make_bill(1, net="120.00")
    told = notes(profile, bill, Apart(released=((1, "20.00"), (2, "5.00"))))
    assert [(n.effect, n.line) for n in told] == [("ignored", 1), ("ignored", 2)]
    assert {n.cause.split(": ")[-1] for n in told} == {"net 120.00 invoiced, 95.00 will post"}


def test_a_point_that_is_lifted_is_supported(tmp_path: Path) -> None:
    lifted = own(
        'extends = "vista"\n[[off]]\ncode = "stored_materials"\nreason = "our connector carries them"'
    )
    assert lifted.capabilities.stored_materials is True
    assert notes(lifted, make_bill(1), Apart(stored=((1, "1.00"),))) == []


def test_an_own_profile_of_another_erp_or_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(OURS)
    with pytest.raises(SettingsError, match="the company exports to vista"):
        profiles.chosen("vista", path)
    with pytest.raises(SettingsError, match=r"missing\.toml cannot be read"):
        profiles.chosen("vista", tmp_path / "missing.toml")
