"""The demo company: deterministic masters and invoices that foot, from a screenful to a million."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any

from store import audit
from store.db import Database
from store.domain.actor import Actor
from store.domain.invoice import CHANGE_ORDER_ITEM, CONTRACT_ITEM
from store.domain.money import plain
from store.domain.status import Status
from store.intake import commitments
from store.intake.masters import Tally, Wanted, upsert
from store.intake.report import Report
from store.intake.spool import Parcel
from store.intake.write import write
from store.late_indexes import late

CREATOR = ("mgarcia@acme.example", "Maria Garcia", "mgarcia@acme.example")
# What no ERP knows: exports to this vendor fail.
UNKNOWN_VENDOR = "V-UNKNOWN"
_LAST = (2026, 10)
_EVENT = 20_000
_LATE = 20_000
# Books that are looked at have a few numbers twice, as people write them again: by the first one's place in its month.
# Larger ones are for measuring.
_LOOKED_AT = range(300, 1_000)
_AGAIN = {2: "{0}", 5: "{1}/{2}", 8: "{1}.0{2}"}
_NAMES = [
    "Apex",
    "Bell",
    "Cardinal",
    "Delta",
    "Evergreen",
    "Foster",
    "Granite",
    "Harbor",
    "Ironwood",
    "Juniper",
    "Keystone",
    "Lakeside",
    "Meridian",
    "Northway",
    "Oakridge",
    "Pioneer",
    "Quarry",
    "Redwood",
    "Summit",
    "Tidewater",
    "Union",
    "Valley",
    "Westfield",
    "Yellowstone",
    "Zenith",
]
# Trade, the ending of its firms' names, cost code, and what its lines say.
_TRADES = (
    ("Drywall LLC", "09-250", "Gypsum board", ("Metal framing", "Board and finish", "Shaft walls")),
    ("Mechanical Inc.", "15-500", "Heating and ventilation", ("Air handling", "Ductwork", "Controls")),
    ("Steel Erectors", "05-120", "Structural steel", ("Columns and beams", "Metal deck", "Stairs and rails")),
    ("Electric Co.", "16-100", "Electrical", ("Rough-in", "Switchgear", "Fixtures")),
    ("Concrete Works", "03-300", "Cast-in-place concrete", ("Footings", "Slab on grade", "Walls")),
    ("Roofing & Sheet Metal", "07-500", "Roofing", ("Membrane", "Insulation", "Flashing")),
    ("Plumbing Services", "15-400", "Plumbing", ("Underground", "Risers", "Trim-out")),
    ("Landscape Group", "02-900", "Landscaping", ("Grading", "Irrigation", "Planting")),
)
_PLACES = [
    "Riverside Clinic",
    "Harbor View Offices",
    "Elm Street School",
    "Northgate Garage",
    "Civic Library",
    "Mill Creek Apartments",
    "Airport Cargo Hall",
    "Lakeshore Hotel",
    "County Courthouse",
    "Science Annex",
    "Market Square",
    "Transit Center",
]
# Raw, as a stranger might send it: everything that draws, mails or logs must stand it.
HOSTILE = ("[/] \x1b]52;c;cGF5YXBw\x07 \u202egnitalP [bold]& Sons" + " Painting" * 40)[:300]
CJK = "東京鋼材株式会社"


@dataclass(slots=True)
class _Line:
    """A line of a commitment and where it stands: all the demo must remember between applications."""

    item: str
    item_type: str
    cost_code: str
    description: str
    scheduled: int
    total: int = 0
    stored: int = 0
    retained: int = 0


@dataclass(slots=True)
class _Commitment:
    """A commitment and the applications it will have, one a month, the last in the demo's last month."""

    id: int
    project: int
    project_index: int
    vendor: int
    vendor_word: str
    first: int
    count: int
    lines: list[_Line] = field(default_factory=list)


def seed(
    db: Database, by: Actor, rows: int = 300, seed: int = 7, told: Callable[[int], None] | None = None
) -> None:
    """Fill a founded, empty company with ``rows`` invoices of Maria Garcia, all approved and not sent.

    The same ``rows`` and ``seed`` give the same books. One transaction; audit events as an import writes them.
    ``told`` hears how many are written so far.
    """
    rng = Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
    sizes = _Sizes(rows)
    filling = late(db) if rows >= _LATE else contextlib.nullcontext()
    with db.transaction(), filling:
        places = _masters(db, by, rng, sizes)
        parcels, done = _invoices(rng, places, rows), 0
        while some := list(islice(parcels, _EVENT)):
            detail = {"file": "demo", "kind": "invoices", "created": len(some)}
            audit.record(db, by, "import", detail, write(db, "procore", some, db.now()))
            done += len(some)
            if told is not None:
                told(done)


