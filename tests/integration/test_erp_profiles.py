"""An ERP's profile at work: what the store refuses and tells by it, and the commands that show it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest
from cli_case import Told
from invoice_factory import line, make, state, version

from erp import profiles
from store import batches, candidates, directory, review
from store import db as database
from store.called import Called
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import decode
from store.domain.errors import Blocked
from store.domain.invoice import Line
from store.domain.money import plain
from store.domain.noting import notes
from store.domain.profile import Apart, Capabilities, Note, Phase, Profile, Rule, Unsupported
from store.domain.selection import Marked
from store.domain.status import Action
from store.noted import Noted
from store.posting import Posted
from store.receipt_matches import payable
from tui.widgets.export_panel import report

pytest_plugins = ["cli_case"]

SAGE = profiles.load("sage300cre")
NONE = msgspec.structs.replace(SAGE, title="Ledger", capabilities=Capabilities(invoices=False))


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def noted(db: Database, profile: Profile, *ids: int, phase: Phase = Phase.EXPORT) -> dict[int, list[Note]]:
    company = directory.company(db)
    look = Noted(db, company, profile, Called(db, company.erp), phase)
    found: dict[int, list[Note]] = {}
    for chunk in candidates.load(db, sorted(ids)):
        found |= look.of(chunk)
    return found


def codes(found: dict[int, list[Note]], number: int) -> list[str]:
    return [f"{n.effect} {n.code}{f' {n.line}' if n.line else ''}" for n in found.get(number, [])]


# -- what stands in lines and beside the bill ----------------------------------------------------------------------


def stored(amount: int, position: int = 1) -> Line:
    return dataclasses.replace(line(position, work=50_000), stored_now=amount)


def releasing(held: int, released: int) -> Line:
    return dataclasses.replace(line(before=1_000_000, held=held, scheduled=2_000_000), released=released)


def test_materials_releases_attachments_and_orders_are_found_among_others(db: Database) -> None:
    plain = make(db, "A-1")
    material = make(db, "A-2", application=2, lines=(line(1), stored(12_345, 2)))
    moved = make(db, "A-3", application=3, lines=(dataclasses.replace(
        line(work=0, before=40_000), stored_before=30_000, moved=30_000),))  # fmt: skip
    netted = make(db, "A-4", application=4, lines=(releasing(held=9_000, released=2_000),))
    ordered = make(db, "A-5", commitment="PO-1")
    db.execute("UPDATE commitments SET kind = 'purchase_order' WHERE number = 'PO-1'")
    for name in ("waiver.pdf", "photo.jpg"):
        db.execute("INSERT INTO attachments (invoice_id, filename, url) VALUES (?, ?, '')", (plain, name))
    every = (plain, material, moved, netted, ordered)
    yardi = noted(db, profiles.load("yardi"), *every)
    assert codes(yardi, plain) == ["ignored attachments"]
    assert "2 attachments" in yardi[plain][0].cause
    assert codes(yardi, material) == ["blocked stored_materials 2"]
    assert "123.45" in yardi[material][0].cause
    # Materials that are now work completed are none of what is stored.
    assert codes(yardi, moved) == ["blocked zero"]
    assert codes(yardi, netted) == ["blocked retainage_released 1"]
    assert "20.00" in yardi[netted][0].cause
    assert codes(yardi, ordered) == ["blocked purchase_orders"]
    assert noted(db, profiles.load("tryton"), material, moved, netted, ordered) == {}
    assert noted(db, profiles.load("sandbox"), *every) == {}


def looked_at_each(db: Database, profile: Profile, ids: tuple[int, ...]) -> dict[int, list[Note]]:
    """The same, from the whole bill of every invoice and from its own lines."""
    called, found = Called(db, "sandbox"), {}
    own = candidates.lines(db, ids)
    for chunk in candidates.load(db, sorted(ids)):
        billed = candidates.bill_lines(db, chunk, called.account)
        for c in chunk:
            apart = Apart(
                tuple((x.position, plain(s, "USD")) for x in own[c.id] if (s := x.stored_now - x.stored_before + x.moved)),
                tuple((x.position, plain(x.released, "USD")) for x in own[c.id] if x.released),
                2 if c.number == "A-1" else 0,
                c.commitment == "PO-1",
            )  # fmt: skip
            bill = candidates.bill(
                c, billed[c.id], company="ACME BUILDERS", erp="sandbox", accounting_date=date(2026, 10, 31)
            )
            if told := notes(profile, bill, apart):
                found[c.id] = told
    return found


def test_a_chunk_tells_what_looking_at_each_bill_tells(db: Database) -> None:
    every = (
        make(db, "A-1", vendor_ref="V-LONGER-THAN-10"),
        make(db, "A-" + "2" * 40, application=2, lines=(line(1), stored(12_345, 2))),
        make(db, "A-3", application=3, lines=(releasing(held=9_000, released=2_000),)),
        make(db, "A-4", application=4, lines=(line(work=-50_000, held=-5_000, scheduled=-100_000),)),
        make(db, "A-5", application=5, lines=(dataclasses.replace(line(work=0, before=500_000, held=0), released=50_000),)),
        make(db, "A-6", commitment="PO-1", lines=(line(work=99_999_999_999, held=0),)),
    )  # fmt: skip
    db.execute("UPDATE commitments SET kind = 'purchase_order' WHERE number = 'PO-1'")
    db.execute("UPDATE invoices SET tax = 100 WHERE number = 'A-3'")
    for name in ("waiver.pdf", "photo.jpg"):
        db.execute("INSERT INTO attachments (invoice_id, filename, url) VALUES (?, ?, '')", (every[0], name))
    for name in profiles.names():
        profile = profiles.load(name)
        assert noted(db, profile, *every) == looked_at_each(db, profile, every), name
    assert looked_at_each(db, profiles.load("yardi"), every).keys() >= set(every[:3])


@pytest.mark.parametrize(
    ("more", "broken"),
    [
        ('field = "lines.description"\nkind = "max_line_length"\nvalue = 7', {"text"}),
        ('field = "lines.description"\nkind = "present"', {"empty"}),
        ('field = "lines.amount"\nkind = "max_length_units"\nvalue = 3', {"plain", "text", "empty"}),
        ('field = "lines.amount"\nkind = "max_length_decimal"\nvalue = 1', {"cents"}),
        ('field = "lines.amount"\nkind = "positive"', {"credit"}),
        ('field = "lines.amount"\nkind = "nonzero"', set()),
        ('field = "lines.cost_code"\nkind = "numeric"', {"plain", "text", "empty", "cents", "credit"}),
        (
            'field = "lines.account"\nkind = "max_length"\nvalue = 5',
            {"plain", "text", "empty", "cents", "credit"},
        ),
    ],
)
def test_a_rule_over_lines_finds_the_same_as_looking_at_every_line(
    db: Database, tmp_path: Path, more: str, broken: set[str]
) -> None:
    work = dataclasses.replace(line(), description="Work")
    made = {
        "plain": (work,),
        "text": (work, line(2)),
        "empty": (dataclasses.replace(work, description=" \u3000\t"),),
        "cents": (dataclasses.replace(work, work_now=12_345, held=0),),
        "credit": (dataclasses.replace(work, work_now=-50_000, held=-5_000, scheduled=-100_000),),
    }
    ids = {name: make(db, name, application=n, lines=own) for n, (name, own) in enumerate(made.items(), 1)}
    path = tmp_path / "own.toml"
    path.write_text(f'extends = "files"\n[[rules]]\n{more}\nmessage = "m"\nfix = "f"\nsource = "s"\n')
    found = noted(db, profiles.read(path), *ids.values())
    assert {name for name, number in ids.items() if number in found} == broken


# -- sending -------------------------------------------------------------------------------------------------------


def test_what_breaks_a_rule_of_the_phase_save_is_not_sent_and_says_why(db: Database, sender: Actor) -> None:
    good = make(db, "B-1", erp_status="not_sent")
    long = make(db, "B-2", commitment="SC-2026-00017", vendor_ref="V-LONGER-THAN-10", erp_status="not_sent")
    decision = review.send(db, sender, mark(db, good, long), SAGE)
    assert decision.done == (good,)
    [stay] = decision.stays
    # The vendor's id is judged before the export alone.
    assert (stay.invoice_id, stay.code) == (long, "commitment.max_length")
    assert "SC-2026-00017 is longer than 12" in stay.cause and "payapp import commitments" in stay.fix
    assert (state(db, good), state(db, long)) == ("ready_to_export", "not_sent")
    with pytest.raises(Blocked, match="longer than 12"):
        review.send(db, sender, mark(db, long), SAGE)


def test_before_the_export_both_phases_are_judged(db: Database, approver: Actor) -> None:
    long = make(db, "B-2", commitment="SC-2026-00017", vendor_ref="V-LONGER-THAN-10")
    plan = review.plan_export(db, approver, mark(db, long), SAGE, Action.ACCEPT)
    assert plan.count == 0
    assert {cause.code for cause in plan.groups} == {"vendor.max_length", "commitment.max_length"}
    with pytest.raises(Blocked):
        review.accept(db, approver, mark(db, long), SAGE)
    assert state(db, long) == "ready_to_export"


def test_what_is_only_ignored_goes_and_is_told(db: Database, approver: Actor) -> None:
    number = make(db)
    db.execute("INSERT INTO attachments (invoice_id, filename, url) VALUES (?, 'a.pdf', '')", (number,))
    plan = review.plan_export(db, approver, mark(db, number), SAGE, Action.ACCEPT)
    assert plan.count == 1
    assert [
        (cause.effect, cause.code, cause.count) for cause in plan.causes if cause.effect == "ignored"
    ] == [("ignored", "attachments", 1)]
    assert review.accept(db, approver, mark(db, number), SAGE).done == (number,)


def test_what_policy_lets_pass_is_invoiced_and_will_post(
    db: Database, approver: Actor, tmp_path: Path
) -> None:
    path = tmp_path / "own.toml"
    cases = "".join(
        f'[[policy]]\ncase = "{case}"\neffect = "ignored"\nreason = "by hand"\n'
        for case in ("tax", "retainage_released")
    )
    path.write_text(
        'extends = "mri"\n[capabilities]\ntax = false\n[[unsupported]]\npoint = "tax"\neffect = "ignored"\n'
        'message = "no {value}"\nfix = "f"\nsource = "s"\n' + cases
    )
    taxed, plain = make(db, "E-1"), make(db, "E-2", application=2)
    netted = make(db, "E-3", commitment="SC-9", lines=(releasing(held=9_000, released=2_000),))
    db.execute("UPDATE invoices SET tax = 4550 WHERE id = ?", (taxed,))
    chosen = mark(db, taxed, plain, netted)
    plan = review.plan_export(db, approver, chosen, profiles.read(path), Action.ACCEPT)
    assert plan.count == 3
    # 900.00 and 45.50 of tax; 1,000.00 less 90.00 held, and 20.00 that are released.
    assert plan.warnings[0] == (
        "By company policy 2 post otherwise than invoiced: payment due 1,875.50 USD invoiced, 1,810.00 will post"
    )
    assert {cause.cause for cause in plan.causes if cause.effect == "ignored"} == {
        "no … (company policy: by hand)",
        "MRI would not release its … of retainage (company policy: by hand)",
    }
    # Its receipt says what was posted: the bill carries what was not.
    decision = review.accept(db, approver, chosen, profiles.read(path))
    assert decision.notes == plan.warnings[:1]
    [event] = db.execute("SELECT detail FROM audit_events WHERE action = 'accept'").fetchall()
    assert json.loads(event[0])["posting"] == list(decision.notes)
    # And the batch shows it for as long as it is shown.
    [batch] = batches.recent(db)
    assert batch.posted == Posted("USD", 2, 187_550, 6_550)
    assert (batch.posted.told,) == decision.notes
    for width in (80, 120):
        third = "".join(part.text for part in report(batch, width, 0, 6)[2])
        assert len(third) <= width
        assert "1,875.50 invoiced, 1,810.00 will post" in third or "1,875.50 USD invoiced" in third
    rows = db.execute("SELECT invoice_id, payload, payload_sha256 FROM export_jobs").fetchall()
    bills = {number: decode(payload, digest) for number, payload, digest in rows}
    assert {number: (bill.unposted, payable(bill)) for number, bill in bills.items()} == {
        taxed: ("45.50", "900.00"), plain: (None, "900.00"), netted: ("20.00", "910.00"),
    }  # fmt: skip


def test_an_integration_without_invoices_takes_none_anywhere(
    db: Database, approver: Actor, sender: Actor
) -> None:
    ready, unsent = make(db, "C-1"), make(db, "C-2", application=2, erp_status="not_sent")
    failed = make(db, "C-3", application=3, erp_status="failed_to_export")
    sentence = "The Ledger integration does not support subcontractor invoices"
    with pytest.raises(Blocked, match=sentence):
        review.send(db, sender, mark(db, unsent), NONE)
    with pytest.raises(Blocked, match=sentence):
        review.accept(db, approver, mark(db, ready), NONE)
    with pytest.raises(Blocked, match=sentence):
        review.retry(db, approver, mark(db, failed), NONE)
    with pytest.raises(Blocked, match=sentence):
        review.plan_export(db, approver, mark(db, ready), NONE, Action.ACCEPT)
    assert [state(db, n) for n in (ready, unsent, failed)] == [
        "ready_to_export",
        "not_sent",
        "failed_to_export",
    ]


# -- the commands --------------------------------------------------------------------------------------------------


def test_the_list_has_every_erp_in_80_columns(told: Told) -> None:
    code, out, _ = told("erp", "list")
    assert code == 0
    assert {row.split()[0] for row in out.splitlines()[1 : len(profiles.names()) + 1]} == set(
        profiles.names()
    )
    assert max(map(len, out.splitlines())) <= 80
    listed = json.loads(told("erp", "list", "--json")[1])
    vista = next(each for each in listed if each["name"] == "vista")
    assert vista["capabilities"]["zero"] is False and vista["capabilities"]["tax"] is None
    assert vista["proven"] == "documentation"


@pytest.mark.parametrize("name", profiles.names())
def test_each_is_shown_in_80_columns_with_its_sources(told: Told, name: str) -> None:
    code, out, _ = told("erp", "show", name)
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    profile = profiles.load(name)
    flat = " ".join(out.split())
    cases: list[Rule | Unsupported] = [*profile.rules, *profile.unsupported]
    for case in cases:
        assert case.code in flat and " ".join(case.source.split()) in flat
    assert ("not run against the vendor's own server" in flat) == (profile.proven == "documentation")
    assert json.loads(told("erp", "show", name, "--json")[1])["name"] == name


def test_an_erp_that_there_is_not_names_those_that_there_are(told: Told) -> None:
    code, _, err = told("erp", "show", "sage")
    assert code == 2 and "sage300cre" in err


Founded = Callable[[str, str], Path]


@pytest.fixture
def founded(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> Founded:
    """A company that exports to that ERP, with more in its settings' [erp]."""

    def make_one(erp: str, more: str = "") -> Path:
        path = tmp_path / "payapp.toml"
        assert told("--config", path, "init", "--company", "ACME", "--erp", erp)[0] == 0
        path.write_text(path.read_text().replace("[erp]\n", f"[erp]\n{more}"))
        monkeypatch.setenv("PAYAPP_CONFIG", str(path))
        return path

    return make_one


