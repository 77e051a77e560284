"""ERP profiles: what an ERP supports, its limits, and the rules that a bill must meet (PRODUCT.md, "unique feature set").

Read from TOML by store.domain.profile_file; what stands against one bill says store.domain.noting.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

from store.domain.bill import Bill, BillLine


class Kind(StrEnum):
    """Procore's rule kinds for ERP metadata, and ``nonzero`` for the documented "no $0".

    ``max_length_decimal`` and ``max_length_units`` count the digits behind and before an amount's decimal point,
    ``max_line_length`` the characters of each line of a text. ``unique``: the ERP takes a vendor's ``number`` once only,
    which is judged by the vendor's other invoices (store.uniqueness).
    """

    PRESENT = "present"
    NUMERIC = "numeric"
    POSITIVE = "positive"
    NONZERO = "nonzero"
    MAX_LENGTH = "max_length"
    MAX_LENGTH_DECIMAL = "max_length_decimal"
    MAX_LENGTH_UNITS = "max_length_units"
    MAX_LINE_LENGTH = "max_line_length"
    UNIQUE = "unique"


LIMITING = frozenset({Kind.MAX_LENGTH, Kind.MAX_LENGTH_DECIMAL, Kind.MAX_LENGTH_UNITS, Kind.MAX_LINE_LENGTH})
COUNTING = frozenset({Kind.POSITIVE, Kind.NONZERO, Kind.MAX_LENGTH_DECIMAL, Kind.MAX_LENGTH_UNITS})


class Phase(StrEnum):
    """When a rule is judged: when the invoice is sent from Commitments, or only before it leaves for the ERP.

    What counts at ``save`` counts at ``export`` as well: the approver may have changed it.
    """

    SAVE = "save"
    EXPORT = "export"


class Effect(StrEnum):
    """What comes of a point that an ERP does not support.

    Blocked: the invoice cannot go. Skipped: the line is left out. Ignored: the ERP drops it silently. Truncated: it
    arrives shortened.
    """

    BLOCKED = "blocked"
    SKIPPED = "skipped"
    IGNORED = "ignored"
    TRUNCATED = "truncated"


class Point(StrEnum):
    """What an invoice can have that an ERP may not support. ``zero`` and ``negative`` are about the gross."""

    ATTACHMENTS = "attachments"
    RETAINAGE_HELD = "retainage_held"
    RETAINAGE_RELEASED = "retainage_released"
    RELEASE_ONLY = "release_only"
    STORED_MATERIALS = "stored_materials"
    TAX = "tax"
    NEGATIVE = "negative"
    ZERO = "zero"
    PURCHASE_ORDERS = "purchase_orders"


class Proven(StrEnum):
    """How far what a profile says was shown: against the real server, of the file's form alone, by reading, or made up."""

    SERVER = "server"
    FORMAT = "format"
    DOCUMENTATION = "documentation"
    STAND_IN = "stand-in"


# The points whose loss payapp can tell to the cent, so that a company's policy may name them.
TELLABLE = frozenset({Point.TAX, Point.RETAINAGE_RELEASED})
# What is never dropped or changed silently: money, vendor, number and commitment. Only a company's policy lets it pass.
MONEY = frozenset({"gross", "retainage", "net", "tax"})
GUARDED = frozenset({"currency", "vendor", "number", "commitment", "lines.amount", "lines.retainage", *MONEY})
LINES = "lines."


def _plain_fields(of: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(of) if field.type in {str, int, date}]


# The fields that a rule may be on: the bill's own, and those of its lines.
FIELDS = (*_plain_fields(Bill), *(LINES + name for name in _plain_fields(BillLine)))
NUMBERS = frozenset({"application", "lines.position", "lines.amount", "lines.retainage", *MONEY})


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule over one field of the bill, or of its lines; ``source`` says where the ERP documents it.

    ``value`` is the limit of the kinds that have one. ``message`` may name {value} and {limit}. Keys in ``fix`` are named
    as store.domain.keys has it: ``{invoices.reject} rejects``. ``effect``: what the ERP does with what breaks the rule.
    """

    field: str
    kind: Kind
    message: str
    fix: str
    source: str
    value: int = 0
    phase: Phase = Phase.EXPORT
    effect: Effect = Effect.BLOCKED

    @property
    def code(self) -> str:
        """Its stable name in reports, and in a company's own profile."""
        return f"{self.field}.{self.kind}"

    @property
    def guarded(self) -> bool:
        """Whether the field is one that is blocked unless policy names the case."""
        return self.field in GUARDED


