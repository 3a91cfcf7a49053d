"""Handles: the empty Secrets that tokens are bound to. Creating one comes first, deleting one revokes one token.

Which handle a token is bound to is often read from an annotation, and whoever may edit that Secret or request may write
there what he likes. So what is deleted is looked at first: it must be a handle, in its own words, or it stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.kube.errors import Conflict, Forbidden, NotFound
from tui.kube.resource import SECRETS

from . import managed
from .errors import IssuanceError
from .types import Address, Credential, CredentialKind, Handle, Identity, SecretDestination

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui.kube.client import Client

    from .clusters import Clusters
    from .intent import Intent

_TOKEN_SECRET: Final = "kubernetes.io/service-account.name"
_TOKEN_SECRETS: Final = (CredentialKind.LEGACY, CredentialKind.FILE)
"""What may be a long-lived token Secret, or a copy of one: that Secret is its own handle."""


NEVER: Final = "was never created"


class NotAHandle(IssuanceError):
    """What is called a handle is none: somebody wrote the name of another Secret where a handle's belongs."""


async def create(client: Client, intent: Intent, account_uid: str, issued_by: str) -> Handle:
    """Create the handle that the intent has a name for; returns it with its UID. Raises KubeError."""
    handle = intent.handle
    if handle is None:
        raise ValueError("the intent names no handle")
    wish = managed.handle_object(
        handle,
        account=intent.spec.identity.name,
        account_uid=account_uid,
        request=intent.request,
        plan=intent.plan,
        issued_by=issued_by,
        secrets=[
            managed.place_name(place, handle.cluster)
            for place in intent.spec.destinations
            if isinstance(place, SecretDestination)
        ],
    )
    made: dict[str, Any] = await client.create(SECRETS, wish, namespace=handle.namespace)
    return msgspec.structs.replace(handle, uid=str(made["metadata"]["uid"]))


async def delete(clusters: Clusters, handle: Handle, kind: CredentialKind = CredentialKind.SECRET) -> str:
    """Delete exactly this handle, and with it every token bound to it; says how it went.

    Raises NotAHandle where it is another Secret. `kind` is the kind of credential that is revoked.
    """
    client = await clusters.client(handle.cluster)
    try:
        await check(client, handle, kind)
        await client.delete(SECRETS, handle.name, namespace=handle.namespace, uid=handle.uid)
    except NotFound:
        return "was gone already"
    except Conflict:
        return "was gone already; another Secret has its name now and was left alone"
    return "deleted; servers that saw the token just before may accept it for 10 s more"


async def check(client: Client, handle: Handle, kind: CredentialKind = CredentialKind.SECRET) -> None:
    """Raises NotAHandle where the Secret of this name and UID is no handle; NotFound and Conflict where it is gone."""
    wrong = NotAHandle(
        f"Secret {handle.namespace}/{handle.name} is not a handle of kubemint's; it was left alone",
        "somebody changed the annotation that names it; delete the token's service account to end the token",
    )
    if not handle.uid:
        raise wrong
    try:
        found = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
    except Forbidden:  # may delete but not look: then the name decides, and the UID
        if handle.name.startswith(f"{managed.MANAGER}-") or kind is CredentialKind.LEGACY:
            return
        raise wrong from None
    meta = found.get("metadata") or {}
    if meta.get("uid") != handle.uid:
        raise Conflict(409, "Conflict", f"Secret {handle.namespace}/{handle.name} is another one by now")
    is_token_secret = kind in _TOKEN_SECRETS and bool((meta.get("annotations") or {}).get(_TOKEN_SECRET))
    if not (managed.is_managed(meta, managed.Role.HANDLE) or is_token_secret):
        raise wrong


async def vouched(
    clusters: Clusters, handle: Handle | None, identity: Identity, request: str, address: Address
) -> bool:
    """Whether a handle beside the account, where only its owners may write, says that it was made for this Secret."""
    if handle is None or (handle.cluster, handle.namespace) != (identity.cluster, identity.namespace):
        return False
    client = await clusters.client(handle.cluster)
    try:
        found = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
    except NotFound:
        return False
    meta = found.get("metadata") or {}
    return (
        managed.is_managed(meta, managed.Role.HANDLE)
        and meta.get("uid") == handle.uid
        and _made_for(meta, identity, request)
        and managed.place_name(address, handle.cluster) in managed.handle_secrets(meta)
    )


async def is_of_another(clusters: Clusters, credential: Credential, request: str) -> bool:
    """Whether the handle that annotations name is another credential's: revoking it would end that one.

    False where it is gone, or may not be looked at.
    """
    handle, identity, address = credential.handle, credential.identity, credential.address
    if handle is None or identity is None:
        return False
    client = await clusters.client(handle.cluster)
    try:
        found = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
    except (NotFound, Forbidden):
        return False
    meta = found.get("metadata") or {}
    if meta.get("uid") != handle.uid:
        return False  # that one is gone
    if not managed.is_managed(meta, managed.Role.HANDLE) or not _made_for(meta, identity, request):
        return True
    named = managed.handle_secrets(meta)
    is_secret = address.kind is CredentialKind.SECRET
    return is_secret and bool(named) and managed.place_name(address, handle.cluster) not in named


def _made_for(meta: Mapping[str, Any], identity: Identity, request: str) -> bool:
    notes = meta.get("annotations") or {}
    account = f"{identity.namespace}/{identity.name}"
    return notes.get(managed.ACCOUNT) == account and notes.get(managed.REQUEST) == request


async def discard(clusters: Clusters, handle: Handle, plan: str) -> str:
    """Delete the handle that `plan` may have created, even where nobody learned its UID."""
    if not handle.uid:
        client = await clusters.client(handle.cluster)
        try:
            found = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
        except NotFound:
            return NEVER
        except Forbidden:  # may delete but not look; nobody else has a name like this
            try:
                await client.delete(SECRETS, handle.name, namespace=handle.namespace)
            except NotFound:
                return NEVER
            return "deleted"
        meta = found.get("metadata") or {}
        made_by = (meta.get("annotations") or {}).get(managed.PLAN)
        if not managed.is_managed(meta, managed.Role.HANDLE) or made_by != plan:
            return "another Secret has its name; it was left alone"
        handle = msgspec.structs.replace(handle, uid=str(meta.get("uid", "")))
    return await delete(clusters, handle)
