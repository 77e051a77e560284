"""The subcommand ``commitments``: what is billed, retained, paid and left of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_csv, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.contracts import Contract, ProjectSums

MONEY = ("original", "change_orders", "revised", "billed", "retainage_held", "payments_issued", "balance")
COLUMNS = ("job", "commitment", "vendor", "title", "currency", *MONEY, "overbilled", "invoice", "application",
           "erp_status")  # fmt: skip
PROJECT_COLUMNS = ("job", "project", "currency", "commitments", *MONEY, "overbilled")
TITLES = ("Original", "Changes", "Revised", "Billed", "Ret. held", "Issued", "Balance")


@click.command()
@click.argument("number", required=False)
@click.option("--job", metavar="NUMBER", default="", help="Of that job alone.")
@click.option("--projects", "by_project", is_flag=True, help="Added up by project.")
@click.option("--overbilled", is_flag=True, help="Only those billed beyond their sum, or a line of it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@acting
@click.pass_context
def commitments(
    ctx: click.Context, number: str | None, job: str, by_project: bool, overbilled: bool, as_json: bool, as_csv: bool,
    login: str | None,
) -> None:  # fmt: skip
    """List commitments: sum, changes, billed, retainage, paid.

    Billed and retainage are what the newest application has to date; a negative balance is overbilled, marked !.

    \b
    payapp commitments
    payapp commitments SC-101-01 --json
    payapp commitments --job 24-101 --csv > position.csv
    payapp commitments --projects
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import contracts

    with books_and_actor(ctx, login) as (books, me):
        found = [
            one
            for one in contracts.contracts(books.db, me, job)
            if (number is None or one.number == number) and (one.overbilled or not overbilled)
        ]
    columns: tuple[str, ...] = PROJECT_COLUMNS if by_project else COLUMNS
    records = [_project(one) for one in contracts.projects(found)] if by_project else [*map(_contract, found)]
    if as_json:
        print_json(records)
    elif as_csv:
        numeric = (*MONEY, "commitments", "application", *(("overbilled",) if by_project else ()))
        rows = [tuple("" if value is None else value for value in record.values()) for record in records]
        print_csv(columns, rows, numeric=numeric)
    elif not records:
        say("No commitment matches." if number or job or overbilled else "There are no commitments yet.")
    elif by_project:
        _print_projects(contracts.projects(found))
    else:
        _print(found)


def _money(one: Contract | ProjectSums, written: Callable[[int, str], str]) -> list[str | None]:
    """The amounts in the order of MONEY."""
    amounts = (one.original, one.changes, one.revised, one.billed, one.retainage, one.issued, one.balance)
    return [None if amount is None else written(amount, one.currency) for amount in amounts]


def _contract(one: Contract) -> dict[str, Any]:
    """The stable schema of ``--json`` and ``--csv``: amounts as decimal strings."""
    from store.domain.money import plain

    return {
        "job": one.job,
        "commitment": one.number,
        "vendor": one.vendor,
        "title": one.title,
        "currency": one.currency,
        **dict(zip(MONEY, _money(one, plain), strict=True)),
        "overbilled": one.overbilled,
        "invoice": one.invoice or None,
        "application": one.application or None,
        "erp_status": None if one.erp_status is None else one.erp_status.value,
    }


def _project(one: ProjectSums) -> dict[str, Any]:
    from store.domain.money import plain

    return {
        "job": one.job,
        "project": one.project,
        "currency": one.currency,
        "commitments": one.commitments,
        **dict(zip(MONEY, _money(one, plain), strict=True)),
        "overbilled": one.overbilled,
    }


def _print(found: list[Contract]) -> None:
    from store.domain.money import show
    from tui.text import cut

    print_table(
        ("", "Job", "Commitment", "Vendor", "", *TITLES),
        [
            (
                "!" if one.overbilled else "",
                one.job,
                one.number,
                cut(one.vendor, 20).rstrip(),
                one.currency,
                *(text or "" for text in _money(one, show)),
            )
            for one in found
        ],
        right=tuple(range(5, 12)),
    )


def _print_projects(found: list[ProjectSums]) -> None:
    from store.domain.money import show
    from tui.text import cut

    print_table(
        ("", "Job", "Project", "Com.", "", *TITLES),
        [
            (
                "!" if one.overbilled else "",
                one.job,
                cut(one.project, 20).rstrip(),
                str(one.commitments),
                one.currency,
                *(text or "" for text in _money(one, show)),
            )
            for one in found
        ],
        right=(3, *range(5, 12)),
    )
