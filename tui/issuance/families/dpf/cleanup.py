"""What a request leaves behind: old handles, accounts and Secrets after a change, and everything when it is deleted.

After a change the new credential is published first. What it replaced is written down in an annotation of the request
together with the time from which it may go, so that it is found again whoever comes back after whatever crash.

Whoever may edit a request may write into that annotation what he likes, and whoever may patch its status may name any
account and Secret there. So only what says itself that it was made for this very request is ever removed, by `owned`
and `handles`, and nothing that the request or the token in its Secret needs now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.model.types import Handle
from tui.issuance.objects.deleting import End, delete
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.trust import handles
from tui.kube.client import Client
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from . import made_in
from .kept import Kept
from .made_in import MadeElsewhere
from .objects import DPURequest, NamespacedName, ParseError, cluster_name
from .owned import Seen, Witness, left_alone, seen_in
from .resources import ACCOUNT_UID, LEFTOVERS, TARGET_UID
from .target import NoDPUCluster, TargetClusters

_MOST: Final = 64
_YEARS: Final = range(1970, 9999)
"""Times that can be reckoned with in every zone."""


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be removed from `due` on. An empty `target` is the host cluster."""

    kind: Literal["handle", "account", "secret"]
    name: str
    target: str = ""
    uid: str = ""
    due: Annotated[datetime, msgspec.Meta(tz=True)]
    made: tuple[str, ...] = ()
    """What says in which cluster it was made, as `made_in` notes that."""
    target_uid: str = ""
    """Of the DPUCluster in which it was made, where that is known."""


class StillThere(IssuanceError):
    """It was asked to go and has not gone: a finalizer holds it. It is looked at again until it has."""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """How a sweep went: what is still there, what was said, and what could not be removed."""

    left: tuple[Leftover, ...] = ()
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def leftovers_of(request: DPURequest) -> tuple[Leftover, ...]:
    """What is written down; nothing where there is no annotation, or one that was mangled.

    No change leaves as many as are read at most: whoever edits the request could have us look for thousands.
    """
    try:
        found = msgspec.json.decode(request.annotations.get(LEFTOVERS, ""), type=list[Leftover])
    except (msgspec.DecodeError, UnicodeError):
        return ()
    return tuple(one for one in dict.fromkeys(found) if one.due.year in _YEARS)[:_MOST]


def written(leftovers: Iterable[Leftover]) -> str | None:
    """As the annotation's value; None where there is nothing."""
    unique = list(dict.fromkeys(leftovers))
    return msgspec.json.encode(unique).decode() if unique else None


def replaced_by_change(
    request: DPURequest, due: datetime, kept: Kept, secret_uid: str, *, new: Handle | None, new_token: bool
) -> list[Leftover]:
    """What the current spec makes superfluous once it is fulfilled.

    `kept` is the token that lay in the Secret, `secret_uid` the UID of that, and `new` what the token there is bound to
    by now. What the old token was bound to stands in it; the marks are asked too, they may be of one before that.
    """
    found: list[Leftover] = []
    old, where = request.status_service_account, _where(request, kept)
    made = _made(request, kept, where)
    for handle in _handles(request, kept) if new_token else ():
        if new is None or handle.uid != new.uid:
            name = f"{handle.namespace}/{handle.name}"
            found.append(Leftover(kind="handle", name=name, uid=handle.uid, due=due, **made))
    if old is not None and (old, where) != (request.service_account, request.target):
        uid = account_uid(request, kept)
        found.append(Leftover(kind="account", name=str(old), uid=uid, due=due, **made))
    if request.status_secret is not None and request.status_secret != request.secret:
        found.append(Leftover(kind="secret", name=str(request.status_secret), uid=secret_uid, due=due))
    return found


def _where(request: DPURequest, kept: Kept) -> NamespacedName | None:
    """The cluster of what a request has: the token's own, else the one that the status says."""
    return kept.home if kept.identity is not None else request.status_target


def _made(request: DPURequest, kept: Kept, where: NamespacedName | None) -> dict[str, Any]:
    """Where it is, by its name, and what says which cluster that was."""
    of = request.marks.get(TARGET_UID, "") if where is not None and where == request.status_target else ""
    return {"target": str(where) if where else "", "made": made_in.notes(request, kept, where), "target_uid": of}


