"""Files and other places this machine's record speaks for: what that says, and whether what lies there says so too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.destinations import lying
from tui.issuance.destinations.registry import destination_at, place_for
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity, State, said_of
from tui.issuance.revoking import older
from tui.issuance.revoking.found import Found
from tui.issuance.transaction.reading import export_record
from tui.issuance.trust import showing, vouching
from tui.issuance.trust.handles import Named
from tui.issuance.trust.vouchers import Word
from tui.kube import shell

from .base import Family

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.records.intent import Export, Revocation
    from tui.issuance.transaction.work import Context
    from tui.kube.sensitive import Sensitive


class Files(Family):
    """A credential in a file."""

    async def lookup(self, context: Context, address: Address) -> Credential:
        record = await export_record(context, address)
        return lying.shown(record, await _looked(context, record))

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        record = await export_record(context, address)
        return _place(context, record), record.credential.format or Format.KUBECONFIG

    async def whose(self, context: Context, address: Address, says: Credential, token: Sensitive) -> Identity | None:
        await showing.of_file(context, says, token)
        return says.identity

    async def found(self, context: Context, address: Address) -> Found:
        record = await export_record(context, address)
        credential, said = record.credential, await insist(context, record)
        if credential.handle is not None or credential.state is State.REVOKED or credential.identity is None:
            return Found(credential=credential, named=Named.BY_JOURNAL, said=said)
        token = await self.token(context, address)
        cluster = await showing.of_file(context, credential, token) if token is not None else ""
        facts = await vouching.facts_at(context.clusters, cluster, token)
        mine = facts.word is Word.CONFIRMED and facts.identity == credential.identity
        handle = facts.handle if mine and facts.fingerprint == credential.fingerprint else None
        credential = msgspec.structs.replace(credential, handle=handle)
        return Found(credential=credential, named=Named.BY_TOKEN, said=said)

    async def taken_back(self, context: Context, address: Address) -> str:
        ends = await super().taken_back(context, address)
        if not address.is_file:
            return ends
        path, merged, _ = address.name.partition("#")
        stays = f"its entries stay in {path}, and are yours to take out" if merged else "the file is yours to delete"
        source = (await export_record(context, address)).known.copy_of
        return f"{ends}{f' and {source}, of which it is a copy' if source is not None else ''}; {stays}"

    async def in_use_again(self, context: Context, revocation: Revocation) -> str:
        """By the token that lies in the file."""
        record = await asyncio.to_thread(context.state.export_record, revocation.address)
        if record is None or not revocation.fingerprint:
            return ""
        token = (await _looked(context, record)).token
        back = token is not None and token.fingerprint == revocation.fingerprint
        return revocation.address.name if back else ""


def _place(context: Context, record: Export) -> Place:
    """The place that a record is of. Raises UsageError where it does not say whose credential that keeps."""
    address, identity = record.credential.address, record.credential.identity
    if identity is None:
        raise UsageError(f"{address.name} does not say whose credential it keeps")
    wished = record.spec.destinations if record.spec is not None else ()
    known = next((one for one in wished if one.address(identity) == address), None)
    place = place_for(known or destination_at(address, identity), identity, context.clusters, context.state)
    place.request = record.request
    return place


async def _looked(context: Context, record: Export) -> lying.Seen:
    """What lies there now; what another kubemint is about to commit there is no stranger's."""
    if not record.credential.address.is_file:
        return await lying.look_into(_place(context, record), record, await asyncio.to_thread(context.state.open_plans))

    def look() -> lying.Seen:
        seen = lying.look(record)
        if seen.lies is not lying.Lies.ANOTHER:
            return seen
        also = {plan.fingerprint for plan in context.state.open_plans()}
        again = context.state.export_record(record.credential.address)
        return lying.look(record, also | ({again.credential.fingerprint} if again is not None else set()))

    return await asyncio.to_thread(look)


async def insist(context: Context, record: Export) -> tuple[str, ...]:
    """What to know of the file before what is recorded of it ends. Raises UsageError, with both readings, where another
    token lies in it that would live on."""
    credential, seen = record.credential, await _looked(context, record)
    address = credential.address
    if seen.token is None or seen.lies is not lying.Lies.ANOTHER or credential.shoot is not None:
        said = lying.stays(record, seen) if seen.lies is lying.Lies.NOTHING else ""
        return (said,) if said else ()
    pending = await asyncio.to_thread(context.state.revocations)
    if any(one.fingerprint == seen.token.fingerprint for one in older.of_place(pending, address)):
        return (f"{address.name} holds an older token again, which a rotation left to its grace period",)
    says = vouching.unasked(seen.token, credential.identity.cluster if credential.identity is not None else "")
    whose = f", which says that it is for {says.identity.said}" if says.identity is not None else ""
    ways = [f"`{shell.command('kubemint', 'revoke', '--token-file', address.name)}` revokes the token in it"]
    if "#" in address.name:
        ways = ["`kubemint revoke -` revokes the token in it, given on stdin"]
    if credential.state is State.REVOKED:
        ways.append("what is recorded is revoked already")
    elif credential.handle is not None:
        handle = Address(CredentialKind.HANDLE, *msgspec.structs.astuple(credential.handle)[:3])
        ways.append(f"`{shell.command('kubemint', 'revoke', str(handle))}` what is recorded")
    raise UsageError(
        f"{address.name} holds another token than kubemint wrote there: recorded is {credential.fingerprint} for "
        f"{said_of(credential.identity)}, found is {seen.token.fingerprint}{whose}",
        ", ".join(ways),
    )
