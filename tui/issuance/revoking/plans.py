"""What revoking would do, and who will notice: by an address, by a handle, or by what is known of the token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.destinations import lying
from tui.issuance.errors import UsageError
from tui.issuance.insight.irrevocable import end_of, irrevocable
from tui.issuance.model.sight import Sight, identifying_facts
from tui.issuance.model.types import Action, Address, Credential, Handle, Identity, Plan, State, StepStatus, said_of
from tui.issuance.objects import managed
from tui.issuance.records.intent import Export
from tui.issuance.transaction import ending
from tui.issuance.transaction.after_ending import same_token, secrets_of
from tui.issuance.transaction.reading import normal
from tui.issuance.transaction.replacing import is_gone
from tui.issuance.transaction.step import Transaction
from tui.issuance.transaction.work import Context
from tui.issuance.trust import handles, one_server, vouching
from tui.issuance.trust.showing import host_of
from tui.issuance.trust.whose import pending_here
from tui.kube.errors import NotFound

from . import older, others
from .already import Already
from .found import Found, NotThere
from .steps import Revoke

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from tui.issuance.records.intent import Revocation
    from tui.issuance.records.journal import JournalEntry


async def prepare_revocation(
    context: Context, address: Address, *, wait: bool = False, whole: bool = True
) -> tuple[Plan, Transaction]:
    """The plan for ending a credential now, and who will notice; with `wait` until the server refuses it.

    `whole` ends with it what a rotation at this address left to its grace period. Raises Already where nothing is left
    to end.
    """
    address = normal(address)
    family = await context.families.of(address)
    whole = whole and not address.kind.traits.alone
    try:
        return await family.revoke(context, address, wait=wait, whole=whole)
    except (Already, NotThere, NotFound) as error:
        if not whole or not older.of_place(await pending_here(context), address):
            if not isinstance(error, Already):
                await _refuse_ended(context, address, str(error))
            raise
        said = str(error)
    return await prepare(context, str(address), lambda: _left_over(context, address, said), wait=wait, whole=True)


async def _refuse_ended(context: Context, address: Address, said: str) -> None:
    """Raises Already where this machine's journal says that what is not there was ended here."""
    entries = await asyncio.to_thread(context.state.entries_of, address)
    if at := ended_at(entries):
        raise Already(
            address, f"{address} is revoked already: this machine did that at {at:%Y-%m-%d %H:%M:%S} UTC; {said}"
        )


def ended_at(entries: Sequence[JournalEntry]) -> datetime | None:
    """When the last thing that was done to an address ended it, None where that was something else; by its entries in
    the journal, oldest first."""
    for entry in reversed(entries):
        if entry.action not in _ENDS or (entry.action == Action.UNDO and entry.step == "commit"):
            if entry.step.startswith(("revoke:", "sweep:")):  # an older one's grace period was over, whenever
                continue
            return None
        if entry.step in ("handle", "secret") and entry.status == StepStatus.DONE:
            return entry.at
    return None


_ENDS: Final = (Action.REVOKE, Action.UNDO)
"""Of an undo only one of an issue; that of a rotation commits what it put back."""


async def _left_over(context: Context, address: Address, said: str) -> Found:
    """What was rotated at a place whose newest token has ended, and lives on. Raises UsageError where nothing does."""
    for one in older.of_place(await pending_here(context), address):
        credential = older.credential_of(one, address)
        return Found(credential=credential, named=handles.Named.BY_JOURNAL, said=(said, older.ends_too(one)))
    raise UsageError(f"nothing of {address} waits for its end any more")


async def prepare(
    context: Context, what: str, look: Callable[[], Awaitable[Found]], *, wait: bool, whole: bool = False
) -> tuple[Plan, Transaction]:
    """The plan for ending what `look` finds, whatever family it is of.

    With `whole` what else was issued at its address ends too.
    """
    sight = Sight()
    found = await sight.see(what, look, lambda seen: identifying_facts(seen.credential))
    credential, named = found.credential, found.named
    address = credential.address
    family = await context.families.of(address)
    if credential.handle is None:
        unbound = await family.revoke_unbound(context, credential, wait=wait)
        if unbound is not None:
            return unbound
    lives = ""
    if credential.state is State.REVOKED:
        credential, named, lives = await _looked_at_again(context, credential, wait=wait)
    handle = credential.handle
    if said := irrevocable(credential):
        raise UsageError(f"{address} cannot be revoked: {said[0]}", said[1])
    if handle is None:
        raise UsageError(
            f"{address} cannot be revoked: its token has no handle and expires at {end_of(credential)}",
            f"to end it now, delete the service account {said_of(credential.identity)}: that ends every token it has",
        )
    fingerprint = credential.fingerprint
    exports = await sight.see("the copies of it", lambda: _bound_to(context, handle, fingerprint))
    written = await asyncio.to_thread(context.state.written_secrets)
    secrets = tuple(dict.fromkeys((*secrets_of(address, exports), *found.places)))
    known = tuple(one.credential.address for one in written if same_token(one, handle, credential.fingerprint))
    warnings = [
        *found.said,
        "once revoked, it is refused within 10 s; verifiers outside of the API server only notice its expiry",
    ]
    copies = {*secrets, *(export.credential.address for export in exports)}
    account = credential.identity.name if credential.identity is not None else ""
    pending = await pending_here(context)
    before = older.outliving(pending, handle, account, address, copies)
    asked = _asked(credential, handle, credential.identity, secrets, found.request, pending)
    home: list[others.Asked] = []
    whose = credential.identity
    if whose is not None and asked.place:
        own = [address.cluster, host_of(address.cluster)]
        far = [name for name in own if name and (name == address.cluster or whose.cluster not in own)]
        its = [msgspec.structs.replace(whose, cluster=name) for name in far]
        home = [_asked(credential, handle, one, secrets, "", pending) for one in its]
        if its[0] != whose and named is not handles.Named.BY_JOURNAL and address.kind.traits.marked:
            warnings.append(_of_another(whose, address))
    beside = await sight.see(
        "what else was made for it",
        lambda: others.look(context, address, asked, home),
        lambda seen: (seen.ends, seen.left),
    )
    if lives:
        warnings.append(f"it was recorded as revoked, but {lives}")
    warnings += family.ends_too(credential)
    told, stay = await what_stays(exports)
    warnings += stay
    warnings += map(older.ends_too if whole else older.lives_on, before)
    warnings += [*map(others.ends_too, beside.ends), *beside.left] if whole else beside.lives_on
    warnings += [beside.unseen] if beside.unseen else []
    work = Revoke(
        context=context,
        credential=credential,
        handle=handle,
        named=named,
        exports=exports,
        secrets=one_server.once(context, secrets),
        written=known,
        sight=sight,
        token=found.token,
        wait=wait,
        ends=before if whole else (),
        beside=beside if whole else others.Others(),
        told=told,
        living=() if whole else (*map(older.lives_on, before), *beside.lives_on),
    )
    return work.plan(work.plan_id, Action.REVOKE, address, warnings=warnings), work


