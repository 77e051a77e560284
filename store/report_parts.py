"""What several reports are made of: their days, control totals, the bills that were sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from store import directory, sent_bills, verifying
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.money import hash_part, show, to_minor
from store.domain.outcome import Period
from store.sent_bills import SentBill

# Outside of these no time zone's moments can be told.
_FIRST, _LAST = date(1970, 1, 2), date(9999, 12, 30)


@dataclass(frozen=True, slots=True)
class Span:
    """Days, both included, of this machine's time zone. Raises BadInput for days that no books have."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse what has no moment."""
        for day in (self.first, self.last):
            if not _FIRST <= day <= _LAST:
                raise BadInput(
                    f"{day} is no day of a report",
                    why=f"they are from {_FIRST} to {_LAST}",
                    fix="Give a day in between",
                )

    @property
    def moments(self) -> tuple[int, int]:
        """From the first day's beginning to before the end of the last, in ms UTC."""
        begin = datetime.combine(self.first, datetime.min.time()).astimezone()
        end = datetime.combine(self.last + timedelta(days=1), datetime.min.time()).astimezone()
        return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)

    @property
    def told(self) -> str:
        """In words."""
        return f"{self.first} to {self.last}" if self.first != self.last else str(self.first)


def head(db: Database) -> str:
    """The audit trail's head as every report prints it: against it a tail that was cut off shows."""
    return f"Audit head {verifying.head(db).text}"


class Control:
    """Control totals of the lines that went by, a currency each."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def add(self, currency: str, number: str, gross: int, retainage: int, net: int) -> None:
        """One invoice or bill more."""
        self.add_all(currency, (1, gross, retainage, net, hash_part(number)))

    def add_all(self, currency: str, values: Iterable[int]) -> None:
        """Several more: their count, gross, retainage, net and hash total."""
        add(self._sums.setdefault(currency, [0] * 5), values)

    @property
    def told(self) -> tuple[str, ...]:
        """A line a currency."""
        return tuple(
            f"{currency}  {count:,}  gross {show(gross, currency)}  retainage {show(retainage, currency)}"
            f"  net {show(net, currency)}  hash {hashed:,}"
            for currency, (count, gross, retainage, net, hashed) in sorted(self._sums.items())
        )


def allowed(db: Database, actor: Actor) -> directory.Company:
    """The company, for who may see ERP Integrations. Raises NotPermitted."""
    directory.refresh(db, actor).require_reader()
    return directory.company(db)


def sent(db: Database, erp: str, span: Span) -> Iterator[SentBill]:
    """The bills that were sent with an accounting date of these days: each try is one."""
    for page in sent_bills.pages(db, erp, Period(span.first, span.last, is_open=True)):
        yield from (bill for bill in page if bill.counted)


def amounts(bill: SentBill) -> tuple[int, int, int]:
    """Gross, retainage and net in minor units."""
    gross, retainage, net = (
        to_minor(value, bill.currency) for value in (bill.gross, bill.retainage, bill.net)
    )
    return gross, retainage, net


def add(into: list[int], values: Iterable[int]) -> None:
    """Add them up, place by place."""
    for n, value in enumerate(values):
        into[n] += value
