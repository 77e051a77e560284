"""Keys in sentences: ``{list.refresh}`` stands for the key that the reader has for it.

A fix is written by a rule, an ERP's profile or a worker, and read at a desk that may have other keys. So it names the
action by the id it has in the desk's table of keys. The key is put in where an error is made and where a row is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

# The desk's own keys, as far as sentences written below it name them.
DEFAULT: Mapping[str, str] = {
    "table.mark": "Space",
    "list.mark-all": "a",
    "list.filter": "/",
    "list.clear-filter": "\\",
    "list.refresh": "F5",
    "list.more": "m",
    "list.saved-views": "o",
    "list.view-1": "1",
    "list.view-3": "3",
    "list.view-4": "4",
    "list.view-5": "5",
    "invoices.export": "x",
    "invoices.reject": "r",
    "invoices.hold": "H",
    "invoices.export-values": "D",
    "invoices.recall": "Z",
}
_NAMED = re.compile(r"\{([a-z-]+\.[a-z0-9-]+)\}")
_ways: dict[str, str] = dict(DEFAULT)


def use(ways: Mapping[str, str]) -> None:
    """Name these keys from now on in this process, each by its action's id: those of the one who sits at the desk."""
    _ways.clear()
    _ways.update(ways)
    _with_keys.cache_clear()


def spelled(text: str) -> str:
    """The text with its ids as keys: ``Look again ({list.refresh})`` is ``Look again (F5)``.

    Braces around anything else stay as they are.
    """
    return _with_keys(text) if "{" in text else text


# Of very many invoices the fixes are few.
@lru_cache(1024)
def _with_keys(text: str) -> str:
    return _NAMED.sub(lambda found: _ways.get(found[1], found[0]), text)
