"""What is left to do once a handle is gone: the Secrets that held its token go, and the records say that it is dead."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from tui.issuance.formats import Format
from tui.issuance.model.types import Address, Credential, Handle
from tui.issuance.objects import managed
from tui.issuance.objects.deleting import End, delete
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.records.intent import Export
from tui.issuance.transaction import ending
from tui.issuance.transaction.work import Context
from tui.issuance.trust import vouching
from tui.kube.errors import Conflict, NotFound
from tui.kube.resource import SECRETS

OTHER_TOKEN: Final = "left alone: it holds another token by now"


async def delete_secret(context: Context, address: Address, handle: Handle, fingerprint: str) -> str:
    """Delete the managed Secret that holds the token of this fingerprint, unless it holds something else by now.

    Where nothing at all is in it, its annotations say which handle it had; where the fingerprint is not known (journals
    of old), the token does.
    """
    client = await context.clusters.client(address.cluster)
    try:
        found = await client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)
        meta = found.metadata
        now = managed.credential_from_secret(address.cluster, meta)
        if now is None:
            return "left alone: it is not marked as kubemint's any more"
        if not _holds(found, now, handle, fingerprint):
            other = vouching.token_in(now.format, found) is not None
            return OTHER_TOKEN if other else "left alone: it holds something else by now"
        carried = ""
        if now.format is Format.SERVICE_ACCOUNT:
            from tui.issuance.destinations import tenant as tenant_places

            carried = await tenant_places.withdraw(client, meta)
            if await tenant_places.remove_keys(client, meta):
                return "its pushed keys were removed; what others keep in it stays"
        uid, version = str(meta.get("uid", "")), str(meta.get("resourceVersion", ""))
        ended = await delete(client, SECRETS, address.name, namespace=address.namespace, uid=uid, version=version)
    except NotFound:
        return End.ABSENT.value
    except Conflict:
        return End.CHANGED.value
    return f"{ended}{carried if ended.was_there else ''}"


def _holds(found: SecretObject, now: Credential, handle: Handle, fingerprint: str) -> bool:
    token = vouching.token_in(now.format, found)
    if token is None:
        return not found.data and now.handle == handle  # an empty one; marks alone speak for no other data
    if fingerprint:
        return token.fingerprint == fingerprint
    bound = vouching.bound_to(token, handle.cluster)
    return bound is not None and bound == handle


def same_token(record: Export, handle: Handle, fingerprint: str) -> bool:
    """Whether this machine knows that what it wrote there holds the token of that handle."""
    held = record.credential
    return held.handle == handle or (bool(fingerprint) and held.fingerprint == fingerprint)


def dead(
    export: Export, answer: ending.Answer = ending.Answer.UNASKED, said: str = "", held: datetime | None = None
) -> Export:
    """The export with a credential whose handle was ended; `said` is how `handles.delete` told it, `held` by when its
    server refuses it where something holds the handle back."""
    over = ending.over(export.credential, answer, ending.of_handle(said), held)
    return msgspec.structs.replace(export, credential=over)


def secrets_of(address: Address, exports: tuple[Export, ...]) -> tuple[Address, ...]:
    """Every Secret that may hold the same token; each is looked at again before it is deleted."""
    found = [address, *(export.source for export in exports if export.source is not None)]
    for export in exports:
        if export.spec is not None:
            found += [place.address(export.spec.identity) for place in export.spec.destinations]
    return tuple(dict.fromkeys(one for one in found if one.kind.traits.marked))
