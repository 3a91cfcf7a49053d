"""Whether kubeconfigs that are written get the empty `preferences`, as kubectl wrote it until client-go 1.33 and no
longer does: it means nothing, but older readers expect the field. What DPF's controller writes always has it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITTEN: Final[ContextVar[bool]] = ContextVar("preferences", default=True)


def preferences() -> dict[str, object]:
    """The field, or nothing: to be put between a kubeconfig's `kind` and its `users`."""
    return {"preferences": {}} if _WRITTEN.get() else {}


def write_preferences(written: bool) -> None:
    """What counts from here on, for whoever is started from here."""
    _WRITTEN.set(written)


@contextmanager
def preferences_as(written: bool) -> Iterator[None]:
    """What counts for as long as the block lasts, whatever is set."""
    before = _WRITTEN.set(written)
    try:
        yield
    finally:
        _WRITTEN.reset(before)
