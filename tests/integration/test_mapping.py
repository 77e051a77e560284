"""What our codes are called in the ERP: resolved when a bill is frozen, written by approvers, audited, on both databases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from invoice_factory import HOSTILE, make, version

from erp import profiles
from store import detail, directory, known, mapping, mapping_list, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import Bill, decode
from store.domain.errors import BadInput, Blocked, Changed, NothingMatched, NotPermitted, PayappError
from store.domain.knowing import Fact, Kind
from store.domain.selection import Marked
from store.domain.status import Action
from store.mapping import BadRows, Want
from store.mapping_list import Origin, Row

PROFILE = profiles.load("sandbox")


def person(db: Database, login: str) -> Actor:
    return directory.actor(db, login)


def marked(db: Database, *numbers: int) -> Marked:
    return Marked({number: version(db, number) for number in numbers})


def put(db: Database, me: Actor, kind: Kind, code: str, target: str, job: str = "") -> mapping.Done:
    return mapping.put(db, me, Want(kind, code, target, job))


def exported(db: Database, me: Actor, number: int) -> Bill:
    decision = review.accept(db, me, marked(db, number), PROFILE)
    assert decision.done == (number,), decision
    row = db.execute(
        "SELECT payload, payload_sha256 FROM export_jobs WHERE invoice_id = ?", (number,)
    ).fetchone()
    return decode(*row)


def cost_code(db: Database, job: str, code: str, ref: str, name: str = "Concrete") -> None:
    db.execute(
        "INSERT INTO cost_codes (project_id, source_id, code, name, erp_ref)"
        " SELECT id, ?, ?, ?, ? FROM projects WHERE number = ?",
        (f"{job}/{code}", code, name, ref, job),
    )


def rows(db: Database, me: Actor, **given: Any) -> dict[tuple[str, str, str], Row]:
    return {(row.kind.value, row.code, row.job): row for row in mapping_list.rows(db, me, **given)}


# -- the frozen bill -------------------------------------------------------------------------------------------


def test_an_invoice_is_shown_with_what_its_vendor_is_called_there(db: Database, approver: Actor) -> None:
    number = make(db)
    for target, job in (("", ""), ("ALL", ""), ("OWN", "24-101")):
        if target:
            put(db, approver, Kind.VENDOR, "APEX", target, job)
        assert detail.detail(db, number, approver).vendor_ref == (target or "APEX")


def test_without_mappings_a_bill_has_what_the_masters_say(db: Database, approver: Actor) -> None:
    bill = exported(db, approver, make(db))
    assert (bill.vendor, bill.job, bill.commitment, bill.terms, bill.tax_account) == (
        "APEX",
        "24-101",
        "SC-101",
        "",
        "",
    )
    assert [(line.cost_code, line.account) for line in bill.lines] == [("03-300", "03-300")]


def test_every_kind_is_called_as_it_is_mapped(db: Database, approver: Actor) -> None:
    number = make(db)
    for kind, code, target in (
        (Kind.VENDOR, "APEX", "V-77"), (Kind.JOB, "24-101", "J-77"), (Kind.COMMITMENT, "SC-101", "C-77"),
        (Kind.ACCOUNT, "03-300", "5100"), (Kind.TERMS, "default", "30 days"), (Kind.TAX, "default", "2-200"),
    ):  # fmt: skip
        assert put(db, approver, kind, code, target) == mapping.Done(made=1)
    bill = exported(db, approver, number)
    assert (bill.vendor, bill.job, bill.commitment, bill.terms, bill.tax_account) == (
        "V-77", "J-77", "C-77", "30 days", "2-200",
    )  # fmt: skip
    assert [(line.cost_code, line.account) for line in bill.lines] == [("03-300", "5100")]


def test_a_job_s_mapping_comes_before_that_of_all_jobs_and_that_before_the_masters(
    db: Database, approver: Actor
) -> None:
    here, there = make(db), make(db, "102-001", commitment="SC-2", job="24-102")
    cost_code(db, "24-101", "03-300", "3300")
    cost_code(db, "24-102", "03-300", "3300")
    for kind, code in ((Kind.VENDOR, "APEX"), (Kind.ACCOUNT, "03-300")):
        put(db, approver, kind, code, "ALL")
        put(db, approver, kind, code, "OWN", "24-102")
    put(db, approver, Kind.TERMS, "default", "30 days", "24-102")
    one, other = exported(db, approver, here), exported(db, approver, there)
    assert (one.vendor, one.lines[0].account, one.terms) == ("ALL", "ALL", "")
    assert (other.vendor, other.lines[0].account, other.terms) == ("OWN", "OWN", "30 days")


def test_a_mapping_of_one_job_leaves_the_others_to_their_masters(db: Database, approver: Actor) -> None:
    here = make(db)
    make(db, "102-001", commitment="SC-2", job="24-102")
    cost_code(db, "24-101", "03-300", "3300")
    put(db, approver, Kind.ACCOUNT, "03-300", "OWN", "24-102")
    assert exported(db, approver, here).lines[0].account == "3300"


def test_a_vendor_without_any_name_in_the_erp_stays_until_it_is_mapped(db: Database, approver: Actor) -> None:
    number = make(db)
    db.execute("UPDATE vendors SET erp_ref = ''")
    with pytest.raises(Blocked, match="the vendor has no ERP id"):
        review.accept(db, approver, marked(db, number), PROFILE)
    put(db, approver, Kind.VENDOR, "APEX", "V-77")
    assert exported(db, approver, number).vendor == "V-77"


def test_the_profile_s_rules_look_at_what_the_erp_is_sent(db: Database, approver: Actor) -> None:
    number = make(db)
    put(db, approver, Kind.VENDOR, "APEX", "V-7777777777")
    with pytest.raises(Blocked, match="V-7777777777 is longer than 10"):
        review.accept(db, approver, marked(db, number), PROFILE)


def test_another_erp_s_mappings_count_for_nothing(db: Database, approver: Actor) -> None:
    number = make(db)
    put(db, approver, Kind.VENDOR, "APEX", "V-77")
    db.execute("UPDATE mappings SET erp = 'tryton'")
    assert exported(db, approver, number).vendor == "APEX"


def test_what_is_mapped_otherwise_since_it_was_shown_is_noticed(db: Database, approver: Actor) -> None:
    number = make(db)
    plan = review.plan_export(db, approver, marked(db, number), PROFILE, Action.ACCEPT)
    expect = review.Expectation(plan.count, None, plan.masters)
    for kind, code, job in (
        (Kind.VENDOR, "APEX", ""), (Kind.JOB, "24-101", ""), (Kind.COMMITMENT, "SC-101", "24-101"),
        (Kind.ACCOUNT, "03-300", ""), (Kind.ACCOUNT, "03-300", "24-101"), (Kind.TERMS, "default", "24-101"),
        (Kind.TAX, "default", ""),
    ):  # fmt: skip
        put(db, approver, kind, code, "OTHER", job)
        with pytest.raises(Changed, match="What the ERP calls"):
            review.accept(db, approver, marked(db, number), PROFILE, expect=expect)
        assert db.execute("SELECT count(*) FROM export_jobs").fetchone()[0] == 0
        put(db, approver, kind, code, "", job)
    assert review.accept(db, approver, marked(db, number), PROFILE, expect=expect).done == (number,)


def test_what_is_frozen_already_stays_as_it_was(db: Database, approver: Actor) -> None:
    number = make(db)
    exported(db, approver, number)
    put(db, approver, Kind.VENDOR, "APEX", "V-77")
    row = db.execute("SELECT payload, payload_sha256 FROM export_jobs").fetchone()
    assert decode(*row).vendor == "APEX"


# -- writing ---------------------------------------------------------------------------------------------------


def test_only_an_approver_changes_mappings(db: Database) -> None:
    make(db)
    for login in ("viewer", "nopush", "mgarcia"):
        with pytest.raises(NotPermitted, match="may not change mappings"):
            put(db, person(db, login), Kind.VENDOR, "APEX", "V-77")
    assert db.execute("SELECT count(*) FROM mappings").fetchone()[0] == 0


def test_who_was_an_approver_until_a_moment_ago_changes_none(db: Database, approver: Actor) -> None:
    make(db)
    db.execute("UPDATE users SET can_push = ?", (False,))
    with pytest.raises(NotPermitted, match="Can Push"):
        put(db, approver, Kind.VENDOR, "APEX", "V-77")


def test_every_change_is_audited_with_what_it_was_before(db: Database, approver: Actor) -> None:
    make(db)
    place = {"kind": "vendor", "code": "APEX", "job": ""}
    for target, done in (
        ("V-1", mapping.Done(made=1)), ("V-2", mapping.Done(changed=1)), ("V-2", mapping.Done(unchanged=1)),
        ("", mapping.Done(removed=1)),
    ):  # fmt: skip
        assert put(db, approver, Kind.VENDOR, "APEX", target) == done
    told = db.execute(
        "SELECT e.actor, r.subject, r.before, r.after FROM audit_events e JOIN audit_rows r ON r.event_id = e.id"
        " WHERE e.action = 'map' ORDER BY e.id"
    ).fetchall()
    first, second = {**place, "target": "V-1"}, {**place, "target": "V-2"}
    assert [(who, what, json.loads(before), json.loads(after)) for who, what, before, after in told] == [
        ("jlopez", "mapping", {}, first), ("jlopez", "mapping", first, second), ("jlopez", "mapping", second, {}),
    ]  # fmt: skip


def test_a_vendor_is_found_by_its_name_and_by_its_id_in_the_erp(db: Database, approver: Actor) -> None:
    make(db)
    db.execute("UPDATE vendors SET source_id = '9', erp_ref = 'APEX'")
    put(db, approver, Kind.VENDOR, "Apex Drywall LLC", "V-1")
    assert put(db, approver, Kind.VENDOR, "APEX", "V-2") == mapping.Done(changed=1)
    assert put(db, approver, Kind.VENDOR, "9", "V-2") == mapping.Done(unchanged=1)


def test_a_commitment_s_job_is_asked_for_where_two_have_its_number(db: Database, approver: Actor) -> None:
    make(db)
    put(db, approver, Kind.COMMITMENT, "SC-101", "C-1")
    make(db, "102-001", commitment="SC-2", job="24-102")
    db.execute("UPDATE commitments SET number = 'SC-101'")
    with pytest.raises(BadInput, match="2 jobs have a commitment SC-101"):
        put(db, approver, Kind.COMMITMENT, "SC-101", "C-2")
    assert put(db, approver, Kind.COMMITMENT, "SC-101", "C-2", "24-101") == mapping.Done(changed=1)


REFUSED = (
    (Want(Kind.VENDOR, "APEX", "a\x1bb"), r"target .* a\^\[b holds a character"),
    (Want(Kind.VENDOR, "APEX", "a\x00b"), "target .* holds a character"),
    (Want(Kind.VENDOR, "APEX", "a\u202eb"), "<202E>b holds a character"),
    (Want(Kind.VENDOR, "APEX", "x" * 101), "100 characters, and has 101"),
    (Want(Kind.VENDOR, "\x00", "x"), "code .* no database stores"),
    (Want(Kind.VENDOR, HOSTILE, "x"), r"there is no vendor \[/\] \^\[\]52"),
    (Want(Kind.VENDOR, "APEX", "x", "99"), "job cannot be used: there is no job 99"),
    (Want(Kind.JOB, "99", "x"), "code cannot be used: there is no job 99"),
    (Want(Kind.JOB, "24-101", "x", "24-101"), "a job itself is called the same everywhere"),
    (Want(Kind.COMMITMENT, "SC-9", "x"), "there is no commitment SC-9"),
    (Want(Kind.ACCOUNT, "99", "x"), "there is no cost code 99"),
    (Want(Kind.ACCOUNT, "99", "x", "24-101"), "there is no cost code 99 in job 24-101"),
    (Want(Kind.TERMS, "net 30", "x"), "an invoice names no terms of its own: use default"),
)  # fmt: skip


def test_what_cannot_be_mapped_is_refused_with_its_reason(db: Database, approver: Actor) -> None:
    make(db)
    for want, why in REFUSED:
        with pytest.raises(BadInput, match=why):
            mapping.put(db, approver, want)
    assert db.execute("SELECT count(*) FROM mappings").fetchone()[0] == 0


def test_two_vendors_of_one_name_are_told_apart_by_their_ids(db: Database, approver: Actor) -> None:
    make(db)
    make(db, "2", vendor_ref="OTHER", commitment="SC-2")
    with pytest.raises(BadInput, match="2 vendors are called Apex Drywall LLC: APEX, OTHER"):
        put(db, approver, Kind.VENDOR, "Apex Drywall LLC", "V-1")


def test_what_another_has_changed_meanwhile_is_not_written_over(db: Database, approver: Actor) -> None:
    make(db)
    put(db, approver, Kind.VENDOR, "APEX", "V-1")
    with pytest.raises(Changed, match="it is V-1 by now"):
        mapping.put(db, approver, Want(Kind.VENDOR, "APEX", "V-2", was=""))
    assert mapping.put(db, approver, Want(Kind.VENDOR, "APEX", "V-2", was="V-1")).changed == 1


def test_nothing_is_taken_away_where_there_is_nothing(db: Database, approver: Actor) -> None:
    make(db)
    with pytest.raises(NothingMatched, match="Vendor APEX has no mapping"):
        put(db, approver, Kind.VENDOR, "APEX", "")


def test_a_mapping_of_a_code_that_no_master_has_any_more_is_listed_and_can_go(
    db: Database, approver: Actor
) -> None:
    make(db)
    put(db, approver, Kind.JOB, "24-101", "J-1")
    db.execute("UPDATE projects SET number = '24-999'")
    assert rows(db, approver)["job", "24-101", ""].target == "J-1"
    assert put(db, approver, Kind.JOB, "24-101", "").removed == 1


# -- files -----------------------------------------------------------------------------------------------------


def test_a_file_s_rows_are_one_event(db: Database, approver: Actor) -> None:
    make(db)
    put(db, approver, Kind.VENDOR, "APEX", "V-1")
    wants = [
        Want(Kind.VENDOR, "APEX", "V-2", row=2), Want(Kind.ACCOUNT, "03-300", "5100", row=3),
        Want(Kind.ACCOUNT, "03-300", "5200", "24-101", row=4),
    ]  # fmt: skip
    assert mapping.put_all(db, approver, "map.csv", wants) == mapping.Done(made=2, changed=1)
    detail = db.execute("SELECT detail, row_count FROM audit_events ORDER BY id DESC LIMIT 1").fetchone()
    assert (json.loads(detail[0])["file"], detail[1]) == ("map.csv", 3)
    assert mapping.put_all(db, approver, "map.csv", wants) == mapping.Done(unchanged=3)


def test_a_file_with_bad_rows_changes_nothing_and_names_each(db: Database, approver: Actor) -> None:
    make(db)
    wants = [
        Want(Kind.VENDOR, "APEX", "V-2", row=2), Want(Kind.VENDOR, "NOBODY\x1b", "V-3", row=3),
        Want(Kind.ACCOUNT, "03-300", "", row=4), Want(Kind.VENDOR, "Apex Drywall LLC", "V-4", row=5),
        Want(Kind.ACCOUNT, "03-300", "1", "99", row=6),
    ]  # fmt: skip
    with pytest.raises(BadRows) as caught:
        mapping.put_all(db, approver, "map.csv", wants)
    assert [(fault.row, fault.column, fault.why) for fault in caught.value.faults] == [
        (3, "code", "there is no vendor NOBODY^["), (4, "target", "it is empty"),
        (5, "code", "it stands in row 2 already"), (6, "job", "there is no job 99"),
    ]  # fmt: skip
    assert "row 3, column code: there is no vendor NOBODY^[" in str(caught.value)
    assert db.execute("SELECT count(*) FROM mappings").fetchone()[0] == 0


# -- the list --------------------------------------------------------------------------------------------------


def test_the_list_says_where_each_name_comes_from(db: Database, approver: Actor) -> None:
    make(db)
    cost_code(db, "24-101", "09-250", "9250", "Drywall")
    put(db, approver, Kind.ACCOUNT, "03-300", "5100")
    put(db, approver, Kind.TERMS, "default", "30 days", "24-101")
    found = {key: (row.target, row.origin) for key, row in rows(db, approver).items()}
    assert found == {
        ("vendor", "APEX", ""): ("APEX", Origin.MASTER),
        ("job", "24-101", ""): ("24-101", Origin.SAME),
        ("commitment", "SC-101", "24-101"): ("SC-101", Origin.MASTER),
        ("account", "03-300", ""): ("5100", Origin.MAPPING),
        ("account", "09-250", ""): ("9250", Origin.MASTER),
        ("tax", "default", ""): ("", Origin.DEFAULT),
        ("terms", "default", ""): ("", Origin.DEFAULT),
        ("terms", "default", "24-101"): ("30 days", Origin.MAPPING),
    }


def test_the_list_and_the_bill_say_the_same_of_jobs_with_names_of_their_own(
    db: Database, approver: Actor
) -> None:
    jobs = ("24-101", "24-102", "24-103")
    numbers = [make(db, job, commitment=f"SC-{job}", job=job) for job in jobs]
    cost_code(db, "24-101", "03-300", "A")
    cost_code(db, "24-102", "03-300", "B")
    put(db, approver, Kind.ACCOUNT, "03-300", "C", "24-102")
    listed = {job: row.target for (kind, _, job), row in rows(db, approver).items() if kind == "account"}
    assert listed == {"24-101": "A", "24-102": "C"}
    billed = [exported(db, approver, number).lines[0].account for number in numbers]
    assert billed == ["A", "C", "03-300"]


def test_what_the_erp_said_stands_beside_it_and_what_is_gone_comes_first(
    db: Database, approver: Actor
) -> None:
    make(db)
    make(db, "2", vendor="Bell", vendor_ref="BELL", commitment="SC-2")
    put(db, approver, Kind.ACCOUNT, "03-300", "5100")
    known.put(db, "sandbox", [Fact(Kind.VENDOR, "APEX", known=True), Fact(Kind.ACCOUNT, "5100", known=False)])
    db.execute("UPDATE vendors SET erp_ref = '' WHERE name = 'Bell'")
    listed = mapping_list.rows(db, approver)
    assert [(row.kind, row.code, row.known) for row in listed[:2]] == [
        (Kind.VENDOR, "BELL", None), (Kind.ACCOUNT, "03-300", False),
    ]  # fmt: skip
    assert [row.code for row in listed if row.wanting] == ["BELL", "03-300"]
    apex = next(row for row in listed if row.code == "APEX")
    assert apex.known and apex.asked_at > 0


def test_needed_is_what_ready_and_failed_invoices_name(db: Database, approver: Actor) -> None:
    make(db)
    make(db, "2", vendor="Bell", vendor_ref="BELL", commitment="SC-2", job="24-102", erp_status="synced")
    found = rows(db, approver, needed=True)
    needed = {key for key, row in found.items() if row.needed}
    assert needed == {
        ("vendor", "APEX", ""), ("job", "24-101", ""), ("commitment", "SC-101", "24-101"), ("account", "03-300", ""),
    }  # fmt: skip
    assert {key for key in needed if found[key].unmapped} == {
        ("job", "24-101", ""),
        ("account", "03-300", ""),
    }


def test_the_list_is_for_who_sees_erp_integrations(db: Database) -> None:
    assert mapping_list.rows(db, person(db, "viewer"))
    with pytest.raises(PayappError, match="may not see ERP Integrations"):
        mapping_list.rows(db, person(db, "mgarcia"))


def test_words_narrow_the_list_case_aside(db: Database, approver: Actor) -> None:
    make(db)
    listed = mapping_list.searchable(db, approver)
    assert [row.code for row in listed.matching("VENDOR drywall")] == ["APEX"]
    assert listed.matching("no such words") == []
    assert {row.code for row in listed.matching("", wanting=True)} == {"24-101", "03-300"}
