"""Trouble on demand: rules that delay, refuse, break or falsify answers, and states of a whole server.

Rules are asked in the order they were added. Delays add up and go on; the first other action that matches decides.
Each rule may be limited to a number of requests, so that a test can say "the second list fails".
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer only after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Accept the request and never answer, until the rule is removed or the server ends."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with a Status of this code instead of doing anything."""

    code: int
    reason: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cut:
    """Do what was asked, then close the connection in the middle of the answer's body."""


@dataclass(frozen=True, slots=True)
class DropWatch:
    """Let a watch begin and close its connection after `seconds`. Other requests are not touched."""

    seconds: float = 0.0


Action = Delay | Hang | Drop | Answer | Cut | DropWatch

REASONS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True, slots=True, eq=False)
class FaultRule:
    """Which requests an action meets. A field that is not given matches everything.

    `verb` is Kubernetes' word (`get`, `list`, `watch`, `create`, …), `path` a regular expression searched in the URL
    path, `user` the authenticated user's name. `times` is how many requests it meets, None for all.
    """

    action: Action
    verb: str | None = None
    path: str | None = None
    user: str | None = None
    times: int | None = None

    def matches(self, verb: str, path: str, user: str) -> bool:
        return (
            self.verb in (None, verb)
            and self.user in (None, user)
            and (self.path is None or re.search(self.path, path) is not None)
            and (verb == "watch" or not isinstance(self.action, DropWatch))
        )


class ServerState(StrEnum):
    """How a whole server behaves. `UNREACHABLE` closes its port; `LOGIN` answers 401 to everybody."""

    NORMAL = "normal"
    SLOW = "slow"
    HANG = "hang"
    UNREACHABLE = "unreachable"
    LOGIN = "login"


Handler = Callable[[], Awaitable[web.StreamResponse]]


class Faults:
    """The rules of one server. `guard` runs a request under them."""

    def __init__(self) -> None:
        self._rules: dict[FaultRule, int | None] = {}
        self._released = asyncio.Event()
        self.hits: list[tuple[str, str, FaultRule]] = []
        """Every (verb, path, rule) that was applied, for tests."""

    def add(self, rule: FaultRule) -> FaultRule:
        """Puts a rule at the end; the returned one is the handle for `remove`."""
        self._rules[rule] = rule.times
        return rule

    def remove(self, rule: FaultRule) -> None:
        """Takes a rule away; requests that hang are answered."""
        self._rules.pop(rule, None)
        self._release()

    def clear(self) -> None:
        """Takes all rules away; requests that hang are answered."""
        self._rules.clear()
        self.hits.clear()
        self._release()

    def _release(self) -> None:
        self._released.set()
        self._released = asyncio.Event()

    def take(self, verb: str, path: str, user: str) -> list[Action]:
        """The actions for one request, and counts them: any number of delays, then at most one of another kind."""
        actions: list[Action] = []
        for rule, left in list(self._rules.items()):
            if left == 0 or not rule.matches(verb, path, user):
                continue
            if left is not None:
                self._rules[rule] = left - 1
            self.hits.append((verb, path, rule))
            actions.append(rule.action)
            if not isinstance(rule.action, Delay):
                break
        return actions

    async def guard(self, request: web.Request, verb: str, user: str, handler: Handler) -> web.StreamResponse:
        """Runs `handler` under the rules that match the request."""
        if not self._rules:
            return await handler()
        for action in self.take(verb, request.path, user):
            match action:
                case Delay(seconds):
                    await asyncio.sleep(seconds)
                case Hang():
                    await self._released.wait()
                case Drop():
                    return _drop(request)
                case Answer():
                    return _status(action)
                case Cut():
                    return await _cut(request, await handler())
                case DropWatch(seconds):
                    return await _drop_later(request, handler, seconds)
        return await handler()


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _status(answer: Answer) -> web.Response:
    reason = answer.reason or REASONS.get(answer.code, "")
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": answer.message or reason,
        "reason": reason,
        "code": answer.code,
    }
    retry = answer.headers.get("Retry-After", "")
    if retry.isdigit():
        status["details"] = {"retryAfterSeconds": int(retry)}
    return web.Response(
        status=answer.code, body=json.dumps(status).encode(), headers=answer.headers, content_type="application/json"
    )


async def _cut(request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
    body = whole.body if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b"{}"
    broken = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
    broken.content_length = len(body)
    await broken.prepare(request)
    await broken.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return broken


async def _drop_later(request: web.Request, handler: Handler, seconds: float) -> web.StreamResponse:
    def abort() -> None:
        if request.transport is not None:
            request.transport.abort()

    timer = asyncio.get_running_loop().call_later(seconds, abort)
    try:
        return await handler()
    finally:
        timer.cancel()
