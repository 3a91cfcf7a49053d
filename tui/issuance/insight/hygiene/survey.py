"""What hygiene asks a cluster beyond what a fleet follows: bindings, which accounts pods run as, and annotations.

Cheap lists in pages, of metadata where metadata is enough, and never a Secret's data. What may not be listed is named,
and the findings that would need it are left out rather than guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.insight.access import Access, collect
from tui.issuance.model.durations import parse_time
from tui.issuance.model.types import Handle
from tui.issuance.objects import managed
from tui.issuance.objects.token_secret import TYPE
from tui.issuance.objects.token_use import noted_since
from tui.issuance.trust.handles import seen_in
from tui.issuance.trust.orphans import Walked
from tui.issuance.users.consumers import PAGE, why_not
from tui.kube.errors import KubeError
from tui.kube.resource import PODS, SECRETS

if TYPE_CHECKING:
    from tui.kube.client import Client

_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
_DATA: Final = (rb"\"data\"", rb"\"stringData\"")
"""How the two fields look inside of an annotation, which is JSON inside of JSON."""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster. None means that it could not be seen; `gaps` says why."""

    cluster: str
    access: Access | None = None
    running: frozenset[tuple[str, str]] | None = None
    """Namespace and name of every account that a pod runs as."""
    applied: frozenset[tuple[str, str]] = frozenset()
    """Namespace and name of every credential Secret whose data an annotation repeats."""
    handles: tuple[Walked, ...] | None = None
    """Every handle, with a type of its own or, of old, by its labels."""
    uses_noted_since: date | None = None
    """From which day on it notes uses of long-lived tokens, where that may be read."""
    gaps: tuple[str, ...] = ()


class _Meta(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    annotations: dict[str, msgspec.Raw] | None = None


class _Secret(msgspec.Struct, frozen=True):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class _PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    service_account_name: str = "default"


class _PodStatus(msgspec.Struct, frozen=True):
    phase: str = ""


class _PodMeta(msgspec.Struct, frozen=True):
    namespace: str = ""


class _Pod(msgspec.Struct, frozen=True):
    metadata: _PodMeta = msgspec.field(default_factory=_PodMeta)
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)


async def survey(client: Client, cluster: str, namespace: str | None = None) -> Survey:
    """Ask one cluster, or one namespace of it. Never raises a KubeError: what failed is a gap."""
    access, (running, no_pods), (applied, no_secrets), handles, since = await asyncio.gather(
        collect(client, (namespace,) if namespace else ()),
        _running(client, namespace),
        _applied(client, namespace),
        _handles(client, cluster, namespace),
        noted_since(client),
    )
    return Survey(
        cluster=cluster,
        access=access,
        running=running,
        applied=applied,
        handles=handles,
        uses_noted_since=since,
        gaps=(*access.gaps, *no_pods, *no_secrets),
    )


async def _running(client: Client, namespace: str | None) -> tuple[frozenset[tuple[str, str]] | None, Sequence[str]]:
    running: set[tuple[str, str]] = set()
    try:
        async for page in client.pages(PODS, namespace=namespace, first=PAGE, then=PAGE, type=_Pod):
            if page.restarted:
                running.clear()
            running |= {
                (pod.metadata.namespace, pod.spec.service_account_name)
                for pod in page.items
                if pod.status.phase not in ("Succeeded", "Failed")
            }
    except KubeError as error:
        return None, (why_not(error, "pods"),)
    return frozenset(running), ()


async def _applied(client: Client, namespace: str | None) -> tuple[frozenset[tuple[str, str]], Sequence[str]]:
    applied: set[tuple[str, str]] = set()
    try:
        for labels, fields in ((managed.CREDENTIALS, ""), ("", f"type={TYPE}")):
            async for page in client.pages(
                SECRETS, namespace=namespace, metadata_only=True, labels=labels, fields=fields, then=PAGE, type=_Secret
            ):
                applied |= {
                    (secret.metadata.namespace, secret.metadata.name) for secret in page.items if _repeats(secret)
                }
    except KubeError as error:
        return frozenset(applied), (why_not(error, "Secrets"),)
    return frozenset(applied), ()


def _repeats(secret: _Secret) -> bool:
    """Whether the annotation holds data. It is not decoded: the bytes are looked at where they lie, and dropped."""
    raw = (secret.metadata.annotations or {}).get(_ANNOTATION)
    return raw is not None and any(field in bytes(raw) for field in _DATA)


_KINDS: Final = (
    ("", f"type={managed.HANDLE_TYPE}", managed.HANDLE_TYPE),
    (f"{managed.SELECTOR},{managed.ROLE}={managed.Role.HANDLE.value}", "type=Opaque", "Opaque"),
)
"""Labels, fields and type of the Secrets that are handles, and of those that were before they had a type."""


async def _handles(client: Client, cluster: str, namespace: str | None) -> tuple[Walked, ...] | None:
    """Where they may not be listed, other Secrets may not be either, and that is said already."""
    found: dict[str, Walked] = {}
    try:
        for labels, fields, kind in _KINDS:
            pages = client.pages(
                SECRETS, namespace=namespace, metadata_only=True, labels=labels, fields=fields, then=PAGE
            )
            async for page in pages:
                for one in (_walked(cluster, obj, kind) for obj in page.items):
                    found[one.handle.uid] = one
    except KubeError:
        return None
    return tuple(found.values())


def _walked(cluster: str, obj: Mapping[str, Any], kind: str) -> Walked:
    seen = seen_in({**obj, "type": kind})
    meta = obj.get("metadata") or {}
    return Walked(
        handle=Handle(cluster, seen.namespace, seen.name, seen.uid),
        seen=seen,
        created_at=parse_time(meta.get("creationTimestamp")),
        issued_by=str((meta.get("annotations") or {}).get(managed.ISSUED_BY, "")),
    )
