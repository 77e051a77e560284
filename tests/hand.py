"""A hand on a desk: presses keys, waits for what they bring about, and adds invoices to books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from store import places, selecting
from store.db import Database
from store.domain.money import hash_part
from store.domain.profile import Kind, Profile, Rule
from store.domain.selection import Marked
from store.models import Commitment, CommitmentLine, Invoice, InvoiceLine, Project, Vendor
from tui.app import DeskApp
from tui.screens.commitments import CommitmentsScreen
from tui.screens.gestures import GestureScreen
from tui.screens.invoices import InvoicesScreen
from tui.widgets.bar import Bar
from tui.widgets.marks import Marks

HOSTILE = "Smith [/] & Co \x1b]52;c;aGk=\x07\x1b[2J\u202eevil " + "建設会社" * 10 + "x" * 300
VENDORS = ("Apex Drywall LLC", "Bell Mechanical", HOSTILE)
NOW = 1_793_500_000_000
PROFILE = Profile(
    name="sandbox",
    title="Sandbox ERP",
    enforces_keys=True,
    finds=True,
    settle=1.0,
    timeout=5.0,
    parcel=50,
    concurrency=1,
    rules=(
        Rule(
            field="number",
            kind=Kind.MAX_LENGTH,
            message="Invoice number {value} has more than {limit} characters",
            fix="Set a shorter ERP invoice number (D)",
            source="test",
            value=15,
        ),
    ),
)


_CHARACTERS = {"space": " ", "slash": "/", "backslash": "\\", "enter": "\r", "asterisk": "*", "escape": "\x1b",
    "greater_than_sign": ">", "plus": "+", "minus": "-", "colon": ":", "equals_sign": "=", "tab": "\t",
}  # fmt: skip


@dataclass
class Counter:
    """Counts how often a worker was asked for."""

    calls: int = 0

    async def ensure(self) -> None:
        self.calls += 1


@dataclass
class Hand:
    """Presses keys on a desk and waits for what they bring about, without fixed sleeps."""

    app: DeskApp
    pilot: Pilot[None]
    worker: Counter

    @property
    def invoices(self) -> InvoicesScreen:
        return cast("InvoicesScreen", self.app.get_screen("invoices"))

    @property
    def commitments(self) -> CommitmentsScreen:
        return cast("CommitmentsScreen", self.app.get_screen("commitments"))

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        for _ in range(500):
            await self.pilot.pause()
            if condition():
                return
            await asyncio.sleep(0.01)
        lists = [s for s in self.app.screen_stack if isinstance(s, GestureScreen)]
        found = [(s._message, s._reloading, [*s._waiting], s.table.turns.waiting) for s in lists]
        running = [worker.group for worker in self.app.workers if worker.is_running]
        raise AssertionError(f"{what or 'it did not happen'}: {found}, running {running}")

    async def idle(self) -> None:
        """Every reload, timer and worker of the lists under way has ended."""

        def rests() -> bool:
            lists = [s for s in self.app.screen_stack if isinstance(s, GestureScreen)]
            busy = any(w.is_running for w in self.app.workers if w.group not in {"decide", "panel"})
            return not busy and not any(s._reloading or s._waiting for s in lists)

        await self.until(rests, "the desk never rests")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
        await self.idle()

    async def burst(self, *keys: str) -> None:
        """All the keys at once, as a fast hand or a paste brings them: none waits for what the one before does."""
        for key in keys:
            self.app.post_message(events.Key(key, _CHARACTERS.get(key, key if len(key) == 1 else None)))
        await self.pilot.pause()
        await self.idle()

    async def command(self, text: str) -> None:
        """Run that word of the command line."""
        await self.press("colon", *["minus" if one == "-" else one for one in text], "enter")

    async def dialog(self, kind: type) -> None:
        """A dialog of that kind is open and takes keys."""
        await self.until(lambda: isinstance(self.app.screen, kind), f"no {kind.__name__}")
        screen = self.app.screen
        await self.until(
            lambda: getattr(screen, "armed", True) and (screen.focused or not getattr(screen, "FIRST", ""))
        )

    async def focus(self, selector: str) -> None:
        """Put the focus there and wait until it is."""
        widget = self.app.screen.query_one(selector)
        widget.focus()
        await self.until(lambda: widget.has_focus)

    def text(self, selector: str) -> str:
        """What a bar or a text on the topmost screen says."""
        widget = self.app.screen.query_one(selector)
        if isinstance(widget, Bar):
            return widget.text
        return str(cast("Static", widget).render())

    async def says(self, words: str) -> None:
        """The status line says that, sooner or later."""
        list_screen = next(s for s in reversed(self.app.screen_stack) if isinstance(s, GestureScreen))
        await self.until(
            lambda: words in list_screen._message, f"{words!r} is not said: {list_screen._message!r}"
        )

    def causes(self) -> str:
        """The lines of a dry run."""
        lines = self.app.screen.query_one("#causes", OptionList).options
        return "\n".join(str(line.prompt) for line in lines)

    def state(self, number: str) -> tuple[str, str, str]:
        """ERP status, outcome and reason of an invoice, from the store."""
        row = self.app.desk.db.execute(
            "SELECT erp_status, outcome, outcome_reason FROM invoices WHERE number = ?", (number,)
        ).fetchone()
        return row[0], row[1] or "", row[2]

    def view(self) -> str:
        """The view that is shown."""
        return str(cast("GestureScreen[Any]", self.app.screen).view)

    def focused(self, kind: type) -> bool:
        """Whether a widget of that kind has the focus."""
        return isinstance(self.app.focused, kind)

    def marked(self) -> set[str]:
        """The numbers of the marked invoices of the view that is shown."""
        return marked_of(cast("GestureScreen[Any]", self.app.screen).marks, self.app.desk.db)

    def marked_at_list(self) -> set[str]:
        """The same below a dialog."""
        screen = next(s for s in reversed(self.app.screen_stack) if isinstance(s, GestureScreen))
        return marked_of(screen.marks, self.app.desk.db)

    def current(self) -> str:
        screen = cast("GestureScreen[Any]", self.app.screen)
        assert screen.table.current is not None
        return number_of(screen.desk.db, screen.table.current)

    def listed(self) -> list[str]:
        """The numbers of the invoices that the list has, as far as its rows are loaded."""
        screen = cast("GestureScreen[Any]", self.app.screen)
        return [row.number for row in screen.table.rows if screen.table.count]


def marked_of(marks: Marks, db: Database) -> set[str]:
    """The numbers of what is marked: of marked ids all, of strokes what they have now."""
    if isinstance(marks.value, Marked):
        return {number_of(db, i) for i in marks.versions}
    return {number_of(db, i) for i in selecting.select_ids(db, marks.value)[0]}


def number_of(db: Database, invoice_id: int) -> str:
    return str(db.execute("SELECT number FROM invoices WHERE id = ?", (invoice_id,)).fetchone()[0])


def add_invoice(
    project: Project,
    vendor: Vendor,
    number: str,
    state: str,
    work: int = 100_000,
    **values: object,
) -> int:
    """One invoice of two lines that foots, the first one on a commitment of its own: ``work`` and twice as much."""
    commitment = Commitment.create(
        source_id=f"c-{number}", project=project, vendor=vendor, number=f"SC-{number}", title=f"Work {number}",
        kind="subcontract", currency="USD", retainage_bp=1000, erp_ref=f"C-{number}",
    )  # fmt: skip
    for k in (1, 2):
        CommitmentLine.create(
            commitment=commitment, position=k, item=str(k), item_type="contract_item", cost_code="03-300",
            description=f"Item {k}", scheduled=10_000_000,
        )  # fmt: skip
    amounts = (work, 2 * work)
    gross = sum(amounts)
    retained = gross // 10
    fields: dict[str, object] = {
        "uuid": f"uuid-{number}",
        "source": "test",
        "source_id": number,
        "commitment": commitment,
        "project": project,
        "vendor": vendor,
        "application": 1,
        "number": number,
        "period_start": "2026-10-01",
        "period_end": "2026-10-31",
        "billing_date": "2026-10-25",
        "status": "approved",
        "erp_status": state,
        "currency": "USD",
        "gross": gross,
        "retainage": retained,
        "net": gross - retained,
        "completed": gross,
        "retainage_to_date": retained,
        "creator_login": "pm",
        "creator_name": "Pat Manager",
        "creator_email": "pm@acme.example",
        "number_hash": hash_part(number),
        "created_at": NOW,
        "updated_at": NOW,
    }
    made = Invoice.create(**{**fields, **values})
    InvoiceLine.insert_many(
        {
            "invoice": made.id,
            "position": n,
            "item": str(n),
            "item_type": "contract_item",
            "cost_code": "03-300",
            "description": f"Item {n}",
            "scheduled": 10_000_000,
            "work_before": 0,
            "work_now": amount,
            "stored_now": 0,
            "stored_before": 0,
            "moved": 0,
            "total_before": 0,
            "held": amount // 10,
            "released": 0,
            "retainage_before": 0,
        }
        for n, amount in enumerate(amounts, 1)
    ).execute()
    places.refresh(Database("", Commitment._meta.database, postgres=False))
    return int(made.id)


class Start(Protocol):
    """``async with start("jlopez") as hand``: a running desk at 80x24."""

    def __call__(
        self, login: str = "jlopez", size: tuple[int, int] = (80, 24)
    ) -> AbstractAsyncContextManager[Hand]: ...