def test_the_company_s_own_is_shown_without_a_name(founded: Founded, told: Told) -> None:
    path = founded("sage300cre", 'profile = "ours.toml"\n')
    path.with_name("ours.toml").write_text(
        'extends = "sage300cre"\ntitle = "Sage (ACME)"\n'
        '[[policy]]\ncase = "tax"\neffect = "ignored"\nreason = "added in Sage"\n'
    )
    code, out, _ = told("erp", "show")
    assert code == 0 and out.startswith("Sage (ACME) (sage300cre)\n")
    assert "tax: ignored (by policy)" in out and "ignored: added in Sage" in out
    path.with_name("ours.toml").write_text('extends = "sage300cre"\nname = "vista"\n')
    code, _, err = told("erp", "show")
    assert code == 2 and "ours.toml is of vista: the company exports to sage300cre" in err
    path.with_name("ours.toml").write_text('extends = "sage300cre"\ncolour = 1\n')
    code, _, err = told("status")
    assert code == 2 and "ours.toml" in err and "colour" in err


@pytest.mark.parametrize(("erp", "connector", "goes"), [("vista", "files", True), ("vista", "tryton", False), ("files", "sandbox", False)])  # fmt: skip
def test_a_connector_that_does_not_go_with_the_erp_is_refused(
    founded: Founded, told: Told, erp: str, connector: str, goes: bool
) -> None:
    path = founded(erp, "")
    path.write_text(path.read_text().replace('connector = "files"', f'connector = "{connector}"'))
    code, _, err = told("worker", "--until-idle")
    assert (code == 0) == goes
    if not goes:
        title = profiles.load(erp).title
        assert code == 2 and f"erp.connector is '{connector}', which does not go with {title}" in err
        assert "Use files" in err


