"""The command ``payapp``: its subcommands by name, exit codes, errors as sentences."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

import click

from store.domain.errors import BadInput, PayappError
from store.domain.text import safe, storable
from tui.commands import completing
from tui.commands.helping import examples_first
from tui.commands.output import let_go, say

# Subcommand to module and function; a module loads only when its subcommand runs.
COMMANDS = {
    "init": "administration:init",
    "demo": "administration:demo",
    "users": "users:users",
    "import": "intake:import_",
    "example": "intake:example",
    "list": "reading:list_",
    "show": "reading:show",
    "status": "status:status",
    "activity": "activity:activity",
    "where": "where:where",
    "reconcile": "reconcile:reconcile",
    "report": "report:report",
    "receipt": "receipt:receipt",
    "payments": "payments:payments",
    "notices": "notices:notices",
    "commitments": "commitments:commitments",
    "invoice": "invoice:invoice",
    "send": "decisions:send",
    "retrieve": "decisions:retrieve",
    "export": "decisions:export",
    "reject": "decisions:reject",
    "retry": "decisions:retry",
    "recall": "decisions:recall",
    "unlink": "undoing:unlink",
    "reset": "undoing:reset",
    "mark-exported": "undoing:mark_exported",
    "sign-off": "signing:sign_off",
    "holds": "holds:holds",
    "periods": "periods:periods",
    "worker": "worker:worker",
    "keys": "keys:keys",
    "company": "company:company",
    "erp": "erp:erp",
    "adopt": "adopting:adopt",
    "audit": "audit:audit",
    "role": "role:role",
    "doctor": "doctor:doctor",
    "ssh-keys": "ssh_keys:ssh_keys",
    "gateway": "gateway:gateway",
    "config": "config:config",
    "completion": "completion:completion",
    "man": "man:man",
    "backup": "backup:backup",
    "restore": "backup:restore",
}
INTERRUPTED = 130
# The variable in which a shell asks for completions.
COMPLETE = "_PAYAPP_COMPLETE"


class Lazy(click.Group):
    """A group whose subcommands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The subcommand of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(f"tui.commands.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above names nothing else
        examples_first(command)
        return command


@click.group(
    cls=Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.option("--config", metavar="FILE", help="The settings file (or PAYAPP_CONFIG).")
@click.option("--as", "login", metavar="USER", help="Act as that user; in demo databases only.",
              shell_complete=completing.logins)  # fmt: skip
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.version_option(package_name="payapp", prog_name="payapp")
@click.pass_context
def main_group(
    ctx: click.Context, config: str | None, login: str | None, ascii_only: bool, no_mouse: bool
) -> None:
    """Accept or reject subcontractor invoices for export to the ERP.

    \b
    payapp                              open the desk
    payapp demo                         try it, with a made-up company
    payapp import invoices.json         bring invoices in
    payapp list --where 'net>10k'       what is Ready to Export
    payapp export 101-007 101-008       accept these two
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from tui import bootstrap

    bootstrap.spare_the_driver(config)
    ctx.obj = {"config": config, "login": login}
    if ctx.invoked_subcommand is None:
        from tui.commands.desk import open_desk

        open_desk(config, login, ascii_only=ascii_only, mouse=not no_mouse)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; an error leaves as its sentence on stderr."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except PayappError as error:
        return _refused(error)
    except click.ClickException as error:
        return _misused(error)
    except (click.Abort, KeyboardInterrupt):
        # The terminal has written ^C into the line.
        say("\npayapp: interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Decisions tell theirs by say(), which never raises this.
        let_go(sys.stdout)
        return 0
    except OSError as error:
        let_go(sys.stdout)
        return _refused(_explained(error))


def _run(arguments: list[str]) -> int:
    """The command without click's main(), which makes an Abort of every Ctrl-C and an exit of a reader who leaves."""
    for word in arguments:
        if not storable(word):
            raise BadInput(
                f"{word!r} is not text", why="it holds bytes that are not UTF-8", fix="Type it in UTF-8"
            )
    # A shell asks without arguments; whoever is served by the gateway may not ask so.
    if not arguments and (instruction := os.environ.get(COMPLETE)):
        from click.shell_completion import shell_complete

        importlib.import_module("tui.commands.completion")
        return shell_complete(main_group, {}, "payapp", COMPLETE, instruction)
    try:
        with main_group.make_context("payapp", arguments) as ctx:
            main_group.invoke(ctx)
    except click.exceptions.Exit as left:
        return left.exit_code
    return 0


def _refused(error: PayappError) -> int:
    say(f"payapp: {safe(str(error))}", err=True)
    return error.exit_code


def _misused(error: click.ClickException) -> int:
    try:
        error.show()
    except BrokenPipeError:
        let_go(sys.stderr)
    return error.exit_code


def _explained(error: OSError) -> PayappError:
    """What the operating system refused, as a sentence."""
    why = error.strerror or str(error)
    if error.filename is None:
        return PayappError(why)
    return PayappError(
        f"{error.filename} cannot be used", why=why, fix="Check the path and your permissions there"
    )


def main() -> None:
    """Entry point of the script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A locale that lacks a character shows its number instead.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run())


if __name__ == "__main__":
    main()
