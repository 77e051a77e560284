"""The table of keys itself: every binding of the desk, where it works, and what it does. See tui.keymap."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding
from textual.keys import REPLACED_KEYS, key_to_character
from textual.widgets import Input

from store.domain import keys as sentences


class Place(StrEnum):
    """Where a key works."""

    TABLE = "table"
    DETAIL = "detail"
    LIST = "list"
    INVOICES = "invoices"
    COMMITMENTS = "commitments"
    FILTER = "filter"
    COMMAND = "command"
    DIALOG = "dialog"
    CONFIRM = "confirm"
    REJECT = "reject"
    ASK = "ask"
    EDIT = "edit"
    DRY_RUN = "dry-run"
    DRY_LIST = "dry-list"
    PAYLOAD = "payload"
    CHOICE = "choice"
    HELP = "help"
    MORE = "more"
    VIEWS = "views"
    ROWS = "rows"
    MAPPINGS = "mappings"
    CONTRACTS = "contracts"
    CHANGES = "changes"
    FILES = "files"
    ACTIVITY = "activity"
    ENTRY = "entry"
    DIRECTORY = "directory"
    USER = "user"
    USER_FORM = "user-form"
    OVERVIEW = "overview"
    SIGNING = "signing"
    TOO_SMALL = "too-small"


PLACE_TITLES = {
    Place.TABLE: "Moving and marking",
    Place.DETAIL: "Detail pane",
    Place.LIST: "Lists",
    Place.INVOICES: "Subcontractor Invoices",
    Place.COMMITMENTS: "Commitments",
    Place.FILTER: "Filter",
    Place.COMMAND: "Command line",
    Place.DIALOG: "Every dialog",
    Place.CONFIRM: "Export",
    Place.REJECT: "Reject",
    Place.ASK: "A question",
    Place.EDIT: "Edit",
    Place.DRY_RUN: "Dry run",
    Place.DRY_LIST: "Dry run, its invoices",
    Place.PAYLOAD: "Payload",
    Place.CHOICE: "A line of choices",
    Place.HELP: "Help",
    Place.MORE: "More",
    Place.VIEWS: "Saved views",
    Place.ROWS: "A tool's list",
    Place.MAPPINGS: "Mappings",
    Place.CONTRACTS: "Projects and commitments",
    Place.CHANGES: "Field history",
    Place.FILES: "Attachments",
    Place.ACTIVITY: "Activity",
    Place.ENTRY: "Activity, one entry",
    Place.DIRECTORY: "Directory",
    Place.USER: "A user",
    Place.USER_FORM: "A user's form",
    Place.OVERVIEW: "Overview",
    Place.SIGNING: "Sign-off of SELF",
    Place.TOO_SMALL: "A terminal that is too small",
}
# What these places' keys are stands on the dialog itself: they are not the user's to change.
DIALOGS = frozenset({
    Place.DIALOG, Place.CONFIRM, Place.REJECT, Place.ASK, Place.EDIT, Place.DRY_RUN, Place.DRY_LIST, Place.PAYLOAD, Place.CHOICE,
    Place.HELP, Place.MORE, Place.CONTRACTS, Place.CHANGES, Place.FILES,
    Place.VIEWS, Place.ROWS, Place.MAPPINGS, Place.OVERVIEW, Place.SIGNING, Place.TOO_SMALL,
    Place.ACTIVITY, Place.ENTRY,
    Place.DIRECTORY, Place.USER, Place.USER_FORM,
})  # fmt: skip
# The tools whose screen is a list of rows (tui.screens.rows): their own keys, beside those of Place.ROWS.
TOOLS = (
    Place.MAPPINGS,
    Place.CONTRACTS,
    Place.CHANGES,
    Place.ACTIVITY,
    Place.DIRECTORY,
    Place.OVERVIEW,
    Place.SIGNING,
)
# Places whose keys are live at the same time: in none of these may a key do two things.
TOGETHER: tuple[frozenset[Place], ...] = (
    frozenset({Place.TABLE, Place.LIST, Place.INVOICES}),
    frozenset({Place.TABLE, Place.LIST, Place.COMMITMENTS}),
    frozenset({Place.DETAIL, Place.LIST, Place.INVOICES}),
    frozenset({Place.DETAIL, Place.LIST, Place.COMMITMENTS}),
    frozenset({Place.FILTER, Place.LIST, Place.INVOICES}),
    frozenset({Place.FILTER, Place.LIST, Place.COMMITMENTS}),
    frozenset({Place.COMMAND, Place.LIST, Place.INVOICES}),
    frozenset({Place.COMMAND, Place.LIST, Place.COMMITMENTS}),
    *(
        frozenset({place, Place.DIALOG})
        for place in DIALOGS
        if place not in {Place.DIALOG, Place.TOO_SMALL, *TOOLS}
    ),
    *(frozenset({place, Place.ROWS, Place.DIALOG}) for place in TOOLS),
    frozenset({Place.TOO_SMALL}),
)


@dataclass(frozen=True, slots=True)
class Key:
    """One binding: its public id, its keys in Textual's names, the footer's word for it ("" keeps it out), its help.

    ``does`` is the action where it is not the id's own. ``meaning`` is the help, with other bindings' ids for their keys.
    ``decides``: a key of a tool that its mere readers have no use for.
    """

    id: str
    keys: tuple[str, ...]
    place: Place
    meaning: str
    label: str = ""
    does: str = ""
    decides: bool = False

    @property
    def action(self) -> str:
        """The action of the widget or screen that carries the binding."""
        return self.does or self.id.replace("-", "_")

    @property
    def help(self) -> str:
        """What it does, in the words of this process's keys."""
        return sentences.spelled(self.meaning)

    @property
    def name(self) -> str:
        """The id that a user's keymap knows it by: ``table.mark``."""
        return f"{self.place}.{self.id}"

    def typed(self, name: str) -> bool:
        """Whether a text box would take that key of it for itself."""
        return self.place in _BESIDE_A_BOX and (name in _IN_A_BOX or is_printable(name))


