"""Who acts, and what the Directory lets them do (PRODUCT.md, "Who may do what")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from store.domain.errors import NotPermitted


class Level(StrEnum):
    """Permission levels of a tool."""

    NONE = "none"
    READ_ONLY = "read_only"
    STANDARD = "standard"
    ADMIN = "admin"

    @property
    def word(self) -> str:
        """As the Directory shows it: ``Read Only``."""
        return self.value.replace("_", " ").title()


@dataclass(frozen=True, slots=True)
class UserValues:
    """What the Directory keeps of a user; limits in minor units of the company's currency.

    ``summary``: whether the daily summary is mailed to him.
    """

    login: str
    name: str
    email: str = ""
    erp_level: Level = Level.NONE
    commitments_level: Level = Level.NONE
    directory_level: Level = Level.NONE
    can_push: bool = False
    limit_invoice: int | None = None
    active: bool = True
    limit_commitment: int | None = None
    limit_day: int | None = None
    summary: bool = True


@dataclass(frozen=True, slots=True)
class Actor:
    """A user as the Directory has them, and where they act from ("desk", "command line", a worker's id).

    Limits are absolute gross in minor units of the company's currency: of one invoice, of what he accepts of a
    commitment in a billing period, and in a day. ``key`` is the id of the SSH key that he came in with.
    """

    id: int
    login: str
    name: str
    email: str
    erp_level: Level
    commitments_level: Level
    directory_level: Level
    can_push: bool
    limit_invoice: int | None
    origin: str = "desk"
    limit_commitment: int | None = None
    limit_day: int | None = None
    key: int | None = None

    @property
    def is_approver(self) -> bool:
        """Standard or Admin on ERP Integrations, and Can Push to Accounting."""
        return self.can_push and self.erp_level in {Level.STANDARD, Level.ADMIN}

    @property
    def may_send(self) -> bool:
        """Admin on Commitments."""
        return self.commitments_level is Level.ADMIN

    @property
    def sees_erp(self) -> bool:
        """Read Only or more on ERP Integrations."""
        return self.erp_level is not Level.NONE

    def require_approver(self, doing: str = "accept or reject") -> None:
        """Raise NotPermitted for who may not accept or reject; its sentence says that they may not do that."""
        if self.erp_level not in {Level.STANDARD, Level.ADMIN}:
            raise NotPermitted(
                f"{self.login} may not {doing}",
                why=f"that needs Standard or Admin on ERP Integrations, and the level is {self.erp_level.word}",
                fix="Ask a Directory Admin",
            )
        if not self.can_push:
            raise NotPermitted(
                f"{self.login} may not {doing}",
                why="the privilege Can Push to Accounting is missing",
                fix="Ask a Directory Admin to grant it",
            )

    def require_reader(self) -> None:
        """Raise NotPermitted for who may not see ERP Integrations."""
        if not self.sees_erp:
            raise NotPermitted(
                f"{self.login} may not see ERP Integrations",
                why="that needs Read Only or more on ERP Integrations",
                fix="Ask a Directory Admin",
            )

    def require_project_reader(self) -> None:
        """Raise NotPermitted for who may not see Commitments."""
        if self.commitments_level is Level.NONE:
            raise NotPermitted(
                f"{self.login} may not see Commitments",
                why="that needs Read Only or more on Commitments",
                fix="Ask a Directory Admin",
            )

    def require_sender(self, doing: str = "send, retrieve or edit invoices") -> None:
        """Raise NotPermitted for who may not do that in Commitments."""
        if not self.may_send:
            raise NotPermitted(
                f"{self.login} may not {doing}",
                why=f"that needs Admin on Commitments, and the level is {self.commitments_level.word}",
                fix="Ask a Directory Admin",
            )

    def require_erp_admin(self) -> None:
        """Raise NotPermitted for who may not decide about the export as a whole."""
        if self.erp_level is not Level.ADMIN:
            raise NotPermitted(
                f"{self.login} may not decide this",
                why=f"that needs Admin on ERP Integrations, and the level is {self.erp_level.word}",
                fix="Ask a Directory Admin",
            )

    def require_directory_admin(self) -> None:
        """Raise NotPermitted for who may not change the Directory or load masters."""
        if self.directory_level is not Level.ADMIN:
            raise NotPermitted(
                f"{self.login} may not change the Directory",
                why=f"that needs Admin on the Directory, and the level is {self.directory_level.word}",
                fix="Ask a Directory Admin",
            )
