"""Looking for a credential in every cluster, by its fingerprint or its id.

What is found by a mark (a fingerprint in an annotation) is an index: it is looked into before anything is planned for
it. Ids stand in the tokens alone, so for these the tokens that kubemint keeps are read, and nothing else of them is
kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.issuance.errors import IssuanceError
from tui.issuance.families.dpf import DPU_REQUESTS, credential_of
from tui.issuance.families.dpf.objects import ParseError
from tui.issuance.model.types import Address
from tui.issuance.objects import managed
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.transaction.reading import index
from tui.issuance.transaction.reading import token as token_at
from tui.issuance.transaction.work import Context
from tui.issuance.trust import vouching
from tui.issuance.trust.vouchers import Word
from tui.kube.errors import Forbidden, KubeError, NotFound
from tui.kube.resource import SECRETS

from . import found
from .everywhere import EACH, everywhere
from .found import Candidate
from .sought import Search, Sought

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive


async def here(context: Context, sought: Sought) -> list[Candidate]:
    """Where what is sought is kept by this machine's records; by an id it is what lies there that says so."""
    state = context.state
    exports = await asyncio.to_thread(lambda: [*state.export_records(), *state.written_secrets()])
    if sought.fingerprint:
        return found.marked(sought, exports, await asyncio.to_thread(state.revocations))
    there = []
    for record in found.to_look_into(exports):
        token = await _read(context, record.address)
        if found.id_of(token) == sought.id:
            known = token is not None and token.fingerprint == record.fingerprint
            there.append(Candidate(address=record.address, record=record if known else None))
    return there


async def there(context: Context, sought: Sought, clusters: Sequence[str]) -> tuple[list[Candidate], Search]:
    """Which places in these clusters say that they have it: an index. Each is looked into before anybody acts."""

    async def look(client: Client, name: str) -> list[Address] | None:
        return [*await _secrets(client, name, sought), *await _requests(context, client, name, sought)] or None

    says, search = await everywhere(context, clusters, look)
    return [Candidate(address=address) for addresses in says.values() for address in addresses], search


async def look_into(context: Context, sought: Sought, address: Address) -> tuple[Sensitive | None, str]:
    """The token in a place that is said to have what is sought, and why it is none of that; empty where it is."""
    try:
        token = await token_at(context, address)
    except (KubeError, IssuanceError, OSError) as error:
        return None, f"it cannot be looked into: {getattr(error, 'message', '') or type(error).__name__}"
    word = Word.UNASKED
    if sought.id and token is not None:
        says = await index(context, address)
        try:
            whose = await (await context.families.of(address)).whose(context, address, says)
        except IssuanceError as error:
            return None, f"it cannot be looked into: {error.message}"
        word = (await vouching.facts_of(context, whose, token, says.audiences)).word
    return token, found.no_match(sought, token, word)


async def _read(context: Context, address: Address) -> Sensitive | None:
    try:
        async with asyncio.timeout(EACH):
            return await token_at(context, address)
    except (KubeError, IssuanceError, OSError, TimeoutError):
        return None


async def _has_id(context: Context, address: Address, wanted: str) -> bool:
    return found.id_of(await _read(context, address)) == wanted


async def _secrets(client: Client, cluster: str, sought: Sought) -> list[Address]:
    """The managed Secrets. Their fingerprints stand in their metadata; ids only in the tokens themselves."""
    says: list[Address] = []
    if sought.fingerprint:
        listed = await client.list(SECRETS, metadata_only=True, labels=managed.CREDENTIALS)
        for meta in listed:
            credential = managed.credential_from_secret(cluster, meta)
            if credential is not None and credential.fingerprint == sought.fingerprint:
                says.append(credential.address)
        return says
    async for page in client.pages(SECRETS, labels=managed.CREDENTIALS, type=SecretObject):
        for secret in page.items:
            credential = managed.credential_from_secret(cluster, secret.metadata)
            if credential is not None and found.id_of(vouching.token_in(credential.format, secret)) == sought.id:
                says.append(credential.address)
    return says


async def _requests(context: Context, client: Client, cluster: str, sought: Sought) -> list[Address]:
    """The DPU requests, where there are any."""
    try:
        listed: list[dict[str, Any]] = await client.list(DPU_REQUESTS)
    except (NotFound, Forbidden):
        return []
    says = []
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
            says.append(credential.address)
    return says
