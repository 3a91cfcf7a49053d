"""What servers warn of (`Warning` headers), told to whoever caused the request, however deep below him it was sent.

    with hearing(print):
        await client.create(…)

Each listener hears it, the innermost first; tasks that begin inside are heard too. The texts are masked and harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Listener = Callable[[str], None]

_LISTENERS: Final[ContextVar[tuple[Listener, ...]]] = ContextVar("listeners", default=())


@contextmanager
def hearing(listener: Listener) -> Iterator[None]:
    """`listener` is told every warning that comes while this lasts."""
    before = _LISTENERS.get()
    _LISTENERS.set((listener, *before))
    try:
        yield
    finally:
        _LISTENERS.set(before)


def emit(warning: str) -> None:
    """Pass one on."""
    for listener in _LISTENERS.get():
        listener(warning)
