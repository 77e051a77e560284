"""The states of an invoice and the one table of transitions between them (PRODUCT.md, "The process")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from store.domain.errors import Disallowed


class Status(StrEnum):
    """Project side: where the invoice stands in the project's own approval."""

    DRAFT = "draft"
    UNDER_REVIEW = "under_review"
    REVISE_AND_RESUBMIT = "revise_and_resubmit"
    APPROVED = "approved"
    APPROVED_AS_NOTED = "approved_as_noted"
    PENDING_OWNER_APPROVAL = "pending_owner_approval"


# Sending needs one of these.
SENDABLE = frozenset({Status.APPROVED, Status.APPROVED_AS_NOTED, Status.PENDING_OWNER_APPROVAL})


class ErpStatus(StrEnum):
    """Accounting side: where the invoice stands on its way into the ERP."""

    NOT_SENT = "not_sent"
    READY = "ready_to_export"
    QUEUED = "queued"
    EXPORTING = "exporting"
    UNCERTAIN = "uncertain"
    PARKED = "parked"
    FAILED = "failed_to_export"
    SYNCED = "synced"


class Outcome(StrEnum):
    """Why an invoice that is not sent came back."""

    REJECTED = "rejected"
    RETRIEVED = "retrieved"
    UNLINKED = "unlinked"
    RESET = "reset"


# In this order the index of what came back from accounting has them (migration 8): the view Returned.
CAME_BACK = (Outcome.REJECTED, Outcome.UNLINKED, Outcome.RESET)


class View(StrEnum):
    """The views of the Subcontractor Invoices tab, in their order on screen."""

    READY = "ready"
    EXPORTING = "exporting"
    FAILED = "failed"
    SYNCED = "synced"
    ALL = "all"


class ProjectView(StrEnum):
    """The views of the Commitments tool over invoices."""

    RETURNED = "returned"
    NOT_SENT = "not_sent"
    SENT = "sent"
    ALL = "all_invoices"


PROJECT_VIEW_TITLES = {
    ProjectView.RETURNED: "Returned",
    ProjectView.NOT_SENT: "Not Sent",
    ProjectView.SENT: "Sent",
    ProjectView.ALL: "All",
}
VIEW_TITLES = {
    View.READY: "Ready to Export",
    View.EXPORTING: "Exporting",
    View.FAILED: "Failed to Export",
    View.SYNCED: "Synced",
    View.ALL: "All",
}
VIEW_STATES: dict[View, tuple[ErpStatus, ...]] = {
    View.READY: (ErpStatus.READY,),
    View.EXPORTING: (ErpStatus.QUEUED, ErpStatus.EXPORTING, ErpStatus.UNCERTAIN, ErpStatus.PARKED),
    View.FAILED: (ErpStatus.FAILED,),
    View.SYNCED: (ErpStatus.SYNCED,),
    View.ALL: tuple(s for s in ErpStatus if s is not ErpStatus.NOT_SENT),
}


class JobState(StrEnum):
    """States of an export job (ARCHITECTURE.md, "The export")."""

    HELD = "held"
    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    PARKED = "parked"
    CANCELLED = "cancelled"


OPEN_JOBS = (
    JobState.HELD,
    JobState.PENDING,
    JobState.CLAIMED,
    JobState.SENT,
    JobState.UNCERTAIN,
    JobState.PARKED,
)


class Action(StrEnum):
    """What moves an invoice. The first nine are people's decisions, the others the queue's."""

    SEND = "send"
    RETRIEVE = "retrieve"
    ACCEPT = "accept"
    REJECT = "reject"
    RETRY = "retry"
    RECALL = "recall"
    UNLINK = "unlink"
    RESET = "reset"
    MARK_EXPORTED = "mark exported"
    BEGIN = "begin"
    BOOK = "book"
    REFUSE = "refuse"
    LOSE = "lose"
    DEFER = "defer"
    RESEND = "resend"
    PARK = "park"
    FIND = "find"
    SET_ASIDE = "set aside"
    AWAIT = "await"


