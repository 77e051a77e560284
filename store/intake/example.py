"""payapp's own example: masters and invoices that foot, shipped with the program."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from store.domain.errors import BadInput
from store.domain.text import safe

# In the order in which they are to be imported.
FILES = (
    "vendors.csv",
    "projects.csv",
    "cost-codes.csv",
    "billing-periods.csv",
    "commitments.csv",
    "invoices.json",
    "event.json",
    "requisition.json",
    "invoices.csv",
)


def write(folder: Path) -> list[Path]:
    """Copy the example into the folder, which is made if need be; returns the files in the order to import them.

    Raises BadInput where a file of that name holds something else: nobody's work is written over.
    """
    shipped = resources.files("store") / "example"
    folder = Path(folder)
    texts = {folder / name: (shipped / name).read_bytes() for name in FILES}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            if path.exists() and path.read_bytes() != text:
                raise BadInput(
                    f"{safe(str(path))} is there already, and differs",
                    fix="Name another folder, or move it away",
                )
        for path, text in texts.items():
            path.write_bytes(text)
    except OSError as error:
        raise BadInput(
            f"The example cannot be written to {safe(str(folder))}",
            why=error.strerror or str(error),
            fix="Name a folder that you may write to",
        ) from error
    return list(texts)
