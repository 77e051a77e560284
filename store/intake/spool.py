"""What pass one found good, kept in a temporary file until pass two writes it: any number of invoices, little memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import msgspec

from store.domain.errors import StoreError

_PREFIX = 4


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """One invoice ready to be written. ``content`` and ``lines`` are in the order of books.CONTENT and books.LINE.

    ``invoice`` and ``version`` are those of the invoice to update, 0 for a new one; ``before`` and ``after`` are the
    values for the audit trail; ``marked``: it changed since it was rejected. ``origin_id`` is the ERP's bill where the source says that there is one.
    """

    source_id: str
    commitment: int
    project: int
    vendor: int
    content: tuple[Any, ...]
    lines: list[tuple[Any, ...]]
    attachments: list[tuple[str, str]]
    origin_id: str | None
    invoice: int
    version: int
    marked: bool
    before: dict[str, Any]
    after: dict[str, Any]


class Spool:
    """A temporary file of parcels: put() them all, then read() them; it is gone when closed."""

    def __init__(self) -> None:
        file = tempfile.TemporaryFile(prefix="payapp-import-")  # noqa: SIM115 - close() is the end of it
        self._file = cast("BinaryIO", file)
        self._encoder = msgspec.msgpack.Encoder()

    def put(self, parcel: Parcel) -> None:
        """Append a parcel. Raises StoreError where the temporary folder is full."""
        frame = self._encoder.encode(parcel)
        try:
            self._file.write(len(frame).to_bytes(_PREFIX, "big") + frame)
        except OSError as error:
            raise StoreError(
                "The import ran out of room",
                why=f"its temporary file cannot grow: {error.strerror or error}",
                fix="Free some space in the temporary folder (TMPDIR); nothing was imported",
            ) from error

    def read(self) -> Iterator[Parcel]:
        """The parcels in the order in which they were put."""
        decoder = msgspec.msgpack.Decoder(Parcel)
        self._file.seek(0)
        while prefix := self._file.read(_PREFIX):
            yield decoder.decode(self._file.read(int.from_bytes(prefix, "big")))

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
