"""The lines above and below a list, as text that fits the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rich.cells import cell_len

from store.decision import Decision
from store.domain.money import show
from store.domain.selection import Totals
from store.domain.status import View
from store.domain.text import one_line
from store.invoices import SortBy
from store.planning import REVIEW
from tui.keymap import Place, footer, pressed, way
from tui.text import cut, fitting, role, wrapped
from tui.widgets.bar import BAD, BOLD, DIM, REVERSE, WARN, Line, Part, plain

if TYPE_CHECKING:
    from tui.bootstrap import Desk

V = TypeVar("V")
FOOT_LINES = 3
# From this width on the tools' key has its word.
ROOMY = 110
# What a decision could not do has so many cells: with what it did that fits into two lines of 80.
OUTCOME_ROOM = 84
# A name is the number with its commitment.
NAME_ROOM = 60
# A sentence about other invoices that stands alone.
NOTE_ROOM = 104
COMMITMENTS, DIRECTORY = "Commitments", "Directory"


def header_line(desk: Desk, tool: str, width: int, synced: str = "") -> Line:
    """Where one is: company, tool, ERP; when the ERP last answered, if there is room, and who one is at the right."""
    company = desk.company
    level = (
        desk.me.directory_level.word
        if tool == DIRECTORY
        else role(desk.me, in_commitments=tool == COMMITMENTS)
    )
    who = f"{one_line(desk.me.login)}  {level} "
    demo = "   [DEMO]" if company.demo else ""
    demo += "   [SELF REVIEW]" if company.self_policy == REVIEW and tool != COMMITMENTS else ""
    short = f" {one_line(company.name)} > {one_line(desk.profile.title)}"
    if synced and cell_len(short) + len(demo) + len(synced) + 4 + cell_len(who) <= width:
        who = f"{synced}  {who}"
    place = fitting(
        width - cell_len(who) - len(demo) - 2,
        f" payapp  {one_line(company.name)} > {tool} > {one_line(desk.profile.title)}",
        f" {one_line(company.name)} > {tool} > {one_line(desk.profile.title)}",
        short,
    )
    gap = max(1, width - cell_len(place.rstrip()) - len(demo) - cell_len(who))
    return (Part(place.rstrip(), BOLD), Part(demo, WARN), Part(" " * gap + who))


def tabs_line(tabs: str, mail: tuple[int, str], width: int, lacks: str = "") -> Line:
    """The tool's tabs, the mails that could not go yet, and the key to the other tools.

    ``lacks``: what the integration does not support at all; before anything else that could stand there.
    """
    key = pressed("list.more")
    more = f"tools: {key} " if width >= ROOMY else f"More {key} "
    count, error = mail
    waits = ""
    if count:
        waits = f"{count:,} {'mail waits' if count == 1 else 'mails wait'}" + (
            f": {one_line(error)}" if error else ""
        )
    waits = one_line(lacks) or waits
    if lacks and cell_len(one_line(lacks)) > width - len(more) - len(tabs) - 4:
        # What the integration cannot do at all is told whole before its other tabs are.
        tabs = tabs.partition(" | ")[0]
    room = width - len(more) - len(tabs) - 4
    text = f"{tabs}   {cut(waits, room)}" if waits and room > 12 else tabs
    return (Part(" " + text.ljust(width - len(more) - 1), REVERSE), Part(more, REVERSE, "more"))


def views_line(
    titles: Mapping[V, str], short: Mapping[V, str], counts: Mapping[V, int], current: V, width: int
) -> Line:
    """The views with their counts and keys; the one that is shown in brackets."""
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


def views_list(titles: Mapping[V, str], counts: Mapping[V, int], current: V) -> list[Line]:
    """The views one below the other, for the right pane of a wide window."""
    lines: list[Line] = [(Part("| "), Part("Views", BOLD))]
    for n, (view, title) in enumerate(titles.items(), 1):
        text, is_current = _view(view, title, counts, current, n)
        style = REVERSE if is_current else BAD if text.endswith("!") else None
        lines.append((Part("| "), Part(text if is_current else f" {text} ", style, f"view-{n}")))
    return [*lines, (Part("| "),)]


def _view(view: V, title: str, counts: Mapping[V, int], current: V, number: int) -> tuple[str, bool]:
    count = counts.get(view)
    alarm = "!" if view is View.FAILED and count else ""
    text = f"{pressed(f'list.view-{number}')} {title}".lstrip() + (
        "" if count is None else f" {count:,}{alarm}"
    )
    return (f"[{text}]", True) if view is current else (text, False)


def filter_info(
    shown: int,
    total: int | None,
    sort: SortBy,
    *,
    descending: bool,
    only_marked: bool,
    complete: bool = True,
) -> str:
    """Matches and order, for the right end of the filter line. ``total`` is None until the view is counted."""
    marked = "marked only  " if only_marked else ""
    matches = f"{shown:,}{'' if complete else '+'}" + ("" if total is None else f" of {total:,}")
    # Two blanks: the box's text runs up to its edge.
    return f"  {marked}{matches}  Sort: {sort.value.capitalize()}{' v' if descending else ' ^'} "


class Marks(NamedTuple):
    """Control totals of what is marked: on one line, and on two where one does not hold them all."""

    one: Line
    two: tuple[Line, ...] = ()


def marked_line(count: int | None, hidden: int, totals: Sequence[Totals], width: int) -> Marks:
    """Control totals of what is marked, one group per currency; amounts are never cut.

    Without totals the count stands alone; None: it is being counted.
    """
    if count is None:
        return Marks(plain(" MARKED: being counted", BOLD))
    if not count and not totals:
        return Marks(plain(f" Nothing marked: {_ways_to_mark()}", DIM))
    head = f" MARKED {count:,}" + (f" ({hidden:,} hidden)" if hidden else "")
    names = [f"{t.currency} " if len(totals) > 1 else "" for t in totals]
    amounts = [
        (
            show(t.gross, t.currency),
            show(t.retainage, t.currency),
            show(t.net, t.currency),
            f"{t.hash_total:,}",
        )
        for t in totals
    ]
    for lead, words, gap in (
        ("   ", ("Gross ", "Retainage ", "Net ", "Hash "), "   "),
        ("  ", ("Gross ", "Ret ", "Net ", "#"), " "),
    ):
        groups = (gap.join(map("".join, zip(words, own, strict=True))) for own in amounts)
        line = head + "".join(f"{lead}{name}{group}" for name, group in zip(names, groups, strict=True))
        if len(line) <= width:
            return Marks(plain(line, BOLD))
    one = plain(
        _held(head, [f"{name}Net {own[2]}" for name, own in zip(names, amounts, strict=True)], width), BOLD
    )
    if len(totals) > 1:
        return Marks(one)
    told = [
        f"{word} {own}" for word, own in zip(("Gross", "Retainage", "Net", "Hash"), amounts[0], strict=True)
    ]
    # With hidden ones and large sums the second line takes more of it.
    kept = 2 if len("   ".join([head, *told[:2]])) <= width else 1
    lines = ("   ".join([head, *told[:kept]]), "   ".join(["", *told[kept:]]))
    return Marks(one, tuple(plain(line, BOLD) for line in lines if len(line) <= width))


def _ways_to_mark() -> str:
    """The keys that mark, as far as they have one: ``Space marks one, v a range, a all clean matches``."""
    ways = (("table.mark", "marks one"), ("table.range", "a range"), ("list.mark-all", "all clean matches"))
    return ", ".join(f"{key} {what}" for name, what in ways if (key := pressed(name)))


def _held(head: str, groups: Sequence[str], width: int) -> str:
    """The head and as many of the groups as fit whole; the others are counted."""
    for kept in range(len(groups), 0, -1):
        rest = f"  and {len(groups) - kept} more" if kept < len(groups) else ""
        text = head + "".join(f"  {group}" for group in groups[:kept]) + rest
        if len(text) <= width:
            return text
    return head


def foot(
    totals: Marks, message: str, width: int, *places: Place, decides: bool = True, quiet: bool = False
) -> list[Line]:
    """The last three lines: totals, message, keys. A long message takes the keys' line, then the totals' too."""
    said = wrapped(message, width - 2) if message else []
    if len(said) > FOOT_LINES:
        said = [*said[: FOOT_LINES - 1], cut(" ".join(said[FOOT_LINES - 1 :]), width - 2)]
    lines = [plain(" " + line, DIM if quiet else WARN) for line in said]
    keys = plain(" " + footer(width - 2, *places, decides=decides), DIM)
    match len(lines):
        case 0:
            return [*(totals.two or (totals.one, ())), keys]
        case 1:
            return [totals.one, lines[0], keys]
        case 2:
            return [totals.one, *lines]
        case _:
            return lines


def outcome(decision: Decision) -> str:
    """What of a decision did not happen, and what it means for others: each the first one, and how many more."""
    found = []
    room = OUTCOME_ROOM // max(1, sum(map(bool, (decision.stays, decision.changed, decision.notes))))
    if decision.stays:
        first = decision.stays[0]
        # d lists what stands against an export, h what happened to one that was decided otherwise meanwhile.
        key = way("list.show-history" if first.code in {"state", "status"} else "invoices.dry-run")
        name = one_line(first.name)
        more = (
            f" and {len(decision.stays) - 1:,} more stay, {key} tells"
            if len(decision.stays) > 1
            else " stays"
        )
        found.append(f"{_short(name, NAME_ROOM)}{more}: {_short(first.cause, room - len(name) - len(more))}")
    if decision.changed:
        names = [_short(name, 12) for name in decision.changed]
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
        found.append(f"Skipped, changed by others: {shown}")
    if decision.notes:
        more = f" and {len(decision.notes) - 1:,} more" if len(decision.notes) > 1 else ""
        # Only a rejection has notes, and it says little of what it did.
        notes_room = 68 if found else NOTE_ROOM - len(more)
        found.append(_short(decision.notes[0], notes_room) + more)
    return "".join(f" {text}" if text.endswith("~") else f" {text}." for text in found)


def _short(text: str, width: int) -> str:
    return cut(text.rstrip("."), max(20, width)).rstrip()
