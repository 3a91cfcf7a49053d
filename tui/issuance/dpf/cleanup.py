"""What a request leaves behind: old handles, accounts and Secrets after a change, and everything when it is deleted.

After a change the new credential is published first. What it replaced is written down in an annotation of the request
together with the time from which it may go, so that it is found again whoever comes back after whatever crash.

Whoever may edit a request may write into that annotation what he likes. So it only ever removes what says itself that
it was made for this request (`claim` sees to that before it is written down), and nothing that the request names now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from tui.issuance import handles, managed
from tui.issuance.errors import IssuanceError
from tui.issuance.types import Handle
from tui.kube.client import Client
from tui.kube.errors import Conflict, KubeError, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource

from .objects import DPURequest, NamespacedName, ParseError, cluster_name
from .resources import LEFTOVERS, ownership
from .steps import belongs
from .target import TargetClusters, TargetGone


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be removed from `due` on. An empty `target` is the host cluster."""

    kind: Literal["handle", "account", "secret"]
    name: str
    target: str = ""
    uid: str = ""
    due: Annotated[datetime, msgspec.Meta(tz=True)]


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """How a sweep went: what is still there, what was said, and what could not be removed."""

    left: tuple[Leftover, ...] = ()
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def leftovers_of(request: DPURequest) -> tuple[Leftover, ...]:
    """What is written down; nothing where the annotation was mangled."""
    text = request.annotations.get(LEFTOVERS, "")
    try:
        return tuple(msgspec.json.decode(text, type=list[Leftover])) if text else ()
    except (msgspec.DecodeError, UnicodeError):
        return ()


def written(leftovers: Iterable[Leftover]) -> str | None:
    """As the annotation's value; None where there is nothing."""
    unique = list(dict.fromkeys(leftovers))
    return msgspec.json.encode(unique).decode() if unique else None


def replaced_by_change(request: DPURequest, due: datetime, *, new_token: bool) -> list[Leftover]:
    """What the current spec makes superfluous once it is fulfilled."""
    found: list[Leftover] = []
    old, where = request.status_service_account, request.status_target
    target = str(where) if where else ""
    if new_token and (handle := request.handle) is not None:
        name = f"{handle.namespace}/{handle.name}"
        found.append(Leftover(kind="handle", name=name, target=target, uid=handle.uid, due=due))
    if old is not None and (old, where) != (request.service_account, request.target):
        found.append(Leftover(kind="account", name=str(old), target=target, due=due))
    if request.status_secret is not None and request.status_secret != request.secret:
        found.append(Leftover(kind="secret", name=str(request.status_secret), due=due))
    return found


async def sweep(
    clusters: TargetClusters, request: DPURequest, leftovers: Sequence[Leftover], now: datetime | None
) -> Swept:
    """Remove what is due at `now` (None: everything). What a gone cluster held is gone with it."""
    left: list[Leftover] = []
    notes: list[str] = []
    errors: list[str] = []
    for leftover in leftovers:
        if now is not None and _is_in_use(request, leftover):
            notes.append(f"{_words(leftover)} is in use again")
            continue
        if now is not None and leftover.due > now:
            left.append(leftover)
            continue
        try:
            notes.append(await _remove(clusters, request, leftover))
        except TargetGone as gone:
            notes.append(f"{_words(leftover)} went with its cluster: {gone.message}")
        except (KubeError, IssuanceError) as error:
            left.append(leftover)
            errors.append(f"cannot clean up {_words(leftover)} in {_place(request, leftover)}: {error}")
    return Swept(left=tuple(left), notes=tuple(notes), errors=tuple(errors))


def everything(request: DPURequest, now: datetime) -> list[Leftover]:
    """All that a deleted request has made: its handle, its account, its Secret, and what earlier changes left."""
    found = list(leftovers_of(request))
    target = str(request.status_target) if request.status_target else ""
    if (handle := request.handle) is not None:
        name = f"{handle.namespace}/{handle.name}"
        found.append(Leftover(kind="handle", name=name, target=target, uid=handle.uid, due=now))
    if request.status_service_account is not None:
        found.append(Leftover(kind="account", name=str(request.status_service_account), target=target, due=now))
    if request.status_secret is not None:
        found.append(Leftover(kind="secret", name=str(request.status_secret), due=now))
    return found


