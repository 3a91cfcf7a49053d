"""Authorities and client certificates that lie in files: looked at again while they are used.

As client-go does it: whoever renews a certificate on disk (cert-manager, the kubelet, a sidecar) starts nothing anew.
A look asks only whether the files are still the ones that were read, at most once a minute and beside the loop, and
at once after the server or we refused what was read. What cannot be used (missing for a moment, half written, a key
that is not of the certificate) changes nothing: what was read before still holds, and the next look tries again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from .endpoint import Endpoint
from .errors import ConfigError
from .sensitive import Sensitive
from .small_file import read_small
from .tls import check_pair
from .usable import why_no_authority

SECONDS: Final = 60.0
"""Between two looks."""
_LARGEST: Final = 1024 * 1024


class Reloading:
    """The endpoint as its files have it now."""

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = time.monotonic) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._looked_at = clock()
        self._seen: dict[str, object] = {}
        self._looking = asyncio.Lock()

    async def current(self) -> Endpoint:
        """The endpoint to use now."""
        files = self.endpoint.ca_file or self.endpoint.login.pair_files
        if not files or self._clock() - self._looked_at < SECONDS:
            return self.endpoint
        async with self._looking:
            if self._clock() - self._looked_at >= SECONDS:
                self._looked_at = self._clock()
                self.endpoint = await asyncio.to_thread(self._look, self.endpoint)
        return self.endpoint

    def doubted(self) -> None:
        """What was read was refused: the next request looks, without waiting for the minute to end."""
        self._looked_at = self._clock() - SECONDS

    def _look(self, endpoint: Endpoint) -> Endpoint:
        file, pair = endpoint.ca_file, endpoint.login.pair_files
        if file and (found := self._changed(file)) is not None and not why_no_authority(found[0]):
            endpoint = replace(endpoint, ca=found[0], ca_read=(file, found[0]))
        if pair and (found := self._changed(*pair)) is not None:
            certificate, key = found[0], Sensitive(found[1])
            try:
                check_pair(certificate, key)
            except ConfigError:
                self._seen.pop(pair[0], None)  # the other half may be on its way
            else:
                login = replace(endpoint.login, client_certificate=certificate, client_key=key)
                endpoint = replace(endpoint, login=login)
        return endpoint

    def _changed(self, *paths: str) -> list[bytes] | None:
        """What the files hold; None where they are those of the last look, or one of them cannot be read."""
        try:
            marks = [_mark(path) for path in paths]
            if self._seen.get(paths[0]) == marks:
                return None
            data = [read_small(Path(path), _LARGEST + 1) for path in paths]
        except OSError:
            return None
        if not all(data) or any(len(part) > _LARGEST for part in data):
            return None
        self._seen[paths[0]] = marks
        return data


def _mark(path: str) -> object:
    """What tells a file from the one that was there before; links are followed, as mounted volumes swap them."""
    found = os.stat(path)  # noqa: PTH116
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
