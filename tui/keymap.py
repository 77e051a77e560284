"""What is made of the one table of keys (tui.key_table): bindings, the footer, the help screen and docs/keys.md.

What keys may be bound at all, and a user's own ones, are tui.user_keymap's part. A process shows one desk to one
person: ``use`` takes that person's table before any screen is imported.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding, BindingType

from store.domain import keys as sentences
from tui.key_table import DIALOGS, KEYS, PLACE_TITLES, TOGETHER, Key, Place, character, is_printable

__all__ = [
    "DIALOGS", "KEYS", "PLACE_TITLES", "TOGETHER", "Key", "Place", "bindings", "character", "footer", "help_places",
    "is_printable", "pressed", "sections", "shown", "table", "use", "way", "why_off",
]  # fmt: skip
_SHOWN = {
    "space": "Space", "insert": "Ins", "delete": "Del", "pagedown": "PgDn", "pageup": "PgUp", "escape": "Esc",
}  # fmt: skip


def shown(key: str) -> str:
    """A key as people write it: ``Space``, ``?``, ``F6``, ``Shift+Tab``."""
    *modifiers, name = key.split("+")
    word = _SHOWN.get(name) or character(name) or name.capitalize()
    if modifiers and len(word) == 1:
        word = word.upper()
    return "+".join([*map(str.capitalize, modifiers), word])


_table = KEYS


def use(table: tuple[Key, ...]) -> None:
    """Take that table instead of KEYS for this process. Screens bind their keys when they are imported: call it before."""
    global _table  # noqa: PLW0603 - Textual reads a class's bindings once, when the class is made
    _table = table
    sentences.use({key.name: way(key.name) for key in table})


def table() -> tuple[Key, ...]:
    """The table in use: KEYS, or the user's own."""
    return _table


def pressed(name: str) -> str:
    """The first key of that binding (``table.mark``) as people write it: ``Space``; "" when it has none."""
    return next((shown(key.keys[0]) for key in _table if key.name == name and key.keys), "")


def way(name: str) -> str:
    """How a list's action is reached: its first key, or its id for the command line where it has none: ``:recall``."""
    return pressed(name) or f"{pressed('list.command')}{name.partition('.')[2]}"


def bindings(*places: Place) -> list[BindingType]:
    """Textual's bindings of these places, with their public ids.

    Those of lists have priority, so that keys typed in one burst act one after the other, each where the one before
    has led: without it Textual hands all of ``/delta`` to the list before the first of them has opened the filter.
    What a text box would take for itself is bound as ``typed(…)``, which the screen refuses while a box has the focus.
    In a dialog a text box comes first.
    """
    found: list[BindingType] = []
    for key in _table:
        if key.place not in places:
            continue
        for name in key.keys:
            action = f"typed('{key.action}')" if key.typed(name) else key.action
            priority = key.place not in DIALOGS
            found.append(
                Binding(name, action, key.help, show=False, priority=priority, id=f"{key.name}.{name}")
            )
    return found


# The footer's words for keys that matter there more than elsewhere.
_ALSO = {
    Place.DETAIL: {"list.cancel": "list", "list.next-invoice": "next", "list.previous-invoice": "previous"},
    Place.FILTER: {"list.cancel": "leave"},
    Place.COMMAND: {"list.cancel": "leave"},
}
_BOXES = frozenset({Place.FILTER, Place.COMMAND})
# What a tool's readers may do there too; its other keys decide.
_READS = frozenset({"invoices.show-errors", "invoices.panel", "commitments.files", "commitments.changes"})


def _decides(key: Key) -> bool:
    return key.decides or (key.place in {Place.INVOICES, Place.COMMITMENTS} and key.name not in _READS)


# In the footer these make room for what a bulk review presses all the time.
_LESS_OFTEN = frozenset({"hold", "query", "dry-run", "saved-views", "more"})


