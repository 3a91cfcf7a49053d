"""What a table draws: anything with a length, rows by index, and keys that stay with their rows."""

from __future__ import annotations

from typing import Any, Protocol


class Rows(Protocol):
    """What a table draws."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def key_at(self, index: int) -> str: ...
    def find(self, key: str) -> int | None: ...


class NoRows:
    """An empty table's rows."""

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int, /) -> Any:
        raise IndexError(index)

    def key_at(self, index: int) -> str:
        raise IndexError(index)

    def find(self, key: str) -> int | None:
        return None
