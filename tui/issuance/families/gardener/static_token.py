"""Static-token kubeconfigs of Gardener: a Secret `SHOOT.kubeconfig` in the project, with a token that never ends.

Gardener made one for each shoot before Kubernetes 1.27. They are found and shown as what they are; whoever may ask
for a short-lived kubeconfig should, and nothing here ever takes one in its place.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import AccessLevel, Address, Credential, ShootAccess, State
from tui.issuance.objects.secret_object import SecretObject
from tui.kube.addresses import leads_near
from tui.kube.delivered import ONLY_LOOKING, Allow, DeliveredError, read
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint

SELECTOR: Final = "gardener.cloud/role=kubeconfig"
SUFFIX: Final = ".kubeconfig"
KEY: Final = "kubeconfig"
SAYS: Final = "a token of system:cluster-admin that never ends; request a short-lived kubeconfig instead"


def credential(cluster: str, namespace: str, name: str, created_at: datetime | None) -> Credential | None:
    """What a Secret with that label holds; None where its name says of no shoot."""
    shoot = name.removesuffix(SUFFIX)
    if shoot == name or not shoot:
        return None
    return Credential(
        address=Address(CredentialKind.STATIC, cluster, namespace, name),
        format=Format.KUBECONFIG,
        issued_at=created_at,
        kept_in=f"Secret {namespace}/{name}",
        shoot=ShootAccess(cluster, namespace, shoot, AccessLevel.ADMIN),
        state=State.ENDLESS,
        message=SAYS,
    )


async def look(context: Context, address: Address) -> Credential:
    """The credential, with the fingerprint of its token. Raises UsageError where it is none, KubeError."""
    obj = await _secret(context, address)
    created = obj.metadata.get("creationTimestamp")
    at = msgspec.convert(created, datetime, strict=False) if created else None
    found = credential(address.cluster, address.namespace, address.name, at)
    if found is None:
        raise UsageError(f"the Secret {address.namespace}/{address.name} is no static-token kubeconfig of a shoot")
    held = token_in(_content(obj, address))
    return msgspec.structs.replace(found, fingerprint=held.fingerprint if held is not None else "")


async def material(context: Context, address: Address) -> Sensitive:
    """The kubeconfig itself."""
    return _content(await _secret(context, address), address)


def token_in(config: Sensitive) -> Sensitive | None:
    """The token in such a kubeconfig."""
    try:
        return read(config.reveal_bytes(), ONLY_LOOKING).token
    except DeliveredError:
        return None


def way_in(context: Context, address: Address, config: Sensitive) -> Endpoint:
    """Where a shoot's kubeconfig leads and with what, as far as it may be entered. Raises DeliveredError.

    What lies in a garden anybody may have written who may write there; only a garden on this machine has shoots here.
    """
    near = not address.cluster or leads_near(context.clusters.endpoint(address.cluster).server)
    return read(config.reveal_bytes(), Allow(near=near, others=True)).endpoint


async def _secret(context: Context, address: Address) -> SecretObject:
    client = await context.clusters.client(address.cluster)
    return await client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)


def _content(obj: SecretObject, address: Address) -> Sensitive:
    found = obj.values().get(KEY)
    if not found:
        raise NotFound(
            404, "NotFound", f"the Secret {address.namespace}/{address.name} has no key {KEY}", cluster=address.cluster
        )
    return found
