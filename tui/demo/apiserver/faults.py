"""Trouble on demand: rules that delay, refuse, break or falsify answers, and states of a whole server.

Rules are asked in the order they were added. Delays add up and go on; the first other action that matches decides.
Each rule may be limited to a number of requests, so that a test can say "the second list fails".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiohttp import web

from .access import Attributes, UserInfo, refusal
from .plain import json_response
from .status import StatusError


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
    """Answer with a Status of this code instead of doing anything; a 403 without a message is the authorizer's."""

    code: int
    reason: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cut:
    """Do what was asked, then close the connection after so many bytes of the answer's body."""

    after: int = 20


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
    """How a whole server behaves. `UNREACHABLE` closes its port, `LOCKED` answers 401 to everybody.

    At a server in `LOGIN` nothing is wrong, but the operator's session is over: the credential plugin of the fleet's
    kubeconfig fails until somebody logs in.
    """

    NORMAL = "normal"
    SLOW = "slow"
    HANG = "hang"
    UNREACHABLE = "unreachable"
    LOCKED = "locked"
    LOGIN = "login"


class Faults:
    """The rules of one server; calling it runs a request under them."""

    slow_seconds = 1.5
    """How long a slow server thinks about each request."""

    def __init__(self) -> None:
        self.state = ServerState.NORMAL
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

    def enter(self, state: ServerState) -> None:
        """Puts the whole server into a state; requests that hung in the old one are answered."""
        self.state = state
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

    async def __call__(
        self, request: web.Request, attributes: Attributes, user: UserInfo | None
    ) -> web.StreamResponse | int | None:
        """What the server asks for every request (the `Faults` of `access`)."""
        if self.state is ServerState.SLOW:
            await asyncio.sleep(self.slow_seconds)
        elif self.state is ServerState.HANG:
            await self._released.wait()
        if not self._rules:
            return None
        for action in self.take(attributes.verb, request.path, user.username if user is not None else ""):
            match action:
                case Delay(seconds):
                    await request.read()  # it has arrived: who gives up waiting does not take it back
                    await asyncio.sleep(seconds)
                case Hang():
                    await request.read()  # and once it goes on, it is done, whoever has given up meanwhile
                    await self._released.wait()
                case Drop():
                    _abort(request)
                    return web.Response()
                case Answer(403, message="") if user is not None:
                    error = refusal(user, attributes)
                    return json_response(error.body(), error.code)
                case Answer():
                    return _status(action)
                case Cut(after):
                    return after
                case DropWatch(seconds):
                    asyncio.get_running_loop().call_later(seconds, _abort, request)
        return None


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _status(answer: Answer) -> web.Response:
    reason = answer.reason or REASONS.get(answer.code, "")
    error = StatusError(answer.code, reason, answer.message or reason or f"HTTP {answer.code}")
    retry = answer.headers.get("Retry-After", "")
    if retry.isdigit():
        error.details = {"retryAfterSeconds": int(retry)}
    return json_response(error.body(), error.code, answer.headers)
