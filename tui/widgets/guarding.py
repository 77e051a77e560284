"""One guard for all that runs beside a screen: a refusal becomes its sentence, and so does a fault of payapp's own."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.worker import Worker

from store.domain.errors import PayappError
from tui.keymap import way

if TYPE_CHECKING:
    from textual.widget import Widget as Node
else:
    # At run time no node: Textual takes a class's styles from the first base that is one.
    Node = object

Work = Callable[[], Awaitable[Any]] | Awaitable[Any]


def fault(error: Exception) -> str:
    """What is said of an error that no sentence was written for."""
    return " ".join(
        [
            f"Something went wrong inside payapp: {type(error).__name__}; nothing more was done.",
            *_notes(error),
            f"Press {way('list.refresh')}; if it stays, quit and run payapp status.",
        ]
    )


def _notes(error: Exception) -> list[str]:
    """What was noted on an error on its way."""
    return list(getattr(error, "__notes__", ()))


class Guarded(Node):
    """A node whose workers never end the desk: what they raise is told by ``trouble``."""

    def run_worker(self, work: Any, *args: Any, **kwargs: Any) -> Worker[Any]:
        """As Textual's, guarded. Give the function rather than its coroutine, which may never be awaited."""
        # Left to itself Textual describes the work by its repr, and that of a long listing takes a tenth of a second.
        kwargs.setdefault("description", self.__class__.__name__)
        return super().run_worker(partial(self._guard, work), *args, **kwargs)

    async def _guard(self, work: Work) -> Any:
        try:
            return await (work() if callable(work) else work)
        except PayappError as error:
            self.trouble(" ".join([str(error), *_notes(error)]))
        except Exception as error:  # noqa: BLE001 - whatever it is, the desk lives on and tells it
            self.log(traceback.format_exc())
            if self.is_running:
                self.trouble(fault(error))
        return None

    def trouble(self, text: str) -> None:
        """Tell it where the user looks; a widget leaves that to its screen."""
        if isinstance(self.screen, Guarded):
            self.screen.trouble(text)
