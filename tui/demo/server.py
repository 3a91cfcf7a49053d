"""One embedded API server: an aiohttp application that authenticates, authorizes, admits and answers.

The pieces that decide who may do what come from outside (`access`); the pieces that know how objects behave are in the
modules beside this one. Nothing here knows TLS: whoever starts the application gives it a socket and a context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from aiohttp import web

from .access import Admit, Authenticate, Authorize, Faults, Handler, Subresource, Virtual
from .kinds import Registry
from .storage import Storage


class ApiServer:
    """`app` is to be served over HTTPS; `close` ends its watches before the listener goes away."""

    def __init__(
        self,
        *,
        name: str,
        storage: Storage,
        version_info: Mapping[str, str],
        clock: Callable[[], datetime],
        authenticate: Authenticate,
        authorize: Authorize,
        admit: Sequence[Admit] = (),
        subresources: Mapping[tuple[str, str, str], Subresource] | None = None,
        virtual: Mapping[tuple[str, str], Virtual] | None = None,
        paths: Mapping[str, Handler] | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.name = name
        self.storage = storage
        self.kinds = Registry()
        self.app = web.Application()

    def drop_watches(self, matches: Callable[[web.Request], bool] = lambda _: True) -> int:
        """Break the open watches that match, in the middle of the stream; returns how many there were."""
        raise NotImplementedError

    async def close(self) -> None:
        """End every watch cleanly."""
