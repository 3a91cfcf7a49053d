"""Undoing a rotation while the old credential still lives: make before break, in reverse.

The old token is proved, written back to every place and read back; only then the newer one goes into its grace. What is
held up meanwhile is the old handle's revocation: its record is taken out in the same transaction that journals the
intent, and put back where the undo fails, so that wherever this dies exactly one working credential is in
use and the other one is either gone or recorded to go.

A token is kept nowhere but where it is used, so an undo can only put back what someone still has: this process
remembers what it replaced for as long as the grace runs; a file on this machine that the rotation did not reach, or one
that is named, may hold it. The fingerprint in the record says whether it is the right one.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.destinations.file import token_in_file
from tui.issuance.destinations.files import read_private
from tui.issuance.destinations.registry import places_for
from tui.issuance.errors import IssuanceError, StepFailed, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.sight import Sight, identifying_facts
from tui.issuance.model.types import Address, Credential, Plan, said_of
from tui.issuance.records.intent import Intent, Revocation
from tui.issuance.transaction.grace import Graces
from tui.issuance.transaction.minting import issued_again
from tui.issuance.transaction.reading import lookup, normal
from tui.issuance.transaction.shared_steps import prove_step
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.undo_intent import undo_intent, undo_warnings
from tui.issuance.transaction.work import Context
from tui.issuance.trust import vouching, whose
from tui.issuance.users.grace_length import Length
from tui.issuance.users.secret_users import secrets_of

from .issuing import Issue
from .tenant_rights import Rights
from .wishes import wish_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.issuance.destinations.place import Place
    from tui.issuance.transaction.running import Note
    from tui.kube.sensitive import Sensitive

_LARGEST = 1024 * 1024


class NoRotation(UsageError):
    """No rotation waits for its end: nothing is there to go back to."""


class UndoWindow(msgspec.Struct, frozen=True, kw_only=True):
    """How long what a rotation replaced can be gone back to."""

    until: datetime
    kept: bool
    """Whether this process still has the old token; else an undo needs a file that does."""


@dataclass(kw_only=True)
class Undo(Issue):
    """One undo. The intent's handle is the old one, and what the places hold now is what will be revoked."""

    opening = "Journal what is intended, and keep the old handle"
    writes = "Write the old one back to {}"
    replaced = "newer"

    def _minting(self) -> tuple[Step, ...]:
        info = prove_step(self.intent.spec.identity.cluster, "Prove that the old one still works")
        return (Step(info=info, do=self._prove),)

    async def open(self, note: Note) -> None:
        await super().open(note)
        note.record |= {"revoked": self.intent.handle}

    async def close(self, note: Note, failure: StepFailed | None) -> str:
        """The old handle is left to the end of its grace again."""
        note.record = {"revocations": [self.intent.undoes]}
        return await super().close(note, failure)

    def undone(self, said: Sequence[str]) -> str:
        return "the newer one stays in use"


async def prepare_undo(
    context: Context, graces: Graces, address: Address, given: Path | None = None
) -> tuple[Plan, Transaction]:
    """The plan for going back to what the last rotation of `address` replaced. `given` is a file that still holds it.

    Raises UsageError where that is over, or where the old token is nowhere any more.
    """
    address, sight = normal(address), Sight()
    current = await sight.see(str(address), lambda: lookup(context, address), identifying_facts)
    family = await context.families.of(address)
    family.refuse_going_back(current)
    revocation = await sight.see("its last rotation", lambda: _last_rotation(context, address, current))
    old = revocation.old
    assert old is not None
    await whose.of_revocation(context, revocation)  # the old token is shown to its cluster
    now = await context.now(old.identity.cluster) if old.identity is not None else context.clock()
    if old.expires_at is None or old.issued_at is None or old.expires_at <= now:
        raise UsageError(f"the old credential of {address} has expired", "rotate it for a new one")
    token = graces.token(revocation.handle) or await _from_files(context, old, given)
    if token is None:
        raise UsageError(
            f"{address}: the old token was not kept. Only the kubemint process that replaced it had it in memory.",
            "Use --from FILE or rotate again.",
        )
    return await family.go_back(context, address, revocation, token, sight)