def test_a_company_of_an_erp_that_there_is_not_is_not_set_up(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "new" / "payapp.toml"
    code, _, err = told("--config", path, "init", "--company", "ACME", "--erp", "sage")
    assert code == 2 and "sage100contractor, sage300cre" in err
    assert not path.parent.exists()


def test_without_settings_and_without_a_name_it_asks_for_one(
    told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PAYAPP_CONFIG", str(tmp_path / "none.toml"))
    code, _, err = told("erp", "show")
    assert code == 2 and "payapp erp list" in err


def test_sending_on_the_command_line_judges_by_the_company_s_own_profile(
    founded: Founded, told: Told
) -> None:
    path = founded("sage300cre", 'profile = "ours.toml"\n')
    path.with_name("ours.toml").write_text('extends = "sage300cre"\n[capabilities]\ninvoices = false\n')
    opened = database.open(f"sqlite:{path.with_name('payapp.db')}")
    number = make(opened, "101-001", erp_status="not_sent")
    code, _, err = told("send", "101-001", "--yes")
    assert code == 3 and "The Sage 300 CRE integration does not support subcontractor invoices" in err
    path.with_name("ours.toml").write_text('extends = "sage300cre"\n')
    assert told("send", "101-001", "--yes")[0] == 0
    assert state(opened, number) == "ready_to_export"
    opened.close()