def _handles(request: DPURequest, kept: Kept) -> Iterable[Handle]:
    """What the token in the Secret is bound to, and what the marks say that it is: most often one and the same."""
    both = (one for one in (kept.handle, request.handle) if one is not None)
    return {(one.namespace, one.name, one.uid): one for one in both}.values()


def account_uid(request: DPURequest, kept: Kept) -> str:
    """The UID of the account that the status names: by the token in the Secret, else by the marks; else empty."""
    old, there = request.status_service_account, kept.identity
    if old is not None and there is not None and (there.namespace, there.name) == (old.namespace, old.name):
        return kept.account_uid
    return request.marks.get(ACCOUNT_UID, "") if kept.identity is None else ""


async def sweep(
    clusters: TargetClusters,
    request: DPURequest,
    leftovers: Sequence[Leftover],
    now: datetime | None,
    live: str = "",
    kept: Kept | None = None,
) -> Swept:
    """Remove what is due at `now` (None: everything). What a gone cluster held is gone with it.

    `live` is the UID of the handle that the token in the Secret is bound to, `kept` that token where it was looked at.
    """
    left: list[Leftover] = []
    notes: list[str] = []
    errors: list[str] = []
    held = False
    for leftover in leftovers:
        if now is not None and _is_in_use(request, leftover, live):
            notes.append(f"{_words(leftover)} is in use again")
            continue
        if now is not None and leftover.due > now:
            left.append(leftover)
            continue
        if leftover.kind == "secret" and held:  # by the token in it the others are known when they are looked at again
            left.append(leftover)
            continue
        try:
            notes.append(await _remove(clusters, request, leftover, kept or Kept()))
        except NoDPUCluster as gone:
            notes.append(f"{_words(leftover)} went with its cluster: {gone.message}")
        except (KubeError, IssuanceError) as error:
            held = held or isinstance(error, StillThere | MadeElsewhere)
            left.append(leftover)
            errors.append(f"cannot clean up {_words(leftover)} in {_place(request, leftover)}: {error}")
    return Swept(left=tuple(left), notes=tuple(notes), errors=tuple(errors))


def everything(request: DPURequest, now: datetime, kept: Kept | None = None) -> list[Leftover]:
    """All that a deleted request has made: its handle, its account, its Secret, and what earlier changes left.

    `kept` is the token in its Secret, where it was looked at. An account that was made, and no token for it yet,
    stands in no status: it is the one that is wanted.
    """
    found = list(leftovers_of(request))
    kept = kept or Kept()
    made = _made(request, kept, _where(request, kept))
    for handle in _handles(request, kept):
        name = f"{handle.namespace}/{handle.name}"
        found.append(Leftover(kind="handle", name=name, uid=handle.uid, due=now, **made))
    account = request.status_service_account
    if account is not None:
        uid = account_uid(request, kept)
        found.append(Leftover(kind="account", name=str(account), uid=uid, due=now, **made))
    if request.status_secret is not None:
        found.append(Leftover(kind="secret", name=str(request.status_secret), due=now))
    return found


def begun(request: DPURequest, now: datetime) -> list[Leftover]:
    """What a deleted request may have had made, and was not recorded: the wanted account and Secret."""
    found, target = [], str(request.target) if request.target else ""
    if (request.status_service_account, request.status_target) != (request.service_account, request.target):
        found.append(Leftover(kind="account", name=str(request.service_account), target=target, due=now))
    if request.status_secret != request.secret:
        found.append(Leftover(kind="secret", name=str(request.secret), due=now))
    return found


def _is_in_use(request: DPURequest, leftover: Leftover, live: str) -> bool:
    """Whether the request names it (again): it was changed back before the grace was over. A handle is in use by
    the token that lies there, whatever the marks say."""
    target = str(request.target) if request.target else ""
    match leftover.kind:
        case "account":
            return (leftover.name, leftover.target) == (str(request.service_account), target)
        case "secret":
            return leftover.name == str(request.secret)
        case "handle":
            return bool(live) and leftover.uid == live


