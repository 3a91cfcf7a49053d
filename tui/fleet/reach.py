"""How a cluster stands: what an error says about it, when it counts as slow, and when to try again.

Pure decisions; the tasks of a cluster ask, and put the answer into its row.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tui.issuance import NotEntered
from tui.kube.errors import (
    APIError,
    ConfigError,
    ExecPluginError,
    Forbidden,
    KubeError,
    LoginPage,
    NeedsLogin,
    ProtocolError,
    ServerError,
    TimedOut,
    TLSFailed,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)

from .rows import Reach

SLOW_ABOVE: Final = 1.0
QUICK_BELOW: Final = 0.7
"""Below `SLOW_ABOVE`, so that a cluster that answers in about one second does not flicker."""
_WEIGHT: Final = 0.4  # of the newest measurement: three quick answers end a slow spell


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, and whether it goes on at all. Only tests make them short."""

    heartbeat: float = 20.0
    """Between two small requests that show whether the cluster answers, how fast, and what time it has."""
    slow: float = 2.0
    """The same while the cluster counts as slow: it may be quick again already."""
    probe: float = 10.0
    """How long such a request may take before the cluster counts as unreachable."""
    rediscover: float = 60.0
    """Between two looks for custom resources that were not there."""
    forbidden: float = 120.0
    """Before asking again for a kind that may not be listed: rights change seldom."""
    retry_first: float = 1.0
    retry_longest: float = 60.0
    login_first: float = 30.0
    """The first wait where someone has to log in: asking at once would only run the same plugin again."""
    login_longest: float = 300.0
    coalesce: float = 0.1
    """Between two notices to subscribers."""
    exports: float = 2.0
    """Between two looks at the local record of exports, which other processes write too."""
    handles: float = 2.0
    """Between two looks for handles that credentials name and that no list holds."""
    recover_first: float = 60.0
    recover_longest: float = 600.0
    """Between two looks for what the journal says is open, which becomes longer while it cannot be ended."""
    once: bool = False
    """Whether everything is listed and not watched: for a command that is over in a moment."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error says about the whole cluster."""

    reach: Reach
    message: str
    hint: str = ""


def judge(error: KubeError) -> Verdict:
    """The state of a cluster whose request ended in `error`."""
    match error:
        case NotEntered():
            reach = Reach.UNTRUSTED
        case NeedsLogin() | ExecPluginError() | Unauthorized():
            reach = Reach.NEEDS_LOGIN
        case Forbidden():
            reach = Reach.FORBIDDEN
        case TLSFailed():
            reach = Reach.TLS_FAILED
        case ConfigError():
            reach = Reach.UNUSABLE
        case TooManyRequests():
            reach = Reach.THROTTLED
        case ServerError():
            reach = Reach.SERVER_ERROR
        case LoginPage():
            reach = Reach.LOGIN_PAGE
        case ProtocolError() | APIError():  # a Status for /version that is none of the above: another kind of server
            reach = Reach.WRONG_ANSWER
        case _:
            reach = Reach.UNREACHABLE
    return Verdict(reach, error.message, error.hint)


PATIENT: Final = frozenset({Reach.NEEDS_LOGIN, Reach.UNTRUSTED})
"""What only a person can change: asking again at once would only find the same."""


def asked_to_wait(error: KubeError) -> float:
    """Seconds that the server asks to be left alone, 0 where it does not."""
    return (error.retry_after or 0.0) if isinstance(error, APIError) else 0.0


def concerns_all(error: KubeError) -> bool:
    """Whether the error is about the way in, so that every other kind would meet it too."""
    return isinstance(error, NotEntered | NeedsLogin | ExecPluginError | Unauthorized | TLSFailed | ConfigError)


def concerns_connection(error: KubeError) -> bool:
    """Whether the error may mean that the cluster is gone, which a heartbeat tells."""
    return isinstance(error, Unreachable | TimedOut) or (isinstance(error, APIError) and error.status >= 500)


class Latency:
    """The smoothed time of small requests, and whether it counts as slow."""

    def __init__(self) -> None:
        self.value: float | None = None
        self.slow = False

    def add(self, seconds: float) -> None:
        self.value = seconds if self.value is None else self.value + _WEIGHT * (seconds - self.value)
        self.slow = self.value > (QUICK_BELOW if self.slow else SLOW_ABOVE)


@dataclass(slots=True)
class Backoff:
    """Waits between attempts: doubling ceilings with full jitter, never less than a fifth of the first."""

    first: float
    longest: float
    jitter: Callable[[], float] = field(default=random.random)
    attempts: int = 0

    def next(self) -> float:
        ceiling = min(self.longest, self.first * (1 << min(self.attempts, 16)))
        self.attempts += 1
        floor = self.first / 5
        return floor + (ceiling - floor) * self.jitter()

    def reset(self) -> None:
        self.attempts = 0
