"""ERP Integrations, Sign-off of SELF: exports of one's own invoices, and another person's word about each."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from store import policies, signing
from store.domain.errors import NotPermitted
from store.domain.text import one_line
from store.signing import SignOff
from tui.keymap import Place, bindings, pressed
from tui.screens.ask import AskScreen
from tui.screens.more import SIGNING
from tui.screens.rows import RowsScreen
from tui.screens.undoing import UndoChoice, UndoScreen
from tui.text import cut, day, money
from tui.widgets.bar import DIM, WARN, Line, plain
from tui.widgets.row_table import Column

if TYPE_CHECKING:
    from tui.bootstrap import Desk

_OBJECTS = "Nothing is moved: void the bill in the ERP, then unlink the invoice, if it is wrong."


class SigningScreen(RowsScreen[SignOff]):
    """What waits for another person, and what was signed; closes with the tool that is to be opened, or None."""

    BINDINGS = bindings(Place.SIGNING)
    PLACE = Place.SIGNING
    TOOL = "ERP Integrations"
    NAME = SIGNING
    TABS = "Subcontractor Invoices | Mappings | SIGN-OFF OF SELF"
    NARROWS = "number, vendor, who exported"
    EMPTY = "No export of one's own waits for another person."

    def __init__(self, desk: Desk, text: str = "") -> None:
        super().__init__(desk, text)
        self._everything = False
        self._policy = ""

    def columns(self) -> Sequence[Column[SignOff]]:
        """The invoice on the left, whose word it is on the right."""
        return (
            Column("Number", lambda row, _: row.number, 10, 18),
            Column("Vendor", lambda row, _: row.vendor, 12),
            Column("Net", lambda row, _: money(row.net, row.currency), 14, 18, right=True),
            Column("Exported by", lambda row, _: row.operator, 11, 16),
            Column("On", lambda row, _: day(row.made_at), 10, 10),
            Column("Sign-off", _verdict, 14, 24),
        )

    async def read_rows(self) -> Sequence[SignOff]:
        """What waits; or the signed ones too."""
        policy = (await self.desk.db.read(policies.policies))["self"]
        self._policy = f"{policy.name} = {policy.value}{policy.who}" if policy.loose else ""
        return await self.desk.db.count(signing.listed, self.desk.me, everything=self._everything)

    def key(self, row: SignOff) -> Hashable:
        """The export."""
        return row.id

    def glyph(self, row: SignOff) -> str:
        """What waits, and what somebody objected to."""
        return "" if row.verdict == signing.AGREED else "!"

    def searched(self, row: SignOff) -> str:
        """What stands in the row."""
        return f"{row.number} {row.vendor} {row.operator} {row.verdict} {row.signed_by}"

    def decides(self) -> bool:
        """Approvers sign off."""
        return self.desk.me.is_approver

    def info(self, listed: Sequence[SignOff]) -> Line:
        """How many, and the policy that lets them go."""
        waits = sum(not row.verdict for row in self.all_rows)
        policy = (
            f"  policy {self._policy}" if self._policy else "  the policy lets nobody export his own any more"
        )
        return (
            *plain(f" {len(listed):,} of {len(self.all_rows):,}", DIM),
            *plain(f"  ! {waits:,} {'waits' if waits == 1 else 'wait'}" if waits else "", WARN),
            *plain(policy, DIM),
        )

    def about(self, row: SignOff, width: int) -> str:
        """The row under the cursor, with the comment."""
        bill = f", bill {one_line(row.reference)}" if row.reference else ""
        said = f", {row.verdict} by {row.signed_by}: {row.comment or 'no comment'}" if row.verdict else ""
        return " " + cut(f"{row.number}, batch {row.batch}{bill}{said}  {row.vendor}", width - 2).rstrip()

    def action_everything(self) -> None:
        """The signed ones too; again: only what waits."""
        self._everything = not self._everything
        self.reload()

    def action_agree(self) -> None:
        """It is right."""
        if (row := self._may()) is not None:
            self.run_worker(lambda: self._agree(row), group="decide", exclusive=True)

    def action_object(self) -> None:
        """It is not."""
        if (row := self._may()) is not None:
            self.run_worker(lambda: self._object(row), group="decide", exclusive=True)

    def _may(self) -> SignOff | None:
        """The row under the cursor, if it waits for this user; says why not."""
        row = self.table.current
        try:
            self.desk.me.require_approver("sign exports off")
        except NotPermitted as error:
            self.say(str(error))
            return None
        if row is not None and row.verdict:
            self.say(
                f"{one_line(row.number)} is signed off already. {pressed('rows.refresh')} reads the list anew."
            )
            return None
        return row

    async def _agree(self, row: SignOff) -> None:
        lines = [
            f"{cut(row.number, 20).rstrip()} of {cut(row.vendor, 40).rstrip()}",
            f"Net {money(row.net, row.currency)} {row.currency}, exported by {one_line(row.operator)}",
        ]
        if await self.app.push_screen_wait(AskScreen("Is this export right?", lines, "it is right")):
            await self.desk.db.write(signing.sign, self.desk.me, [row.id], agree=True)
            await self.read()
            self.say(f"{one_line(row.number)} is signed off.")

    async def _object(self, row: SignOff) -> None:
        async def save(choice: UndoChoice) -> None:
            await self.desk.db.write(
                signing.sign, self.desk.me, [row.id], agree=False, comment=choice.comment
            )

        title = f"Object to {cut(row.number, 20).rstrip()} of {cut(row.vendor, 40).rstrip()}"
        lines = [f"Net {money(row.net, row.currency)} {row.currency}, exported by {one_line(row.operator)}"]
        if await self.app.push_screen_wait(UndoScreen(title, lines, _OBJECTS, "Object", save)) is not None:
            await self.read()
            self.say(f"{one_line(row.number)}: your objection is kept.")


def _verdict(row: SignOff, _: int) -> str:
    return f"{row.verdict} {row.signed_by}" if row.verdict else "waits"
