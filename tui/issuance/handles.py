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
from .types import CredentialKind, Handle, Identity

if TYPE_CHECKING:
    from tui.kube.client import Client

    from .clusters import Clusters
    from .intent import Intent

_TOKEN_SECRET: Final = "kubernetes.io/service-account.name"
_TOKEN_SECRETS: Final = (CredentialKind.LEGACY, CredentialKind.FILE)
"""What may be a long-lived token Secret, or a copy of one: that Secret is its own handle."""


class NotAHandle(IssuanceError):
    """What is called a handle is none: somebody wrote the name of another Secret where a handle's belongs."""


async def create(client: Client, intent: Intent, account_uid: str, issued_by: str) -> Handle:
    """Create the handle that the intent has a name for; returns it with its UID."""
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


async def vouched(clusters: Clusters, handle: Handle | None, identity: Identity, request: str) -> bool:
    """Whether a handle beside the account, where only its owners may write, says that the request is for it."""
    if handle is None or (handle.cluster, handle.namespace) != (identity.cluster, identity.namespace):
        return False
    client = await clusters.client(handle.cluster)
    try:
        found = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
    except NotFound:
        return False
    meta = found.get("metadata") or {}
    notes = meta.get("annotations") or {}
    return (
        managed.is_managed(meta, managed.Role.HANDLE)
        and meta.get("uid") == handle.uid
        and notes.get(managed.ACCOUNT) == f"{identity.namespace}/{identity.name}"
        and notes.get(managed.REQUEST) == request
    )


async def discard(clusters: Clusters, handle: Handle, plan: str) -> str:
    """Delete the handle that `plan` may have created, even where nobody learned its UID."""
    if not handle.uid:
        client = await clusters.client(handle.cluster)
        try:
            found = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
        except NotFound:
            return "was never created"
        except Forbidden:  # may delete but not look; nobody else has a name like this
            await client.delete(SECRETS, handle.name, namespace=handle.namespace)
            return "deleted"
        meta = found.get("metadata") or {}
        made_by = (meta.get("annotations") or {}).get(managed.PLAN)
        if not managed.is_managed(meta, managed.Role.HANDLE) or made_by != plan:
            return "another Secret has its name; it was left alone"
        handle = msgspec.structs.replace(handle, uid=str(meta.get("uid", "")))
    return await delete(clusters, handle)
