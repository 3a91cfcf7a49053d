"""What can be taken away from a client certificate that cannot be revoked: its bindings, found where that is cheap."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from tui.kube import shell
from tui.kube.errors import KubeError
from tui.kube.resource import RBAC, ROLE_BINDINGS, Resource
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from tui.kube.client import Client

    from .wish import CertificateWish

CLUSTER_ROLE_BINDINGS: Final = Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
_MOST_NAMED: Final = 5
_SECONDS: Final = 10.0


class Named(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class Subject(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class Binding(msgspec.Struct, frozen=True):
    """A RoleBinding or ClusterRoleBinding, as far as it says for whom it is."""

    metadata: Named = msgspec.field(default_factory=Named)
    subjects: tuple[Subject, ...] | None = None


async def bound(client: Client, wish: CertificateWish) -> str:
    """What gives this user and these groups their rights, in words; else how to find it. Never raises."""
    by_hand = shell.command(
        "kubectl", "get", "clusterrolebindings,rolebindings", "-A", "-o", "wide", "--context", wish.cluster
    )
    try:
        async with asyncio.timeout(_SECONDS):
            wide = await client.list(CLUSTER_ROLE_BINDINGS, type=Binding)
            narrow = await client.list(ROLE_BINDINGS, type=Binding)
    except (KubeError, TimeoutError):
        return f"which these are: `{by_hand}`"
    named = [
        f"{kind.kind} {'/'.join(filter(None, (one.metadata.namespace, one.metadata.name)))}"
        for kind, listed in ((CLUSTER_ROLE_BINDINGS, wide), (ROLE_BINDINGS, narrow))
        for one in listed
        if any(_is_of(subject, wish) for subject in one.subjects or ())
    ]
    if not named:
        return "no binding names this user or these groups"
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return safe_text(", ".join(named[:_MOST_NAMED])) + more


def _is_of(subject: Subject, wish: CertificateWish) -> bool:
    return (subject.kind == "User" and subject.name == wish.user) or (
        subject.kind == "Group" and subject.name in wish.groups
    )
