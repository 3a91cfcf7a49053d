"""The wish behind a credential: for whom, for how long, and every place that gets the next token.

Which places belong together is never taken from the id alone that they carry: whoever may patch a Secret may write
another wish's id into it, and would have another one's next token written to it, or its own to another one's file.
A place belongs to a wish where this machine's record of it is for the same account and for the very token, told by the
handle that was signed or by the fingerprint.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.destinations.registry import destination_at
from tui.issuance.destinations.tenant import destination_as_vouched
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.types import (
    Address,
    Credential,
    Destination,
    Handle,
    Identity,
    IssueSpec,
    State,
    said_of,
)
from tui.issuance.objects.managed import is_going
from tui.issuance.transaction.reading import export_record
from tui.issuance.trust import one_server, vouching
from tui.kube.errors import NotFound

if TYPE_CHECKING:
    from tui.issuance.records.intent import Export
    from tui.issuance.transaction.work import Context


class Behind(NamedTuple):
    """The wish behind a credential."""

    spec: IssueSpec
    request: str
    """Its id."""
    left: tuple[str, ...] = ()
    """The places of it that get nothing, in words."""


async def wish_of(context: Context, address: Address) -> Behind:
    """The wish that a credential fulfils, with every place this machine knows to hold the same token.

    Raises UsageError for a copy that its original does not reach, or where nothing vouches for it; KubeError.
    """
    if address.here:
        return await _of_file(context, address)
    reading = await vouching.require(context, address)
    marks, verdict, facts = reading.marks, reading.verdict, reading.facts
    if marks.identity is None or marks.format is None:
        raise UsageError(
            f"the Secret {address.namespace}/{address.name} does not say whose credential it keeps",
            "its annotations were changed; issue a new one",
        )
    own = SecretDestination(address.cluster, address.namespace, address.name)
    if marks.format is Format.SERVICE_ACCOUNT:
        own = await destination_as_vouched(context.clusters, own, verdict.push)
    spec = IssueSpec(
        identity=marks.identity,
        destinations=(own,),
        format=marks.format,
        duration=verdict.requested,
        audiences=verdict.audiences,
    )
    token = msgspec.structs.replace(marks, handle=verdict.handle, fingerprint=facts.fingerprint)
    return await _with_others(context, spec, token, verdict.request)


async def _of_file(context: Context, address: Address) -> Behind:
    record = await export_record(context, address)
    if record.spec is not None:
        return await _with_others(context, record.spec, record.credential, record.request)
    source = record.source
    if source is None or not (source.here or source.kind.traits.marked):
        raise UsageError(f"{address.name} is a copy of {source}", "rotate that, then export it again to the same path")
    try:
        behind = await wish_of(context, source)
    except vouching.NotVouched as error:
        behind = await wish_of(context, await one_server.issued_under(context, source, error))
    if address not in (place.address(behind.spec.identity) for place in behind.spec.destinations):
        raise UsageError(
            f"{address.name} is a copy of {source}, in another format or of a token that is not there any more",
            "rotate that, then export it again to the same path",
        )
    return behind


async def _with_others(context: Context, spec: IssueSpec, token: Credential, request: str) -> Behind:
    """The wish with every place that gets its next token; places of its own that nothing vouches for are left out."""
    identity = spec.identity
    known: dict[Address, Destination] = {place.address(identity): place for place in spec.destinations}
    if token.address.here:
        known.setdefault(token.address, destination_at(token.address, identity))
    for record in await asyncio.to_thread(_written, context, request) if request else ():
        if belongs(record, identity, spec.format, token.handle, token.fingerprint):
            own, places = record.credential.address, record.spec.destinations if record.spec is not None else ()
            for place in places:
                address = place.address(identity)
                if own.here or address.kind.traits.marked:  # of a file its own record says whether it is one
                    known.setdefault(address, place)
            if own.here:
                known.setdefault(own, destination_at(own, identity))
    why = {address: await _not_any_more(context, address, identity, token) for address in known}
    left = tuple(
        f"Secret {one.namespace}/{one.name} in {one.cluster} {said}: it is left out and gets nothing; issue it again "
        "there to use it"
        for one, said in why.items()
        if said
    )
    kept = tuple(place for address, place in known.items() if not why[address])
    return Behind(msgspec.structs.replace(spec, destinations=kept, create_account=False), request, left)


def _written(context: Context, request: str) -> list[Export]:
    """What this machine wrote for one wish, into files and into Secrets."""
    secrets = [record for record in context.state.written_secrets() if record.request == request]
    return [*context.state.export_records(request), *secrets]


def belongs(record: Export, identity: Identity, form: Format, handle: Handle | None, fingerprint: str) -> bool:
    """Whether what this machine wrote there is the same token, so that it gets the next one."""
    held = record.credential
    if held.state is State.REVOKED or held.identity != identity or held.format is not form:
        return False
    same_handle = handle is not None and held.handle == handle
    return same_handle or (bool(fingerprint) and held.fingerprint == fingerprint)


async def _not_any_more(context: Context, address: Address, identity: Identity, token: Credential) -> str:
    """Why a Secret that this machine's record names is not one of the wish any more, in words that stand after its
    name; empty where it is. One that is gone is not made anew: its namespace may be another team's by now."""
    if not address.kind.traits.marked or address == token.address:
        return ""
    try:
        reading = await vouching.read(context, address)
    except NotFound:
        return "is gone"
    except UsageError:
        return ""  # not ours any more: looking at it says so
    if is_going(reading.metadata):
        return "is being deleted"
    if not reading.verdict.ok:
        return f"is not what was written there ({reading.verdict.why})"
    return "" if reading.marks.identity == identity else f"is for {said_of(reading.marks.identity)} by now"
