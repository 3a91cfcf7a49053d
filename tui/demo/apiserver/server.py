"""One embedded API server: an aiohttp application that authenticates, authorizes, admits and answers.

The pieces that decide who may do what come from outside (`access`); the pieces that know how objects behave are in the
modules beside this one. Nothing here knows TLS: whoever starts the application gives it a socket and a context.
"""

from __future__ import annotations

import asyncio
import copy
import email.utils
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
import yaml
from aiohttp import web

from . import negotiation
from .access import (
    ANONYMOUS,
    Admit,
    Attributes,
    Authenticate,
    Authorize,
    Faults,
    Handler,
    Subresource,
    UserInfo,
    Virtual,
    attributes,
    refusal,
)
from .builtin import kinds_of_version
from .definitions import fill_definition, kinds_of
from .discovery import Discovery
from .kinds import Registry
from .plain import PlainPaths
from .resources import Resources
from .status import StatusError, internal
from .storage import DEFINITIONS, Change, Storage
from .wording import in_words_of

_LARGEST = 3 * 1024 * 1024


class ApiServer:
    """`app` is to be served over HTTPS; `close` ends its watches before the listener goes away."""

    def __init__(
        self,
        *,
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
        self.storage = storage
        minor = self._minor = _minor(version_info)
        self.kinds = Registry(kinds_of_version(minor))
        self._clock = clock
        self._authenticate = authenticate
        self._authorize = authorize
        self._faults = faults
        discovery = Discovery(self.kinds, subresources or {}, virtual or {})
        self.resources = Resources(storage, self.kinds, clock, admit, subresources or {}, virtual or {}, minor)
        self._plain = PlainPaths(storage, self.kinds, discovery, version_info, paths or {})
        self.app = web.Application(client_max_size=_LARGEST)
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self.app.on_response_prepare.append(self._stamp)
        self.app.on_shutdown.append(self._shutdown)
        for definition in storage.list(DEFINITIONS):
            self._establish(definition["metadata"]["name"])
        storage.subscribe(self._definition_changed, DEFINITIONS)

    def drop_watches(self, matches: Callable[[web.Request], bool] = lambda _: True) -> int:
        """Break the open watches that match, in the middle of the stream; returns how many there were."""
        dropped = 0
        for request in list(self.resources.watches.values()):
            if matches(request) and request.transport is not None:
                request.transport.abort()
                dropped += 1
        return dropped

    async def close(self) -> None:
        """End every watch cleanly."""
        for watch in list(self.resources.watches):
            watch.close()
        await asyncio.sleep(0)

    # Requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except StatusError as error:
            return _refusal(in_words_of(self._minor, error))
        except web.HTTPRequestEntityTooLarge:
            words = f"Request entity too large: limit is {_LARGEST}"
            return _refusal(StatusError(413, "RequestEntityTooLarge", words, {}))
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - a real server answers 500 and lives on
            return _refusal(internal(f"{type(error).__name__}: {error}"))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        wanted = attributes(request.method, request.raw_path.partition("?")[0], request.query)
        try:
            user = await self._authenticate(request)
        except StatusError:
            await self._trouble(request, wanted, None)
            raise
        cut = await self._trouble(request, wanted, user)
        if isinstance(cut, web.StreamResponse):
            return cut
        who = user or ANONYMOUS
        decision = self._authorize(who, wanted)
        if not decision.allowed:
            raise refusal(who, wanted, decision.reason)
        if wanted.is_resource:
            response = await self.resources.answer(request, wanted, who, cut)
        else:
            response = await self._plain.answer(request, wanted, who)
        if negotiation.wants_yaml(request.headers.get("Accept", "")):
            response = _as_yaml(response)
        return await _cut(request, response, cut) if cut is not None else response

    async def _trouble(
        self, request: web.Request, wanted: Attributes, user: UserInfo | None
    ) -> web.StreamResponse | int | None:
        return await self._faults(request, wanted, user) if self._faults is not None else None

    async def _stamp(self, _: web.Request, response: web.StreamResponse) -> None:
        """Clients measure skew by this header, so it shows the cluster's own clock."""
        response.headers.pop("Server", None)
        response.headers["Cache-Control"] = "no-cache, private"
        response.headers["Date"] = email.utils.format_datetime(self._clock(), usegmt=True)

    async def _shutdown(self, _: web.Application) -> None:
        await self.close()

    # Custom kinds

    def _definition_changed(self, change: Change) -> None:
        name = change.now.key[2]
        if change.before is not None:
            for kind in kinds_of(change.before.object):
                self.kinds.remove(kind.group, kind.version, kind.plural)
        if change.type == "DELETED":
            spec = change.now.object["spec"]
            for item in list(self.storage.items((spec["group"], spec["names"]["plural"]))):
                collection, namespace, of = item.key
                self.storage.delete(collection, of, namespace)
        elif change.now.object.get("status", {}).get("conditions"):
            self._serve(name)
        else:
            asyncio.get_running_loop().call_soon(self._establish, name)

    def _establish(self, name: str) -> None:
        definition = self.storage.get(DEFINITIONS, name)
        if definition is None:
            return
        if not definition.get("status", {}).get("conditions"):
            filled = copy.deepcopy(definition)
            fill_definition(filled, self._clock())
            self.storage.update(DEFINITIONS, filled)
        self._serve(name)

    def _serve(self, name: str) -> None:
        definition = self.storage.get(DEFINITIONS, name)
        if definition is not None:
            for kind in kinds_of(definition):
                self.kinds.add(kind)


def _refusal(error: StatusError) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(error.body()) + b"\n",
        status=error.code,
        headers=error.headers,
        content_type="application/json",
    )


def _as_yaml(response: web.StreamResponse) -> web.StreamResponse:
    """The same document in YAML; what is not a document stays as it is."""
    if not isinstance(response, web.Response) or response.content_type != "application/json":
        return response
    text = yaml.safe_dump(msgspec.json.decode(response.body or b"null"))  # type: ignore[arg-type]
    return web.Response(text=text, status=response.status, content_type="application/yaml")


async def _cut(request: web.Request, response: web.StreamResponse, after: int) -> web.StreamResponse:
    """Send the first bytes of an answer, then close the connection."""
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    broken = web.StreamResponse(status=response.status, headers={"Content-Length": str(len(response.body))})
    broken.content_type = response.content_type
    await broken.prepare(request)
    await broken.write(response.body[:after])
    if request.transport is not None:
        request.transport.close()
    return broken


def _minor(version_info: Mapping[str, str]) -> int:
    digits = version_info.get("gitVersion", "v1.30.0").removeprefix("v").split(".")
    return int(digits[1]) if len(digits) > 1 and digits[1].isdecimal() else 30
