"""Older tokens of a place, which a rotation left to their grace period: revoking the place ends them with it.

Only what this machine's journal has open counts, by handle and UID. Who names one token (by its handle, its id or
itself) means that one alone, and is told of the others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import IssuanceError, explain
from tui.issuance.model.types import Address, Credential, Handle, Identity, State, StepInfo
from tui.issuance.transaction import grace
from tui.issuance.transaction.step import Step
from tui.issuance.trust import handles
from tui.kube import shell
from tui.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from tui.issuance.records.intent import Revocation
    from tui.issuance.transaction.running import Note
    from tui.issuance.transaction.work import Context


def outliving(
    pending: Iterable[Revocation], handle: Handle, account: str, address: Address, copies: Collection[Address]
) -> tuple[Revocation, ...]:
    """What would outlive a revocation of `handle`: what else was issued at this address, and what the same account had
    at the other places of its token. Of a long-lived token it is what it took the place of, under other names."""
    pending = tuple(pending)
    itself = Address.token_secret(handle.cluster, handle.namespace, handle.name)
    before = {one.handle for place in (address, itself) for one in of_place(pending, place)}

    def counts(one: Revocation) -> bool:
        if one.handle in before:
            return True
        beside = (one.handle.cluster, one.handle.namespace) == (handle.cluster, handle.namespace)
        return one.address in copies and beside and handles.journaled(one).account == account

    return tuple(one for one in pending if one.handle != handle and counts(one))


def of_place(pending: Iterable[Revocation], address: Address) -> tuple[Revocation, ...]:
    """What was issued at this address before: there, or of a long-lived token at the names that it had until now."""
    pending, names = tuple(pending), {address}
    while more := {one.address for one in pending if one.newer in names} - names:
        names |= more
    return tuple(one for one in pending if one.address in names)


def address_of(one: Revocation) -> str:
    """How its handle is named to `kubemint revoke`; a long-lived token is its own."""
    named = Address.token_secret if one.address.kind.traits.own_handle else Address.handle
    return str(named(one.handle.cluster, one.handle.namespace, one.handle.name))


def lives_on(one: Revocation) -> str:
    """What is said of one that a revocation leaves as it is."""
    return (
        f"an older token of {one.address} still works until kubemint runs after {one.due:%Y-%m-%d %H:%M:%S} UTC; "
        f"`{shell.command('kubemint', 'revoke', address_of(one))}` ends it now"
    )


def ends_too(one: Revocation) -> str:
    """What is said of one that ends with a revocation."""
    grace_period = "" if one.ending else f", in its grace period until {one.due:%Y-%m-%d %H:%M:%S} UTC"
    return f"an older token of {one.address}{grace_period}, ends too: {address_of(one)}"


def step(number: int, one: Revocation) -> StepInfo:
    handle = one.handle
    what = "Secret" if one.address.kind.traits.own_handle else "handle"
    return StepInfo(
        id=f"older:{number}", title=f"Delete the {what} {handle.name} of an older token, which ends its grace period",
        verb="delete", resource="secrets", cluster=handle.cluster, namespace=handle.namespace, name=handle.name,
    )  # fmt: skip


async def due_now(context: Context, ends: Sequence[Revocation]) -> list[Revocation]:
    """As they are journaled before they end, so that a start after a crash ends them."""
    return due_at(context.clock(), ends, await asyncio.to_thread(context.state.revocations))


def due_at(now: datetime, ends: Iterable[Revocation], pending: Iterable[Revocation]) -> list[Revocation]:
    """The same of those that are pending; what has ended since it was planned is not journaled again."""
    open_still = {one.handle for one in pending}
    return [msgspec.structs.replace(one, due=now, ending=True) for one in ends if one.handle in open_still]


def steps(context: Context, ends: Sequence[Revocation], held: list[Handle]) -> tuple[Step, ...]:
    """The steps that end them; `held` gets the handles that finalizers still hold back. One that cannot be ended is
    left for the next start, and said."""

    def ending(number: int, one: Revocation) -> Step:
        async def do(note: Note) -> None:
            try:
                note.message, note.record = await grace.end(context, one)
                held.extend([one.handle] if handles.is_held(note.message) else [])
            except (KubeError, IssuanceError) as error:
                said, hint = explain(error)
                left = f"an older token of {one.address}, {address_of(one)}, was not ended: {said}"
                note.skip(left)
                note.run.left.append(left)
                note.run.hints += [hint] if hint else []

        return Step(info=step(number, one), do=do)

    return tuple(ending(number, one) for number, one in enumerate(ends))


def credential_of(one: Revocation, address: Address) -> Credential:
    """What an open revocation ends, as a credential of its own."""
    handle, known = one.handle, handles.journaled(one).account
    credential = one.old or Credential(
        address=address,
        identity=Identity(handle.cluster, handle.namespace, known) if known else None,
        fingerprint=one.fingerprint,
    )
    return msgspec.structs.replace(
        credential,
        address=address,
        handle=handle,
        state=State.UNKNOWN,
        message="a rotation left it to its grace period",
    )