async def claim(clusters: TargetClusters, request: DPURequest, leftovers: Iterable[Leftover]) -> None:
    """Label what is about to be left behind as this request's, where an old controller made it without labels.

    Now the status says whose it is; afterwards nothing would. What cannot be reached stays without and is left alone.
    """
    for leftover in leftovers:
        if leftover.kind == "handle" or not _is_in_status(request, leftover):
            continue
        resource = SERVICE_ACCOUNTS if leftover.kind == "account" else SECRETS
        try:
            where, client = await _find(clusters, request, leftover)
            meta = (await client.get_metadata(resource, where.name, namespace=where.namespace))["metadata"]
            if belongs(meta, request, known=True) and not belongs(meta, request, known=False):
                labels = {"metadata": {"uid": meta.get("uid"), "labels": ownership(request.namespace, request.name)}}
                await client.patch(resource, where.name, labels, namespace=where.namespace)
        except (KubeError, IssuanceError):
            continue


def _is_in_status(request: DPURequest, leftover: Leftover) -> bool:
    """Whether the status, which not everybody may write who may edit the request, names this object."""
    target = str(request.status_target) if request.status_target else ""
    if leftover.kind == "account":
        return (leftover.name, leftover.target) == (str(request.status_service_account), target)
    return leftover.kind == "secret" and leftover.name == str(request.status_secret)


def _is_in_use(request: DPURequest, leftover: Leftover) -> bool:
    """Whether the request names it (again): somebody changed it back before the grace was over."""
    target = str(request.target) if request.target else ""
    match leftover.kind:
        case "account":
            return (leftover.name, leftover.target) == (str(request.service_account), target)
        case "secret":
            return leftover.name == str(request.secret)
        case "handle":
            return request.handle is not None and leftover.uid == request.handle.uid


async def _find(clusters: TargetClusters, request: DPURequest, leftover: Leftover) -> tuple[NamespacedName, Client]:
    where = NamespacedName.parse(leftover.name)
    wanted = NamespacedName.parse(leftover.target) if leftover.target and leftover.kind != "secret" else None
    return where, (await clusters.target(request.cluster, wanted))[1]


async def _remove(clusters: TargetClusters, request: DPURequest, leftover: Leftover) -> str:
    try:
        where = NamespacedName.parse(leftover.name)
        wanted = NamespacedName.parse(leftover.target) if leftover.target and leftover.kind != "secret" else None
    except ParseError as error:
        return f"{_words(leftover)} is not a name: {error.message}"
    target, client = await clusters.target(request.cluster, wanted)
    if leftover.kind == "handle":
        handle = Handle(target.name, where.namespace, where.name, leftover.uid)
        return await _delete_handle(client, handle, leftover, request)
    resource = SERVICE_ACCOUNTS if leftover.kind == "account" else SECRETS
    try:
        found = await client.get_metadata(resource, where.name, namespace=where.namespace)
    except NotFound:
        return f"{_words(leftover)} was gone already"
    meta = found["metadata"]
    if not belongs(meta, request, known=_is_in_status(request, leftover)):
        return f"{_words(leftover)} was left alone: it was not made for this request"
    return await _delete(client, resource, where, str(meta.get("uid", "")) or None, leftover)


async def _delete_handle(client: Client, handle: Handle, leftover: Leftover, request: DPURequest) -> str:
    """The annotation that names it is in the hands of whoever may edit the request, so it is looked at first."""
    try:
        wanted = handles.Ending(handle=handle, named=handles.Named.BY_WALK)
        fate = await handles.check(client, wanted)
        if fate is handles.Fate.GONE:
            return f"{_words(leftover)} was gone already"
        if fate is handles.Fate.ANOTHER:
            return f"{_words(leftover)} was replaced by another of the same name, which was left alone"
        found = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
        if managed.request_of(found) != request.uid:
            return f"{_words(leftover)} was left alone: it is another credential's"
    except NotFound:
        return f"{_words(leftover)} was gone already"
    except handles.NotAHandle:
        return f"{_words(leftover)} was left alone: it is not a handle of kubemint's"
    return await _delete(client, SECRETS, NamespacedName(handle.namespace, handle.name), handle.uid, leftover)


async def _delete(
    client: Client, resource: Resource, where: NamespacedName, uid: str | None, leftover: Leftover
) -> str:
    try:
        await client.delete(resource, where.name, namespace=where.namespace, uid=uid)
    except NotFound:
        return f"{_words(leftover)} was gone already"
    except Conflict:
        return f"{_words(leftover)} was replaced by another of the same name, which was left alone"
    return f"{_words(leftover)} deleted"


def _words(leftover: Leftover) -> str:
    return {"handle": "handle", "account": "service account", "secret": "secret"}[leftover.kind] + f" {leftover.name}"


def _place(request: DPURequest, leftover: Leftover) -> str:
    if leftover.kind == "secret" or not leftover.target:
        return request.cluster
    try:
        return cluster_name(request.cluster, NamespacedName.parse(leftover.target))
    except ParseError:
        return leftover.target