class _Sizes:
    """How large the company is for so many invoices."""

    def __init__(self, rows: int) -> None:
        self.projects = max(12, rows // 10_000)
        self.vendors = max(40, rows // 2_000)
        self.commitments = max(80, rows // 40)
        # A commitment's share of the invoices, the first ones taking what is left over.
        self.shares = [
            rows // self.commitments + (i < rows % self.commitments) for i in range(self.commitments)
        ]
        self.months = max(self.shares)
        self.most_lines = 8 if rows <= 20_000 else 3


def _month(back: int) -> tuple[str, str]:
    """First and last day of the month so many before the last, ISO."""
    number = _LAST[0] * 12 + _LAST[1] - 1 - back
    year, month = divmod(number, 12)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month]
    return f"{year}-{month + 1:02}-01", f"{year}-{month + 1:02}-{days}"


# -- masters ---------------------------------------------------------------------------------------------------


def _masters(db: Database, by: Actor, rng: Random, sizes: _Sizes) -> list[_Commitment]:
    def recorded(kind: str, tally: Tally) -> None:
        audit.record(
            db, by, "import", {"file": "demo", "kind": kind, "created": tally.created}, tally.changes
        )

    def plain(kind: str, table: str, subject: str, wanted: list[Wanted]) -> None:
        tally = Tally(Report("demo", partial=False))
        upsert(db, table, subject, [], wanted, tally, unique=False)
        recorded(kind, tally)

    plain("vendors", "vendors", "vendor", _vendors(sizes.vendors))
    plain("projects", "projects", "project", _projects(sizes.projects))
    projects = dict(db.execute("SELECT source_id, id FROM projects").fetchall())
    vendors = dict(db.execute("SELECT source_id, id FROM vendors").fetchall())
    codes: list[Wanted] = []
    periods: list[Wanted] = []
    for n in range(sizes.projects):
        project = projects[f"demo-{n}"]
        for _, code, name, _ in _TRADES:
            values = {"project_id": project, "code": code, "name": name, "erp_ref": code}
            codes.append(Wanted(0, f"demo-{n}-{code}", (n, code), values))
        for back in range(sizes.months + 1):
            start, end = _month(back - 1)
            values = {"project_id": project, "start_date": start, "end_date": end}
            periods.append(Wanted(0, f"demo-{n}-{start}", (n, start), values))
    plain("cost-codes", "cost_codes", "cost code", codes)
    plain("billing-periods", "billing_periods", "billing period", periods)
    tally = Tally(Report("demo", partial=False))
    made = [_commitment(rng, sizes, i, projects, vendors) for i in range(sizes.commitments)]
    commitments.save(db, [(want, None) for want, _ in made], tally)
    recorded("commitments", tally)
    ids = dict(db.execute("SELECT source_id, id FROM commitments").fetchall())
    for want, commitment in made:
        commitment.id = ids[want.source_id]
    return [commitment for _, commitment in made]


def _vendor(n: int) -> tuple[str, str]:
    """Name and ERP id of a vendor; the trade follows from the number."""
    if n == 13:
        return HOSTILE, "HOSTILE"
    if n == 21:
        return CJK, "TOKYO"
    name = f"{_NAMES[(n * 7) % len(_NAMES)]} {_TRADES[n % len(_TRADES)][0]}"
    if n >= len(_NAMES) * len(_TRADES):
        name = f"{name} {n}"
    return name, UNKNOWN_VENDOR if n == 34 else f"{_NAMES[(n * 7) % len(_NAMES)][:5].upper()}{n:04}"


def _vendors(count: int) -> list[Wanted]:
    found = []
    for n in range(count):
        name, erp_ref = _vendor(n)
        found.append(Wanted(0, f"demo-{n}", (name,), {"name": name, "erp_ref": erp_ref}))
    return found


def _projects(count: int) -> list[Wanted]:
    found = []
    for n in range(count):
        number = f"24-{101 + n}"
        name = _PLACES[n % len(_PLACES)] + (f", phase {n // len(_PLACES) + 1}" if n >= len(_PLACES) else "")
        found.append(Wanted(0, f"demo-{n}", (number,), {"number": number, "name": name, "erp_ref": number}))
    return found


def _commitment(
    rng: Random, sizes: _Sizes, index: int, projects: dict[str, int], vendors: dict[str, int]
) -> tuple[Wanted, _Commitment]:
    project_index, vendor_index = index % sizes.projects, index % sizes.vendors
    _, code, trade, parts = _TRADES[vendor_index % len(_TRADES)]
    count = sizes.shares[index]
    opening = rng.choice((0, 0, 2, 3, 5))
    lines = []
    for n in range(rng.randint(min(3, sizes.most_lines - 1), sizes.most_lines)):
        changed = n > 1 and rng.random() < 0.15
        text = f"{parts[n % 3]}, level {n // 3 + 1}"
        lines.append(
            _Line(
                item=str(1_000_000 + index * 10 + n),
                item_type=CHANGE_ORDER_ITEM if changed else CONTRACT_ITEM,
                cost_code=code,
                description=f"CO {n}: {text.lower()}" if changed else text,
                scheduled=rng.randrange(300_000, 2_000_000 if changed else 25_000_000),
            )
        )
    for line in lines:
        if opening:
            line.total = line.scheduled * rng.randrange(5, 35) // 100
            line.retained = line.total // 10
    number = f"SC-{101 + project_index}-{index // sizes.projects + 1:02}"
    kind = "purchase_order" if index % 9 == 4 else "subcontract"
    vendor = vendors[f"demo-{vendor_index}"]
    project = projects[f"demo-{project_index}"]
    values = {
        "project_id": project,
        "vendor_id": vendor,
        "number": number,
        "title": f"{trade}, {_PLACES[project_index % len(_PLACES)]}",
        "kind": kind,
        "currency": "USD",
        "retainage_bp": 1000,
        "erp_ref": number,
        "opening_application": opening,
    }
    schedule = [
        (n, x.item, x.item_type, x.cost_code, x.description, x.scheduled, x.total, 0, x.retained)
        for n, x in enumerate(lines, 1)
    ]
    want = Wanted(0, f"demo-{index}", (number,), values, list(schedule))
    word = _NAMES[(vendor_index * 7) % len(_NAMES)].upper()[:6]
    made = _Commitment(0, project, project_index, vendor, word, opening + 1, count, lines)
    return want, made


# -- invoices --------------------------------------------------------------------------------------------------


def _invoices(rng: Random, places: list[_Commitment], rows: int) -> Iterator[Parcel]:
    """Month by month, every commitment's next application."""
    months = max(place.count for place in places)
    numbers = [0] * (max(place.project_index for place in places) + 1)
    every = max(rows // 5, 1) if rows < 3_000 else 500
    made = 0
    vendors = len({place.vendor for place in places})
    for back in range(months - 1, -1, -1):
        period = _month(back)
        billed: set[tuple[int, int]] = set()
        last: dict[int, str] = {}
        for at, place in enumerate(places):
            if place.count <= back:
                continue
            made += 1
            numbers[place.project_index] += 1
            number = f"{101 + place.project_index}-{numbers[place.project_index]:03}"
            if made % every == every // 2:
                # Longer than the fifteen characters that an ERP takes.
                number = f"{period[1][:7]}-{place.vendor_word}-{made:05}"
            if back == 0 and rows in _LOOKED_AT and at - vendors in last:
                project, _, n = last[at - vendors].partition("-")
                number = _AGAIN[at - vendors].format(last[at - vendors], project, n)
            elif at in _AGAIN:
                last[at] = number
            yield _invoice(rng, place, place.first + place.count - 1 - back, number, period, made, billed)


def _invoice(
    rng: Random,
    place: _Commitment,
    application: int,
    number: str,
    period: tuple[str, str],
    made: int,
    billed: set[tuple[int, int]],
) -> Parcel:
    """The next one of the place. ``billed``: vendors and amounts of the month, of which no two are the same."""
    share = 2 * (place.count + 1)
    last = application == place.first + place.count - 1
    mode = "release" if last and made % 90 == 7 else "credit" if made % 45 == 20 else "work"
    if mode != "work" and not any(line.retained > 1000 for line in place.lines):
        mode = "work"
    rows = [_row(rng, n, line, mode, share) for n, line in enumerate(place.lines, 1)]
    gross = sum(row[6] + row[7] + row[8] - row[11] for row in rows)
    while (place.vendor, gross) in billed:
        rows[0] = (*rows[0][:7], rows[0][7] + 1, *rows[0][8:])
        place.lines[0].total += 1
        gross += 1
    if gross:
        billed.add((place.vendor, gross))
    retainage = sum(row[12] - row[13] for row in rows)
    tax = gross * 825 // 10_000 if gross > 0 and made % 20 == 3 else 0
    content = (
        application,
        number,
        *period,
        period[1],
        Status.APPROVED.value,
        "USD",
        gross,
        retainage,
        gross - retainage,
        tax,
        sum(line.total for line in place.lines),
        sum(line.retained for line in place.lines),
        any(line.total > line.scheduled for line in place.lines),
        mode == "release",
        *CREATOR,
    )
    after = {"number": number, "application": application, "net": plain(gross - retainage, "USD")}
    return Parcel(
        str(5_000_000 + made),
        place.id,
        place.project,
        place.vendor,
        content,
        rows,
        [],
        None,
        0,
        0,
        False,
        {},
        after,
    )


def _row(rng: Random, position: int, line: _Line, mode: str, share: int) -> tuple[Any, ...]:
    """The line's next G703 row, in the order of books.LINE; the line then stands where it ends."""
    before, stored_before, retained = line.total, line.stored, line.retained
    now, moved, stored, held, released = 0, 0, stored_before, 0, 0
    if mode == "release":
        released = retained
    elif mode == "credit":
        now = -(before // 20) if position == 1 else 0
        held = -(-now // 10)
    else:
        draw = rng.random()
        now = int(line.scheduled * draw) // share
        moved, stored = stored_before, 0
        if draw > 0.85:
            stored = line.scheduled // (share * 2)
        held = (now + stored - stored_before + moved) // 10
    start = before - stored_before + moved
    line.total = start + now + stored
    line.stored = stored
    line.retained = retained + held - released
    return (
        position,
        line.item,
        line.item_type,
        line.cost_code,
        line.description,
        line.scheduled,
        start,
        now,
        stored,
        stored_before,
        moved,
        before,
        held,
        released,
        retained,
    )
