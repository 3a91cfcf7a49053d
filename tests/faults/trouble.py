"""The kinds of trouble an API server can make, as rules of the embedded fleet."""

from __future__ import annotations

from typing import Final

from tui.demo import Answer, Cut, Drop, Hang
from tui.demo.apiserver.faults import Action

STATUSES: Final[dict[str, Action]] = {
    "401": Answer(401, "Unauthorized", "Unauthorized"),
    "403": Answer(403),
    "404": Answer(404, "NotFound", "the server could not find the requested resource"),
    "409": Answer(409, "Conflict", "the object has been modified"),
    "410": Answer(410, "Expired", "the provided resource version is too old"),
    "422": Answer(422, "Invalid", "the object is invalid"),
    "429": Answer(429, "TooManyRequests", "too many requests, please try again later", {"Retry-After": "0"}),
    "500": Answer(500, "InternalError", "etcd has no leader"),
}
BROKEN: Final[dict[str, Action]] = {"hang": Hang(), "drop": Drop(), "cut": Cut()}
EVERYTHING: Final[dict[str, Action]] = {**STATUSES, **BROKEN}
