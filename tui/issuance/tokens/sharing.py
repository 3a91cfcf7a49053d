"""Who else holds a token: places that a new one does not reach, and that would lose theirs with its handle."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from tui.issuance.destinations.file import is_missing
from tui.issuance.model.types import Address, Credential, Handle, State
from tui.issuance.objects import managed
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.transaction.after_ending import secrets_of
from tui.issuance.transaction.work import Context
from tui.issuance.trust import vouching
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS


async def elsewhere(context: Context, handle: Handle, reached: Collection[Address]) -> list[Address]:
    """The files and Secrets beside `reached` that this machine knows to hold a token bound to `handle`, as of now.

    A Secret that cannot be read is taken to hold it still.
    """
    records = await asyncio.to_thread(context.state.export_records)
    alive = tuple(
        record
        for record in records
        if record.credential.handle == handle and record.credential.state is not State.REVOKED
    )
    written = await asyncio.to_thread(context.state.written_secrets)
    fingerprints = {record.credential.fingerprint for record in alive}
    fingerprints |= {record.credential.fingerprint for record in written if record.credential.handle == handle}
    found = [record.credential.address for record in alive if await asyncio.to_thread(_is_there, record.credential)]
    found = [address for address in found if address not in reached]
    secrets = list(secrets_of(alive[0].credential.address, alive)) if alive else []
    secrets += [one.credential.address for one in written if one.credential.fingerprint in fingerprints]
    for address in dict.fromkeys(secrets):
        if address not in reached and await _holds(context, address, fingerprints):
            found.append(address)
    return found


def _is_there(credential: Credential) -> bool:
    return not is_missing(credential.address)


async def _holds(context: Context, address: Address, fingerprints: Collection[str]) -> bool:
    """Whether the token itself lies there; what annotations say keeps nothing alive."""
    try:
        client = await context.clusters.client(address.cluster)
        found = await client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)
    except NotFound:
        return False
    except KubeError:
        return True
    now = managed.credential_from_secret(address.cluster, found.metadata)
    token = vouching.token_in(now.format, found) if now is not None else None
    return token is not None and token.fingerprint in fingerprints
