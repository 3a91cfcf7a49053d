"""A selection whose options are shown as they are (names from clusters are no markup) and found by typing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from rich.console import RenderableType
from rich.text import Text
from textual.widgets import Select

Value = TypeVar("Value")


class Choice(Select[Value]):
    """A `Select` that takes every option's text literally."""

    def __init__(self, options: Iterable[tuple[str, Value]], **how: Any) -> None:
        super().__init__(_literal(options), **how)

    def set_options(self, options: Iterable[tuple[RenderableType, Value]]) -> None:
        super().set_options(_literal(options))


def _literal(options: Iterable[tuple[RenderableType, Value]]) -> list[tuple[RenderableType, Value]]:
    """As `Text`: the list that drops down looks through nothing else that is no markup when the user types."""
    return [(Text(text) if isinstance(text, str) else text, value) for text, value in options]
