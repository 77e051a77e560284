"""The drop folder and its archive: files that appear once, whatever dies when, each with its manifest.

A file is written under a temporary name in the drop folder, linked into the archive (from then on it counts as sent), and
renamed into the drop folder. A crash between the last two leaves the temporary name, and the next call finishes the
renaming. The manifest is in the archive for good before its file is: no file of the archive is without its keys.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from erp.connector import UnavailableError
from erp.connectors import files_csv
from erp.connectors.files_settings import Form
from store.domain.bill import Bill
from store.domain.money import hash_part
from store.domain.outcome import ErpBill, Period

# What the files of every form end with; a manifest ends with .json.
SUFFIXES = (".csv", ".iif")
# Names the files that are lost for good, with all that were written before them.
LOST = "LOST"


class Entry(msgspec.Struct, frozen=True):
    """One bill of a file, as its manifest tells it; amounts are plain decimals of the file's currency."""

    key: str
    vendor: str
    number: str
    accounting_date: date
    gross: str
    retainage: str
    net: str
    tax: str


class Control(msgspec.Struct, frozen=True):
    """The manifest beside each file: its control totals, and its bills in their order. Manifests of before have no bills."""

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
    form: Form = Form.CSV
    bills: tuple[Entry, ...] = ()


class Archive:
    """One drop folder, worked in by one thread at a time, within alone()."""

    def __init__(self, drop: Path) -> None:
        self._drop = drop
        self._archive = drop / "archive"
        self.refs: dict[str, str] = {}
        # Files that were written before, the newest first.
        self.expected: tuple[str, ...] = ()
        self._read: set[str] = set()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other process writes here meanwhile; what a crash left was finished and the archive was read.

        Raises UnavailableError: nothing was done.
        """
        try:
            self._archive.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._archive / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                self._finish()
                self._learn()
            except OSError as error:
                raise _unusable(error) from error
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
            sent = archived.exists() and any(archived.with_suffix(one).exists() for one in SUFFIXES)
            if sent and archived.samefile(temporary):
                self._show(temporary, name)
            else:
                temporary.unlink()
        if left:
            sync(self._drop)

    def _learn(self) -> None:
        """Read what the archive has and was not read yet. Raises UnavailableError where something is gone from it."""
        files = self.files()
        for file in files:
            if file.name not in self._read:
                self._remember(file.name, _keys(file))
        here = {file.name for file in files}
        if gone := [name for name in (*self.expected, *sorted(self._read)) if name not in here]:
            self._require(gone)

    def _require(self, gone: Sequence[str]) -> None:
        """Raise UnavailableError for a file that is gone, unless somebody has said so of it or of one that is newer."""
        try:
            said = set((self._archive / LOST).read_text(encoding="utf-8").split())
        except FileNotFoundError:
            said = set()
        places = {name: place for place, name in enumerate(self.expected)}
        since = min((places[name] for name in said if name in places), default=len(places))
        for name in gone:
            if name not in said and places.get(name, -1) < since:
                raise UnavailableError(
                    f"{name} was written before and is not in the archive of {self._drop}: what else it lacks would go out"
                    " twice; put the archive back, or name its folder in erp.options.folder"
                )

    def files(self) -> list[Path]:
        """Everything that was ever sent, by name."""
        return sorted(file for file in self._archive.glob("payapp-*") if file.suffix in SUFFIXES)

    def _remember(self, name: str, keys: Sequence[str]) -> None:
        self._read.add(name)
        for number, key in enumerate(keys, 1):
            self.refs.setdefault(key, f"{name}/{number}")

    def write(self, form: Form, suffix: str, bills: Sequence[Bill], content: bytes) -> None:
        """One file and its manifest, in an order in which no crash can show it twice or lose it.

        Raises UnavailableError: it was not sent.
        """
        digest = hashlib.sha256("\n".join(sorted(bill.key for bill in bills)).encode()).hexdigest()
        name = f"payapp-{digest[:20]}{suffix}"
        control = _control(name, form, bills, content)
        manifest = Path(name).with_suffix(".json").name
        try:
            for file, data in (
                (manifest, msgspec.json.format(msgspec.json.encode(control))),
                (name, content),
            ):
                store(self._temporary(file), data)
            # The temporary names must outlast a power cut before the archive may name the file: they tell
            # whether it was shown.
            sync(self._drop)
            (self._archive / manifest).unlink(missing_ok=True)
            os.link(self._temporary(manifest), self._archive / manifest)
            # So must the manifest: it alone may have the keys.
            sync(self._archive)
        except OSError as error:
            raise UnavailableError(f"the file could not be written: {error.strerror}") from error
        # From here on it is sent. A name that is there already raises, and is never written again.
        os.link(self._temporary(name), self._archive / name)
        sync(self._archive)
        self._remember(name, control.keys)
        for file in (manifest, name):
            self._show(self._temporary(file), file)
        sync(self._drop)

    def _temporary(self, name: str) -> Path:
        return self._drop / f".{name}.tmp"

    def _show(self, temporary: Path, name: str) -> None:
        shown = self._drop / name
        # A rename onto another link of the same file would do nothing and leave the temporary name.
        if shown.exists() and shown.samefile(temporary):
            temporary.unlink()
        else:
            temporary.rename(shown)


def store(path: Path, data: bytes) -> None:
    """Write the file, for good."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """The names in the folder, for good."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(error: OSError) -> UnavailableError:
    return UnavailableError(f"the drop folder cannot be used: {error.strerror}")