def footer(width: int, *places: Place, decides: bool = True) -> str:
    """The keys of these places that fit into the width, in the table's order; help and quit are always there.

    The first place is the one that has the focus. Not ``decides``: the user reads there and no more.
    """
    also = _ALSO.get(places[0], {}) if places else {}
    in_a_box = bool(_BOXES.intersection(places))
    words = []
    for key in _table:
        label = key.label or also.get(key.name, "")
        off = not decides and _decides(key)
        names = [name for name in key.keys if not (in_a_box and key.typed(name))]
        if label and names and key.place in places and not off:
            own = key.place is places[0] or key.name in also
            words.append((2 if key.id in _LESS_OFTEN else not own, key.id, f"{shown(names[0])} {label}"))
    # The table's order, but what the place itself is for comes first, and what a day needs seldom last.
    words.sort(key=lambda word: word[0])
    always = [word for _, name, word in words if name in {"help", "quit"}]
    room = width - sum(len(word) + 2 for word in always)
    chosen = []
    for _, name, word in words:
        if name in {"help", "quit"}:
            chosen.append(word)
        elif len(word) + 2 <= room:
            chosen.append(word)
            room -= len(word) + 2
    return "  ".join(chosen)


# The help of a place goes on with these: lines of text first, then the dialogs that open from there.
_BEYOND = {
    Place.INVOICES: (Place.CONFIRM, Place.REJECT, Place.DRY_RUN, Place.DRY_LIST, Place.PAYLOAD),
    Place.COMMITMENTS: (Place.EDIT, Place.FILES),
}


def help_places(*places: Place, decides: bool = True) -> list[Place]:
    """What the help lists: the place with the focus (the first one) before all, a tool's decisions, then the others.

    In the list, where one mostly is, the decisions come before the ways of moving. Not ``decides``: as in the footer.
    """
    own, *others = places
    decisions = [place for place in others if place in _BEYOND]
    first = [*decisions, own] if own is Place.TABLE else [own, *decisions]
    found = [*first, *others, Place.TABLE, Place.DETAIL, Place.FILTER, Place.COMMAND, Place.DIALOG]
    for place in decisions if decides else ():
        found += _BEYOND[place]
    return list(dict.fromkeys([*found, Place.ASK, Place.CHOICE, Place.VIEWS, Place.MORE, Place.HELP]))


def sections(
    *places: Place, views: Sequence[str] | None = None, decides: bool = True
) -> list[tuple[str, list[tuple[str, str]]]]:
    """The help of these places: title, and per key what is pressed and what it does; ``views`` are their titles.

    Not ``decides``: as in the footer.
    """
    named = {f"list.view-{n}": f"the view {title}" for n, title in enumerate(views or (), 1)}
    found = [
        (
            PLACE_TITLES[place],
            [
                (" ".join(map(shown, key.keys)) or way(key.name), named.get(key.name, key.help))
                for key in _table
                if key.place is place
                and (key.keys or key.place not in DIALOGS | _BOXES)
                and (decides or not _decides(key))
                and (views is None or key.name in named or not _is_view(key))
            ],
        )
        for place in places
    ]
    return [(title, keys) for title, keys in found if keys]


def _is_view(key: Key) -> bool:
    return key.name.removeprefix("list.view-").isdecimal()


def why_off(name: str, *live: Place) -> str:
    """Why that key, in Textual's name, does nothing where only these places' keys are live: a sentence."""
    ways = {
        Place.TABLE: f"in the list ({pressed('list.cancel')})",
        Place.DETAIL: f"in the detail ({way('list.open')} opens it)",
        Place.INVOICES: f"in ERP Integrations ({pressed('list.more')})",
        Place.COMMITMENTS: f"in Commitments ({pressed('list.more')})",
        Place.FILTER: f"in the filter ({way('list.filter')})",
        Place.COMMAND: f"on the command line ({way('list.command')})",
    }
    for key in _table:
        if name in key.keys and key.place in ways and key.place not in live:
            return f"{shown(name)} works {ways[key.place]}: {key.help}."
    return f"{shown(name)} does nothing here. {pressed('list.help')} lists the keys."


use(KEYS)
