"""Subcommands that look at invoices: list, show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tui.commands import completing
from tui.commands.options import acting, books_and_actor
from tui.commands.output import print_csv, print_json, print_table

if TYPE_CHECKING:
    from store.detail import Detail
    from store.domain.actor import Actor
    from store.domain.status import ProjectView, View
    from store.invoices import Row
    from store.listing import Order
    from tui.bootstrap import Books

VIEWS = ("ready", "exporting", "failed", "synced", "all", "returned", "not-sent", "sent")
COLUMNS = ("id", "flags", "number", "vendor", "job", "commitment", "period", "currency", "gross", "retainage", "net",
           "status", "erp_status", "error", "origin_id")  # fmt: skip
MONEY = ("gross", "retainage", "net")


def view_of(name: str) -> View | ProjectView:
    """The view of that name on the command line."""
    from store.domain.status import ProjectView, View

    name = name.replace("-", "_")
    return View(name) if name in set(View) else ProjectView(name)


@click.command("list")
@click.option("--view", type=click.Choice(VIEWS), default="ready", show_default=True, help="Which view.")
@click.option("--where", metavar="QUERY", default="", help="Only what matches, e.g. 'drywall net>10k'.",
              shell_complete=completing.query)  # fmt: skip
@click.option("--sort", type=click.Choice(["vendor", "number", "job", "period", "gross", "retainage", "net", "status"]),
              default="vendor", show_default=True, help="Sort by that column.")  # fmt: skip
@click.option("--saved", metavar="NAME", help="What your saved view of that name shows.",
              shell_complete=completing.saved)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@click.option("--plain", is_flag=True, help="Tab-separated, without header and totals.")
@acting
@click.pass_context
def list_(
    ctx: click.Context,
    view: str,
    where: str,
    sort: str,
    saved: str | None,
    as_json: bool,
    as_csv: bool,
    plain: bool,
    login: str | None,
) -> None:
    """List the invoices of a view, with control totals.

    \b
    payapp list
    payapp list --view failed
    payapp list --where 'job:24-101 net>10k' --csv > ready.csv
    payapp list --saved month-end
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import invoices, selecting
    from store.domain.money import plain as plain_money
    from store.domain.status import View
    from store.listing import Order, every_id

    with books_and_actor(ctx, login) as (books, me):
        order = Order(view_of(view), where, invoices.SortBy(sort), me=me)
        if saved is not None:
            order = _saved_order(ctx, books, me, saved)
        if isinstance(order.view, View):
            me.require_reader()
        else:
            me.require_project_reader()
        ids = every_id(books.db, order)
        rows = invoices.rows(books.db, ids, me)
        totals = selecting.totals_of(books.db, ids)
    if as_json:
        print_json([_record(row) for row in rows])
    elif as_csv:
        print_csv(COLUMNS, [tuple(_record(row).values()) for row in rows], numeric=MONEY)
    elif plain:
        from store.domain.text import safe

        for row in rows:
            values = (
                f"#{row.id}",
                row.number,
                row.vendor,
                row.job,
                row.period,
                plain_money(row.net, row.currency),
            )
            click.echo("\t".join(safe(value) for value in values))
    else:
        _print_rows(rows)
        for t in totals:
            click.echo(_totals_line(t.count, t.gross, t.retainage, t.net, t.hash_total, t.currency))
        if not rows:
            name = order.view.value.replace("_", "-")
            click.echo(
                f"0 invoices in the view {name}" + (f" match {order.query!r}" if order.query else "") + "."
            )


def _saved_order(ctx: click.Context, books: Books, me: Actor, name: str) -> Order:
    """The order of a saved view. Raises BadInput where another one is asked for beside it, or it cannot be used."""
    from click.core import ParameterSource

    from store import saved_views
    from store.domain.errors import BadInput
    from store.listing import Order

    beside = [
        f"--{option}"
        for option in ("view", "where", "sort")
        if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE
    ]
    if beside:
        raise BadInput(f"A saved view has its own {' and '.join(beside)}", fix="Give one or the other")
    saved = saved_views.load(books.db, me, name)
    if saved.view is None or saved.sort is None:
        raise BadInput(
            f"The saved view {saved.name} cannot be used", why="another version of payapp saved it"
        )
    return Order(saved.view, saved.query, saved.sort, saved.descending, me=me)


