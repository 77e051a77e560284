"""Import of many invoices: seconds and peak memory, in a process of its own.

    python tests/bench/bench_intake.py [--invoices 100000] [--lines 8] [--format json|csv|both]

Generates a file of invoices that foot, ten applications a commitment, with the keys that Procore's extended view
prints; imports the masters; then imports the invoices into a fresh SQLite file in a fresh process.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from store import db as database
from store import directory
from store.directory import UserValues
from store.domain.actor import Level
from store.intake.load import import_file

APPLICATIONS = 10
SCHEDULED = 2_500_000


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def found(url: str) -> None:
    db = database.create(url)
    directory.found(db, "BENCH", "USD", "sandbox", demo=True, hold_ms=0)
    directory.put_user(
        db, None, UserValues("bench", "Bench", "", Level.NONE, Level.ADMIN, Level.ADMIN, can_push=False)
    )
    db.close()


def masters(folder: Path, commitments: int, lines: int) -> list[Path]:
    tables: dict[str, list[list[Any]]] = {
        "vendors": [["vendor_id", "name"], *([n, f"Vendor {n}"] for n in range(1, 501))],
        "projects": [["project_id", "number", "name"], *([n, f"24-{n}", f"Job {n}"] for n in range(1, 51))],
        "commitments": [
            [
                "commitment_id",
                "number",
                "project",
                "vendor",
                "title",
                "kind",
                "line_item",
                "scheduled_value",
                "cost_code",
            ],
            *(
                [
                    c,
                    f"SC-{c}",
                    f"24-{c % 50 + 1}",
                    c % 500 + 1,
                    "Work",
                    "subcontract",
                    c * 100 + n,
                    "25000",
                    "03-300",
                ]
                for c in range(1, commitments + 1)
                for n in range(1, lines + 1)
            ),
        ],
    }
    paths = []
    for name, rows in tables.items():
        paths.append(folder / f"{name}.csv")
        with paths[-1].open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return paths


def figures(invoice: int, line: int) -> tuple[int, int, int]:
    """What the line had completed before, this period's work and the retainage before, in cents."""
    application = invoice % APPLICATIONS
    commitment = invoice // APPLICATIONS
    step = [
        1000 + (commitment * 7919 + line * 104_729 + a * 1_299_709) % 200_000 for a in range(application + 1)
    ]
    return sum(step[:-1]), step[-1], sum(x // 10 for x in step[:-1])


def requisitions(invoices: int, lines: int) -> Iterator[dict[str, Any]]:
    for i in range(invoices):
        commitment, application = i // APPLICATIONS + 1, i % APPLICATIONS + 1
        items, gross, retainage, completed = [], 0, 0, 0
        for n in range(1, lines + 1):
            before, now, retained = figures(i, n)
            held = now // 10
            gross, retainage, completed = gross + now, retainage + held, completed + before + now
            items.append(
                {
                    "id": i * 100 + n,
                    "item_type": "contract_item",
                    "accounting_method": "amount",
                    "cost_code_id": None,
                    "line_item_id": commitment * 100 + n,
                    "description_of_work": f"Concrete, part {n}",
                    "wbs_code": {"id": n, "flat_code": "03-300", "description": "Concrete"},
                    "scheduled_value": "25000.00",
                    "work_completed_from_previous_application": money(before),
                    "work_completed_this_period": money(now),
                    "materials_presently_stored": "0.00",
                    "materials_presently_stored_from_previous_progress": "0.00",
                    "materials_moved": "0.00",
                    "materials_retainage_retained_moved": "0.00",
                    "total_completed_and_stored_to_date": money(before + now),
                    "total_completed_and_stored_to_date_percent": f"{(before + now) / 25000:.2f}%",
                    "total_completed_and_stored_to_date_from_previous": money(before),
                    "work_completed_retainage_from_previous_application": money(retained),
                    "work_completed_retainage_retained_this_period": money(held),
                    "work_completed_retainage_percent_this_period": "10.0",
                    "work_completed_retainage_released_this_period": "0.00",
                    "materials_stored_retainage_currently_retained": "0.00",
                    "materials_stored_retainage_new_materials": "0.00",
                    "materials_stored_retainage_released_this_period": "0.00",
                    "currency_configuration": {"currency_iso_code": "USD"},
                    "comment": None,
                    "position": n,
                }
            )
        year, month = 2026, application
        yield {
            "id": 1_000_000 + i,
            "commitment_id": commitment,
            "number": application,
            "invoice_number": f"{commitment}-{application:03}",
            "status": "approved",
            "billing_date": f"{year}-{month:02}-28",
            "requisition_start": f"{year}-{month:02}-01",
            "requisition_end": f"{year}-{month:02}-28",
            "final": False,
            "origin_id": None,
            "created_by": {"id": 1, "name": "Maria Garcia", "login": "mgarcia@acme.example"},
            "summary": {
                "total_completed_and_stored_to_date": money(completed),
                "current_payment_due": money(gross - retainage),
                "tax_applicable_to_this_payment": "0.00",
            },
            "items": items,
        }


def write_json(path: Path, invoices: int, lines: int) -> None:
    with path.open("w") as file:
        file.write("[\n")
        for n, body in enumerate(requisitions(invoices, lines)):
            file.write((",\n" if n else "") + json.dumps(body))
        file.write("\n]\n")


def write_csv(path: Path, invoices: int, lines: int) -> None:
    header = [
        "project",
        "commitment",
        "application",
        "invoice_number",
        "status",
        "period_start",
        "period_end",
        "net",
        "line_item",
        "cost_code",
        "description",
        "scheduled_value",
        "work_previous",
        "work_this_period",
        "stored_previous",
        "stored_now",
        "total_previous",
        "retainage_previous",
        "retainage_held",
        "retainage_released",
        "total_completed",
    ]
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(header)
        for body in requisitions(invoices, lines):
            commitment = body["commitment_id"]
            common = [
                f"24-{commitment % 50 + 1}",
                f"SC-{commitment}",
                body["number"],
                body["invoice_number"],
                "approved",
                body["requisition_start"],
                body["requisition_end"],
                body["summary"]["current_payment_due"],
            ]
            out.writerows(
                [
                    *common,
                    x["line_item_id"],
                    "03-300",
                    x["description_of_work"],
                    x["scheduled_value"],
                    x["work_completed_from_previous_application"],
                    x["work_completed_this_period"],
                    "0.00",
                    "0.00",
                    x["total_completed_and_stored_to_date_from_previous"],
                    x["work_completed_retainage_from_previous_application"],
                    x["work_completed_retainage_retained_this_period"],
                    "0.00",
                    x["total_completed_and_stored_to_date"],
                ]
                for x in body["items"]
            )


def child(url: str, path: Path) -> None:
    db = database.open(url)
    actor = directory.actor(db, "bench", "bench")
    begun = time.perf_counter()
    result = import_file(db, actor, path)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(
        f"{path.suffix[1:]:5} {result.created:>8,} created, {result.unchanged:,} unchanged"
        f"  {seconds:6.1f} s  peak {peak} MB  file {path.stat().st_size >> 20} MB\n"
    )
    db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--invoices", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=8)
    parser.add_argument("--format", choices=("json", "csv", "both"), default="both")
    parser.add_argument("--again", action="store_true", help="import the same file a second time")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    for suffix in ("json", "csv") if options.format == "both" else (options.format,):
        with tempfile.TemporaryDirectory(prefix="payapp-bench-") as name:
            folder = Path(name)
            url = f"sqlite:{folder / 'bench.db'}"
            found(url)
            db = database.open(url)
            actor = directory.actor(db, "bench", "bench")
            for path in masters(folder, -(-options.invoices // APPLICATIONS), options.lines):
                import_file(db, actor, path)
            db.close()
            path = folder / f"invoices.{suffix}"
            (write_json if suffix == "json" else write_csv)(path, options.invoices, options.lines)
            for _ in range(2 if options.again else 1):
                subprocess.run([sys.executable, __file__, "--child", url, str(path)], check=True)


if __name__ == "__main__":
    main()
