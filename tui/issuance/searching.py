"""Looking for a credential in every cluster, by its fingerprint or its id.

What is found by a mark (a fingerprint in an annotation) is an index: it is looked into before anything is planned for
it. Ids stand in the tokens alone, so for these the tokens that kubemint keeps are read, and nothing else of them is
kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.kube.errors import Forbidden, KubeError, NotFound
from tui.kube.resource import SECRETS

from . import found, managed, vouching
from .dpf import DPU_REQUESTS, credential_of
from .dpf.objects import ParseError
from .errors import IssuanceError
from .everywhere import EACH, everywhere
from .kinds import CredentialKind
from .reading import token as token_at
from .secret_object import SecretObject
from .sought import Search, Sought
from .types import Address
from .work import Context

if TYPE_CHECKING:
    from tui.kube.client import Client


async def of_known(context: Context, sought: Sought, clusters: Sequence[str]) -> tuple[list[Address], Search]:
    """Where what is sought is kept: on this machine, else in the clusters. Candidates, by marks: an index."""
    here = await _on_this_machine(context, sought)
    if here:
        return here, Search()

    async def look(client: Client, name: str) -> list[Address] | None:
        return [*await _secrets(client, name, sought), *await _requests(context, client, name, sought)] or None

    there, search = await everywhere(context, clusters, look)
    return [address for addresses in there.values() for address in addresses], search


async def insist(context: Context, sought: Sought, address: Address) -> None:
    """Raises UsageError where what lies at this address is another token than its marks say."""
    if address.kind not in (CredentialKind.SECRET, CredentialKind.REQUEST):
        return  # this machine's own records
    try:
        token = await token_at(context, address)
    except KubeError:
        return  # it is not there; what its handle says is looked at
    found.insist(sought, address, token)


async def _on_this_machine(context: Context, sought: Sought) -> list[Address]:
    state = context.state
    exports = await asyncio.to_thread(lambda: [*state.export_records(), *state.written_secrets()])
    if sought.fingerprint:
        return found.marked(sought, exports, await asyncio.to_thread(state.revocations))
    return [address for address in found.to_look_into(exports) if await _has_id(context, address, sought.id)]


async def _has_id(context: Context, address: Address, wanted: str) -> bool:
    try:
        async with asyncio.timeout(EACH):
            return found.id_of(await token_at(context, address)) == wanted
    except (KubeError, IssuanceError, OSError, TimeoutError):
        return False


async def _secrets(client: Client, cluster: str, sought: Sought) -> list[Address]:
    """The managed Secrets. Their fingerprints stand in their metadata; ids only in the tokens themselves."""
    there: list[Address] = []
    if sought.fingerprint:
        listed = await client.list(SECRETS, metadata_only=True, labels=managed.CREDENTIALS)
        for meta in listed:
            credential = managed.credential_from_secret(cluster, meta)
            if credential is not None and credential.fingerprint == sought.fingerprint:
                there.append(credential.address)
        return there
    async for page in client.pages(SECRETS, labels=managed.CREDENTIALS, type=SecretObject):
        for secret in page.items:
            credential = managed.credential_from_secret(cluster, secret.metadata)
            if credential is not None and found.id_of(vouching.token_in(credential.format, secret)) == sought.id:
                there.append(credential.address)
    return there


async def _requests(context: Context, client: Client, cluster: str, sought: Sought) -> list[Address]:
    """The DPU requests, where there are any."""
    try:
        listed: list[dict[str, Any]] = await client.list(DPU_REQUESTS)
    except (NotFound, Forbidden):
        return []
    there = []
    for obj in listed:
        try:
            credential = credential_of(cluster, obj, context.clock())
        except ParseError:
            continue
        if sought.fingerprint:
            same = credential.fingerprint == sought.fingerprint
        else:
            same = await _has_id(context, credential.address, sought.id)
        if same:
            there.append(credential.address)
    return there
