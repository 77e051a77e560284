"""The worker's log: logfmt, one line an event, other people's text made harmless."""

from __future__ import annotations

from erp import eventlog


def test_plain_values_stand_plain_and_none_is_left_out() -> None:
    assert (
        eventlog.line("parcel.sent", erp="sandbox", count=3, error=None)
        == "event=parcel.sent erp=sandbox count=3"
    )


def test_blanks_quotes_and_equals_signs_are_quoted() -> None:
    assert eventlog.line("x", a='say "hi"', b="k=v", c="", d="back\\slash") == (
        'event=x a="say \\"hi\\"" b="k=v" c="" d="back\\\\slash"'
    )


def test_nobody_forges_a_line_or_reaches_the_terminal() -> None:
    line = eventlog.line("x", error="bad\r\nevent=forged \x1b]52;c;x\x07\u202e")
    assert line.isprintable()
    assert line == 'event=x error="bad event=forged ^[]52;c;x^G<202E>"'
