"""Which held batches Z takes back: all of one's own last Export, and only when asked another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store import batches, review
from store.batches import Progress
from store.db import Database
from store.decision import Decision
from store.domain.actor import Actor
from store.domain.errors import PayappError
from store.planning import Stay

# How far back a held batch is looked for.
RECENT = 50
# The batches of one press are written in one transaction, each with the moment of its own row.
ONE_PRESS_MS = 1000


@dataclass(frozen=True, slots=True)
class Held:
    """The batches that can be recalled whole: those of one's own last Export, and else the newest of another's."""

    own: tuple[Progress, ...]
    other: Progress | None


def held(db: Database, me: Actor, presses: Sequence[Sequence[int]]) -> Held:
    """What is held now. ``presses`` are the batches of each Export that this desk pressed."""
    found = [batch for batch in batches.recent(db, RECENT) if batch.recallable]
    own = [batch for batch in found if batch.operator == me.login]
    other = next((batch for batch in found if batch.operator != me.login), None)
    return Held(_of_one_press(own, presses), other)


def _of_one_press(own: Sequence[Progress], presses: Sequence[Sequence[int]]) -> tuple[Progress, ...]:
    if not own:
        return ()
    newest = own[0]
    for press in presses:
        if newest.id in press:
            return tuple(batch for batch in own if batch.id in press)
    # Pressed at another desk: one batch per currency, with neighbouring numbers, at the same moment.
    together = [newest]
    for batch in own[1:]:
        last = together[-1]
        is_next = batch.id == last.id - 1 and newest.created_at - batch.created_at < ONE_PRESS_MS
        if not is_next or batch.currency in {b.currency for b in together}:
            break
        together.append(batch)
    return tuple(together)


def recall(db: Database, me: Actor, numbers: Sequence[int]) -> Decision:
    """Recall these batches; one that has left meanwhile keeps none of the others. Raises when all have."""
    done: list[int] = []
    stays: list[Stay] = []
    notes: list[str] = []
    refusal: PayappError | None = None
    for number in sorted(numbers):
        try:
            decision = review.recall_batch(db, me, number)
        except PayappError as error:
            refusal = refusal or error
            notes.append(str(error).rstrip("."))
        else:
            done += decision.done
            stays += decision.stays
    if not done and refusal is not None:
        raise refusal
    return Decision(tuple(done), tuple(stays), notes=tuple(notes))
