"""The lines above and below a list, as text that fits the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from store.decision import Decision
from store.domain.money import show
from store.domain.selection import Totals
from store.domain.status import View
from store.domain.text import one_line
from store.invoices import SortBy
from tui.keymap import Place, footer
from tui.text import cut, fitting, role, wrapped
from tui.widgets.bar import BAD, BOLD, DIM, REVERSE, WARN, Line, Part, plain

if TYPE_CHECKING:
    from tui.bootstrap import Desk

V = TypeVar("V")
FOOT_LINES = 3
COMMITMENTS = "Commitments"


def header_line(desk: Desk, tool: str, width: int) -> Line:
    """Where one is: company, tool, ERP; who one is at the right."""
    company = desk.company
    who = f"{one_line(desk.me.login)}  {role(desk.me, in_commitments=tool == COMMITMENTS)} "
    demo = "   [DEMO]" if company.demo else ""
    place = fitting(
        width - len(who) - len(demo) - 2,
        f" payapp  {one_line(company.name)} > {tool} > {one_line(desk.profile.title)}",
        f" {one_line(company.name)} > {tool} > {one_line(desk.profile.title)}",
        f" {one_line(company.name)} > {one_line(desk.profile.title)}",
    )
    gap = max(1, width - len(place.rstrip()) - len(demo) - len(who))
    return (Part(place.rstrip(), BOLD), Part(demo, WARN), Part(" " * gap + who))


def tabs_line(tabs: str, mail: tuple[int, str], width: int) -> Line:
    """The tool's tabs, the mails that could not go yet, and the key to the other tools."""
    more = "tools: More m "
    count, error = mail
    waits = ""
    if count:
        waits = f"{count:,} {'mail waits' if count == 1 else 'mails wait'}" + (
            f": {one_line(error)}" if error else ""
        )
    room = width - len(more) - len(tabs) - 4
    text = f"{tabs}   {cut(waits, room)}" if waits and room > 12 else tabs
    return (Part(" " + text.ljust(width - len(more) - 1), REVERSE), Part(more, REVERSE, "more"))


def views_line(
    titles: Mapping[V, str], short: Mapping[V, str], counts: Mapping[V, int], current: V, width: int
) -> Line:
    """The views with their counts and digits; the one that is shown in brackets."""
    full = [_view(view, title, counts, current, n) for n, (view, title) in enumerate(titles.items(), 1)]
    brief = [
        _view(view, short.get(view, title), counts, current, n)
        for n, (view, title) in enumerate(titles.items(), 1)
    ]
    for lead, views, gap in (
        (" Filter Invoices By: ", full, " | "),
        (" Filter By: ", full, " "),
        (" Filter By: ", brief, " "),
        (" ", brief, " "),
    ):
        if len(lead) + sum(len(text) for text, _ in views) + len(gap) * (len(views) - 1) <= width:
            break
    parts = [Part(lead)]
    for n, (text, is_current) in enumerate(views, 1):
        style = REVERSE if is_current else BAD if text.endswith("!") else None
        parts += [Part(text, style, f"view-{n}"), Part(gap if n < len(views) else "")]
    return tuple(parts)


def _view(view: V, title: str, counts: Mapping[V, int], current: V, digit: int) -> tuple[str, bool]:
    count = counts.get(view, 0)
    alarm = "!" if view is View.FAILED and count else ""
    text = f"{digit} {title} {count:,}{alarm}"
    return (f"[{text}]", True) if view is current else (text, False)


def filter_info(shown: int, total: int, sort: SortBy, *, descending: bool, only_marked: bool) -> str:
    """Matches and order, for the right end of the filter line."""
    marked = "marked only  " if only_marked else ""
    return f" {marked}{shown:,} of {total:,}  Sort: {sort.value.capitalize()}{' v' if descending else ' ^'} "


def marked_line(count: int, hidden: int, totals: Sequence[Totals], width: int) -> Line:
    """Control totals of what is marked, one group per currency; amounts are never cut."""
    if not count:
        return plain(" Nothing marked: Space marks one, v a range, a all clean matches", DIM)
    head = f" MARKED {count:,}" + (f" ({hidden:,} hidden)" if hidden else "")
    several = len(totals) > 1
    long = "".join(
        f"   {f'{t.currency} ' if several else ''}Gross {show(t.gross, t.currency)}"
        f"   Retainage {show(t.retainage, t.currency)}   Net {show(t.net, t.currency)}   Hash {t.hash_total:,}"
        for t in totals
    )
    brief = "".join(
        f"  {f'{t.currency} ' if several else ''}Gross {show(t.gross, t.currency)}"
        f" Ret {show(t.retainage, t.currency)} Net {show(t.net, t.currency)} #{t.hash_total:,}"
        for t in totals
    )
    nets = "".join(f"  {t.currency} Net {show(t.net, t.currency)}" for t in totals)
    return plain(fitting(width, head + long, head + brief, head + nets), BOLD)


def foot(totals: Line, message: str, width: int, *places: Place) -> list[Line]:
    """The last three lines: totals, message, keys. A long message takes the keys' line, then the totals' too."""
    said = wrapped(message, width - 2) if message else []
    lines = [plain(" " + line, WARN) for line in said]
    keys = plain(" " + footer(width - 2, *places), DIM)
    match len(lines):
        case 0:
            return [totals, (), keys]
        case 1:
            return [totals, lines[0], keys]
        case 2:
            return [totals, *lines]
        case _:
            return lines[:FOOT_LINES]


def outcome(decision: Decision) -> str:
    """What of a decision did not happen, and what it means for others, in a sentence or two."""
    text = ""
    if decision.stays:
        first = decision.stays[0]
        more = f" and {len(decision.stays) - 1:,} more" if len(decision.stays) > 1 else ""
        text += f" {one_line(first.name)}{more} stay: {one_line(first.cause)}."
    if decision.changed:
        names = ", ".join(one_line(name) for name in decision.changed[:5])
        text += f" Skipped, changed by others: {names}."
    if decision.notes:
        text += f" {'; '.join(one_line(note) for note in decision.notes[:3])}."
    return text