def character(name: str) -> str:
    """What the key, in Textual's name, writes; "" for one that writes nothing."""
    found = key_to_character(REPLACED_KEYS.get(name, name)) or ""
    return found if found.isprintable() else ""


def is_printable(name: str) -> bool:
    """Whether the key, in Textual's name, writes a character."""
    return bool(character(name))


# Where a text box may have the focus while the place's keys are bound.
_BESIDE_A_BOX = frozenset({Place.LIST, Place.INVOICES, Place.COMMITMENTS})
# The keys with which a text box edits, and those with which the filter completes.
_IN_A_BOX = frozenset(
    name for bound in Input.BINDINGS if isinstance(bound, Binding) for name in bound.key.split(",")
) | {"tab", "shift+tab"}

_T, _D, _L, _E, _C = Place.TABLE, Place.DETAIL, Place.LIST, Place.INVOICES, Place.COMMITMENTS
KEYS: tuple[Key, ...] = (
    Key("cursor-down", ("j", "down"), _T, "one invoice down"),
    Key("cursor-up", ("k", "up"), _T, "one invoice up"),
    Key("page-down", ("pagedown",), _T, "one page down"),
    Key("page-up", ("pageup",), _T, "one page up"),
    Key("first", ("g", "home"), _T, "to the first invoice"),
    Key("last", ("G", "end"), _T, "to the last invoice"),
    Key("mark", ("space", "insert"), _T, "mark or unmark the invoice and move down", "mark"),
    Key("range", ("v",), _T, "start a range; again marks it, {list.cancel} drops it", "range"),
    Key("scroll-down", ("j", "down"), _D, "one line down"),
    Key("scroll-up", ("k", "up"), _D, "one line up"),
    Key("page-down", ("space", "pagedown"), _D, "one page down", "page"),
    Key("page-up", ("pageup",), _D, "one page up"),
    Key("scroll-home", ("g", "home"), _D, "to the top"),
    Key("scroll-end", ("G", "end"), _D, "to the end"),
    Key("help", ("question_mark", "f1"), _L, "help for this place", "Help"),
    Key("export", ("x", "f6"), _E, "export what is marked; in Failed to Export: retry", "EXPORT"),
    Key("reject", ("r", "f8"), _E, "reject what is marked, with a reason", "Reject"),
    Key("hold", ("H",), _E, "place or release a hold: Export leaves the invoice where it is", "hold"),
    Key("query", ("i",), _E, "mail a query to the sender, without rejecting", "query"),
    Key("dry-run", ("d",), _E, "dry run: what would go, what would stay and why; changes nothing", "dry run"),
    Key("unlink", (), _E, "part a Synced invoice from its bill, once that is deleted in the ERP"),
    Key("reset", (), _E, "free a Synced invoice that is stuck; for an Admin of ERP Integrations"),
    Key("mark-exported", (), _E, "it was entered in the ERP by hand: Synced, and nothing is sent"),
    Key("send", ("f",), _C, "send (forward) what is marked to ERP Integrations", "Send"),
    Key("retrieve", ("r",), _C, "retrieve what is marked, before it is accepted or rejected", "Retrieve"),
    Key("edit", ("e",), _C, "edit the invoice under the cursor", "edit"),
    Key("approve", ("y",), _C, "approve what is marked", "approve"),
    Key("new", ("i",), _C, "the next invoice of this one's commitment, prefilled from its last one", "new"),
    Key("status", ("d",), _C, "set the status of what is marked, or of this one: draft, review, revise, approved", "status"),
    Key("discard", (), _C, "discard what was created here by mistake and never sent, after a question"),
    Key("files", ("F",), _C, "attachments: add a path or link, take one away; of what is sent too"),
    Key("changes", ("C",), _C, "who changed which field of it, from what to what"),
    Key("mark-all", ("a",), _L, "mark all clean matches of the filter; again: none of them", "all"),
    Key("filter", ("slash",), _L, "filter as you type", "filter"),
    Key("saved-views", ("o",), _L, "load, save, edit or delete a view of your own: filter and order", "views"),
    Key("more", ("m",), _L, "the other tools", "more"),
    Key("mark-every", ("A",), _L, "mark all matches, flagged ones too"),
    Key("mark-query", ("plus",), _L, "mark by a query, beyond the filter"),
    Key("unmark-query", ("minus",), _L, "unmark by a query, beyond the filter"),
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
    Key("command", ("colon", "ctrl+p"), _L, "command line: runs a command, finds any invoice", "cmd"),
    Key("write", ("w",), _L, "write what is listed or marked: CSV, XLSX, report"),
    Key("copy", ("c",), _L, "copy the invoice number, or those of the marked ones"),
    Key("panel", ("b",), _E, "show or hide the progress of the last batch", "batch"),
    Key("export-values", ("D",), _E, "accounting date, description and ERP invoice number"),
    Key("recall", ("Z",), _E, "recall the last batch while it is held"),
    Key("refresh", ("f5", "ctrl+r"), _L, "refresh"),
    Key("redraw", ("ctrl+l",), _L, "redraw the screen"),
    Key("cancel", ("escape", "ctrl+g", "f12"), _L, "leave what is under way: range, detail, filter"),
    Key("suspend", ("ctrl+z",), _L, "to the shell; fg comes back", does="app.to_shell"),
    Key("quit", ("q", "f3"), _L, "quit; a running export goes on", "quit"),
    Key("filter-done", ("enter", "down"), Place.FILTER, "back to the list", "list"),
    Key("complete", ("tab",), Place.FILTER, "complete the word; again: the next choice (Right takes what is dim)",
        "complete"),
    Key("complete-back", ("shift+tab",), Place.FILTER, "the choice before"),
    Key("command-done", ("enter",), Place.COMMAND, "go to the invoice, or run the command", "go"),
    Key("command-down", ("down",), Place.COMMAND, "the next one", "next"),
    Key("command-up", ("up",), Place.COMMAND, "the one before", "before"),
    Key("leave", ("escape", "ctrl+g", "f12"), Place.DIALOG, "leave without doing anything"),
    Key("suspend", ("ctrl+z",), Place.DIALOG, "to the shell; fg comes back", does="app.to_shell"),
    Key("commit", ("y",), Place.CONFIRM, "export exactly what is shown"),
    Key("visible", ("v",), Place.CONFIRM, "leave out what the filter hides; again takes it in"),
    Key("list", ("d",), Place.CONFIRM, "list all of it"),
    Key("cancel", ("enter",), Place.CONFIRM, "cancel", does="leave"),
    Key("scroll-down", ("down", "j"), Place.CONFIRM, "read on", does="scroll_plan(1)"),
    Key("scroll-up", ("up", "k"), Place.CONFIRM, "read back", does="scroll_plan(-1)"),
    Key("page-down", ("pagedown",), Place.CONFIRM, "a page on", does="page_plan(1)"),
    Key("page-up", ("pageup",), Place.CONFIRM, "a page back", does="page_plan(-1)"),
    Key("override", ("o",), Place.REJECT, "in the list: a reason of its own for this invoice"),
    Key("agree", ("y",), Place.ASK, "do it"),
    Key("cancel", ("n", "enter"), Place.ASK, "cancel", does="leave"),
    Key("line-up", ("up",), Place.EDIT, "the line above", does="line(-1)"),
    Key("line-down", ("down",), Place.EDIT, "the line below", does="line(1)"),
    Key("payload", ("p",), Place.DRY_RUN, "what would be sent for one invoice"),
    Key("open", ("enter",), Place.DRY_RUN, "list the invoices of this line"),
    Key("scroll-down", ("j",), Place.DRY_RUN, "the line below", does="step(1)"),
    Key("scroll-up", ("k",), Place.DRY_RUN, "the line above", does="step(-1)"),
    Key("close", ("q", "d"), Place.DRY_RUN, "close", does="leave"),
    Key("open", ("enter", "p"), Place.DRY_LIST, "what is said of this invoice, and its payload"),
    Key("down", ("j", "down"), Place.DRY_LIST, "the invoice below", does="step(1)"),
    Key("up", ("k", "up"), Place.DRY_LIST, "the invoice above", does="step(-1)"),
    Key("page-down", ("pagedown",), Place.DRY_LIST, "a page on", does="page(1)"),
    Key("page-up", ("pageup",), Place.DRY_LIST, "a page back", does="page(-1)"),
    Key("first", ("g", "home"), Place.DRY_LIST, "the first one", does="to(0)"),
    Key("last", ("G", "end"), Place.DRY_LIST, "the last one", does="to(-1)"),
    Key("close", ("q",), Place.DRY_LIST, "back to the causes", does="leave"),
    Key("next", ("n",), Place.PAYLOAD, "the next invoice", does="turn(1)"),
    Key("previous", ("p",), Place.PAYLOAD, "the invoice before", does="turn(-1)"),
    Key("scroll-down", ("j",), Place.PAYLOAD, "read on", does="scroll(1)"),
    Key("scroll-up", ("k",), Place.PAYLOAD, "read back", does="scroll(-1)"),
    Key("close", ("q", "enter"), Place.PAYLOAD, "close", does="leave"),
    Key("go-on", ("enter",), Place.CHOICE, "go on", does="app.focus_next"),
    Key("left", ("left",), Place.CHOICE, "the one before", does="step(-1)"),
    Key("right", ("right", "space"), Place.CHOICE, "the next one", does="step(1)"),
    Key("close", ("q", "enter", "question_mark"), Place.HELP, "close", does="leave"),
    Key("first-tool", ("1",), Place.MORE, "ERP Integrations", does="choose('invoices')"),
    Key("second-tool", ("2",), Place.MORE, "Commitments", does="choose('commitments')"),
    Key("third-tool", ("3",), Place.MORE, "ERP Integrations: Mappings", does="choose('mappings')"),
    Key("contracts-tool", ("6",), Place.MORE, "Commitments: Projects and Commitments", does="choose('contracts')"),
    Key("activity-tool", ("4",), Place.MORE, "ERP Integrations: Activity", does="choose('activity')"),
    Key("signing-tool", ("7",), Place.MORE, "ERP Integrations: Sign-off of SELF", does="choose('signing')"),
    Key("overview-tool", ("8",), Place.MORE, "ERP Integrations: Overview", does="choose('overview')"),
    Key("directory-tool", ("5",), Place.MORE, "Directory: Users", does="choose('directory')"),
    Key("save", ("s",), Place.VIEWS, "save the list as it is, under a name"),
    Key("edit", ("e",), Place.VIEWS, "edit the view's filter"),
    Key("delete", ("x", "delete"), Place.VIEWS, "delete the view, after a question"),
    Key("help", ("question_mark", "f1"), Place.ROWS, "help for this place", "Help"),
    Key("filter", ("slash",), Place.ROWS, "narrow the list as you type", "filter"),
    Key("clear-filter", ("backslash",), Place.ROWS, "list all of it again"),
    Key("more", ("m",), Place.ROWS, "the other tools", "more"),
    Key("down", ("j", "down"), Place.ROWS, "the row below", does="step(1)"),
    Key("up", ("k", "up"), Place.ROWS, "the row above", does="step(-1)"),
    Key("page-down", ("pagedown", "space"), Place.ROWS, "a page on", does="page(1)"),
    Key("page-up", ("pageup",), Place.ROWS, "a page back", does="page(-1)"),
    Key("first", ("g", "home"), Place.ROWS, "the first row", does="to(0)"),
    Key("last", ("G", "end"), Place.ROWS, "the last row", does="to(-1)"),
    Key("refresh", ("f5", "ctrl+r"), Place.ROWS, "read it anew"),
    Key("close", ("q",), Place.ROWS, "back to the invoices", "back", does="leave"),
    Key("edit", ("e", "enter"), Place.MAPPINGS, "say what the ERP calls it", "edit", decides=True),
    Key("remove", ("x", "delete"), Place.MAPPINGS, "take the mapping away, after a question", "remove", decides=True),
    Key("open", ("enter",), Place.CONTRACTS, "the commitments of the project; the invoices of the commitment", "open"),
    Key("new", ("i",), Place.CONTRACTS, "the next invoice of the commitment, prefilled from its last one", "new", decides=True),
    Key("up", ("up",), Place.FILES, "the attachment above", does="step(-1)"),
    Key("down", ("down",), Place.FILES, "the attachment below", does="step(1)"),
    Key("wanting", ("u",), Place.MAPPINGS, "only what is not in the ERP or has no name of its own there; again: all",
        "unmapped"),
    Key("ask", ("i",), Place.MAPPINGS, "ask the ERP whether it has what is listed", "ask ERP"),
    Key("open", ("enter",), Place.ACTIVITY, "the entry whole: a batch's invoices, a mail's text, an event's rows", "open"),
    Key("jump", ("i",), Place.ACTIVITY, "to the entry's invoice; from a batch to all of its invoices", "invoice"),
    Key("kind", ("t",), Place.ACTIVITY, "only batches, only attempts, notices, audit events; again: all", "type"),
    Key("outcome", ("o",), Place.ACTIVITY, "only what failed, what is open, what went well; again: all", "outcome"),
    Key("operator", ("b",), Place.ACTIVITY, "only what this user did, the next one; again: everybody", "by"),
    Key("period", ("p",), Place.ACTIVITY, "only today, the last 7 days, the last 30; again: all", "period"),
    Key("reconcile", ("c",), Place.ACTIVITY, "compare what was sent this month and the last with what the ERP has", "reconcile"),
    Key("jump", ("i", "enter"), Place.ENTRY, "to the invoice under the cursor"),
    Key("down", ("j", "down"), Place.ENTRY, "the invoice below; where there is one alone, read on", does="step(1)"),
    Key("up", ("k", "up"), Place.ENTRY, "the invoice above; where there is one alone, read back", does="step(-1)"),
    Key("page-down", ("pagedown", "space"), Place.ENTRY, "a page on", does="page(1)"),
    Key("page-up", ("pageup",), Place.ENTRY, "a page back", does="page(-1)"),
    Key("close", ("q",), Place.ENTRY, "close", does="leave"),
    Key("open", ("enter", "h"), Place.DIRECTORY, "what the user may do, and who changed it when", "open"),
    Key("edit", ("e",), Place.DIRECTORY, "change the user: levels, Can Push to Accounting, limits", "edit", decides=True),
    Key("add", ("n",), Place.DIRECTORY, "a new user", "new", decides=True),
    Key("remove", ("x", "delete"), Place.DIRECTORY, "remove the user, or let him act again; after a question", "remove",
        decides=True),
    Key("removed", ("u",), Place.DIRECTORY, "list removed users too; again: without them", "removed"),
    Key("summary", ("s",), Place.DIRECTORY, "the daily summary is mailed to you, or not", "summary"),
    Key("scroll-down", ("j",), Place.USER, "read on", does="scroll(1)"),
    Key("scroll-up", ("k",), Place.USER, "read back", does="scroll(-1)"),
    Key("close", ("q", "enter"), Place.USER, "close", does="leave"),
    Key("field-up", ("up",), Place.USER_FORM, "the field above", does="field(-1)"),
    Key("field-down", ("down",), Place.USER_FORM, "the field below", does="field(1)"),
    Key("agree", ("y",), Place.SIGNING, "it is right: sign it off, after a question", "agree", decides=True),
    Key("object", ("o",), Place.SIGNING, "object, with a comment", "object", decides=True),
    Key("everything", ("u",), Place.SIGNING, "what was signed too; again: only what waits", "signed"),
    Key("leave", ("q", "f3"), Place.TOO_SMALL, "quit"),
)  # fmt: skip
