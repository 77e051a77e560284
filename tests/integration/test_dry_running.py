"""A dry run: what would block, be refused, skipped, ignored or truncated of each invoice, by cause, and all of it reachable."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from cli_case import Told
from invoice_factory import HOSTILE, line, make, state, version

from erp import profiles
from erp.connector import UnavailableError
from erp.connectors import sandbox
from erp.connectors.sandbox import Sandbox
from store import known, periods, previewing
from store.causes import GROUPS, OTHER
from store.db import Database
from store.domain.actor import Actor
from store.domain.knowing import Fact, Kind
from store.domain.profile import Effect, Point, Policy, Profile, Rule, Unsupported
from store.domain.profile import Kind as RuleKind
from store.domain.selection import Marked
from store.domain.status import Action
from store.previewing import Plan, plan_export

pytest_plugins = ["cli_case"]
PLAIN = profiles.load("sandbox")


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def tried(db: Database, actor: Actor, ids: list[int], profile: Profile = PLAIN) -> Plan:
    return plan_export(db, actor, mark(db, *ids), profile, Action.ACCEPT)


def causes(plan: Plan) -> list[tuple[str, str, list[int]]]:
    return [(one.effect, one.code, list(one.ids)) for one in plan.causes]


def point(which: Point, effect: Effect) -> Unsupported:
    return Unsupported(which, effect, f"{which} {{value}}", "Look at it ({invoices.reject})", "test")


def with_all_effects() -> Profile:
    """Attachments are ignored, long line texts truncated, stored materials skipped by policy, tax blocked."""
    return msgspec.structs.replace(
        PLAIN,
        rules=(
            *PLAIN.rules,
            Rule("lines.description", RuleKind.MAX_LENGTH, "longer than {limit}", "", "test", 10,
                effect=Effect.TRUNCATED),
        ),
        unsupported=(
            point(Point.ATTACHMENTS, Effect.IGNORED), point(Point.STORED_MATERIALS, Effect.SKIPPED),
            point(Point.TAX, Effect.IGNORED),
        ),
        policy=(Policy("stored_materials", Effect.SKIPPED, "the bookkeeper enters them"),),
    )  # fmt: skip


@pytest.fixture
def four(db: Database) -> list[int]:
    """One that is clear, one with an attachment and a long text, one with stored materials, one with tax."""
    ids = [make(db, str(n), commitment=f"SC-{n}") for n in range(4)]
    db.execute("INSERT INTO attachments (invoice_id, filename, url) VALUES (?, 'a.pdf', '')", (ids[1],))
    db.execute("UPDATE invoice_lines SET description = ? WHERE invoice_id = ?", (HOSTILE[:12], ids[1]))
    db.execute(
        "UPDATE invoice_lines SET work_now = work_now - 500, stored_now = stored_now + 500 WHERE invoice_id = ?",
        (ids[2],),
    )
    db.execute("UPDATE invoices SET tax = 700 WHERE id = ?", (ids[3],))
    return ids


def test_each_effect_is_told_with_its_invoices_line_and_policy(
    db: Database, approver: Actor, four: list[int]
) -> None:
    clear, noted, stored, taxed = four
    plan = tried(db, approver, four, with_all_effects())
    # Money is never dropped silently: without a policy it blocks.
    assert causes(plan) == [
        ("blocked", "tax", [taxed]), ("skipped", "stored_materials", [stored]),
        ("ignored", "attachments", [noted]), ("truncated", "lines.description.max_length", [noted]),
    ]  # fmt: skip
    assert list(plan.goes.ids) == [clear, noted, stored] and plan.stays.count == 1
    found = previewing.snags(db, approver, four, with_all_effects(), Action.ACCEPT)
    assert clear not in found
    assert found[stored][0].cause == (
        "line 1: stored_materials 5.00 (company policy: the bookkeeper enters them)"
    )
    assert (found[stored][0].line, found[stored][0].fix) == (1, "Look at it (r)")
    assert [snag.effect for snag in found[noted]] == ["ignored", "truncated"]
    assert "\x1b" not in str(found[noted])


def test_a_code_that_the_erp_has_not_warns_and_blocks_nothing(db: Database, approver: Actor) -> None:
    ids = [
        make(db, "1"), make(db, "2", commitment="SC-2"),
        make(db, "3", commitment="SC-3", vendor="Other", vendor_ref="OTHER", job="24-102"),
    ]  # fmt: skip
    known.put(db, "sandbox", [
        Fact(Kind.VENDOR, "APEX", known=False), Fact(Kind.VENDOR, "OTHER", known=True),
        Fact(Kind.JOB, "24-102", known=False), Fact(Kind.ACCOUNT, "03-300", known=False),
    ])  # fmt: skip
    plan = tried(db, approver, ids)
    assert plan.count == 3
    assert causes(plan) == [
        ("warned", "account.unknown", ids), ("warned", "vendor.unknown", ids[:2]), ("warned", "job.unknown", ids[2:]),
    ]  # fmt: skip
    assert list(plan.touched["warned"]) == ids
    assert plan.causes[1].cause == "Vendor APEX is not known to the ERP"
    assert "payapp erp map" in plan.causes[1].fix
    standing = {one.kind: (one.count, one.asked, one.unknown) for one in plan.asking.kinds}
    assert standing == {
        Kind.VENDOR: (2, 2, 1), Kind.JOB: (2, 1, 1), Kind.COMMITMENT: (3, 0, 0), Kind.ACCOUNT: (1, 1, 1),
    }  # fmt: skip


def test_what_stays_has_its_other_snags_too(db: Database, approver: Actor) -> None:
    closed = make(db, "1", period_end="2026-09-30")
    from export_case import PERIODS

    periods.put(db, "sandbox", PERIODS)
    db.execute("UPDATE invoices SET accounting_date = '2026-09-30' WHERE id = ?", (closed,))
    known.put(db, "sandbox", [Fact(Kind.VENDOR, "APEX", known=False)])
    plan = tried(db, approver, [closed])
    assert causes(plan) == [("blocked", "blocked", [closed]), ("warned", "vendor.unknown", [closed])]
    assert plan.asking.periods_at is not None


def test_more_causes_than_can_be_told_are_one_and_lose_no_invoice(db: Database, approver: Actor) -> None:
    count = GROUPS + 3
    ids = [make(db, str(n), commitment=f"SC-{n}", vendor_ref=f"V{n}", vendor=f"V {n}") for n in range(count)]
    known.put(db, "sandbox", [Fact(Kind.VENDOR, f"V{n}", known=False) for n in range(count)])
    plan = tried(db, approver, ids)
    assert len(plan.causes) <= GROUPS + 1
    [other] = [cause for cause in plan.causes if cause.cause == OTHER]
    assert sorted(number for cause in plan.causes for number in cause.ids) == ids
    assert list(plan.touched["warned"]) == ids and other.fix == ""


def test_two_lines_with_one_cause_are_one_invoice(db: Database, approver: Actor) -> None:
    number = make(db, lines=(line(1), line(2)))
    db.execute("UPDATE invoice_lines SET description = 'longer than ten'")
    plan = tried(db, approver, [number], with_all_effects())
    assert causes(plan) == [("truncated", "lines.description.max_length", [number])]
    found = previewing.snags(db, approver, [number], with_all_effects(), Action.ACCEPT)[number]
    assert [snag.line for snag in found] == [1, 2]


# -- on the command line -------------------------------------------------------------------------------------------


@pytest.fixture
def asked(place: Path, company: Database) -> list[int]:
    """Two invoices; the sandbox has the vendor of the first one."""
    sandbox.seed(place / "sandbox.db", [("APEX", "Apex")], [("24-101", "03-300")], [])
    return [make(company, "1"), make(company, "2", commitment="SC-2", vendor=HOSTILE, vendor_ref="GONE")]


def test_the_erp_is_asked_and_its_word_is_in_the_document(
    company: Database, told: Told, asked: list[int]
) -> None:
    code, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run", "--json")
    document = json.loads(out)
    # The vendor that it would refuse the bill for is warned of no more.
    assert code == 3 and [row["id"] for row in document["goes"]] == asked and document["stays"] == []
    [note] = document["notes"]
    assert (note["id"], note["effect"], note["code"]) == (asked[1], "refused", "vendor.unknown")
    assert document["erp"]["bills"] == {"asked": 2, "refused": 1, "not_asked": 0, "trouble": ""}
    codes = {one["kind"]: (one["count"], one["asked"], one["unknown"]) for one in document["erp"]["codes"]}
    assert codes["vendor"] == (2, 2, 1) and codes["commitment"] == (2, 0, 0)
    assert document["erp"]["cannot_be_asked"] == ["commitment"] and document["erp"]["trouble"] == ""
    assert document["totals"][0]["count"] == 2 and document["causes"][0]["count"] == 1
    assert state(company, asked[0]) == "ready_to_export"


def test_the_document_has_the_payloads_that_are_asked_for(
    company: Database, told: Told, asked: list[int]
) -> None:
    _, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run", "--json", "--payloads")
    first, second = (row["payload"] for row in json.loads(out)["goes"])
    assert (first["vendor"], first["number"], first["gross"]) == ("APEX", "1", "1000.00")
    assert second["vendor_name"] == HOSTILE and second["lines"][0]["amount"] == "1000.00"
    code, _, err = told("--as", "jlopez", "export", "--all", "--dry-run", "--payloads")
    assert code == 2 and "Add --dry-run --json" in err


def test_an_export_warns_of_what_the_erp_has_not_and_goes(
    company: Database, told: Told, asked: list[int]
) -> None:
    told("--as", "jlopez", "export", "--all", "--dry-run")
    code, _, err = told("--as", "jlopez", "export", "--all", "--yes")
    assert code == 0 and "refused 1: vendor GONE is not in the sandbox. Map the vendor" in err
    assert {state(company, number) for number in asked} == {"queued"}


def test_causes_are_told_with_counts_names_and_the_age(
    company: Database, told: Told, asked: list[int]
) -> None:
    told("--as", "jlopez", "export", "--all", "--dry-run")
    company.execute("UPDATE erp_facts SET asked_at = asked_at - 300000 WHERE kind = 'vendor'")
    _, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run")
    assert "erp: asked 5 min ago: 2 vendors (1 unknown), 1 job," in out
    assert "refused 1: vendor GONE is not in the sandbox. Map the vendor" in out and "  2 (SC-2)" in out
    assert "2 would go, 0 would stay; of what goes the ERP would refuse 1." in out
    assert "\x1b" not in out


def test_an_erp_that_is_away_is_told_with_what_it_said_before(
    company: Database, told: Told, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    told("--as", "jlopez", "export", "--all", "--dry-run")
    company.execute("UPDATE erp_facts SET asked_at = asked_at - 86400000")

    async def away(*_: object) -> object:
        raise UnavailableError("connection refused")

    monkeypatch.setattr(Sandbox, "known", away)
    code, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run")
    assert code == 3
    assert "The ERP was not reached: connection refused; what is shown is what it said before" in out
    assert "asked 24 h ago: 2 vendors (1 unknown)" in out


def test_settings_that_no_connector_can_be_made_of_do_not_hide_what_is_known(
    place: Path, company: Database, told: Told, asked: list[int]
) -> None:
    settings = place / "payapp.toml"
    settings.write_text(settings.read_text().replace('connector = "sandbox"', 'connector = "nothing"'))
    code, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run", "--json")
    assert code == 0 and len(json.loads(out)["goes"]) == 2
    assert "nothing" in json.loads(out)["erp"]["trouble"]
    assert json.loads(out)["erp"]["bills"]["not_asked"] == 2
