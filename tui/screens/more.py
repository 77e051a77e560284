"""More: the other tools and tabs, where the window is too narrow for all of their names."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from store.domain.actor import Actor, Level
from tui.keymap import Place, bindings, shown, table
from tui.screens.dialog import Dialog

if TYPE_CHECKING:
    from tui.bootstrap import Desk
    from tui.screens.rows import RowsScreen

INVOICES, COMMITMENTS, MAPPINGS = "invoices", "commitments", "mappings"
CONTRACTS = "contracts"
DIRECTORY = "directory"
ACTIVITY = "activity"
OVERVIEW = "overview"
SIGNING = "signing"


def _sees_erp(me: Actor) -> str:
    return "" if me.sees_erp else "needs Read Only on ERP Integrations"


def _sees_commitments(me: Actor) -> str:
    return "" if me.commitments_level is not Level.NONE else "needs Read Only on Commitments"


def _anybody(_: Actor) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool or tab: its name, its title, why a user cannot open it ("": he can), and where its screen is.

    ``screen`` is ``module:class`` of tui.screens, a RowsScreen, imported when it is opened first; "" for the two lists of
    invoices, which the application holds itself.
    """

    name: str
    title: str
    lacks: Callable[[Actor], str]
    screen: str = ""


# In the order of their digits (Place.MORE in tui.key_table).
TOOLS = (
    Tool(INVOICES, "ERP Integrations: Subcontractor Invoices", _sees_erp),
    Tool(COMMITMENTS, "Commitments: Invoices", _sees_commitments),
    Tool(MAPPINGS, "ERP Integrations: Mappings", _sees_erp, "mappings:MappingsScreen"),
    Tool(ACTIVITY, "ERP Integrations: Activity", _sees_erp, "activity:ActivityScreen"),
    Tool(DIRECTORY, "Directory: Users", _anybody, "directory:DirectoryScreen"),
    Tool(CONTRACTS, "Commitments: Projects and Commitments", _sees_commitments, "contracts:ContractsScreen"),
    Tool(SIGNING, "ERP Integrations: Sign-off of SELF", _sees_erp, "signing:SigningScreen"),
    Tool(OVERVIEW, "ERP Integrations: Overview", _sees_erp, "overview:OverviewScreen"),
)


def may_open(tool: str, me: Actor) -> str:
    """Why this user cannot open the tool, or nothing. A list that stands over a tool and is none itself asks that one."""
    return next((one.lacks(me) for one in TOOLS if one.name == tool), "")


def screen_of(tool: str, desk: Desk, text: str = "") -> RowsScreen[Any] | None:
    """The screen of a tool, narrowed to ``text`` at first; None for those that the application holds."""
    where = next(one.screen for one in TOOLS if one.name == tool)
    if not where:
        return None
    module, name = where.split(":")
    made: RowsScreen[Any] = getattr(importlib.import_module(f"tui.screens.{module}"), name)(desk, text)
    return made


def _digit(name: str) -> str:
    """The key that opens the tool."""
    does = f"choose('{name}')"
    return next(key.keys[0] for key in table() if key.place is Place.MORE and key.does == does)


class MoreScreen(Dialog[str | None]):
    """Choose a tool by its digit."""

    GUARD = 0.0
    BINDINGS = bindings(Place.MORE)

    def __init__(self, me: Actor) -> None:
        super().__init__()
        self._me = me

    def compose(self) -> ComposeResult:
        """One line a tool."""
        with Vertical(classes="frame"):
            yield Static("More", classes="title", markup=False)
            # Others' tools stand between ours in the table of keys; people look for the digit.
            for key in sorted(
                (key for key in table() if key.place is Place.MORE), key=lambda key: key.keys[:1]
            ):
                tool = next(one for one in TOOLS if key.action == f"choose('{one.name}')")
                why = tool.lacks(self._me)
                yield Static(
                    f" {shown(key.keys[0])}  {tool.title}{f'  ({why})' if why else ''}", markup=False
                )
            yield Static("Press the digit; Esc closes", classes="note", markup=False)

    def action_choose(self, tool: str) -> None:
        """Open it, if the user may."""
        if not may_open(tool, self._me):
            self.dismiss(tool)
