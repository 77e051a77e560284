"""The table of what needs which right: every action of payapp, the levels it takes, and what else stands against it.

docs/permissions.md prints it, and the tests hold every decision of the store to every cell of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from store.domain.actor import Level, UserValues

_RANK = (Level.NONE, Level.READ_ONLY, Level.STANDARD, Level.ADMIN)
TITLES = {"erp": "ERP Integrations", "commitments": "Commitments", "directory": "the Directory"}


@dataclass(frozen=True, slots=True)
class Way:
    """One set of rights that suffices: the lowest level per tool, and whether Can Push to Accounting is needed besides."""

    levels: tuple[tuple[str, Level], ...] = ()
    push: bool = False

    def open_to(self, user: UserValues) -> bool:
        """Whether the user has these."""
        enough = all(
            _RANK.index(getattr(user, f"{tool}_level")) >= _RANK.index(least) for tool, least in self.levels
        )
        return enough and (user.can_push or not self.push)

    @property
    def words(self) -> str:
        """``Standard or Admin on ERP Integrations, with Can Push to Accounting``."""
        told = [
            f"{' or '.join(level.word for level in _RANK[_RANK.index(least) :])} on {TITLES[tool]}"
            for tool, least in self.levels
        ]
        return " and ".join(told) + (", with Can Push to Accounting" if self.push else "")


class Need(Enum):
    """What rights an action takes: one of the ways is enough."""

    ANYBODY = (Way(),)
    ERP_READER = (Way((("erp", Level.READ_ONLY),)),)
    PROJECT_READER = (Way((("commitments", Level.READ_ONLY),)),)
    APPROVER = (Way((("erp", Level.STANDARD),), push=True),)
    SUPER_USER = (Way((("erp", Level.ADMIN),), push=True),)
    ERP_ADMIN = (Way((("erp", Level.ADMIN),)),)
    RECEIPTS = (Way((("erp", Level.STANDARD),), push=True), Way((("erp", Level.ADMIN),)))
    PREPARER = (Way((("commitments", Level.STANDARD),)),)
    SENDER = (Way((("commitments", Level.ADMIN),)),)
    MASTERS = (Way((("directory", Level.ADMIN),)), Way((("commitments", Level.ADMIN),)))
    DIRECTORY_ADMIN = (Way((("directory", Level.ADMIN),)),)

    def met(self, user: UserValues) -> bool:
        """Whether the user may, as far as his rights go."""
        return user.active and any(way.open_to(user) for way in self.value)

    @property
    def words(self) -> str:
        """What the table prints."""
        return "; or ".join(way.words for way in self.value) or "being in the Directory"


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the table: what is done and how, what it needs, and of an invoice which ones it is possible for.

    ``free``: while it is in Commitments; ``locked``: while it is in ERP Integrations. ``own``: for who created, edited or
    sent it; ``over``: beyond the user's limits. ``invoice`` False: it is about no invoice, and none of these matters.
    """

    name: str
    words: str
    how: str
    need: Need
    invoice: bool = field(default=True, kw_only=True)
    free: bool = field(default=False, kw_only=True)
    locked: bool = field(default=False, kw_only=True)
    own: bool = field(default=True, kw_only=True)
    over: bool = field(default=True, kw_only=True)


def _accounting(
    name: str, words: str, how: str, need: Need = Need.APPROVER, *, own: bool = True, over: bool = True
) -> Action:
    return Action(name, words, how, need, locked=True, own=own, over=over)


def _project(name: str, words: str, how: str, need: Need, *, locked: bool = False) -> Action:
    return Action(name, words, how, need, free=True, locked=locked)


def _other(name: str, words: str, how: str, need: Need) -> Action:
    return Action(name, words, how, need, invoice=False)


