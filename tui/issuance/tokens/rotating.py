"""Rotation of what kubemint keeps itself: a new token in the same places, under the same names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tui.issuance.destinations.place import Held, Place
from tui.issuance.destinations.registry import places_for
from tui.issuance.formats import Format
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Plan
from tui.issuance.records.intent import new_id
from tui.issuance.transaction.reading import export_record, normal
from tui.issuance.transaction.replacing import refuse_revoked
from tui.issuance.transaction.step import Transaction
from tui.issuance.transaction.work import Context
from tui.issuance.trust import vouching
from tui.issuance.trust.whose import insist_on_file

from . import left_behind
from .issuing import Issue
from .plans import check_spec, prepare
from .wishes import wish_of


async def prepare_any(context: Context, address: Address, *, revive: bool = False) -> tuple[Plan, Transaction]:
    """The plan for renewing whatever lies at this address; what was revoked only with `revive`."""
    address = normal(address)
    return await (await context.families.of(address)).rotate(context, address, revive=revive)


async def token_secret_at(context: Context, address: Address) -> Address | None:
    """The long-lived token Secret of this address: its own, or the one whose token the file holds."""
    address = normal(address)
    if not address.here:
        return address if address.kind.traits.own_handle else None
    record = await asyncio.to_thread(context.state.export_record, address)
    if record is None or record.renewed_with is None:
        return None
    await insist_on_file(context, record)
    return record.renewed_with


async def prepare_rotation(context: Context, address: Address, *, revive: bool = False) -> tuple[Plan, Issue]:
    """The plan for a new token wherever the old one is kept. Raises UsageError (Unasked for what was revoked),
    KubeError."""
    sight = Sight()
    spec, request, left = await sight.see(f"the wish behind {address}", lambda: wish_of(context, address))
    check_spec(context, spec)
    places = places_for(spec, context.clusters, context.state)
    seen = await vouching.look_at(context, places, sight)
    held = [await left_behind.put_back(context, place, one, sight) for place, one in zip(places, seen, strict=True)]
    if not revive:
        await _refuse_revoked(context, address, places, held, sight)
    return await prepare(context, Action.ROTATE, address, spec, places, held, request or new_id(), sight, said=left)


async def _refuse_revoked(
    context: Context, address: Address, places: Sequence[Place], held: Sequence[Held], sight: Sight
) -> None:
    """Raises Unasked where what lies at this address was ended on purpose, here or elsewhere."""
    for place, found in zip(places, held, strict=True):
        credential, refused, uid = found.credential, found.refused, found.account_uid
        if place.address != address:
            continue
        if address.here:
            record = (await export_record(context, address)).credential  # a place shows no credential that is revoked
            credential = credential or record
            token = await place.token(record.format or Format.KUBECONFIG)
            refused, uid = await vouching.in_file(context, record, token)
        if credential is not None:
            await refuse_revoked(context, credential, sight, refused=refused, account_uid=uid)
