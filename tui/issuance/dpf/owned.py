"""What was made for a request, decided from what an object is: what it may use, and what may be removed with it.

The status and the annotations of a request are claims: whoever may write them may name any account and any Secret. So
an object belongs to a request by the labels that it carries itself, where only its own owners may write; the first
versions of DPF's controller wrote none, there the status must name it and the controller's field manager must be on it.
Removed is only what is labelled for this very request, and is the very object that is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from tui.issuance import managed

from .objects import DPURequest
from .resources import FIELD_MANAGER, ownership

OPAQUE: Final = "Opaque"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An account or a Secret as it is now; of a Secret its type, nothing of its data."""

    uid: str = ""
    labels: dict[str, str] = {}
    managers: frozenset[str] = frozenset()
    made_for: str = ""
    """The UID of the request that kubemint made it for; empty where somebody else made it, or somebody took it off."""
    type: str = ""


def seen_in(metadata: Mapping[str, Any], kind: str = "") -> Seen:
    """From an object's metadata; `kind` is a Secret's type."""
    entries = metadata.get("managedFields") or ()
    return Seen(
        uid=str(metadata.get("uid") or ""),
        labels={str(key): str(value) for key, value in (metadata.get("labels") or {}).items()},
        managers=frozenset(str(entry.get("manager")) for entry in entries if isinstance(entry, Mapping)),
        made_for=managed.request_of(metadata),
        type=kind,
    )


def belongs(seen: Seen, request: DPURequest, *, named: bool) -> bool:
    """Whether the request may use it. `named`: whether its status names it."""
    wanted = ownership(request.namespace, request.name)
    if wanted.keys() & seen.labels.keys():
        return is_labelled(seen, request)
    return named and FIELD_MANAGER in seen.managers


def is_labelled(seen: Seen, request: DPURequest) -> bool:
    """Whether it carries every label that says whose it is, and each says that it is this request's."""
    return all(seen.labels.get(key) == value for key, value in ownership(request.namespace, request.name).items())


def left_alone(kind: Literal["account", "secret"], seen: Seen, request: DPURequest, uid: str) -> str:
    """Why it may not be removed for this request; empty where it may. `uid` is that of the one that is meant.

    A Secret whose UID nobody wrote down is known by its labels. An account needs more, since the tokens of everybody
    who uses it end with it: its UID stands in the token that was made for it, or the request's UID stands on it.
    """
    if not is_labelled(seen, request):
        return "its labels do not say that it was made for this request"
    if uid and seen.uid != uid:
        return "another one has its name by now"
    if kind == "secret":
        return "" if seen.type == OPAQUE else f"it is of type {seen.type}"
    if seen.made_for and seen.made_for != request.uid:
        return "it was made for another request of this name"
    return "" if uid or seen.made_for else "nothing says that it is the account that was made for this request"
