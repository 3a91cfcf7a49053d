"""What `yaml_loading` makes of a document, beside dict, list, str and None. Needs no PyYAML, which takes its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class YAMLError(ValueError):
    """The text is not YAML, or is larger or deeper than anything honest. The message names the line."""


@dataclass(frozen=True, slots=True)
class Plain:
    """An unquoted scalar that YAML reads as a boolean or a number, with the text it was written as."""

    text: str
    value: bool | int | float


class DoubledDict(dict[str, object]):
    """A mapping in which keys stood twice, with the line of the second: which one was meant is not known."""

    def __init__(self) -> None:
        super().__init__()
        self.twice: dict[str, int] = {}


class LinedDict(DoubledDict):
    """A mapping that knows in which line each key stands."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class LinedList(list[object]):
    """A sequence that knows in which line each item stands."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def plain_values(value: object) -> Any:
    """The same tree with every `Plain` replaced by its Python value."""
    if isinstance(value, Plain):
        return value.value
    if isinstance(value, dict):
        return {key: plain_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_values(item) for item in value]
    return value