def _record(row: Row) -> dict[str, Any]:
    """The stable schema of ``--json`` and ``--csv``: amounts as decimal strings."""
    from store.domain.money import plain

    return {
        "id": row.id,
        "flags": row.flags,
        "number": row.number,
        "vendor": row.vendor,
        "job": row.job,
        "commitment": row.commitment,
        "period": row.period,
        "currency": row.currency,
        "gross": plain(row.gross, row.currency),
        "retainage": plain(row.retainage, row.currency),
        "net": plain(row.net, row.currency),
        "status": row.status,
        "erp_status": row.erp_status.value,
        "error": row.error_cause,
        "origin_id": row.origin_id,
    }


def _print_rows(rows: list[Row]) -> None:
    from store.domain.money import show
    from tui.text import cut, status

    if rows:
        print_table(
            ("#", "Fl", "Invoice", "Vendor", "Job", "Period", "Gross", "Retainage", "Net", "ERP status"),
            [
                (
                    f"#{row.id}",
                    row.flags,
                    row.number,
                    cut(row.vendor, 24).rstrip(),
                    row.job,
                    row.period,
                    show(row.gross, row.currency),
                    show(row.retainage, row.currency),
                    show(row.net, row.currency),
                    status(row.erp_status, row.outcome),
                )
                for row in rows
            ],
            right=(6, 7, 8),
        )


def _totals_line(count: int, gross: int, retainage: int, net: int, hash_total: int, currency: str) -> str:
    from store.domain.money import show

    return (
        f"{count} invoices   Gross {show(gross, currency)}   Retainage {show(retainage, currency)}   "
        f"Net {show(net, currency)} {currency}   Hash {hash_total:,}"
    )


@click.command()
@click.argument("word", metavar="NUMBER|#ID", shell_complete=completing.numbers)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def show(ctx: click.Context, word: str, as_json: bool, login: str | None) -> None:
    """Show one invoice whole: lines, summary, errors, history.

    \b
    payapp show 101-007
    payapp show '#12' --json
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from dataclasses import asdict

    from store import invoices, notices
    from store.detail import detail

    with books_and_actor(ctx, login) as (books, me):
        require_any_reader(me)
        number = invoices.find(books.db, [word])[0][0]
        found = detail(books.db, number, me)
        mails = notices.of_invoice(books.db, number)
    if as_json:
        print_json(
            {**asdict(found), "row": _record(found.row), "difference": _difference(found), **_paid(found)}
        )
        return
    from tui.commands.sheet import invoice_sheet

    for line in invoice_sheet(found, mails):
        click.echo(line)


def _difference(found: Detail) -> dict[str, Any] | None:
    """What was changed since it came back to the project, amounts as decimal strings; None: it never did."""
    from store.domain.money import plain

    of = found.difference
    if of is None:
        return None

    def said(value: str | int | None) -> str | None:
        return plain(value, of.currency) if isinstance(value, int) else value

    changes = [
        {
            "where": change.where,
            "what": change.what,
            "before": said(change.before),
            "after": said(change.after),
        }
        for change in of.changes
    ]
    return {"outcome": of.outcome, "reason": of.reason, "by": of.by, "at": of.at, "changes": changes}


def _paid(found: Detail) -> dict[str, Any]:
    """What was paid, amounts as decimal strings."""
    from dataclasses import asdict

    from store.domain.money import plain

    payments = [{**asdict(each), "amount": plain(each.amount, each.currency)} for each in found.payments]
    issued = None if found.issued is None else plain(found.issued, found.row.currency)
    return {"payments": payments, "issued": issued}


def require_any_reader(me: Actor) -> None:
    """Raise NotPermitted for who may see neither ERP Integrations nor Commitments."""
    if not me.sees_erp:
        me.require_project_reader()
