"""What an approver decides about an invoice and its bill in the ERP, from the command line of the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from store import linking, resolving, selecting, undoing
from store.decision import Decision
from store.domain.errors import BadInput, Disallowed
from store.domain.status import Action, View, check
from store.domain.text import one_line
from store.linking import ErpSaid, Link, Presence
from tui.screens.deciding import Press
from tui.screens.hold import being, noun
from tui.screens.tools import ApproverScreen
from tui.screens.undoing import UndoChoice, UndoScreen
from tui.text import cut

# So many are told with what the ERP said of each.
TOLD = 4
_NAME, _SAID = 34, 38
_PARTS = "They are in Commitments again; their next export is a new bill under a new key."
_NOTES = {
    Action.UNLINK: _PARTS,
    Action.RESET: f"{_PARTS} If the ERP has a bill all the same, it is paid twice.",
}
_MARKS = "Nothing is sent: the ERP has the bill already, and is asked for it. The date is compared by payapp reconcile."


class LinkingScreen(ApproverScreen):
    """A list with unlink, reset and mark exported; the ERP is asked before anything is decided."""

    def action_unlink(self) -> None:
        """Part what is marked, or the invoice under the cursor, from its bill."""
        self.attempt(lambda at: self._part(at, Action.UNLINK, undoing.unlink))

    def action_reset(self) -> None:
        """The same of what is stuck."""
        self.attempt(lambda at: self._part(at, Action.RESET, undoing.reset))

    def action_mark_exported(self) -> None:
        """It was entered in the ERP by hand."""
        self.attempt(self._mark)

    async def _links(self, at: Press[View], action: Action) -> list[Link]:
        self.desk.me.require_approver(f"{action.value} an invoice")
        if action is Action.RESET:
            self.desk.me.require_erp_admin()
        selection, _ = await self._one_or_marked(at)
        ids = await self.desk.db.count(selecting.ids_of, selection)
        found = await self.desk.db.read(linking.links, self.desk.me, ids)
        for link in found:
            check(action, link.status, link.name)
        return found

    async def _said(self, asked: Sequence[tuple[Link, str]]) -> list[ErpSaid]:
        if self.desk.linked is None:
            return [ErpSaid(Presence.SILENT, "this desk has no ERP to ask")] * len(asked)
        self.say("Asking the ERP\u2026")
        try:
            return await self.desk.linked(asked)
        finally:
            self.say("")

    async def _part(self, at: Press[View], action: Action, how: Callable[..., Decision]) -> None:
        found = await self._links(at, action)
        said = await self._said([(link, link.reference) for link in found])
        asked = list(zip(found, said, strict=True))
        there = sum(answer.presence is Presence.THERE for answer in said)
        if action is Action.UNLINK and there == len(found):
            raise Disallowed(undoing.STILL_THERE, fix=undoing.DELETE_IT)
        word = action.value.capitalize()
        done: list[Decision] = []

        async def save(choice: UndoChoice) -> None:
            settle = round(self.desk.profile.settle * 1000)
            done.append(await self.desk.db.write(how, self.desk.me, asked, choice.comment, settle_ms=settle))

        what = cut(found[0].name, 50).rstrip() if len(found) == 1 else noun(len(found))
        if there and action is Action.UNLINK:
            what = f"{len(found) - there:,} of {what}; the others are still there"
        title = f"{word} {what}"
        screen = UndoScreen(title, _told(asked), _NOTES[action], word, save)
        await self.app.push_screen_wait(screen)
        for decision in done:
            count = len(decision.done)
            self.decided(
                decision, f"{count:,} {undoing.DONE[action]}; {being(count)} in Commitments again.", at
            )

    async def _mark(self, at: Press[View]) -> None:
        found = await self._links(at, Action.MARK_EXPORTED)
        if len(found) != 1:
            raise BadInput(
                "One invoice at a time is marked exported",
                why=f"{len(found):,} are marked, and each has a reference of its own",
                fix="Mark one",
            )
        [link] = found
        done: list[Decision] = []

        async def save(choice: UndoChoice) -> None:
            resolving.check_words(choice.comment, choice.reference)
            [said] = await self._said([(link, choice.reference.strip())])
            done.append(
                await self.desk.db.write(
                    undoing.mark_exported, self.desk.me, link, said, choice.reference, choice.comment,
                    self.desk.profile, accounting_date=choice.accounting_date,
                )
            )  # fmt: skip

        title = f"Mark {cut(link.name, 50).rstrip()} exported"
        screen = UndoScreen(title, ["It was entered in the ERP by hand."], _MARKS, "Mark", save, refers=True)
        choice = await self.app.push_screen_wait(screen)
        for decision in done:
            reference = one_line(choice.reference.strip()) if choice else ""
            self.decided(
                decision, f"{cut(link.name, 40).rstrip()} is Synced as {reference}; nothing was sent.", at
            )


def _told(asked: Sequence[tuple[Link, ErpSaid]]) -> list[str]:
    lines = [
        f"{cut(link.name, _NAME).rstrip()}: {cut(said.words, _SAID).rstrip()}" for link, said in asked[:TOLD]
    ]
    return ["The ERP was asked:", *lines, *([f"and {len(asked) - TOLD:,} more"] if len(asked) > TOLD else [])]
