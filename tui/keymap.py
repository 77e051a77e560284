"""The one table of keys: it feeds the bindings, the footer and the help screen.

No key needs Alt, Ctrl+Space, Shift+arrows, F10 or F11, every F-key has a letter twin, and no capital M to Y is bound:
PuTTY's VT100+ mode sends F5 to F12 as Alt+Shift+O and a letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType
from textual.keys import REPLACED_KEYS, key_to_character


class Place(StrEnum):
    """Where a key works."""

    TABLE = "table"
    DETAIL = "detail"
    LIST = "list"
    INVOICES = "invoices"
    COMMITMENTS = "commitments"
    FILTER = "filter"


PLACE_TITLES = {
    Place.TABLE: "Moving and marking",
    Place.DETAIL: "Detail pane",
    Place.LIST: "Lists",
    Place.INVOICES: "Subcontractor Invoices",
    Place.COMMITMENTS: "Commitments",
    Place.FILTER: "Filter",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One binding: its public id, its keys in Textual's names, the footer's word for it ("" keeps it out), its help."""

    id: str
    keys: tuple[str, ...]
    place: Place
    help: str
    label: str = ""

    @property
    def action(self) -> str:
        """The action of the widget or screen that carries the binding."""
        return self.id.replace("-", "_")


_T, _D, _L, _E, _C = Place.TABLE, Place.DETAIL, Place.LIST, Place.INVOICES, Place.COMMITMENTS
KEYS: tuple[Key, ...] = (
    Key("cursor-down", ("j", "down"), _T, "one invoice down"),
    Key("cursor-up", ("k", "up"), _T, "one invoice up"),
    Key("page-down", ("pagedown",), _T, "one page down"),
    Key("page-up", ("pageup",), _T, "one page up"),
    Key("first", ("g", "home"), _T, "to the first invoice"),
    Key("last", ("G", "end"), _T, "to the last invoice"),
    Key("mark", ("space", "insert"), _T, "mark or unmark the invoice and move down", "mark"),
    Key("range", ("v",), _T, "start a range; again marks it, Esc drops it", "range"),
    Key("scroll-down", ("j", "down"), _D, "one line down"),
    Key("scroll-up", ("k", "up"), _D, "one line up"),
    Key("page-down", ("pagedown", "space"), _D, "one page down"),
    Key("page-up", ("pageup",), _D, "one page up"),
    Key("scroll-home", ("g", "home"), _D, "to the top"),
    Key("scroll-end", ("G", "end"), _D, "to the end"),
    Key("help", ("question_mark", "f1"), _L, "help for this place", "Help"),
    Key("export", ("x", "f6"), _E, "export what is marked; in Failed to Export: retry", "EXPORT"),
    Key("reject", ("r", "f8"), _E, "reject what is marked, with a reason", "Reject"),
    Key("send", ("f",), _C, "send (forward) what is marked to ERP Integrations", "Send"),
    Key("retrieve", ("r",), _C, "retrieve what is marked, before it is accepted or rejected", "Retrieve"),
    Key("edit", ("e",), _C, "edit the invoice under the cursor", "edit"),
    Key("approve", ("y",), _C, "approve what is marked", "approve"),
    Key("mark-all", ("a",), _L, "mark all clean matches of the filter; again: none of them", "all"),
    Key("filter", ("slash",), _L, "filter as you type", "filter"),
    Key("more", ("m",), _L, "the other tools", "more"),
    Key("mark-every", ("A",), _L, "mark all matches, flagged ones too"),
    Key("invert", ("asterisk",), _L, "invert the marks within the filter", "invert"),
    Key("unmark-all", ("u",), _L, "unmark all, hidden ones too", "unmark"),
    Key("only-marked", ("t",), _L, "show marked ones only, and all again", "marked"),
    Key("undo-marking", ("z",), _L, "undo the last marking"),
    Key("clear-filter", ("backslash",), _L, "clear the filter"),
    Key("column-left", ("less_than_sign",), _L, "the column to the left becomes active"),
    Key("column-right", ("greater_than_sign",), _L, "the column to the right becomes active"),
    Key("sort", ("s",), _L, "sort by the active column; again reverses", "sort"),
    Key("view-1", ("1",), _L, "the first view"),
    Key("view-2", ("2",), _L, "the second view"),
    Key("view-3", ("3",), _L, "the third view"),
    Key("view-4", ("4",), _L, "the fourth view"),
    Key("view-5", ("5",), _L, "the fifth view"),
    Key("view-left", ("left_square_bracket",), _L, "the view to the left"),
    Key("view-right", ("right_square_bracket",), _L, "the view to the right"),
    Key("next-pane", ("tab",), _L, "next pane"),
    Key("previous-pane", ("shift+tab",), _L, "previous pane"),
    Key("open", ("enter",), _L, "open the invoice's detail (never decides anything)", "open"),
    Key("next-invoice", ("n",), _L, "next invoice"),
    Key("previous-invoice", ("p",), _L, "previous invoice"),
    Key("show-lines", ("l",), _L, "the detail's G703 lines"),
    Key("show-errors", ("e",), _E, "the detail's errors, with cause and fix", "errors"),
    Key("show-history", ("h",), _L, "the detail's history"),
    Key("panel", ("b",), _E, "show or hide the progress of the last batch", "batch"),
    Key("dry-run", ("d",), _E, "dry run: what would go, what would stay and why; changes nothing", "dry run"),
    Key("export-values", ("D",), _E, "accounting date, description and ERP invoice number"),
    Key("recall", ("Z",), _E, "recall the last batch while it is held"),
    Key("refresh", ("f5", "ctrl+r"), _L, "refresh"),
    Key("redraw", ("ctrl+l",), _L, "redraw the screen"),
    Key("cancel", ("escape", "ctrl+g", "f12"), _L, "leave what is under way: range, detail, filter"),
    Key("quit", ("q", "f3"), _L, "quit; a running export goes on", "quit"),
    Key("filter-done", ("enter", "down"), Place.FILTER, "back to the list"),
)  # fmt: skip

