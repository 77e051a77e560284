"""What the bills of an export take from the masters, as one digest: names, and what the ERP calls them by now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from store.called import Called
from store.planning import Going


class Mapped:
    """Grows invoice by invoice, in the order of the ids. About 100 bytes a commitment."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        # A commitment has one project and one vendor.
        self._commitments: set[int] = set()
        self._projects: set[int] = set()

    def add(self, going: Iterable[Going]) -> None:
        """These go too."""
        for g in going:
            c = g.candidate
            if c.commitment_id not in self._commitments:
                self._commitments.add(c.commitment_id)
                self._projects.add(c.project_id)
                taken = (c.vendor_ref, c.vendor, c.project_ref, c.project, c.commitment_ref, c.commitment,
                         c.terms, c.tax_account)  # fmt: skip
                self._digest.update(json.dumps(taken).encode())

    def digest(self, called: Called) -> str:
        """The digest of what these bills take, with those of the cost codes that their projects have."""
        whole = self._digest.copy()
        whole.update(json.dumps(called.accounts(self._projects)).encode())
        return whole.hexdigest()
