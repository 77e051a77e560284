"""payapp's own CSV files in a drop folder (docs/files.md). The archive is the ERP's memory here: look-up reads it.

One file per parcel and currency. It is written under a temporary name in the drop folder, linked into the archive
(from then on it counts as sent), and renamed into the drop folder. A crash between the last two leaves the temporary
name, and the next call finishes the renaming: so a file appears once, whatever dies when.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import fcntl
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from erp.connector import UnavailableError
from store.domain.bill import Bill
from store.domain.knowing import Fact, Kind, Paid
from store.domain.money import hash_part
from store.domain.outcome import Answer, Booked, ErpBill, Later, Missing, Period, Refused, Unknown
from store.domain.profile import Finding, Profile
from store.domain.text import formula_like, safe

T = TypeVar("T")

HEADER = ("key", "company", "currency", "vendor", "vendor_name", "job", "commitment", "application", "number")
DATES = ("period_start", "period_end", "invoice_date", "accounting_date")
AMOUNTS = ("gross", "retainage", "net", "tax")
LINE = ("position", "item_type", "cost_code", "description", "amount", "retainage")
# What the ERP calls the cost code stands in its column.
LINE_FIELDS = tuple("account" if name == "cost_code" else name for name in LINE)
COLUMNS = (*HEADER, *DATES, "description", *AMOUNTS, *(f"line_{name}" for name in LINE))
LISTED = ("vendor", "number", "currency", "gross", "retainage", "net")
TEXTS = ("company", "vendor", "vendor_name", "job", "commitment", "number", "description")
LINE_TEXTS = ("item_type", "account", "description")
_FIXES = {
    "number": "{invoices.export-values}: enter another ERP invoice number",
    "description": "{invoices.export-values}: enter another description",
}


class FilesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``folder`` is the drop folder; its ``archive/`` must stay on the same file system."""

    folder: str = "export"


class Control(msgspec.Struct, frozen=True):
    """The control totals in the manifest beside each file; amounts are plain decimals of the one currency."""

    file: str
    currency: str
    count: int
    rows: int
    gross: str
    retainage: str
    net: str
    hash_total: int
    sha256: str
    keys: tuple[str, ...]


