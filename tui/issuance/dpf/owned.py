"""What was made for a request, decided from what an object is: what it may use, and what may be removed with it.

The status and the annotations of a request are claims: whoever may write them may name any account and any Secret, and
many may write under the controller's name. So an object belongs to a request by what stands on it, where only its own
owners may write: the labels name the request, and the UID that kubemint puts beside them says which of that name.

DPF's controller and earlier versions of kubemint wrote no UID. There it takes something else that nobody can write:

- in the request's own cluster, that the object was made while the request was there: one cluster has one request of a
  name at a time (its account and its Secret are there together, so that is most of them);
- of an account elsewhere, that the cluster confirms the token in the request's Secret as one of this very account.

Where neither is so it is in use by somebody else, and who may write there can say otherwise (`way_out`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from tui.issuance import managed
from tui.issuance.durations import parse_time
from tui.kube import shell

from .objects import DPURequest, NamespacedName
from .resources import may_be_cut, old_ownership, ownership

OPAQUE: Final = "Opaque"

Kind: TypeAlias = Literal["account", "secret"]

_NO_LABELS: Final = "its labels do not say that it was made for this request"
_ANOTHER: Final = "it was made for another request of this name"
_UNSAID: Final = "its labels name a request of this name, and nothing says that it was made for this one"
_KINDS: Final = {"account": "serviceaccount", "secret": "secret"}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An account or a Secret as it is now; of a Secret its type, nothing of its data."""

    uid: str = ""
    labels: dict[str, str] = {}
    made_for: str = ""
    """The UID of the request that kubemint made it for; empty where somebody else made it, or somebody took it off."""
    made_at: datetime | None = None
    """By the clock of its cluster."""
    type: str = ""


def seen_in(metadata: Mapping[str, Any], kind: str = "") -> Seen:
    """From an object's metadata; `kind` is a Secret's type."""
    return Seen(
        uid=str(metadata.get("uid") or ""),
        labels={str(key): str(value) for key, value in (metadata.get("labels") or {}).items()},
        made_for=managed.request_of(metadata),
        made_at=parse_time(metadata.get("creationTimestamp")),
        type=kind,
    )


def foreign(seen: Seen, request: DPURequest, *, here: bool, confirmed: str = "") -> str:
    """Why it is not this request's; empty where it is, and may be used.

    `here`: it lies in the request's own cluster. `confirmed` is the UID of the account of which the token in the
    request's Secret is, as its cluster says.
    """
    named, once = ownership(request.namespace, request.name), old_ownership(request.namespace, request.name)
    plain = _carries(seen, named)
    if not plain and not _carries(seen, once):
        return _NO_LABELS
    if seen.made_for:
        return "" if seen.made_for == request.uid else _ANOTHER
    if here and plain and not may_be_cut(request.name) and _made_since(seen, request):
        return ""
    return "" if confirmed and seen.uid == confirmed else _UNSAID


def way_out(kind: Kind, where: NamespacedName, request: DPURequest) -> str:
    """What to do where something is in use by somebody else, in words."""
    labels = [f"{key}={value}" for key, value in ownership(request.namespace, request.name).items()]
    at, thing = ("kubectl", "-n", where.namespace), (_KINDS[kind], where.name, "--overwrite")
    mark = f"{managed.REQUEST}={request.uid}"
    say_so = f"{shell.command(*at, 'label', *thing, *labels)} && {shell.command(*at, 'annotate', *thing, mark)}"
    return (
        "kubemint never takes over what others made; choose another. Where you know that it was made for this request, "
        f"say so on it: {say_so}"
    )


def left_alone(kind: Kind, seen: Seen, request: DPURequest, uid: str, *, here: bool, confirmed: str = "") -> str:
    """Why it may not be removed for this request; empty where it may. `uid` is that of the one that is meant."""
    if why := foreign(seen, request, here=here, confirmed=confirmed):
        return why
    if uid and seen.uid != uid:
        return "another one has its name by now"
    return "" if kind == "account" or seen.type == OPAQUE else f"it is of type {seen.type}"


def _carries(seen: Seen, labels: Mapping[str, str]) -> bool:
    return all(seen.labels.get(key) == value for key, value in labels.items())


def _made_since(seen: Seen, request: DPURequest) -> bool:
    return seen.made_at is not None and request.created_at is not None and seen.made_at >= request.created_at