def _manifest(file: Path) -> Control | None:
    """The manifest of an archived file; None where it is gone or spoilt."""
    try:
        return msgspec.json.decode(file.with_suffix(".json").read_bytes(), type=Control)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _keys(file: Path) -> list[str]:
    """The keys of an archived file in their order: from its manifest, or where that is gone from the file itself.

    Raises UnavailableError where neither has them: nobody can tell what was sent.
    """
    control = _manifest(file)
    found = list(control.keys) if control else files_csv.keys(file) if file.suffix == ".csv" else []
    if not found:
        raise UnavailableError(
            f"{file.name} in the archive has no manifest, which alone has its keys: put {file.stem}.json back from the backup"
        )
    return found


def listed(file: Path, period: Period) -> list[ErpBill]:
    """The bills of an archived file with an accounting date in the period. Raises UnavailableError for a spoilt one.

    From the file's own rows, or, where these have no keys, from its manifest while the file is the one that was written.
    """
    control = _manifest(file)
    if control is None or control.form is Form.CSV:
        return files_csv.listed(file, period)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UnavailableError(f"{file.name} in the archive cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != control.sha256:
        raise UnavailableError(
            f"{file.name} in the archive was changed: it is not the file that its manifest tells of"
        )
    return [
        ErpBill(
            ref=f"{file.name}/{number}",
            key=entry.key,
            vendor=entry.vendor,
            number=entry.number,
            accounting_date=entry.accounting_date,
            currency=control.currency,
            gross=entry.gross,
            retainage=entry.retainage,
            net=entry.net,
        )
        for number, entry in enumerate(control.bills, 1)
        if period.start <= entry.accounting_date <= period.end
    ]


def _control(name: str, form: Form, bills: Sequence[Bill], content: bytes) -> Control:
    def total(field: str) -> str:
        return f"{sum((Decimal(getattr(bill, field)) for bill in bills), Decimal(0)):f}"

    return Control(
        file=name,
        form=form,
        currency=bills[0].currency,
        count=len(bills),
        rows=sum(len(bill.lines) for bill in bills),
        gross=total("gross"),
        retainage=total("retainage"),
        net=total("net"),
        hash_total=sum(hash_part(bill.number) for bill in bills),
        sha256=hashlib.sha256(content).hexdigest(),
        keys=tuple(bill.key for bill in bills),
        bills=tuple(
            Entry(**{name: getattr(bill, name) for name in Entry.__struct_fields__}) for bill in bills
        ),
    )
