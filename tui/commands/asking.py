"""The questions of ``payapp init`` on a terminal, each answer looked at before the next question."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from store.domain.errors import BadInput, PayappError

T = TypeVar("T")


def answers(ctx: click.Context) -> dict[str, Any]:
    """What ``init`` was not told, asked for: by the names of its options, and ``demo``, ``options`` of the connector.

    Raises BadInput without a terminal, where flags are needed.
    """
    if not sys.stdin.isatty():
        raise BadInput(
            "Say the company's name", why="nobody can be asked without a terminal", fix="Add --company NAME; payapp init --help tells the others",
        )  # fmt: skip
    from erp import profiles

    if click.confirm("A made-up company, to try it out?", default=False, err=True):
        return {"demo": True}
    found: dict[str, Any] = {"company": _ask("Company", None, _some)}
    found["currency"] = _given(ctx, "currency") or _ask("Its currency", "USD", _currency)
    click.echo(f"ERPs: {', '.join(profiles.names())}", err=True)
    found["erp"] = _given(ctx, "erp") or _ask("Which ERP", "files", _erp)
    kind = profiles.load(found["erp"]).connectors[0]
    if kind == "files":
        found["drop_folder"] = _given(ctx, "drop_folder") or _ask("Its drop folder", "export", _some)
    elif kind == "tryton":
        found["options"] = {
            "url": _ask("Its address", "https://tryton.example.com", _url),
            "database": _ask("Its database", None, _some),
            "user": _ask("payapp's user there", "payapp", _some),
        }
    found["name"] = _given(ctx, "name") or _ask("Your name", None, _some)
    found["email"] = _given(ctx, "email") or _ask("Your mail address, empty for none", "", _address)
    return found


def _given(ctx: click.Context, name: str) -> Any:
    """The value of an option that was typed; None where it is the default."""
    typed = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    return ctx.params[name] if typed else None


def _ask(question: str, default: str | None, read: Callable[[str], T]) -> T:
    """Ask until the answer can be used."""

    def looked_at(text: str) -> T:
        try:
            return read(text.strip())
        except PayappError as error:
            raise click.UsageError(str(error)) from None

    answer: T = click.prompt(
        question, default=default, value_proc=looked_at, err=True, show_default=bool(default)
    )
    return answer


def _some(text: str) -> str:
    if not text:
        raise BadInput("Something must stand here")
    return text


def _currency(text: str) -> str:
    from store.domain.money import decimals

    decimals(text)
    return text


def _erp(text: str) -> str:
    from erp import profiles

    profiles.load(text)
    return text


def _url(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise BadInput(f"{text!r} is no address", fix="It begins with https://")
    return text


def _address(text: str) -> str:
    from store.domain.address import valid_address

    if text and not valid_address(text):
        raise BadInput(f"{text!r} is no mail address", fix="Write it as name@example.com")
    return text
