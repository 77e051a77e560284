"""The dry run on the desk: what is known at once, the ERP asked meanwhile, causes, their invoices, and one of them in full."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from hand import PROFILE, Hand, Start, add_invoice
from textual.widgets import OptionList

from erp.checking import Bills, Said
from erp.connectors.files import Files, FilesSettings
from erp.connectors.files_settings import Form
from erp.knowing import Asked
from store import known, periods
from store.db import Database
from store.domain.checking import Checked, Local
from store.domain.errors import StoreError
from store.domain.knowing import Fact, Kind
from store.domain.outcome import Period
from store.domain.profile import Finding
from store.known import Codes
from store.models import Project, Vendor
from store.refusing import snags
from tui.app import DeskApp
from tui.screens.confirm import ConfirmExport
from tui.screens.dry_list import DryListScreen
from tui.screens.dry_run import DryRunScreen
from tui.screens.payload import PayloadScreen

if TYPE_CHECKING:
    from tui.checking import Checks


class Erp:
    """An ERP that answers when it is told to; it has every code but the vendor V1."""

    def __init__(self, db: Database, *, silent: tuple[Kind, ...] = (), trouble: str = "") -> None:
        self.db, self.silent, self.trouble = db, silent, trouble
        self.may = asyncio.Event()
        self.codes: Codes = {}
        self.left = False

    async def ask(self, codes: Codes) -> Asked:
        self.codes = codes
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.left = True
            raise
        if self.trouble:
            return Asked(trouble=self.trouble)
        facts = [
            Fact(kind, code, known=code != "V1")
            for kind, named in codes.items() if kind not in self.silent for code in named
        ]  # fmt: skip
        known.put(self.db, "sandbox", facts)
        return Asked(len(facts), silent=self.silent)


class Connected:
    """What puts bills to a connector: that of files for Xero, or to one far away that has the numbers R-00 and R-01."""

    def __init__(self, *, far: bool) -> None:
        self.far = far
        self.may = asyncio.Event()
        self.asked = self.left = False

    def local(self, most: int | None = None) -> Local:
        settings = FilesSettings("drop", Form.XERO, retainage="845", tax_type="None", days="dmy")
        files = Files(settings, msgspec.structs.replace(PROFILE, formats=()))
        return Local(None if self.far else files.checker, most)

    async def ask(self, bills: Bills, ids: Sequence[int]) -> Said:
        assert self.far
        self.asked = True
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.left = True
            raise
        made = await bills(ids[:4])
        refused = {
            number: snags(number, name, [Finding("number.used", f"it has {bill.number}", "Enter another", kind="used")])
            for number, name, bill in made if bill.number in {"R-00", "R-01"}
        }  # fmt: skip
        return Said(refused, Checked(len(made), len(ids) - len(made), "it did not answer in time"))


async def tried(hand: Hand, erp: Erp | None, *keys: str, checks: Connected | None = None) -> None:
    app: DeskApp = hand.app
    screen = hand.invoices
    desk = replace(app.desk, ask=erp.ask if erp else None, checks=cast("Checks | None", checks))
    screen.desk = desk
    for key in keys:
        await hand.pilot.press(key)
    await hand.dialog(DryRunScreen)


async def test_what_is_known_stands_there_at_once_and_the_answer_comes(start: Start, books: Database) -> None:
    async with start() as hand:
        erp = Erp(books, silent=(Kind.COMMITMENT,))
        await tried(hand, erp, "A", "d")
        assert "10  Would go" in hand.causes() and "Warned" not in hand.causes()
        await hand.until(lambda: "Asking the ERP\u2026 ERP: not asked for" in hand.text("#asked"))
        assert sorted(erp.codes[Kind.VENDOR]) == ["V1", "V2", "V3"]
        erp.may.set()
        await hand.until(lambda: "Warned: the ERP may refuse it" in hand.causes())
        assert "4    Vendor V1 is not known to the ERP" in hand.causes()
        told = hand.text("#asked")
        assert "asked just now: 3 vendors (1 unknown), 1 job, 1 account" in told
        assert "It cannot be asked for commitments" in told and "Asking" not in told
        assert "10  Would go" in hand.causes()


async def test_an_erp_that_is_away_leaves_what_it_said_before_with_its_age(
    start: Start, books: Database
) -> None:
    known.put(books, "sandbox", [Fact(Kind.VENDOR, "V1", known=False)])
    books.execute("UPDATE erp_facts SET asked_at = asked_at - 7200000")
    async with start() as hand:
        erp = Erp(books, trouble="503 \x1b[2J closed")
        erp.may.set()
        await tried(hand, erp, "A", "d")
        await hand.until(lambda: "The ERP was not reached: 503 ^[[2J closed" in hand.text("#asked"))
        assert "asked 2 h ago: 1 vendor (1 unknown)" in hand.text("#asked")
        assert "not asked for: 2 vendors, 1 job" in hand.text("#asked")
        assert "4    Vendor V1 is not known to the ERP" in hand.causes()


async def test_books_that_cannot_be_written_leave_what_was_known(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise StoreError("The database is locked", fix="Try again")

    async with start() as hand:
        erp = Erp(books)
        erp.may.set()
        monkeypatch.setattr(known, "put", locked)
        await tried(hand, erp, "A", "d")
        await hand.until(
            lambda: "The database is locked. Try again. ERP: not asked for" in hand.text("#asked")
        )
        assert "10  Would go" in hand.causes()


async def test_leaving_ends_the_asking(start: Start, books: Database) -> None:
    async with start() as hand:
        erp = Erp(books)
        await tried(hand, erp, "A", "d")
        await hand.until(lambda: erp.codes)
        await hand.pilot.press("escape")
        await hand.until(lambda: erp.left)
        assert hand.app.screen is hand.invoices
        assert known.unknown(books, "sandbox")[Kind.VENDOR] == {}


async def test_a_cause_leads_to_its_invoices_and_one_of_them_to_all_of_it(
    start: Start, books: Database
) -> None:
    for n in range(40):
        name = f"LONG-NUMBER-OF-{n:02}"
        add_invoice(Project.get_by_id(1), Vendor.get_by_id(2), name, "ready_to_export", 200_000 + n)
    known.put(books, "sandbox", [Fact(Kind.VENDOR, "V2", known=False)])
    async with start() as hand:
        await tried(hand, None, "A", "d")
        assert "40  Blocked: cannot go, and stays" in hand.causes()
        assert "43  Warned: the ERP may refuse it" in hand.causes()
        assert hand.app.screen.query_one(OptionList).highlighted == 0
        await hand.press("enter")
        await hand.dialog(DryListScreen)
        await hand.until(lambda: "LONG-NUMBER-OF-00" in hand.text("#invoices"))
        assert "1 of 40" in hand.text("#which") and "LONG-NUMBER-OF-39" not in hand.text("#invoices")
        await hand.press("G")
        await hand.until(lambda: ">BW   LONG-NUMBER-OF-39" in hand.text("#invoices"))
        assert "Vendor V2 is not known to the ERP" in hand.text("#about")
        await hand.press("pageup", "pageup", "pageup", "enter")
        await hand.dialog(PayloadScreen)
        await hand.until(lambda: "LONG-NUMBER-OF-00" in hand.text("#payload"))
        said = hand.text("#payload")
        assert "BLOCKED: Invoice number LONG-NUMBER-OF-00 has more than 15 characters" in said
        assert "WARNED: Vendor V2 is not known to the ERP" in said and "Fix: Map it" in said
        await hand.press("n")
        await hand.until(lambda: "LONG-NUMBER-OF-01" in hand.text("#payload"))
        await hand.press("escape", "escape", "escape")
        assert hand.app.screen is hand.invoices


async def test_what_the_files_cannot_hold_is_there_at_once_with_its_invoices(
    start: Start, books: Database
) -> None:
    books.execute("UPDATE invoices SET tax = 700 WHERE number IN ('R-02', 'R-07')")
    async with start() as hand:
        await tried(hand, None, "A", "d", checks=Connected(far=False))
        assert "2  Refused: goes, and the ERP refuses it" in hand.causes()
        assert "2    the bill has tax, and no account is named for it" in hand.causes()
        assert "10  Would go; the ERP refuses 2 of it" in hand.causes()
        assert "10 bills put to it" in hand.text("#asked")
        await hand.press("down", "enter")
        await hand.dialog(DryListScreen)
        await hand.until(lambda: ">R    R-02" in hand.text("#invoices"))
        assert "1 of 2" in hand.text("#which") and "R-07" in hand.text("#invoices")
        assert "the bill has tax of 7.00, and no account is named for it" in hand.text("#about")
        await hand.press("enter")
        await hand.dialog(PayloadScreen)
        await hand.until(lambda: "REFUSED: the bill has tax of 7.00" in hand.text("#payload"))
        assert '"tax": "7.00"' in hand.text("#payload")


async def test_an_erp_far_away_is_asked_for_bills_after_its_codes(start: Start, books: Database) -> None:
    async with start() as hand:
        erp, far = Erp(books), Connected(far=True)
        erp.may.set()
        await tried(hand, erp, "A", "d", checks=far)
        await hand.until(lambda: far.asked)
        # What it said of its codes is shown meanwhile.
        await hand.until(lambda: "Warned: the ERP may refuse it" in hand.causes())
        assert "Asking the ERP\u2026" in hand.text("#asked") and "Refused" not in hand.causes()
        far.may.set()
        await hand.until(lambda: "2  Refused: goes, and the ERP refuses it" in hand.causes())
        assert "4 bills put to it, 6 not: it did not answer in time" in hand.text("#asked")
        assert "Asking" not in hand.text("#asked")
        await hand.press("g", "g", "enter")
        await hand.dialog(DryListScreen)
        await hand.until(lambda: "it has R-00" in hand.text("#about"))
        await hand.press("j", "enter")
        await hand.dialog(PayloadScreen)
        await hand.until(lambda: "REFUSED: it has R-01" in hand.text("#payload"))


async def test_leaving_ends_the_asking_for_bills(start: Start, books: Database) -> None:
    async with start() as hand:
        far = Connected(far=True)
        await tried(hand, None, "A", "d", checks=far)
        await hand.until(lambda: far.asked)
        await hand.pilot.press("escape")
        await hand.until(lambda: far.left)
        assert hand.app.screen is hand.invoices


async def test_the_confirmation_tells_what_the_files_cannot_hold_and_exports_all_the_same(
    start: Start, books: Database
) -> None:
    books.execute("UPDATE invoices SET tax = 700")
    async with start() as hand:
        hand.invoices.desk = replace(hand.app.desk, checks=cast("Checks", Connected(far=False)))
        await hand.press("space", "x")
        await hand.dialog(ConfirmExport)
        assert "Refused: goes, and the ERP refuses it (1)" in hand.text("#plan")
        assert "1: the bill has tax, and no account is named for it" in hand.text("#plan")
        assert "d asks" not in hand.text("#plan")
        await hand.pilot.press("y")
        await hand.says("1 accepted for export")


async def test_the_confirmation_tells_what_an_erp_far_away_was_not_asked(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        far = Connected(far=True)
        hand.invoices.desk = replace(hand.app.desk, checks=cast("Checks", far))
        await hand.press("space", "x")
        await hand.dialog(ConfirmExport)
        assert "ERP: 1 bill not put to it; d asks" in hand.text("#plan") and not far.asked
        far.may.set()
        await hand.press("d")
        await hand.dialog(DryRunScreen)
        await hand.until(lambda: "1  Refused: goes, and the ERP refuses it" in hand.causes())


async def test_the_cursor_stays_on_its_line_when_the_answer_comes(start: Start, books: Database) -> None:
    async with start() as hand:
        erp = Erp(books)
        await tried(hand, erp, "A", "d")
        causes = hand.app.screen.query_one(OptionList)
        assert causes.highlighted == 0
        erp.may.set()
        await hand.until(lambda: "Warned" in hand.causes())
        await hand.idle()
        assert causes.highlighted is not None
        assert "Would go" in str(causes.options[causes.highlighted].prompt)


async def test_the_confirmation_warns_of_what_the_erp_has_not_and_exports_all_the_same(
    start: Start, books: Database
) -> None:
    known.put(books, "sandbox", [Fact(Kind.VENDOR, "V1", known=False)])
    books.execute("UPDATE erp_facts SET asked_at = asked_at - 300000")
    async with start() as hand:
        await hand.press("space", "x")
        await hand.dialog(ConfirmExport)
        assert "Warned: the ERP may refuse it (1)" in hand.text("#plan")
        assert "Vendor V1 is not known to the ERP" in hand.text("#plan")
        assert "ERP: asked 5 min ago: 1 vendor (1 unknown)" in hand.text("#plan")
        await hand.pilot.press("y")
        await hand.says("1 accepted for export")


async def test_what_is_typed_in_the_confirmation_is_in_the_payload(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("space", "x")
        await hand.dialog(ConfirmExport)
        await hand.focus("#text")
        confirm = cast("ConfirmExport", hand.app.screen)
        await hand.press(*"Level-2", "enter")
        await hand.until(lambda: confirm._plan is not None and confirm._values_shown[1] == "Level-2")
        await hand.press("d")
        await hand.dialog(DryRunScreen)
        await hand.press("p")
        await hand.dialog(PayloadScreen)
        await hand.until(lambda: '"description": "Level-2"' in hand.text("#payload"))


async def test_a_line_without_a_list_says_so(start: Start, books: Database) -> None:
    later = Period(date(2026, 11, 1), date(2026, 11, 30), is_open=True)
    periods.put(books, "sandbox", [Period(date(2026, 10, 1), date(2026, 10, 31), is_open=False), later])
    async with start() as hand:
        await tried(hand, None, "A", "d")
        assert "Enter lists them" in hand.text(".note")
        while "posted in another month" not in hand.text("#about"):
            await hand.press("j")
        assert "Enter lists them" not in hand.text(".note")
        # Ten are, three are named.
        assert hand.text("#about").endswith(" and 7 more")
        await hand.press("enter")
        await hand.until(lambda: "This line has no list" in hand.text("#about"))
        assert isinstance(hand.app.screen, DryRunScreen)


async def test_a_wide_window_shows_causes_whole(start: Start, books: Database) -> None:
    job = f"J-{'1' * 60}"
    books.execute("UPDATE invoices SET number = 'NUMBER-AS-LONG-AS-A-VENDOR-WANTS' WHERE id = 1")
    books.execute("UPDATE projects SET erp_ref = ? WHERE id = 1", (job,))
    known.put(books, "sandbox", [Fact(Kind.JOB, job, known=False)])
    async with start(size=(80, 24)) as hand:
        await tried(hand, None, "A", "d")
        assert f"Job {job} is" not in hand.causes()
        await hand.pilot.resize_terminal(200, 60)
        await hand.until(lambda: f"Job {job} is not known to the ERP" in hand.causes())
        await hand.press("enter")
        await hand.dialog(DryListScreen)
        await hand.until(lambda: "NUMBER-AS-LONG-AS-A-VENDOR-WANTS" in hand.text("#invoices"))
        wide = hand.app.screen.query_one(".frame").region.width
        await hand.pilot.resize_terminal(80, 24)
        await hand.until(lambda: hand.app.screen.query_one(".frame").region.width < wide)
        assert max(map(len, hand.text("#invoices").splitlines())) <= 74


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_at_each_size_the_keys_stay_in_sight(
    start: Start, books: Database, size: tuple[int, int]
) -> None:
    for n in range(30):
        add_invoice(Project.get_by_id(1), Vendor.get_by_id(2), f"LONG-NUMBER-OF-{n:02}", "ready_to_export")
    for n in range(8):
        vendor = Vendor.create(source_id=f"w{n}", name=f"Vendor {n}", erp_ref=f"W{n}")
        add_invoice(Project.get_by_id(1), vendor, f"W-{n}", "ready_to_export", currency="JPY" if n else "KWD")
    known.put(books, "sandbox", [Fact(Kind.VENDOR, f"W{n}", known=False) for n in range(8)])
    vendors = [Fact(Kind.VENDOR, f"V{n}", known=False) for n in (1, 2, 3)]
    known.put(books, "sandbox", [*vendors, Fact(Kind.JOB, "J101", known=False)])
    async with start(size=size) as hand:
        await tried(hand, None, "A", "d")
        notes = hand.app.screen.query_one(".note").region
        assert notes.bottom < size[1] and notes.height == 1
        assert hand.app.screen.query_one("#causes").region.height >= 4
        await hand.press("enter")
        await hand.dialog(DryListScreen)
        await hand.until(lambda: "LONG-NUMBER" in hand.text("#invoices"))
        notes = hand.app.screen.query_one(".note").region
        assert notes.bottom < size[1] and notes.height == 1