ACTIONS: tuple[Action, ...] = (
    # ERP Integrations
    _accounting("export", "export", "`x`, `payapp export`", own=False, over=False),
    _accounting("retry", "retry what failed", "`x`, `payapp retry`", own=False, over=False),
    _other("look", "look at what an export would do", "`d`, `payapp export --dry-run`", Need.APPROVER),
    _accounting("reject", "reject", "`r`, `payapp reject`"),
    _accounting("recall", "recall what is queued", "`Z`, `payapp recall`"),
    _accounting("values", "set accounting date, description, ERP number", "`D`, `payapp export --accounting-date`"),
    _accounting("hold", "place a hold on an invoice", "`H`, `payapp holds place`"),
    _accounting("release", "release it, whoever placed it", "`H`, `payapp holds release`"),
    _accounting("mark-exported", "mark as exported", "`payapp mark-exported`", own=False, over=False),
    _accounting("unlink", "unlink what the ERP has no longer", "`payapp unlink`"),
    _accounting("reset", "reset what is stuck", "`payapp reset`", Need.SUPER_USER),
    _accounting("sign-off", "sign another's export of his own off", "Sign-off, `payapp sign-off`", own=False),
    _other("hold-all", "place a hold on a commitment or vendor, or release it", "`payapp holds`", Need.APPROVER),
    _accounting("query", "mail a query", "`i`"),
    _accounting("settle", "settle what is uncertain or parked, by hand", "`payapp reconcile --booked`, `--not-booked`"),
    _other("resolve", "settle what the ERP is asked about", "`payapp reconcile --resolve`", Need.APPROVER),
    _other("map", "say what a code is called in the ERP", "Mappings, `payapp erp map`", Need.APPROVER),
    _other("payments", "take payments over from the ERP", "`payapp payments pull`", Need.APPROVER),
    _other("receipt", "read a receipt", "`payapp receipt FILE`", Need.RECEIPTS),
    _other("adopt", "adopt a copied or restored database (in a demo: an approver)", "`payapp adopt`", Need.ERP_ADMIN),
    _other("backup", "make a backup (in a demo: an approver)", "`payapp backup`", Need.ERP_ADMIN),
    _other("notices", "have mails tried again, or the daily summaries written now", "`payapp notices`", Need.ERP_ADMIN),
    _other("see-erp", "see ERP Integrations, its mappings, reports and audit trail", "`payapp list`, `report`, `audit`",
        Need.ERP_READER),
    # Commitments
    _project("edit", "edit: number, dates, G703 lines", "`e`, `payapp invoice edit`", Need.PREPARER),
    _project("submit", "set a status below an approval", "`y`, `payapp invoice status`", Need.PREPARER),
    _project("approve", "approve, and end an approval", "`y`, `payapp invoice status`", Need.SENDER),
    _project("discard", "discard what was created in payapp and never sent", "`:discard`, `payapp invoice discard`", Need.PREPARER),
    _project("attach", "attach, also while it is locked", "`payapp invoice attach`", Need.PREPARER, locked=True),
    _project("send", "send", "`f`, `payapp send`", Need.SENDER),
    Action("retrieve", "retrieve", "`r`, `payapp retrieve`", Need.SENDER, locked=True),
    _other("create", "create an invoice", "`payapp invoice new`", Need.PREPARER),
    _other("import", "import invoices", "`payapp import`", Need.SENDER),
    _other("masters", "import vendors, projects, cost codes, periods, commitments", "`payapp import`", Need.MASTERS),
    _other("see-project", "see Commitments", "`payapp list --view not-sent`", Need.PROJECT_READER),
    # The Directory
    _other("users", "add, change or remove users, grant and revoke", "Directory, `payapp users`, `payapp import`",
        Need.DIRECTORY_ADMIN),
    _other("policy", "set the company's policies", "`payapp company`", Need.DIRECTORY_ADMIN),
    _other("keys", "give others SSH keys, and take them", "`payapp ssh-keys`", Need.DIRECTORY_ADMIN),
    _other("own-keys", "give oneself another SSH key, and take it", "`payapp ssh-keys`", Need.ANYBODY),
    _other("summary", "have the daily summary mailed, or not", "Directory `s`, `payapp users summary`", Need.ANYBODY),
)  # fmt: skip


def table() -> list[str]:
    """The table in Markdown: a header and a line an action."""
    lines = [
        "| to | how | needs | in Commitments | in ERP Integrations | own | over the limit |",
        "|---|---|---|---|---|---|---|",
    ]
    for action in ACTIONS:
        marks = (action.free, action.locked, action.own, action.over)
        cells = ["yes" if mark else "no" for mark in marks] if action.invoice else ["-"] * len(marks)
        lines.append(f"| {' | '.join([action.words, action.how, action.need.words, *cells])} |")
    return lines


def may(user: UserValues) -> list[tuple[Action, bool]]:
    """Every action, and whether the user's rights allow it."""
    return [(action, action.need.met(user)) for action in ACTIONS]
