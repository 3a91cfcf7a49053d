"""A new token for the account that Argo CD uses, written into its Secret at once; and going back to the old one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.insight.irrevocable import end_of
from tui.issuance.model.durations import format_duration
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Credential, IssueSpec, Plan, said_of
from tui.issuance.objects import accounts
from tui.issuance.objects.token_request import SHORTEST
from tui.issuance.objects.viewer import refuse_viewer
from tui.issuance.records.intent import Intent, Revocation, new_id
from tui.issuance.tokens.issuing import Issue
from tui.issuance.tokens.undoing import Undo
from tui.issuance.transaction.after_ending import same_token
from tui.issuance.transaction.minting import issued_again
from tui.issuance.transaction.undo_intent import undo_intent, undo_warnings
from tui.issuance.transaction.work import Context
from tui.issuance.trust import handles
from tui.issuance.users.grace_length import Length
from tui.issuance.users.secret_users import secrets_of
from tui.kube import shell
from tui.kube.text import safe_text

from .place import ClusterPlace
from .reading import Reading, confirmed

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note
    from tui.kube.sensitive import Sensitive

INSTEAD_OF_ENDLESS: Final = timedelta(days=90)
"""Asked for in the place of a token that never ends: nothing but an operator renews it."""


class Rotation(Issue):
    """One rotation: handle, token, proof, `config`, read back, commit, and after the grace the old handle."""

    async def _commit(self, note: Note) -> None:
        """What was written is remembered by nobody here: the token says itself for which place it was made."""
        note.record = {"closed": self.intent.plan, "revocations": await self.revocations(note)}
        note.run.left += self.left


class GoingBack(Rotation, Undo):
    """One undo."""


async def prepare_rotation(context: Context, address: Address) -> tuple[Plan, Issue]:
    """The plan for it. Raises UsageError where nothing shows whose the token is, KubeError."""
    sight, place = Sight(), ClusterPlace(address, context.clusters)
    found: Reading = await sight.see(place.label, lambda: confirmed(context, place), lambda seen: seen.facts)
    identity, old = found.identity, found.credential
    refuse_viewer(context.clusters.endpoint(identity.cluster))
    client = await context.clusters.client(identity.cluster)
    account = await sight.see(f"the service account {identity.said}", lambda: accounts.look(client, identity))
    accounts.require(account, identity, create=False, issued_before=True)
    if account.exists and account.uid != found.account_uid:
        raise UsageError(
            f"the service account {identity.said} was created again since the token in {address} was issued",
            "a new token would be for another account; if you want that, issue one for it",
        )
    spec = IssueSpec(
        identity=identity,
        destinations=(SecretDestination(address.cluster, address.namespace, address.name),),
        format=Format.KUBECONFIG,
        duration=_duration(found),
    )
    request = found.verdict.request or new_id()
    intent = Intent(
        plan=new_id(),
        action=Action.ROTATE,
        address=address,
        request=request,
        spec=spec,
        handle=handles.new(identity, handles.meant_for(identity, request, spec)),
        old=(old,),
    )
    lasts = await context.length(secrets_of(spec), intent.old) if intent.old_handles else Length()
    copies = await sight.see("the copies of it on this machine", lambda: asyncio.to_thread(_copies, context, old))
    work = Rotation(
        context=context,
        intent=msgspec.structs.replace(intent, grace=lasts.journaled),
        places=[place],
        account_uid=account.uid,
        exists=[True],
        sight=sight,
    )
    return work.planned([*found.warnings, *_stays(found), *copies, *lasts.warnings], lasts=lasts), work


async def prepare_undo(
    context: Context, address: Address, revocation: Revocation, token: Sensitive, sight: Sight
) -> tuple[Plan, Issue]:
    """The plan for writing the old token back. Raises UsageError where the account is another one by now, KubeError."""
    old, place = revocation.old, ClusterPlace(address, context.clusters)
    assert old is not None
    found: Reading = await sight.see(place.label, lambda: confirmed(context, place), lambda seen: seen.facts)
    if found.identity != old.identity:
        raise UsageError(
            f"what {address} holds now is for {found.identity.said}, what it replaced was for {said_of(old.identity)}",
            "it was changed; look at it again",
        )
    intent = undo_intent(address, revocation, found.verdict.request or new_id(), (found.credential,), old)
    spec = msgspec.structs.replace(
        intent.spec, destinations=(SecretDestination(address.cluster, address.namespace, address.name),)
    )
    lasts = await context.length(secrets_of(spec), intent.old) if intent.old_handles else Length()
    intent = msgspec.structs.replace(intent, spec=spec, grace=lasts.journaled)
    work = GoingBack(context=context, intent=intent, places=[place], exists=[True], sight=sight)
    work.issued = issued_again(intent, token)
    now = await context.now(found.identity.cluster)
    return work.planned(undo_warnings(intent, now, list(found.warnings), lasts), lasts=lasts), work


def as_left(context: Context, intent: Intent) -> Issue:
    """What a dead process began."""
    kind = Rotation if intent.undoes is None else GoingBack
    return kind(context=context, intent=intent, places=[ClusterPlace(intent.address, context.clusters)])


def _duration(found: Reading) -> timedelta:
    """What was asked for the last time where that is known, else how long the old one was given; never forever."""
    old = found.credential
    if old.expires_at is None or old.issued_at is None:
        return INSTEAD_OF_ENDLESS
    lifetime = found.verdict.requested or old.expires_at - old.issued_at
    return max(lifetime, timedelta(seconds=SHORTEST))


def _copies(context: Context, old: Credential) -> list[str]:
    """What is said of the files here that hold the old token, which ends; nothing writes the new one into them."""
    if old.handle is None:
        return []
    records = context.state.export_records()
    held = [one.credential.address.name for one in records if same_token(one, old.handle, old.fingerprint)]
    return [f"the copy {safe_text(name)} stops working; export it again afterwards" for name in held]


def _stays(found: Reading) -> list[str]:
    """What is said of an old token that this rotation does not end."""
    old, identity, said = found.credential, found.identity, list[str]()
    if old.handle is not None:
        return said
    if old.expires_at is None:
        lasts = format_duration(INSTEAD_OF_ENDLESS)
        said.append(f"the old token never ends, the new one does, after {lasts} at the latest: rotate it before that")
    how = f"it is bound to nothing; only deleting the service account {identity.said} ends it sooner"
    if found.bound and old.expires_at is None:
        at = Address.token_secret(identity.cluster, identity.namespace, found.bound.partition(" ")[2])
        revoke = shell.command("kubemint", "revoke", str(at))
        how = f"it is that of {found.bound}; once Argo CD works with the new one, `{revoke}` ends it"
    elif found.bound:
        how = f"it is bound to {found.bound}, which is no handle of kubemint's; deleting that ends it"
    ends = f" until {end_of(old)}" if old.expires_at is not None else ""
    return [*said, f"the old token still works{ends}: {how}"]