@dataclass(frozen=True, slots=True)
class Transition:
    """From any of ``sources`` to ``target``; ``outcome`` is remembered on the way back to Commitments."""

    sources: tuple[ErpStatus, ...]
    target: ErpStatus
    outcome: Outcome | None = None
    fix: str = ""


_E = ErpStatus
TRANSITIONS: dict[Action, Transition] = {
    Action.SEND: Transition(
        (_E.NOT_SENT,), _E.READY, fix="Only an invoice that is not in ERP Integrations can be sent"
    ),
    Action.RETRIEVE: Transition(
        (_E.READY,),
        _E.NOT_SENT,
        Outcome.RETRIEVED,
        fix="Only Ready to Export invoices can be retrieved",
    ),
    Action.ACCEPT: Transition(
        (_E.READY,), _E.QUEUED, fix="Only Ready to Export invoices can be exported (view {list.view-1})"
    ),
    Action.REJECT: Transition(
        (_E.READY, _E.FAILED, _E.QUEUED),
        _E.NOT_SENT,
        Outcome.REJECTED,
        fix="Only what is in ERP Integrations and not in the ERP can be rejected",
    ),
    Action.RETRY: Transition(
        (_E.FAILED,),
        _E.QUEUED,
        fix="Only Failed to Export invoices can be retried (view {list.view-3}, {invoices.export})",
    ),
    Action.RECALL: Transition(
        (_E.QUEUED,),
        _E.READY,
        fix="Only queued invoices can be recalled, before they are sent ({invoices.recall})",
    ),
    # Its bill is gone from the ERP: it can be corrected (store/undoing.py).
    Action.UNLINK: Transition(
        (_E.SYNCED,),
        _E.NOT_SENT,
        Outcome.UNLINKED,
        fix="Only Synced invoices can be unlinked (view {list.view-4})",
    ),
    Action.RESET: Transition(
        (_E.SYNCED,), _E.NOT_SENT, Outcome.RESET, fix="Only Synced invoices can be reset (view {list.view-4})"
    ),
    # It was entered in the ERP by other means: nothing is sent.
    Action.MARK_EXPORTED: Transition(
        (_E.READY, _E.FAILED),
        _E.SYNCED,
        fix="Only Ready to Export and Failed to Export invoices can be marked exported",
    ),
    # The export has begun: from here on the ERP may have it.
    Action.BEGIN: Transition((_E.QUEUED,), _E.EXPORTING),
    Action.BOOK: Transition((_E.EXPORTING, _E.UNCERTAIN, _E.PARKED), _E.SYNCED),
    Action.REFUSE: Transition((_E.EXPORTING, _E.UNCERTAIN, _E.PARKED), _E.FAILED),
    Action.LOSE: Transition((_E.EXPORTING,), _E.UNCERTAIN),
    # The ERP certainly has not booked it, and later may: back to the queue.
    Action.DEFER: Transition((_E.EXPORTING,), _E.QUEUED),
    Action.RESEND: Transition((_E.UNCERTAIN,), _E.QUEUED),
    Action.PARK: Transition((_E.EXPORTING, _E.UNCERTAIN), _E.PARKED),
    # After a restore the ERP is asked about what waits in the queue, before anything of it is sent.
    # And what failed or was recalled can turn out to be there all the same (store/evidence.py).
    Action.FIND: Transition((_E.QUEUED, _E.READY, _E.FAILED), _E.SYNCED),
    Action.SET_ASIDE: Transition((_E.QUEUED,), _E.PARKED),
    # It turns out to lie where the ERP takes it from: its receipt is awaited.
    Action.AWAIT: Transition((_E.QUEUED, _E.UNCERTAIN, _E.PARKED), _E.EXPORTING),
}

