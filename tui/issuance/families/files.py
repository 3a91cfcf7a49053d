"""Files on this machine that kubemint wrote: what the record says of one, and whether the file still says so too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tui.issuance import vouching
from tui.issuance.destinations.file import as_on_disk
from tui.issuance.destinations.place import address_of, file_destination
from tui.issuance.destinations.registry import place_for
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.formats import Format
from tui.issuance.found import Found
from tui.issuance.handles import Named
from tui.issuance.reading import export_record
from tui.issuance.types import Address, Credential, Destination, State
from tui.issuance.vouchers import Word
from tui.kube.errors import KubeError

from .base import Family

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.work import Context


class Files(Family):
    """A credential in a file."""

    async def lookup(self, context: Context, address: Address) -> Credential:
        credential = await asyncio.to_thread(as_on_disk, (await export_record(context, address)).credential)
        if credential.state in (State.REVOKED, State.MISSING):
            return credential
        place, form = await self.place(context, address)
        try:
            now = await place.token(form)
        except (KubeError, IssuanceError) as error:
            return msgspec.structs.replace(credential, state=State.UNKNOWN, message=error.message)
        if now is None or now.fingerprint != credential.fingerprint:
            said = "the file holds another token than kubemint wrote"
            return msgspec.structs.replace(credential, state=State.UNKNOWN, message=said)
        return credential

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        record = await export_record(context, address)
        credential = record.credential
        if credential.identity is None:
            raise UsageError(f"{address.name} does not say whose credential it keeps")
        destination: Destination = file_destination(credential.address, credential.identity)
        for candidate in record.spec.destinations if record.spec is not None else ():
            if address_of(candidate, credential.identity) == credential.address:
                destination = candidate
        place = place_for(destination, credential.identity, context.clusters, context.state)
        place.request = record.request
        return place, credential.format or Format.KUBECONFIG

    async def found(self, context: Context, address: Address) -> Found:
        credential = (await export_record(context, address)).credential
        if credential.handle is not None or credential.state is State.REVOKED or credential.identity is None:
            return Found(credential=credential, named=Named.BY_JOURNAL)
        facts = await vouching.facts_of(context, credential.identity, await self.token(context, address))
        mine = facts.word is Word.CONFIRMED and facts.identity == credential.identity
        handle = facts.handle if mine and facts.fingerprint == credential.fingerprint else None
        credential = msgspec.structs.replace(credential, handle=handle)
        return Found(credential=credential, named=Named.BY_TOKEN)