def _of_another(account: Identity, address: Address) -> str:
    return (
        f"it says that its account is {account}, in another cluster than its own: what {account.cluster} gave out ends "
        f"there, and by its word; another token of {address} is looked for in {address.cluster}"
    )


def _asked(
    credential: Credential,
    handle: Handle,
    identity: Identity | None,
    secrets: Sequence[Address],
    request: str,
    pending: Sequence[Revocation],
) -> others.Asked:
    """What else of its place is looked for: all but what is to end anyway."""
    address = credential.address
    cluster = identity.cluster if identity is not None else ""
    place = managed.place_name(address, cluster) if address.kind.traits.in_handles else ""
    return others.Asked(
        handle=handle,
        identity=identity,
        place=place,
        request=request,
        ended=(place, *(managed.place_name(one, cluster) for one in secrets)),
        known=tuple(one.handle.uid for one in pending),
    )


async def _looked_at_again(
    context: Context, credential: Credential, *, wait: bool
) -> tuple[Credential, handles.Named, str]:
    """What was recorded as revoked, looked at where it counts: the credential, who names its handle, and how it lives
    although it should not. Raises UsageError where it is dead as recorded, KubeError where that cannot be seen.
    """
    address, handle, identity = credential.address, credential.handle, credential.identity
    token = await ending.at_hand(context, credential)
    if handle is not None and not await is_gone(context, handle):
        refused = await ending.ask(context, credential, token) is ending.Answer.REFUSED
        return credential, handles.Named.BY_JOURNAL, _HELD if refused else _LIVES
    answer = await ending.ask(context, credential, token)
    said = f"{address} is revoked already: {_DEAD[answer]}"
    if answer is ending.Answer.REFUSED:
        raise Already(address, said)
    if handle is None and answer is not ending.Answer.ACCEPTED:
        raise UsageError(f"{address} was recorded as revoked, and its handle is not known")
    if answer is not ending.Answer.ACCEPTED or token is None or identity is None:
        raise Already(address, said)
    bound = vouching.bound_to(token, identity.cluster)  # the server has just confirmed that token
    if bound is not None and bound != handle:
        named = msgspec.structs.replace(credential, handle=bound)
        return named, handles.Named.BY_TOKEN, "the server accepts its token, which is bound to another handle"
    if handle is None or not wait:
        hint = (
            "wait until the server refuses it with --wait; if it never does, delete the service account "
            f"{identity.said}: that ends every token it has"
        )
        if handle is not None and bound == handle:
            raise Already(address, said, hint)
        raise UsageError(said, hint)
    return credential, handles.Named.BY_JOURNAL, _DEAD[answer]


_LIVES: Final = "its handle still exists: the token still works"
_HELD: Final = "its handle still exists, although the server refuses the token"
_DEAD: Final = {
    ending.Answer.REFUSED: "the server refuses its token",
    ending.Answer.UNASKED: "its handle is gone; the token is not here to ask about it",
    ending.Answer.AWAY: "its handle is gone; whether the server refuses its token, it does not say",
    ending.Answer.ACCEPTED: "its handle is gone, but the server accepted its token just now, as it may for 10 s",
}


async def _bound_to(context: Context, handle: Handle, fingerprint: str) -> tuple[Export, ...]:
    """What this machine knows to hold a token bound to that handle."""
    records = await asyncio.to_thread(context.state.export_records)
    return tuple(record for record in records if same_token(record, handle, fingerprint))


async def what_stays(exports: Sequence[Export]) -> tuple[dict[Address, str], list[str]]:
    """What is said of files that hold something else by now than what is recorded of them; and of all that stay."""

    def look() -> dict[Address, str]:
        return {export.credential.address: lying.stays(export, lying.look(export)) for export in exports}

    told = {address: said for address, said in (await asyncio.to_thread(look)).items() if said}
    files = [export.credential.address for export in exports]
    return told, [told.get(at) or f"{at.name} stays; once revoked, the token in it is dead" for at in files]