# What can be done instead, where that depends on where the invoice stands.
_IN_COMMITMENTS = "It is in Commitments already"
_ASKING = "Wait: the worker asks the ERP whether it has it"
_BY_HAND = (
    "Look in the ERP whether it is there: nobody knows; payapp reconcile asks it, and settles it by hand"
)
FIXES: dict[tuple[Action, ErpStatus], str] = {
    (Action.REJECT, _E.NOT_SENT): _IN_COMMITMENTS,
    (
        Action.REJECT,
        _E.EXPORTING,
    ): "Wait until its export has ended; what failed can be rejected then (view {list.view-3}, {invoices.reject})",
    (Action.REJECT, _E.UNCERTAIN): _ASKING,
    (Action.REJECT, _E.PARKED): _BY_HAND,
    (Action.REJECT, _E.SYNCED): "The ERP has booked it: void it there, then unlink it",
    (Action.RETRIEVE, _E.NOT_SENT): _IN_COMMITMENTS,
    (
        Action.RETRIEVE,
        _E.QUEUED,
    ): "It is accepted: ask the accounting approver to recall it ({invoices.recall}) or to reject it ({invoices.reject})",
    (
        Action.RETRIEVE,
        _E.EXPORTING,
    ): "Wait until its export has ended; the accounting approver can reject what failed",
    (Action.RETRIEVE, _E.UNCERTAIN): _ASKING,
    (Action.RETRIEVE, _E.PARKED): _BY_HAND,
    (
        Action.RETRIEVE,
        _E.FAILED,
    ): "Ask the accounting approver to reject it (view {list.view-3}, {invoices.reject})",
    (Action.RETRIEVE, _E.SYNCED): "The ERP has booked it: accounting must void it there, then unlink it",
    (Action.MARK_EXPORTED, _E.QUEUED): "Recall it first ({invoices.recall})",
    (Action.MARK_EXPORTED, _E.UNCERTAIN): _ASKING,
    (Action.MARK_EXPORTED, _E.PARKED): _BY_HAND,
    (Action.MARK_EXPORTED, _E.NOT_SENT): "It is in Commitments: the project must send it first",
}

TITLES = {
    ErpStatus.NOT_SENT: "Not sent",
    ErpStatus.READY: "Ready to Export",
    ErpStatus.QUEUED: "Queued",
    ErpStatus.EXPORTING: "Exporting",
    ErpStatus.UNCERTAIN: "Uncertain",
    ErpStatus.PARKED: "Parked",
    ErpStatus.FAILED: "Failed to Export",
    ErpStatus.SYNCED: "Synced",
}


def allowed(action: Action, state: ErpStatus) -> bool:
    """Whether the table has a way for this action from this state."""
    return state in TRANSITIONS[action].sources


# Why nothing can be done about an invoice that was delivered, and what helps.
_AWAITED_WHY = "it was delivered, and the receipt for it is awaited"
_AWAITED_FIX = (
    "payapp receipt FILE reads it: what the ERP refused is in Failed to Export then ({list.view-3}). Without one payapp"
    " reconcile settles it"
)


def check(action: Action, state: ErpStatus, name: str, *, awaited: bool = False) -> Transition:
    """The transition, or Disallowed with the sentence for the invoice called ``name``.

    ``awaited``: it was delivered, and the receipt for it is awaited.
    """
    transition = TRANSITIONS[action]
    if state not in transition.sources and awaited:
        raise Disallowed(f"{name} cannot be {PAST[action]}", why=_AWAITED_WHY, fix=_AWAITED_FIX)
    if state not in transition.sources:
        raise Disallowed(
            f"{name} cannot be {PAST[action]}",
            why=f"it is {TITLES[state]}",
            fix=FIXES.get((action, state), transition.fix),
        )
    return transition


PAST = {
    Action.SEND: "sent",
    Action.RETRIEVE: "retrieved",
    Action.ACCEPT: "exported",
    Action.REJECT: "rejected",
    Action.RETRY: "retried",
    Action.RECALL: "recalled",
    Action.UNLINK: "unlinked",
    Action.RESET: "reset",
    Action.MARK_EXPORTED: "marked exported",
    Action.BEGIN: "sent to the ERP",
    Action.BOOK: "booked",
    Action.REFUSE: "refused",
    Action.LOSE: "marked uncertain",
    Action.DEFER: "put back in the queue",
    Action.RESEND: "sent again",
    Action.PARK: "parked",
    Action.FIND: "found in the ERP",
    Action.SET_ASIDE: "parked",
    Action.AWAIT: "delivered to the ERP",
}
