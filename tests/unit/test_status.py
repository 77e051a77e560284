import textwrap

import pytest

from store.domain.errors import Disallowed
from store.domain.status import TRANSITIONS, VIEW_STATES, Action, ErpStatus, Outcome, View, allowed, check

E = ErpStatus
# The process of PRODUCT.md, written down a second time: action to its sources and target.
PROCESS = {
    Action.SEND: ({E.NOT_SENT}, E.READY),
    Action.RETRIEVE: ({E.READY}, E.NOT_SENT),
    Action.ACCEPT: ({E.READY}, E.QUEUED),
    Action.REJECT: ({E.READY, E.FAILED, E.QUEUED}, E.NOT_SENT),
    Action.RETRY: ({E.FAILED}, E.QUEUED),
    Action.RECALL: ({E.QUEUED}, E.READY),
    Action.UNLINK: ({E.SYNCED}, E.NOT_SENT),
    Action.RESET: ({E.SYNCED}, E.NOT_SENT),
    Action.MARK_EXPORTED: ({E.READY, E.FAILED}, E.SYNCED),
    Action.BEGIN: ({E.QUEUED}, E.EXPORTING),
    Action.BOOK: ({E.EXPORTING, E.UNCERTAIN, E.PARKED}, E.SYNCED),
    Action.REFUSE: ({E.EXPORTING, E.UNCERTAIN, E.PARKED}, E.FAILED),
    Action.LOSE: ({E.EXPORTING}, E.UNCERTAIN),
    Action.DEFER: ({E.EXPORTING}, E.QUEUED),
    Action.RESEND: ({E.UNCERTAIN}, E.QUEUED),
    Action.PARK: ({E.EXPORTING, E.UNCERTAIN}, E.PARKED),
    Action.FIND: ({E.QUEUED, E.READY, E.FAILED}, E.SYNCED),
    Action.SET_ASIDE: ({E.QUEUED}, E.PARKED),
    Action.AWAIT: ({E.QUEUED, E.UNCERTAIN, E.PARKED}, E.EXPORTING),
}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("state", ErpStatus)
def test_every_action_from_every_state(action: Action, state: ErpStatus) -> None:
    sources, target = PROCESS[action]
    assert allowed(action, state) is (state in sources)
    if state in sources:
        assert check(action, state, "101-007").target is target
    else:
        with pytest.raises(Disallowed, match="101-007 cannot be"):
            check(action, state, "101-007")


def test_only_the_way_back_has_an_outcome() -> None:
    assert {a: t.outcome for a, t in TRANSITIONS.items() if t.outcome} == {
        Action.RETRIEVE: Outcome.RETRIEVED, Action.REJECT: Outcome.REJECTED, Action.UNLINK: Outcome.UNLINKED,
        Action.RESET: Outcome.RESET,
    }  # fmt: skip


def test_the_views_share_out_all_states_but_not_sent() -> None:
    parts = [set(VIEW_STATES[view]) for view in View if view is not View.ALL]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert set().union(*parts) == set(VIEW_STATES[View.ALL]) == set(ErpStatus) - {E.NOT_SENT}


def test_what_awaits_its_receipt_is_told_whole_on_three_lines_of_80_columns() -> None:
    with pytest.raises(Disallowed) as refused:
        check(Action.REJECT, ErpStatus.EXPORTING, "2026-10-PIONEE-00021 (SC-101-01)", awaited=True)
    assert len(textwrap.wrap(str(refused.value), 78)) <= 3
    assert "payapp receipt FILE" in refused.value.fix and "payapp reconcile" in refused.value.fix
