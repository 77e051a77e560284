"""Subcommand completion: what completes payapp's lines in a shell."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from store.domain.errors import BadInput

SHELLS = ("bash", "zsh", "fish")


class Bash(BashComplete):
    """Bash, told of the line as it was typed: it takes a query such as job:24-101 apart at its colons.

    Click's own asks the bash of this machine for its version; what is written here may be for another one.
    """

    source_template: ClassVar[str] = """\
%(complete_func)s() {
    local IFS=$'\\n' type value completion
    COMPREPLY=()
    for completion in $(env COMP_TYPED="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1"); do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
}
complete -o nosort -o nospace -F %(complete_func)s %(prog_name)s
"""

    @staticmethod
    def _check_version() -> None:
        """Of no interest here."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is typed, and that one."""
        typed = os.environ.get("COMP_TYPED", "")
        words = split_arg_string(typed)
        # Behind a blank a new word begins, but for one in an open quotation.
        fresh = typed[-1:].isspace() and not _open(typed)
        return (words[1:], "") if fresh else (words[1:-1], words[-1] if len(words) > 1 else "")

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """What bash puts behind the last colon; a blank behind what is whole."""
        if _open(os.environ.get("COMP_TYPED", "")):
            return f"{item.type},{item.value}"
        _, typed = self.get_completion_args()
        whole = item.value if item.value.endswith((":", "/")) else f"{item.value} "
        return f"{item.type},{whole[typed.rfind(':') + 1 :]}"


def _open(typed: str) -> bool:
    """Whether the line ends inside of a quotation: bash leaves its colons alone."""
    return len(split_arg_string(f"{typed} x")) <= len(split_arg_string(typed))


add_completion_class(Bash)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Write what completes payapp's lines in a shell, values too.

    \b
    payapp completion bash > ~/.local/share/bash-completion/completions/payapp
    payapp completion zsh > ~/.zfunc/_payapp
    payapp completion fish > ~/.config/fish/completions/payapp.fish
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from tui.cli import COMPLETE, main_group

    made = get_completion_class(shell) if shell else None
    if made is None:
        raise BadInput("Say for which shell", fix=f"payapp completion {' | '.join(SHELLS)}")
    click.echo(made(main_group, {}, "payapp", COMPLETE).source())