class Files:
    """The connector to the drop folder ``settings.folder``, which is made where it is missing."""

    def __init__(self, settings: FilesSettings, profile: Profile) -> None:
        self.profile = profile
        self._drop = Path(settings.folder)
        self._archive = self._drop / "archive"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="payapp-files")
        self._refs: dict[str, str] = {}
        self._read: set[str] = set()
        self._closed = False

    async def post(self, bills: Sequence[Bill]) -> Sequence[Booked | Refused | Later | Unknown]:
        """Write the bills that are not in the archive yet; each refusal is that bill's own."""
        return await self._call(lambda: self._post(bills))

    async def find(self, bills: Sequence[Bill]) -> Sequence[Answer]:
        """Look each key up in the archive."""
        return await self._call(lambda: [self._found(bill.key) for bill in bills])

    async def check(self, bills: Sequence[Bill]) -> dict[str, list[Finding]]:
        """What would be refused."""
        return {bill.key: list(_objections(bill)) for bill in bills}

    async def periods(self) -> Sequence[Period]:
        """A folder has no periods."""
        return ()

    async def exists(self, ref: str) -> bool:
        """Whether the archive has it; what became of the file afterwards, a folder cannot tell."""
        return await self._call(lambda: ref in self._refs.values())

    async def bills(self, period: Period) -> AsyncIterator[Sequence[ErpBill]]:
        """The archive's bills of these accounting dates, a file at a time. Raises UnavailableError for a spoilt file."""
        for file in await self._call(lambda: sorted(self._archive.glob("payapp-*.csv"))):
            found = await self._call(partial(_listed, file, period))
            if found:
                yield found

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:  # noqa: ARG002 - the Protocol's
        """A folder knows no codes."""
        return None

    async def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:  # noqa: ARG002 - the Protocol's
        """A folder knows no payments."""
        none: tuple[Sequence[Paid], ...] = ()
        for page in none:
            yield page

    async def close(self) -> None:
        """Wait for what is being written. Closing twice is no harm."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._refs.clear)
            self._thread.shutdown()

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: self._settled(work))

    # -- in the thread -----------------------------------------------------------------------------------------

    def _settled(self, work: Callable[[], T]) -> T:
        """Do it alone in the folder, after what a crash left was finished and the archive was read."""
        with self._alone():
            try:
                self._finish()
                self._learn()
            except OSError as error:
                raise UnavailableError(f"the drop folder cannot be used: {error.strerror}") from error
            return work()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process writes here meanwhile. Raises UnavailableError: nothing was done."""
        try:
            self._archive.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._archive / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(f"the drop folder cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _finish(self) -> None:
        """A temporary name of a file that the archive has was about to be renamed; any other was never sent."""
        left = sorted(self._drop.glob(".payapp-*.tmp"), reverse=True)
        for temporary in left:
            name = temporary.name[1:].removesuffix(".tmp")
            archived = self._archive / name
            # A manifest goes with its file: it was sent when the file was.
            sent = archived.with_suffix(".csv").exists() and archived.exists()
            if sent and archived.samefile(temporary):
                self._show(temporary, name)
            else:
                temporary.unlink()
        if left:
            _sync(self._drop)

    def _learn(self) -> None:
        """Read what the archive has and was not read yet."""
        for file in self._archive.glob("payapp-*.csv"):
            if file.name not in self._read:
                self._remember(file.name, _keys(file))

    def _remember(self, name: str, keys: Sequence[str]) -> None:
        self._read.add(name)
        for number, key in enumerate(keys, 1):
            self._refs.setdefault(key, f"{name}/{number}")

    def _found(self, key: str) -> Booked | Missing:
        ref = self._refs.get(key)
        return Missing(key) if ref is None else Booked(key, ref)

    def _post(self, bills: Sequence[Bill]) -> list[Booked | Refused | Later | Unknown]:
        outcomes: dict[str, Booked | Refused | Later] = {}
        going: dict[str, list[Bill]] = {}
        for bill in bills:
            if bill.key in self._refs:
                continue
            if objection := next(_objections(bill), None):
                outcomes[bill.key] = Refused(bill.key, objection.code, objection.cause, objection.fix)
            else:
                going.setdefault(bill.currency, []).append(bill)
        for together in going.values():
            try:
                self._write(together)
            except UnavailableError as error:
                outcomes |= {bill.key: Later(bill.key, str(error)) for bill in together}
        return [outcomes.get(bill.key) or Booked(bill.key, self._refs[bill.key]) for bill in bills]

    def _write(self, bills: Sequence[Bill]) -> None:
        """One file and its manifest, in an order in which no crash can show it twice or lose it."""
        content = _csv(bills)
        digest = hashlib.sha256("\n".join(sorted(bill.key for bill in bills)).encode()).hexdigest()
        name = f"payapp-{digest[:20]}.csv"
        control = _control(name, bills, content)
        manifest = Path(name).with_suffix(".json").name
        try:
            for file, data in (
                (manifest, msgspec.json.format(msgspec.json.encode(control))),
                (name, content),
            ):
                _store(self._temporary(file), data)
            # The temporary names must outlast a power cut before the archive may name the file: they tell
            # whether it was shown.
            _sync(self._drop)
            (self._archive / manifest).unlink(missing_ok=True)
            os.link(self._temporary(manifest), self._archive / manifest)
        except OSError as error:
            raise UnavailableError(f"the file could not be written: {error.strerror}") from error
        # From here on it is sent. A name that is there already raises, and is never written again.
        os.link(self._temporary(name), self._archive / name)
        _sync(self._archive)
        self._remember(name, control.keys)
        for file in (manifest, name):
            self._show(self._temporary(file), file)
        _sync(self._drop)

    def _temporary(self, name: str) -> Path:
        return self._drop / f".{name}.tmp"

    def _show(self, temporary: Path, name: str) -> None:
        shown = self._drop / name
        # A rename onto another link of the same file would do nothing and leave the temporary name.
        if shown.exists() and shown.samefile(temporary):
            temporary.unlink()
        else:
            temporary.rename(shown)


def _store(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _keys(file: Path) -> list[str]:
    """The keys of an archived file in their order: from its manifest, or where that is gone from the file itself."""
    try:
        return list(msgspec.json.decode(file.with_suffix(".json").read_bytes(), type=Control).keys)
    except (FileNotFoundError, msgspec.MsgspecError):
        with file.open(newline="", encoding="utf-8") as rows:
            return list(dict.fromkeys(row["key"] for row in csv.DictReader(rows)))


def _listed(file: Path, period: Period) -> list[ErpBill]:
    """The bills of an archived file, from its rows: a manifest does not tell whether they were changed."""
    found: dict[str, ErpBill] = {}
    try:
        with file.open(newline="", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                key = row["key"]
                if key not in found:
                    day = date.fromisoformat(row["accounting_date"])
                    said = {name: row[name] for name in LISTED}
                    if None in said.values():
                        raise ValueError("a row is too short")
                    ref = f"{file.name}/{len(found) + 1}"
                    found[key] = ErpBill(ref=ref, key=key, accounting_date=day, **said)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise UnavailableError(f"{file.name} in the archive cannot be read: {error}") from error
    return [bill for bill in found.values() if period.start <= bill.accounting_date <= period.end]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- the file --------------------------------------------------------------------------------------------------


def _csv(bills: Sequence[Bill]) -> bytes:
    """One row per bill line, the bill's own columns on each; UTF-8, comma, CRLF (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for bill in bills:
        own = [getattr(bill, name) for name in HEADER]
        own += [getattr(bill, name).isoformat() for name in DATES]
        own += [bill.description, *(getattr(bill, name) for name in AMOUNTS)]
        writer.writerows([*own, *(getattr(line, name) for name in LINE_FIELDS)] for line in bill.lines)
    return text.getvalue().encode()


def _control(name: str, bills: Sequence[Bill], content: bytes) -> Control:
    def total(field: str) -> str:
        return f"{sum((Decimal(getattr(bill, field)) for bill in bills), Decimal(0)):f}"

    return Control(
        file=name,
        currency=bills[0].currency,
        count=len(bills),
        rows=sum(len(bill.lines) for bill in bills),
        gross=total("gross"),
        retainage=total("retainage"),
        net=total("net"),
        hash_total=sum(hash_part(bill.number) for bill in bills),
        sha256=hashlib.sha256(content).hexdigest(),
        keys=tuple(bill.key for bill in bills),
    )


def _objections(bill: Bill) -> Iterator[Finding]:
    """Why the bill cannot stand in a file: text that a reader would take for something else, or no true totals."""
    for name in TEXTS:
        yield from _unsafe(name, name.replace("_", " "), getattr(bill, name))
    for line in bill.lines:
        for name in LINE_TEXTS:
            yield from _unsafe(
                "line", f"line {line.position}'s {name.replace('_', ' ')}", getattr(line, name)
            )
    if not bill.lines:
        yield Finding("lines.missing", "the bill has no lines", "{invoices.reject} rejects it")
        return
    gross = sum((Decimal(line.amount) for line in bill.lines), Decimal(0))
    held = sum((Decimal(line.retainage) for line in bill.lines), Decimal(0))
    net = Decimal(bill.gross) - Decimal(bill.retainage)
    for name, found in (("gross", gross), ("retainage", held), ("net", net)):
        said = Decimal(getattr(bill, name))
        if said != found:
            yield Finding(
                "totals.misfooted",
                f"the bill's {name} is {said}, its lines come to {found}",
                "{invoices.reject} rejects it: the invoice must foot in Commitments",
            )


def _unsafe(field: str, words: str, text: str) -> Iterator[Finding]:
    fix = _FIXES.get(field, "Correct it where it comes from; {invoices.reject} rejects the invoice")
    if formula_like(text):
        yield Finding(
            f"{field}.formula", f"{words} {safe(text)[:40]!r} would be read as a formula or number", fix
        )
    elif safe(text) != text:
        yield Finding(
            f"{field}.control", f"{words} {safe(text)[:40]!r} has line breaks or hidden characters", fix
        )
