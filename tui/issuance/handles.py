"""Handles: the empty Secrets that tokens are bound to. Creating one comes first, deleting one revokes one token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tui.kube.errors import Conflict, Forbidden, NotFound
from tui.kube.resource import SECRETS

from . import managed
from .types import Handle

if TYPE_CHECKING:
    from tui.kube.client import Client

    from .clusters import Clusters
    from .intent import Intent


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


async def delete(clusters: Clusters, handle: Handle) -> str:
    """Delete exactly this handle, and with it every token bound to it; says how it went."""
    client = await clusters.client(handle.cluster)
    try:
        await client.delete(SECRETS, handle.name, namespace=handle.namespace, uid=handle.uid or None)
    except NotFound:
        return "was gone already"
    except Conflict:
        return "was gone already; another Secret has its name now and was left alone"
    return "deleted; servers that saw the token just before may accept it for 10 s more"


async def discard(clusters: Clusters, handle: Handle, plan: str) -> str:
    """Delete the handle that `plan` may have created, even where nobody learned its UID."""
    if not handle.uid:
        client = await clusters.client(handle.cluster)
        try:
            found = await client.get_metadata(SECRETS, handle.name, namespace=handle.namespace)
        except NotFound:
            return "was never created"
        except Forbidden:
            return await delete(clusters, handle)  # may delete but not look; nobody else has a name like this
        meta = found.get("metadata") or {}
        made_by = (meta.get("annotations") or {}).get(managed.PLAN)
        if not managed.is_managed(meta, managed.Role.HANDLE) or made_by != plan:
            return "another Secret has its name; it was left alone"
        handle = msgspec.structs.replace(handle, uid=str(meta.get("uid", "")))
    return await delete(clusters, handle)
