"""What a settings file says of the worker and of mail. Imports nothing heavy: the desk reads it before its first paint."""

from __future__ import annotations

from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times in seconds. ``idle_exit``: end after so long with nothing to do; none: stay.

    ``lease`` must be more than twice the ERP profile's timeout. ``poll`` is how often other processes' changes are
    looked for, ``periods`` how often the ERP is asked for its accounting periods.
    """

    lease: Seconds = 70.0
    poll: Seconds = 0.15
    idle_exit: Seconds | None = None
    periods: Seconds = 300.0
