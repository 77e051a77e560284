"""The subcommand ``worker``: send what is queued and deliver what is to be mailed."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

import click

from tui.commands.options import books_only

if TYPE_CHECKING:
    from erp.worker import Worker


@click.command()
@click.option("--until-idle", is_flag=True, help="End when nothing is left to do.")
@click.option("--idle-exit", type=float, metavar="SECONDS", help="End after so long with nothing to do.")
@click.option("--quiet", is_flag=True, help="Log warnings and errors only.")
@click.pass_context
def worker(ctx: click.Context, until_idle: bool, idle_exit: float | None, quiet: bool) -> None:
    """Send queued invoices to the ERP, and mail notices.

    SIGTERM drains it: it finishes what it is sending and gives the rest back.

    \b
    payapp worker                 run until it is told to stop
    payapp worker --until-idle    send what there is, then end
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from tui import bootstrap

    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    with books_only(ctx) as books:
        asyncio.run(
            _run(bootstrap.worker(books, idle_exit=idle_exit), until_idle=until_idle, wait=idle_exit is None)
        )


async def _run(of: Worker, *, until_idle: bool, wait: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await of.run(stop, until_idle=until_idle, wait=wait)
