"""Lines of text that redraw only what changed: headers, status lines, the footer, the progress panel."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from store.domain.text import safe

BOLD = Style(bold=True)
DIM = Style(dim=True)
REVERSE = Style(reverse=True)
GOOD = Style(color="green")
BAD = Style(color="red", bold=True)
WARN = Style(color="yellow")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line; ``action`` is posted when it is clicked."""

    text: str
    style: Style | None = None
    action: str = ""


Line = tuple[Part, ...]


def plain(text: str, style: Style | None = None) -> Line:
    """A line of one piece."""
    return (Part(text, style),)


class Bar(Widget):
    """A fixed number of lines; ``show`` replaces them and repaints those that differ."""

    @dataclass
    class Clicked(Message):
        """A piece with an action was clicked."""

        action: str

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []

    @property
    def text(self) -> str:
        """What is shown, for tests."""
        return "\n".join("".join(part.text for part in line) for line in self._lines)

    def show(self, *lines: Line) -> None:
        """Show these lines; other people's text is made safe here too."""
        new = [tuple(Part(safe(p.text), p.style, p.action) for p in line) for line in lines]
        old, self._lines = self._lines, new
        for y in range(max(len(old), len(new))):
            before, after = old[y] if y < len(old) else (), new[y] if y < len(new) else ()
            if before != after:
                width = max(_length(before), _length(after))
                self.refresh(Region(0, y, min(max(width, 1), self.size.width or 1), 1))

    def render_line(self, y: int) -> Strip:
        """One line, padded with blanks that carry no style."""
        parts = self._lines[y] if y < len(self._lines) else ()
        return Strip([Segment(part.text, part.style) for part in parts]).adjust_cell_length(self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Post the action of the piece under the mouse."""
        edge = 0
        for part in self._lines[event.y] if event.y < len(self._lines) else ():
            edge += cell_len(part.text)
            if event.x < edge:
                if part.action:
                    self.post_message(self.Clicked(part.action))
                return


def _length(line: Line) -> int:
    return sum(cell_len(part.text) for part in line)
