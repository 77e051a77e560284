"""From what a source says of an invoice to lines that foot: the arithmetic of one application after another.

What the previous application ended with comes from the draft's own claims and from the books; where both speak they
must agree to the cent, where neither does the invoice is refused (PRODUCT.md, "Amounts").
"""

from __future__ import annotations

from collections.abc import Mapping

from store.domain.invoice import Line, Summary, foot, summarize
from store.domain.money import show
from store.intake.draft import NOWHERE, Draft, DraftLine, Position


class Settling:
    """One draft being settled; ``problems`` holds (where, reason) of everything that is wrong with it.

    ``before`` is where each item stood after the previous application, None if no one knows; ``unknown`` says why.
    """

    def __init__(
        self, draft: Draft, before: Mapping[str, Position] | None, currency: str, unknown: str = ""
    ) -> None:
        self.draft = draft
        self.before = before
        self.currency = currency
        self.unknown = unknown
        self.problems: list[tuple[str, str]] = []

    def _wrong(self, field: str, reason: str, line: int | None = None) -> None:
        self.problems.append((self.draft.place(field, line), reason))

    def _differs(self, field: str, said: int, ours: int, what: str, line: int | None = None) -> None:
        self._wrong(
            field, f"it says {show(said, self.currency)}, but {what} {show(ours, self.currency)}", line
        )

    def lines(self) -> list[Line]:
        """The lines with everything known of them."""
        made = [self._line(i, line) for i, line in enumerate(self.draft.lines)]
        if not made:
            self._wrong("lines", "it has no lines")
        items: dict[str, int] = {}
        for i, line in enumerate(made):
            if line.item in items:
                self._wrong("item", f"line item {line.item} stands there twice", i)
            items[line.item] = i
        for item, stood in (self.before or {}).items():
            if item not in items and stood != NOWHERE:
                self._wrong(
                    "lines",
                    f"line item {item} of the previous application is missing, which had"
                    f" {show(stood.total, self.currency)} completed and {show(stood.retainage, self.currency)} retained",
                )
        return made

    def _line(self, index: int, line: DraftLine) -> Line:
        stood = None if self.before is None else self.before.get(line.item, NOWHERE)
        stored_before = line.stored_before
        if stored_before is None:
            stored_before = stood.stored if stood else 0
        held_new = _material_new(line, stood, stored_before)
        if held_new is None:
            self._wrong("retainage", "how much of the retainage on materials is new cannot be told", index)
            held_new = 0
        made = Line(
            position=index + 1,
            item=line.item,
            item_type=line.item_type,
            cost_code=line.cost_code,
            description=line.description,
            scheduled=line.scheduled,
            work_before=line.work_before,
            work_now=line.work_now,
            stored_now=line.stored_now,
            stored_before=stored_before,
            moved=line.moved,
            total_before=line.total_before if stood is None else stood.total,
            held=line.work_held + held_new,
            released=line.released + line.material_released,
            retainage_before=_retained_before(line, stored_before) if stood is None else stood.retainage,
        )
        self._check(index, line, stood, made)
        return made

    def _check(self, index: int, line: DraftLine, stood: Position | None, made: Line) -> None:
        """The claims of one line."""
        if stood is not None:
            ends = "the previous application ends at"
            if line.total_before is not None and line.total_before != stood.total:
                self._differs("total_before", line.total_before, stood.total, ends, index)
            if line.stored_before is not None and line.stored_before != stood.stored:
                self._differs("stored_before", line.stored_before, stood.stored, ends, index)
            retained = _retained_before(line, made.stored_before)
            if retained is not None and retained != stood.retainage:
                self._differs("retainage_before", retained, stood.retainage, ends, index)
        if line.total is not None and line.total != made.total:
            self._differs(
                "total", line.total, made.total, "previous, this period and stored add up to", index
            )
        if made.total_before is None:
            return
        if line.gross is not None and line.gross != made.amount:
            self._differs("gross", line.gross, made.amount, "the bill line comes to", index)
        if line.net is not None and line.net != made.amount - made.retainage:
            self._differs(
                "net", line.net, made.amount - made.retainage, "the bill line less retainage is", index
            )

    def footed(self, lines: list[Line]) -> Summary:
        """The summary of the lines, after every claim on it was checked."""
        draft = self.draft
        for sentence in foot(lines, draft.claims, self.currency, draft.tax) if lines else []:
            self._wrong("", f"invoice {draft.number} does not foot: {sentence}")
            if self.unknown and "previous application is unknown" in sentence:
                self._wrong("", self.unknown)
                break
        summary = summarize(lines, draft.tax)
        if draft.due and draft.due[1] != summary.payment_due:
            name, said = draft.due
            self._differs(name, said, summary.payment_due, "net plus tax comes to")
        return summary


def _material_new(line: DraftLine, stood: Position | None, stored_before: int) -> int | None:
    """What this bill newly retains on materials; None where the source leaves it open."""
    if line.material_new is not None:
        return line.material_new
    if line.material_now is None:
        return 0
    if line.material_released:
        # Whether the balance is before or after the release, the source does not say.
        return None
    if line.material_retained_before is not None:
        before = line.material_retained_before
    elif stood is not None and stood.retainage == 0:
        before = 0
    elif stood is not None and line.work_retained_before is not None and not line.material_moved:
        before = stood.retainage - line.work_retained_before
    elif stored_before == 0:
        before = 0
    else:
        return None
    return line.material_now - before + line.material_moved


def _retained_before(line: DraftLine, stored_before: int) -> int | None:
    """What the source says was retained on the line before, work and materials; None where it leaves it open."""
    if line.retainage_before is not None:
        return line.retainage_before
    if line.work_retained_before is None:
        return None
    materials = line.material_retained_before
    if materials is None and line.material_now is not None and line.material_new is not None:
        plain = not line.material_moved and not line.material_released
        materials = line.material_now - line.material_new if plain else None
    elif materials is None and stored_before == 0 and not line.material_moved:
        materials = 0
    return None if materials is None else line.work_retained_before + materials
