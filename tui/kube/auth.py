"""Who a client is for its server: the Authorization header and the client certificate of each request.

A token file is read again every minute, the files of a certificate are looked at as often, a plugin's credential lives
until it expires, and after a 401 whatever can be renewed is renewed once. Nothing here sends anything.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from .endpoint import Endpoint, Impersonation
from .errors import ConfigError
from .exec_plugin import ExecCredential, Plugins
from .reloading import Reloading
from .sensitive import Sensitive
from .small_file import read_small

TOKEN_FILE_SECONDS: Final = 60.0
_LARGEST_TOKEN: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """What to authenticate with right now. Two equal ones are the same credential."""

    authorization: Sensitive | None = None
    certificate: bytes | None = None
    key: Sensitive | None = None


class Authenticator:
    """The changing credential of one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        plugins: Plugins,
        exec_timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = Reloading(endpoint, clock)
        self._plugins = plugins
        self._exec_timeout = exec_timeout
        self._clock = clock
        self._file_token: Sensitive | None = None
        self._file_read_at = 0.0

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint with what its files held when they were last looked at."""
        return self._files.endpoint

    def doubted(self) -> None:
        """The handshake failed: the files of authority and certificate are looked at before the next one."""
        self._files.doubted()

    async def identity(self) -> Identity:
        """The credential to use now. Raises ConfigError, ExecPluginError or NeedsLogin where there is none."""
        login = (await self._files.current()).login
        certificate, key = login.client_certificate, login.client_key
        if login.token_file:
            return Identity(_bearer(self.endpoint, await self._token_from_file(login.token_file)), certificate, key)
        if login.token:
            return Identity(_bearer(self.endpoint, login.token), certificate, key)
        if login.exec is not None:
            made = await self._plugins.credential(self.endpoint, login.exec, self._exec_timeout)
            return self._from_plugin(made)
        if login.username is not None:
            password = login.password.reveal() if login.password else ""
            pair = base64.b64encode(f"{login.username}:{password}".encode()).decode()
            return Identity(Sensitive(f"Basic {pair}"), certificate, key)
        return Identity(None, certificate, key)

    async def renewed(self, refused: Identity) -> bool:
        """After a 401: whether there is another credential now than the one that was refused."""
        login = self.endpoint.login
        self._files.doubted()
        if login.token_file:
            self._file_token = None
        elif login.exec is not None and not login.token:
            self._plugins.forget(self.endpoint, login.exec, lambda made: self._from_plugin(made) == refused)
        elif not login.pair_files:
            return False
        return await self.identity() != refused

    def _from_plugin(self, made: ExecCredential) -> Identity:
        login = self.endpoint.login
        authorization = _bearer(self.endpoint, made.token) if made.token else None
        if made.certificate is not None:
            return Identity(authorization, made.certificate, made.key)
        return Identity(authorization, login.client_certificate, login.client_key)

    async def _token_from_file(self, path: str) -> Sensitive:
        now, known = self._clock(), self._file_token
        if known is not None and now - self._file_read_at < TOKEN_FILE_SECONDS:
            return known
        found = await asyncio.to_thread(_read, Path(path))  # a file may be anything, and take its time
        if found:
            self._file_token, self._file_read_at = found, now
            return found
        if known is None and (token := self.endpoint.login.token):
            return token  # as client-go: the file is what renews it
        if known is None:
            raise ConfigError(
                f"the token file {path} is missing, empty, too large or no readable file", cluster=self.endpoint.name
            )
        return known  # a file that is being replaced is missing for a moment


def impersonation_headers(who: Impersonation | None) -> list[tuple[str, str]]:
    """`Impersonate-*` as client-go writes them: one header per group and per extra value."""
    if who is None:
        return []
    headers = [("Impersonate-User", who.user)]
    if who.uid:
        headers.append(("Impersonate-Uid", who.uid))
    headers += [("Impersonate-Group", group) for group in who.groups]
    headers += [(f"Impersonate-Extra-{quote(key, safe='')}", value) for key, values in who.extra for value in values]
    return headers


def _read(path: Path) -> Sensitive | None:
    try:
        data = read_small(path, _LARGEST_TOKEN + 1)
    except OSError:
        return None
    return Sensitive(data.strip()) if len(data) <= _LARGEST_TOKEN else None  # half a token is none


def _bearer(endpoint: Endpoint, token: Sensitive) -> Sensitive:
    text = token.reveal() if token.reveal_bytes().isascii() else ""
    if not text.isprintable() or " " in text or not text:
        raise ConfigError("the token has characters that no header can carry", cluster=endpoint.name)
    return Sensitive(f"Bearer {text}")
