"""One user of the Directory as lines: for the desk and for the command line."""

from __future__ import annotations

from collections.abc import Sequence

from store.directory import Put
from store.domain.actor import UserValues
from store.domain.rights import WORDS, meaning, value
from store.domain.text import one_line
from store.people import Event
from tui.text import moment


def page(user: UserValues, events: Sequence[Event], currency: str) -> list[str]:
    """What the Directory keeps of him, what that means, and who changed it when; safe()."""
    lines = [f"{word:32}{value(name, getattr(user, name), currency)}" for name, word in WORDS.items()]
    lines += ["", "That means", *meaning(user, currency)]
    lines += ["", "History" if events else "The audit trail has no change of this user."]
    for event in events:
        lines.append(f"  {moment(event.at)}  by {one_line(event.who)} ({one_line(event.origin)})")
        lines += [f"      {change}" for change in event.changes]
    return lines


def done(user: UserValues, put: Put, currency: str) -> str:
    """What came of a change, and what the user may do in ERP Integrations from now on."""
    what = "is in the Directory" if put.new else "is changed" if put.changed else "is as before"
    back = ""
    if put.withdrawn:
        verb = "is" if put.withdrawn == 1 else "are"
        back = f" {put.withdrawn:,} that he had accepted {verb} Ready to Export again."
    return f"{one_line(user.login)} {what}.{back} {meaning(user, currency)[0]}"
