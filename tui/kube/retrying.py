"""Which requests are sent again: reads after 429, 5xx and broken connections, writes only where the server asks to.

The bounds are small. Whoever keeps a cluster in view has a back-off of its own; this only smooths a hiccup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .errors import APIError, ConnectionLost, TooManyRequests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stamina import Attempt

ATTEMPTS: Final = 4
LONGEST_WAIT: Final = 5.0
"""A server that asks for more than this is believed, and its error goes up instead."""


def attempts(*, reads: bool) -> AsyncIterator[Attempt]:
    """The attempts of one request, for `async for … : with attempt: …`."""
    import stamina

    return stamina.retry_context(
        on=_after_read if reads else _after_write,
        attempts=ATTEMPTS,
        timeout=20.0,
        wait_initial=0.1,
        wait_max=2.0,
        wait_jitter=0.4,
    ).__aiter__()


def _after_read(error: Exception) -> bool | float:
    if isinstance(error, APIError):
        return error.retriable and _asked(error)
    # No second try where nobody listens or nobody answers: that would only double the wait.
    return isinstance(error, ConnectionLost)


def _after_write(error: Exception) -> bool | float:
    return isinstance(error, TooManyRequests) and error.retry_after is not None and _asked(error)


def _asked(error: APIError) -> bool | float:
    if error.retry_after is None:
        return True
    return max(error.retry_after, 0.05) if error.retry_after <= LONGEST_WAIT else False
