"""Trying out what a CSI driver is given: which pods to choose from, minting on demand, and ending what can be ended.

    pods = await pods_of(clusters, "harbor", "secrets-store.csi.k8s.io")
    minted = await try_out(clusters, preview, revocable=True)      # bound to a handle instead of the pod
    await end(clusters, minted)                                    # deletes the handle, and with it the tokens

Exactly what the kubelet hands over is bound to the pod, and ends with it alone. A trial may be bound to a handle
instead: the same JSON, and it can be revoked.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.kube.resource import PODS, SECRETS, SERVICE_ACCOUNTS

from . import csi, handles, managed
from .intent import new_id
from .token_request import IssuedToken
from .types import Handle

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive

    from .clusters import Clusters

LOOKED_AT: Final = 2000
"""So many pods are looked at at most; any other can be named."""


class MountingPods(msgspec.Struct, frozen=True):
    """Pods that name an inline volume of a driver, as `namespace/name`."""

    names: tuple[str, ...]
    complete: bool
    """Whether every pod of the cluster was looked at."""


@dataclass(frozen=True, slots=True)
class Minted:
    """Tokens by audience, and the handle they end with; None where they end with the pod."""

    tokens: Mapping[str, IssuedToken]
    handle: Handle | None = None
    account: str = ""
    """The name of the account that the handle was made for."""

    @property
    def value(self) -> Sensitive:
        """The JSON that the driver finds under the key."""
        return csi.tokens_json(self.tokens)


async def pods_of(clusters: Clusters, cluster: str, driver: str) -> MountingPods:
    """The pods that mount a volume of this driver inline, of the first that the cluster lists."""
    client = await clusters.client(cluster)
    found: list[str] = []
    seen = 0
    async for page in client.pages(PODS, first=500, then=500, type=_Pod):
        seen += len(page.items)
        found += [pod.place for pod in page.items if pod.mounts(driver)]
        if seen >= LOOKED_AT and page.more:
            return MountingPods(tuple(sorted(found)), complete=False)
    return MountingPods(tuple(sorted(found)), complete=True)


async def look(clusters: Clusters, cluster: str, driver: str, namespace: str, pod: str) -> csi.Preview:
    """The driver and the pod as they are now; reads only."""
    return await csi.look(await clusters.client(cluster), cluster, driver, namespace, pod)


async def try_out(clusters: Clusters, preview: csi.Preview, *, revocable: bool = False) -> Minted:
    """Mint what the driver would be given. What was made is taken back where it fails."""
    identity = preview.identity
    client = await clusters.client(identity.cluster)
    if not revocable:
        return Minted(await csi.mint(client, preview))
    csi.refuse_invalid(preview.driver)
    account = await client.get_metadata(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
    request = new_id()
    handle = handles.new(identity, handles.meant_for(identity, request))
    wish = managed.handle_object(
        handle, account=identity.name, account_uid=str(account["metadata"]["uid"]), request=request, plan=new_id(),
        issued_by=socket.gethostname(),
    )  # fmt: skip
    made: dict[str, Any] = await client.create(SECRETS, wish, namespace=handle.namespace)
    handle = msgspec.structs.replace(handle, uid=str(made["metadata"]["uid"]))
    try:
        return Minted(await csi.mint(client, preview, handle), handle, identity.name)
    except BaseException:
        await handles.delete(clusters, _ending(handle, identity.name))
        raise


async def end(clusters: Clusters, minted: Minted) -> str:
    """End what can be ended; says how that went."""
    if minted.handle is None:
        return "the tokens are bound to the pod: they end with it, or when they expire"
    return f"the handle was {await handles.delete(clusters, _ending(minted.handle, minted.account))}"


def _ending(handle: Handle, account: str) -> handles.Ending:
    """This very process made it."""
    return handles.Ending(handle=handle, named=handles.Named.BY_JOURNAL, account=account)


class _Csi(msgspec.Struct):
    driver: str = ""


class _Volume(msgspec.Struct):
    csi: _Csi | None = None


class _Spec(msgspec.Struct):
    volumes: list[_Volume] | None = None


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Pod(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)

    @property
    def place(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"

    def mounts(self, driver: str) -> bool:
        return any(volume.csi is not None and volume.csi.driver == driver for volume in self.spec.volumes or ())
