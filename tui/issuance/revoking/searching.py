"""Looking for a credential in every cluster, by its fingerprint or its id.

What is found by a mark (a fingerprint in an annotation) is an index: it is looked into before anything is planned for
it. Ids stand in the tokens alone, so for these the tokens that kubemint keeps are read, and nothing else of them is
kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.issuance.errors import IssuanceError
from tui.issuance.model.types import Address
from tui.issuance.transaction.reading import index, token as token_at
from tui.issuance.transaction.work import Context
from tui.issuance.trust import vouching
from tui.issuance.trust.vouchers import Word
from tui.kube.errors import KubeError

from . import found
from .everywhere import EACH, everywhere
from .found import Candidate
from .sought import Search, Sought, together

if TYPE_CHECKING:
    from tui.issuance.families.base import Family
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

    async def of(family: Family) -> tuple[dict[str, list[Address]], Search]:
        async def look(client: Client, name: str) -> list[Address] | None:
            return await family.marked(context, client, name, sought) or None

        return await everywhere(context, clusters, look)

    answers = await asyncio.gather(*map(of, context.families.all()))
    says = [address for there, _ in answers for addresses in there.values() for address in addresses]
    return [Candidate(address=address) for address in says], together([search for _, search in answers])


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
            whose = await (await context.families.of(address)).whose(context, address, says, token)
        except (KubeError, IssuanceError) as error:
            return None, f"it cannot be looked into: {error.message}"
        if whose is not None:
            word = (await vouching.facts_at(context.clusters, whose.cluster, token, says.audiences)).word
    return token, found.no_match(sought, token, word)


async def _read(context: Context, address: Address) -> Sensitive | None:
    try:
        async with asyncio.timeout(EACH):
            return await token_at(context, address)
    except (KubeError, IssuanceError, OSError, TimeoutError):
        return None


async def has_id(context: Context, address: Address, wanted: str) -> bool:
    """Whether the token at this address has that id."""
    return found.id_of(await _read(context, address)) == wanted
