"""Mail addresses: what may stand in an envelope and a header."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)


def valid_address(text: str) -> bool:
    """Whether mail can be addressed to it: a plain ASCII address without quotes, blanks or line breaks."""
    local = text.partition("@")[0]
    return (
        len(text) <= 254
        and _ADDRESS.fullmatch(text) is not None
        and ".." not in text
        and not local.startswith(".")
        and not local.endswith(".")
    )