class Unsupported(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One point that the ERP does not support, what it does with it, and who says so; ``message`` may name {value}."""

    point: Point
    effect: Effect
    message: str
    fix: str
    source: str
    phase: Phase = Phase.EXPORT

    @property
    def code(self) -> str:
        """Its stable name in reports, and in a company's own profile."""
        return self.point.value

    @property
    def guarded(self) -> bool:
        """Whether money would differ: blocked unless policy names the case."""
        return self.point is not Point.ATTACHMENTS


class Capabilities(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the ERP's own integration supports; None: its documentation does not say.

    ``invoices``: subcontractor invoices at all. ``payments``: payments made there come back. ``unlink``: a bill that was
    deleted there can be unlinked. ``payment_hold``: a bill goes there with the ERP's own hold on its payment.
    """

    invoices: bool = True
    attachments: bool | None = None
    retainage_held: bool | None = None
    retainage_released: bool | None = None
    stored_materials: bool | None = None
    tax: bool | None = None
    negative: bool | None = None
    zero: bool | None = None
    payments: bool | None = None
    unlink: bool | None = None
    payment_hold: bool | None = None


class Remark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to know of the ERP that no rule can hold, and who says so."""

    text: str
    source: str


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A company's decision: this case (a code) may pass with what the ERP does to it, for that reason."""

    case: str
    effect: Effect
    reason: str


# Nothing that an ERP needs takes longer than a day.
Positive = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1)]
PerMinute = Annotated[int, msgspec.Meta(ge=1, le=60_000)]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ERP. Times in seconds.

    ``enforces_keys``: the ERP itself answers a replay of a key with the first bill. ``finds``: it can be asked for a
    bill by its key. ``settle``: how long after a lost reply its answer to that question counts. ``lists``: it can say
    which bills it has in a period. ``per_minute``: how many requests, look-ups included, it bears in a minute on all hosts
    together; none: as many as come. ``pays_back``: the connector can ask what was paid. ``receipts``: a bill is booked
    only when a receipt says so. ``connectors``: those of payapp that it goes with; ``formats``: the file formats.
    ``extends``: the profile that a company's own one stands on.
    """

    name: str
    title: str
    enforces_keys: bool
    finds: bool
    settle: Positive
    timeout: Positive
    parcel: Count
    concurrency: Count
    rules: tuple[Rule, ...] = ()
    lists: bool = False
    per_minute: PerMinute | None = None
    pays_back: bool = False
    receipts: bool = False
    proven: Proven = Proven.DOCUMENTATION
    connectors: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    capabilities: Capabilities = Capabilities()
    unsupported: tuple[Unsupported, ...] = ()
    remarks: tuple[Remark, ...] = ()
    policy: tuple[Policy, ...] = ()
    extends: str = ""

    @property
    def no_invoices(self) -> str:
        """The sentence that says that this integration takes no subcontractor invoices; "" where it does."""
        if self.capabilities.invoices:
            return ""
        return f"The {self.title} integration does not support subcontractor invoices"


class Finding(msgspec.Struct, frozen=True):
    """Why a bill cannot go: a stable code, the plain cause and the fix with its key.

    ``similar``: as store.domain.outcome.Refused has it. ``kind`` is what its cause has in common with others of the same
    code; "": nothing.
    """

    code: str
    cause: str
    fix: str
    similar: tuple[str, ...] = ()
    kind: str = ""


class Note(msgspec.Struct, frozen=True):
    """What comes of one unsupported point or broken rule of a bill; ``line`` is the G703 line that it is about.

    ``kind`` is what its cause has in common with others of the same code. ``policy``: the company's own reason, where its
    policy lets the case pass; where it is about money the cause says what will post then, and ``lost`` is what will not, as a
    plain decimal.
    """

    effect: Effect
    code: str
    cause: str
    fix: str
    line: int | None = None
    policy: str = ""
    kind: str = ""
    lost: str = ""


class Apart(msgspec.Struct, frozen=True):
    """What an invoice has that its bill does not carry; amounts as plain decimals, by the line's position.

    ``stored``: the part of the line's amount that is stored materials. ``released``: the retainage that it releases.
    """

    stored: tuple[tuple[int, str], ...] = ()
    released: tuple[tuple[int, str], ...] = ()
    attachments: int = 0
    purchase_order: bool = False
