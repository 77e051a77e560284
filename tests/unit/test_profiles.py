"""The profiles that payapp ships, and what their rules find before export."""

from __future__ import annotations

from typing import Any

import pytest
from export_case import make_bill

from erp import profiles
from store.domain.errors import SettingsError
from store.domain.keys import spelled
from store.domain.noting import findings


def test_it_ships_these() -> None:
    assert profiles.names() == [
        "acumatica", "business-central", "cmic", "files", "intacct", "mri", "netsuite", "odoo", "quickbooks-desktop",
        "quickbooks-online", "sage100contractor", "sage300cre", "sandbox", "tryton", "vista", "xero", "yardi",
    ]  # fmt: skip


@pytest.mark.parametrize("name", profiles.names())
def test_each_says_where_its_rules_come_from_and_which_key_helps(name: str) -> None:
    profile = profiles.load(name)
    assert profile.name == name
    for rule in profile.rules:
        assert rule.source
        assert "{" not in spelled(rule.fix)


@pytest.mark.parametrize("name", profiles.names())
def test_a_good_bill_breaks_no_rule(name: str) -> None:
    assert findings(profiles.load(name), make_bill(1)) == []


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


@pytest.mark.parametrize("name", ["", "sage", "../sandbox", "__init__"])
def test_an_unknown_profile_names_the_known_ones(name: str) -> None:
    with pytest.raises(SettingsError, match="files, intacct"):
        profiles.load(name)