async def prepare_places(
    context: Context, address: Address, revocation: Revocation, token: Sensitive, sight: Sight
) -> tuple[Plan, Undo]:
    """The plan for writing the old token back to every place of its wish."""
    old = revocation.old
    assert old is not None
    now = await context.now(old.identity.cluster) if old.identity is not None else context.clock()
    spec, request, left = await sight.see(f"the wish behind {address}", lambda: wish_of(context, address))
    if spec.identity != old.identity:
        raise UsageError(
            f"what {address} holds now is for {spec.identity.said}, what it replaced was for {said_of(old.identity)}",
            "it was changed; look at it again",
        )
    places = places_for(spec, context.clusters, context.state, request)
    held = await vouching.look_at(context, places, sight)
    await _refuse_edited(
        [place for place, one in zip(places, held, strict=True) if one.exists], spec.format, revocation
    )
    intent = undo_intent(
        address, revocation, request, tuple(one.credential for one in held if one.credential is not None), old
    )
    lasts = await context.length(secrets_of(spec), intent.old) if intent.old_handles else Length()
    work = Undo(
        context=context,
        intent=msgspec.structs.replace(intent, spec=spec, grace=lasts.journaled),
        places=places,
        sight=sight,
    )
    work.issued = issued_again(intent, token)
    return work.planned(
        undo_warnings(intent, now, [*left, *(one.warning for one in held if one.warning)], lasts), lasts=lasts
    ), work


async def _refuse_edited(places: Sequence[Place], form: Format, revocation: Revocation) -> None:
    """Raises UsageError where a Secret holds another token than the rotation wrote there, whatever its marks say: they
    stay while somebody edits what lies in it. What is edited after this its resourceVersion tells."""
    for place in places:
        if not place.address.kind.traits.marked:
            continue
        token = await place.token(form)
        if token is None or token.fingerprint != revocation.by:
            raise UsageError(
                f"{place.label} was edited since the rotation: it holds something else than kubemint wrote there",
                "what someone put there is not replaced; rotate it for a new one, or revoke it",
            )


def as_left(context: Context, intent: Intent) -> Issue:
    """What a dead process began: an issue, a rotation, or the undo of one."""
    places = places_for(intent.spec, context.clusters, context.state, intent.request)
    if intent.undoes is not None:
        return Undo(context=context, intent=intent, places=places)
    rights = Rights(intent.spec.identity, intent.reads) if intent.reads else None
    create = intent.spec.create_account
    return Issue(context=context, intent=intent, places=places, create_account=create, rights=rights)


def window(graces: Graces, fingerprint: str) -> UndoWindow | None:
    """Until when what this credential replaced can be gone back to; None where this process will revoke nothing."""
    own = [one for one in graces.running if one.old is not None and one.by == fingerprint]
    if not own:
        return None
    last = max(own, key=lambda one: one.due)
    return UndoWindow(until=graces.until(last), kept=graces.token(last.handle) is not None)


async def _last_rotation(context: Context, address: Address, current: Credential) -> Revocation:
    """The revocation that still waits for what `current` replaced."""
    if current.granted is None:
        raise UsageError(
            f"{address} never expires; the rotation of a token Secret makes another Secret, and is not undone",
            "until the end of the grace period both work",
        )
    waiting = await asyncio.to_thread(context.state.revocations)
    own = [one for one in waiting if one.old is not None and one.by == current.fingerprint]
    if own:
        return max(own, key=lambda one: one.due)
    if any(one.address == address and one.old is not None for one in waiting):
        raise UsageError(
            f"{address} was changed since its last rotation here, so there is nothing to go back to",
            "look at it again",
        )
    raise NoRotation(
        f"there is nothing to undo for {address}: no rotation of it is in its grace period on this machine",
        "the old credential ends with the grace period; for more time, rotate with a longer one (--grace)",
    )


async def _from_files(context: Context, old: Credential, given: Path | None) -> Sensitive | None:
    """The old token from a file that still holds it: the one that was named, or one that kubemint wrote."""
    if given is not None:
        token = await asyncio.to_thread(_token_in, given, old.fingerprint)
        if token is None:
            raise UsageError(
                f"{given} does not hold the token that was replaced (fingerprint {old.fingerprint})",
                "`kubemint inspect` shows what it holds",
            )
        return token
    for export in await asyncio.to_thread(context.state.export_records):
        if export.credential.address.is_file and export.credential.fingerprint == old.fingerprint:
            with contextlib.suppress(IssuanceError):
                path = Path(export.credential.address.name.partition("#")[0])
                if (token := await asyncio.to_thread(_token_in, path, old.fingerprint)) is not None:
                    return token
    return None


def _token_in(path: Path, fingerprint: str) -> Sensitive | None:
    """The token with this fingerprint in a file of any format."""
    content = read_private(path, _LARGEST)
    found = (token_in_file(form, content) for form in Format if form.rules.chosen)
    return next((token for token in found if token is not None and token.fingerprint == fingerprint), None)
