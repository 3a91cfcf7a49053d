"""Whether a credential plugin may ask a person: only where a command said that it has a terminal to give away.

The dashboard never says so: it draws on its terminal. Nor does a loop that goes on when nobody sits there any more.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextvars import ContextVar

from .endpoint import ExecPlugin

_GIVEN: ContextVar[bool] = ContextVar("terminal", default=False)


@contextlib.contextmanager
def given() -> Iterator[None]:
    """Plugins that are run in the block get standard input where that is a terminal, as client-go gives it."""
    token = _GIVEN.set(_there())
    try:
        yield
    finally:
        _GIVEN.reset(token)


def interactive(plugin: ExecPlugin) -> bool:
    """Whether this plugin is to be run with the terminal."""
    return plugin.interactive_mode != "Never" and _GIVEN.get()


def _there() -> bool:
    stdin = sys.__stdin__
    return stdin is not None and not stdin.closed and stdin.isatty()
