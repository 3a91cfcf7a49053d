"""What was made for a request, decided from what an object is: what it may use, and what may be removed with it.

The status and the annotations of a request are claims: whoever may write them may name any account and any Secret, and
many may write under the controller's name. So an object belongs to a request by what stands on it, where only its own
owners may write: the labels name the request, and the UID that kubemint puts beside them says which of that name.

DPF's controller and earlier versions of kubemint wrote no UID. There it takes something else that nobody can write:

- in the request's own cluster, that the object was made while the request was there: one cluster has one request of a
  name at a time (its account and its Secret are there together, so that is most of them);
- of an account elsewhere, that the cluster confirms the token in the request's Secret as one of this very account; or,
  where that token has ended, that it names this account and that the account was made while the request was there.

Where neither is so it is in use by another client, and who may write there can say otherwise (`way_out`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import msgspec

from tui.issuance.model.durations import parse_time
from tui.issuance.objects import managed
from tui.kube import shell

from .objects import DPURequest, NamespacedName
from .resources import may_be_cut, old_ownership, ownership

OPAQUE: Final = "Opaque"

Kind: TypeAlias = Literal["account", "secret"]

_SKEW: Final = timedelta(minutes=1)
"""By how much the clocks of two clusters may differ."""
_NO_LABELS: Final = "its labels do not say that it was made for this request"
_ANOTHER: Final = "it was made for another request of this name"
_UNSAID: Final = "its labels name a request of this name, and nothing says that it was made for this one"
_KINDS: Final = {"account": "serviceaccount", "secret": "secret"}


class Witness(msgspec.Struct, frozen=True):
    """What the token in a request's Secret says of accounts in one cluster."""

    account_uid: str = ""
    """The account that it is of; empty where it says nothing of that cluster."""
    confirmed: bool = False
    """Whether the cluster says so too."""


NOBODY: Final = Witness()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An account or a Secret as it is now; of a Secret its type, nothing of its data."""

    uid: str = ""
    labels: dict[str, str] = {}
    made_for: str = ""
    """The UID of the request that kubemint made it for; empty where another client made it, or someone took it off."""
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


def foreign(seen: Seen, request: DPURequest, *, here: bool, witness: Witness = NOBODY) -> str:
    """Why it is not this request's; empty where it is, and may be used.

    `here`: it lies in the request's own cluster. `witness` is the token in the request's Secret.
    """
    now, once = ownership(request.namespace, request.name), old_ownership(request.namespace, request.name)
    plain = _carries(seen, now)
    if not plain and not _carries(seen, once):
        return _NO_LABELS
    if seen.made_for:
        return "" if seen.made_for == request.uid else _ANOTHER
    named = bool(seen.uid) and seen.uid == witness.account_uid
    if named and witness.confirmed:
        return ""
    if not plain or may_be_cut(request.name):
        return _UNSAID
    if here:
        return "" if _made_since(seen, request, timedelta(0)) else _UNSAID
    return "" if named and _made_since(seen, request, _SKEW) else _UNSAID


def way_out(kind: Kind, where: NamespacedName, request: DPURequest) -> str:
    """What to do where something is in use by another client, in words."""
    labels = [f"{key}={value}" for key, value in ownership(request.namespace, request.name).items()]
    at, thing = ("kubectl", "-n", where.namespace), (_KINDS[kind], where.name, "--overwrite")
    mark = f"{managed.REQUEST}={request.uid}"
    say_so = f"{shell.command(*at, 'label', *thing, *labels)} && {shell.command(*at, 'annotate', *thing, mark)}"
    return f"choose another; if it was made for this request, say so on it: {say_so}"


def left_alone(kind: Kind, seen: Seen, request: DPURequest, uid: str, *, here: bool, witness: Witness = NOBODY) -> str:
    """Why it may not be removed for this request; empty where it may. `uid` is that of the one that is meant."""
    if why := foreign(seen, request, here=here, witness=witness):
        return why
    if uid and seen.uid != uid:
        return "another one has its name by now"
    return "" if kind == "account" or seen.type == OPAQUE else f"it is of type {seen.type}"


def _carries(seen: Seen, labels: Mapping[str, str]) -> bool:
    return all(seen.labels.get(key) == value for key, value in labels.items())


def _made_since(seen: Seen, request: DPURequest, skew: timedelta) -> bool:
    return seen.made_at is not None and request.created_at is not None and seen.made_at + skew >= request.created_at