async def _remove(clusters: TargetClusters, request: DPURequest, leftover: Leftover, kept: Kept) -> str:
    try:
        where = NamespacedName.parse(leftover.name)
        wanted = NamespacedName.parse(leftover.target) if leftover.target and leftover.kind != "secret" else None
    except ParseError as error:
        return f"{_words(leftover)} is not a name: {error.message}"
    target, client = await clusters.target(request.cluster, wanted)
    if leftover.kind == "handle":
        handle = Handle(target.name, where.namespace, where.name, leftover.uid)
        said, found = await _delete_handle(clusters, client, handle, leftover, request)
    else:
        said, found = await _delete_named(client, leftover.kind, where, leftover, request, kept.witness(wanted))
    if leftover.kind != "secret" and (
        why := made_in.why_not_gone(leftover.made, leftover.target_uid, target, found=found)
    ):
        raise MadeElsewhere(f"{why}; there {said}")
    return said


async def _delete_named(
    client: Client,
    kind: Literal["account", "secret"],
    where: NamespacedName,
    leftover: Leftover,
    request: DPURequest,
    witness: Witness,
) -> tuple[str, bool]:
    """An account or a Secret: how it went, and whether it was this request's that was there."""
    cluster = _place(request, leftover)
    seen = await _look(client, kind, where)
    if seen is None:
        return _not_there(leftover, cluster), False
    here = not leftover.target or kind == "secret"
    if why := left_alone(kind, seen, request, leftover.uid, here=here, witness=witness):
        return f"{_words(leftover)} was left alone: {why}", False
    resource = SERVICE_ACCOUNTS if kind == "account" else SECRETS
    ended = await delete(client, resource, where.name, namespace=where.namespace, uid=seen.uid)
    match ended.end:
        case End.HELD:
            raise StillThere(f"it {ended}")
        case End.ABSENT:
            return _not_there(leftover, cluster), False
        case End.ANOTHER:
            return f"{_words(leftover)} was replaced by another of the same name, which was left alone", False
    return f"{_words(leftover)} {ended}", True


async def _look(client: Client, kind: Literal["account", "secret"], where: NamespacedName) -> Seen | None:
    """The account or the Secret as it is; None where there is none."""
    try:
        if kind == "account":
            return seen_in(
                (await client.get_metadata(SERVICE_ACCOUNTS, where.name, namespace=where.namespace))["metadata"]
            )
        found = await client.get(SECRETS, where.name, namespace=where.namespace, type=SecretObject)
    except NotFound:
        return None
    return seen_in(found.metadata, found.type)


async def _delete_handle(
    clusters: TargetClusters, client: Client, handle: Handle, leftover: Leftover, request: DPURequest
) -> tuple[str, bool]:
    """How it went, and whether it was there. It must be a handle, by the rule for all of them, and say itself that it
    was made for this request."""
    seen = await handles.look(client, handle.namespace, handle.name)
    if seen is None:
        return _not_there(leftover, handle.cluster), False
    there = seen.uid == handle.uid
    if there and (seen.request != request.uid or seen.is_changed):
        return f"{_words(leftover)} was left alone: it is another credential's", True
    try:
        wanted = handles.Ending(handle=handle, named=handles.Named.BY_WALK)
        said = await handles.delete(clusters, wanted)
    except handles.NotAHandle as error:
        return f"{_words(leftover)} was left alone: {error.message}", there
    if handles.is_held(said):
        raise StillThere(f"it {said}")
    return f"{_words(leftover)} {said}", there


def _not_there(leftover: Leftover, cluster: str) -> str:
    """Where it was looked for, and not that it is gone: others may write down in which cluster it is."""
    return f"{_words(leftover)} is not in {cluster} (any more)"


def _words(leftover: Leftover) -> str:
    return {"handle": "handle", "account": "service account", "secret": "secret"}[leftover.kind] + f" {leftover.name}"


def _place(request: DPURequest, leftover: Leftover) -> str:
    if leftover.kind == "secret" or not leftover.target:
        return request.cluster
    try:
        return cluster_name(request.cluster, NamespacedName.parse(leftover.target))
    except ParseError:
        return leftover.target
