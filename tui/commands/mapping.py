"""Subcommand of the ERP: erp map, what our codes are called there."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from store.domain.errors import BadFile, BadInput
from store.domain.knowing import Kind
from store.domain.text import safe
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_json, print_table, say

if TYPE_CHECKING:
    from store.mapping import Done, Fault, Want
    from store.mapping_list import Row

STDIN = "standard input"
COLUMNS = ("kind", "code", "target")
# So much of a name tells which one it is.
NAME_CELLS = 40
KINDS = ", ".join(kind.value for kind in Kind)


@click.command("map")
@click.argument("kind", required=False)
@click.argument("code", required=False)
@click.argument("target", required=False)
@click.option("--job", metavar="NUMBER", help="On that job alone; without it on every job.")
@click.option("--remove", is_flag=True, help="Take the mapping of KIND CODE away.")
@click.option(
    "--file", "file", metavar="FILE", help="Many: CSV or XLSX with kind, code, target and job; - is stdin."
)
@click.option("--list", "listing", is_flag=True, help="What every code is called; KIND and CODE narrow it.")
@click.option(
    "--unmapped", is_flag=True, help="With --list: only what Ready and Failed invoices name without a name."
)
@click.option("--json", "as_json", is_flag=True, help="With --list: as JSON.")
@acting
@click.pass_context
def map_(
    ctx: click.Context,
    kind: str | None,
    code: str | None,
    target: str | None,
    job: str | None,
    remove: bool,
    file: str | None,
    listing: bool,
    unmapped: bool,
    as_json: bool,
    login: str | None,
) -> None:
    """Say what a code of ours is called in the ERP.

    KIND is vendor, job, commitment, account (CODE: a cost code), tax or terms (CODE: default).

    \b
    payapp erp map vendor "Apex Drywall LLC" V-1
    payapp erp map account 03-300 5100 --job 24-101
    payapp erp map terms default "30 days"
    payapp erp map vendor "Apex Drywall LLC" --remove
    payapp erp map --list --unmapped
    payapp erp map --file map.csv
    """  # noqa: D301 - \b keeps click from wrapping the examples
    ways = {"--list": listing, "--file": file is not None, "--remove": remove}
    if sum(ways.values()) > 1:
        raise BadInput(f"{' and '.join(name for name, given in ways.items() if given)} do not go together")
    if (unmapped or as_json) and not listing:
        raise BadInput("--unmapped and --json belong to --list", fix="Add --list")
    if listing:
        if target is not None:
            raise BadInput("--list takes no TARGET", fix="Give KIND and CODE to narrow it")
        _list(ctx, login, kind, code, job, unmapped=unmapped, as_json=as_json)
    elif file is not None:
        if kind is not None or job is not None:
            raise BadInput("--file names kind, code, target and job itself", fix="Leave them out")
        _many(ctx, login, file)
    else:
        _one(ctx, login, (kind, code, target), job, remove=remove)


def _kind(text: str) -> Kind:
    if text not in set(Kind):
        raise BadInput(f"There is no kind {safe(text)!r}", fix=f"Use one of: {KINDS}")
    return Kind(text)


# -- writing -----------------------------------------------------------------------------------------------------


def _one(
    ctx: click.Context,
    login: str | None,
    given: tuple[str | None, str | None, str | None],
    job: str | None,
    *,
    remove: bool,
) -> None:
    from store import mapping

    kind, code, target = given
    if kind is None or code is None or (target is None) != remove:
        raise BadInput(
            "Say which code, and what it is called",
            fix="payapp erp map KIND CODE TARGET, or payapp erp map KIND CODE --remove",
        )
    if target is not None and not target.strip():
        raise BadInput("The target is empty", fix="Add --remove to take the mapping away")
    want = mapping.Want(_kind(kind), code, target or "", job or "")
    with books_and_actor(ctx, login) as (books, me):
        done = mapping.put(books.db, me, want)
    say(_told(done))


def _many(ctx: click.Context, login: str | None, file: str) -> None:
    from store import mapping

    with books_and_actor(ctx, login) as (books, me):
        if file == "-":
            wants, faults = _standard_input()
        else:
            wants, faults = _wants(Path(file))
        name = STDIN if file == "-" else Path(file).name
        try:
            done = mapping.put_all(books.db, me, name, wants, faults)
        except mapping.BadRows as error:
            # A line for each row.
            say(f"payapp: {safe(str(error), lines=True)}", err=True)
            ctx.exit(error.exit_code)
    say(_told(done))


def _told(done: Done) -> str:
    parts = [
        f"{count:,} {word}"
        for count, word in ((done.made, "made"), (done.changed, "changed"), (done.removed, "removed"))
        if count
    ]
    return f"Mappings: {', '.join(parts)}." if parts else "It is so already; nothing was changed."


def _standard_input() -> tuple[list[Want], list[Fault]]:
    # What reads a table goes back to its beginning, and a pipe has none.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / STDIN
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        return _wants(path)


def _wants(path: Path) -> tuple[list[Want], list[Fault]]:
    """The rows of the file, and those whose kind there is not. Raises BadFile."""
    from store.intake.tabular import open_table
    from store.mapping import Fault, Want

    table = open_table(path)
    missing = [name for name in COLUMNS if name not in table.header]
    strange = sorted(set(table.header) - {*COLUMNS, "job"})
    if missing or strange:
        raise BadFile(
            f"{safe(path.name)} is no table of mappings",
            why=f"it has no column {', '.join(missing)}"
            if missing
            else f"it has columns that mean nothing here: {', '.join(map(safe, strange))}",
            fix="Its columns are kind, code, target and, for one job alone, job",
        )
    wants: list[Want] = []
    faults: list[Fault] = []
    for number, cells in ((row.number, row.cells) for row in table.rows):
        kind = cells["kind"].strip()
        if kind in set(Kind):
            wants.append(Want(Kind(kind), cells["code"], cells["target"], cells.get("job", ""), number))
        else:
            faults.append(
                Fault(number, "kind", f"there is no kind {safe(kind) or '(none)'}: use one of {KINDS}")
            )
    return wants, faults


# -- listing -----------------------------------------------------------------------------------------------------


def _list(
    ctx: click.Context,
    login: str | None,
    kind: str | None,
    code: str | None,
    job: str | None,
    *,
    unmapped: bool,
    as_json: bool,
) -> None:
    from store import mapping_list

    wanted = _kind(kind) if kind else None
    with books_and_actor(ctx, login) as (books, me):
        found = mapping_list.rows(books.db, me, needed=unmapped)
    rows = [
        row
        for row in found
        if (wanted is None or row.kind is wanted)
        and (code is None or code in {row.code, row.name})
        and (job is None or row.job == job)
        and not (unmapped and not (row.needed and row.unmapped))
    ]
    if as_json:
        print_json([
            {"kind": row.kind, "code": row.code, "name": row.name, "job": row.job or None, "target": row.target,
             "from": row.origin, "known": row.known, "asked_at": row.asked_at or None}
            for row in rows
        ])  # fmt: skip
        return
    if not rows:
        say(
            "Nothing that Ready and Failed invoices name is without a name in the ERP."
            if unmapped
            else "No code matches."
        )
        return
    from tui.text import cut

    print_table(
        ("Kind", "Code", "Name", "Job", "In the ERP", "From", "ERP has it"),
        [
            (
                row.kind.value,
                row.code or "(none)",
                cut(row.name, NAME_CELLS).rstrip(),
                row.job or "all jobs",
                row.target,
                row.origin.value,
                known(row),
            )
            for row in rows
        ],
    )


def known(row: Row) -> str:
    """Whether the ERP said it has that, and when."""
    from tui.text import moment

    if row.known is None:
        return ""
    return f"{'yes' if row.known else 'NO'}, {moment(row.asked_at)}"
