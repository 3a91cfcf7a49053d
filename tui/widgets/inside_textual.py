"""What the dashboard needs of Textual that Textual keeps to itself; no other module uses a private name of a library.

- `App._fatal_error` shows what went wrong with the values of all local variables, tokens among them. What can be
  chosen in public (`App.panic`, an exception that knows how it is shown) comes too late or only for one's own errors.
- `App._driver` is the one that writes to the terminal, between two frames. In public it writes frames, the clipboard
  and the bell; a notification of the desktop is none of them, and past it a sequence may land in the middle of another.

`tests/dashboard/test_inside_textual.py` fails where a new Textual calls them otherwise.
"""

from __future__ import annotations

from typing import Generic

from textual.app import App, ReturnType


class InsideTextual(App[ReturnType], Generic[ReturnType]):
    """An app that says in words of its own that it broke, and may write to the terminal."""

    def words_of_a_mistake(self) -> str:
        """What is shown of the exception being handled. Nothing of it but this reaches the terminal."""
        raise NotImplementedError

    def _fatal_error(self) -> None:
        from rich.text import Text

        self.bell()
        self.panic(Text(self.words_of_a_mistake()))

    def write_to_terminal(self, sequence: str) -> None:
        """A sequence for the terminal itself, between two frames; nothing where there is none."""
        if sequence and self._driver is not None and not self.is_headless and not self.is_web:
            self._driver.write(sequence)