_SHOWN = {
    "space": "Space", "insert": "Ins", "delete": "Del", "pagedown": "PgDn", "pageup": "PgUp", "escape": "Esc",
}  # fmt: skip


def character(name: str) -> str:
    """What the key, in Textual's name, writes; "" for one that writes nothing."""
    found = key_to_character(REPLACED_KEYS.get(name, name)) or ""
    return found if found.isprintable() else ""


def is_printable(name: str) -> bool:
    """Whether the key, in Textual's name, writes a character."""
    return bool(character(name))


def shown(key: str) -> str:
    """A key as people write it: ``Space``, ``?``, ``F6``, ``Shift+Tab``."""
    *modifiers, name = key.split("+")
    word = _SHOWN.get(name) or character(name) or name.capitalize()
    if modifiers and len(word) == 1:
        word = word.upper()
    return "+".join([*map(str.capitalize, modifiers), word])


# Where a text box may have the focus while the place's keys are bound.
_BESIDE_A_BOX = frozenset({Place.LIST, Place.INVOICES, Place.COMMITMENTS})


def bindings(*places: Place) -> list[BindingType]:
    """Textual's bindings of these places, with their public ids.

    They have priority, so that keys typed in one burst act one after the other, each where the one before has led:
    without it Textual hands all of ``/delta`` to the list before the first of them has opened the filter. What a text
    box would take for itself is bound as ``typed(…)``, which the screen refuses while a box has the focus.
    """
    found: list[BindingType] = []
    for key in KEYS:
        if key.place not in places:
            continue
        for name in key.keys:
            typed = key.place in _BESIDE_A_BOX and (name == "enter" or is_printable(name))
            action = f"typed('{key.action}')" if typed else key.action
            found.append(
                Binding(name, action, key.help, show=False, priority=True, id=f"{key.place}.{key.id}.{name}")
            )
    return found


def footer(width: int, *places: Place) -> str:
    """The keys of these places that fit into the width, in the table's order; help and quit are always there."""
    words = [
        (key.id, f"{shown(key.keys[0])} {key.label}") for key in KEYS if key.label and key.place in places
    ]
    always = [word for name, word in words if name in {"help", "quit"}]
    room = width - sum(len(word) + 2 for word in always)
    chosen = []
    for name, word in words:
        if name in {"help", "quit"}:
            chosen.append(word)
        elif len(word) + 2 <= room:
            chosen.append(word)
            room -= len(word) + 2
    return "  ".join(chosen)


def sections(*places: Place) -> list[tuple[str, list[tuple[str, str]]]]:
    """The help of these places: title, and per key what is pressed and what it does."""
    return [
        (
            PLACE_TITLES[place],
            [(" ".join(shown(k) for k in key.keys), key.help) for key in KEYS if key.place is place],
        )
        for place in places
    ]
