"""Revoking: deleting the handle, which ends exactly that token, and tidying up what held it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from tui.kube.errors import Conflict, KubeError, NotFound
from tui.kube.resource import SECRETS

from . import dead_tokens, ending, handles, managed, vouching
from .errors import IssuanceError, UsageError
from .intent import Export, Revocation
from .plans import new_id
from .reading import export_record, lookup, normal, request_at
from .reading import token as token_at
from .replacing import is_gone
from .running import Run, explain
from .secret_place import SecretObject
from .sight import Sight, told_apart
from .types import Action, Address, Credential, CredentialKind, Format, Handle, Plan, SecretDestination, State, Step
from .vouchers import Word
from .work import Context, Finished, Work

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Revoke:
    """One revocation: the handle, then what held the token."""

    context: Context
    credential: Credential
    handle: Handle
    named: handles.Named
    """Who says that it is the handle."""
    exports: tuple[Export, ...]
    """Files on this machine with the same token. They stay, and are known to be dead."""
    secrets: tuple[Address, ...]
    """Managed Secrets with the same token. They are deleted."""
    written: tuple[Address, ...]
    """Secrets of which this machine knew that it wrote this token there; nothing vouches for it from now on."""
    sight: Sight = field(default_factory=Sight)
    token: Sensitive | None = None
    """The token itself, where it is known without its place."""
    wait: bool = False
    """Whether to wait until the server refuses it."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.credential.address, *(export.credential.address for export in self.exports), *self.secrets)

    @property
    def fallback(self) -> Credential | None:
        return self.credential

    @property
    def _ending(self) -> handles.Ending:
        identity = self.credential.identity
        return handles.Ending(
            handle=self.handle,
            named=self.named,
            account=identity.name if identity is not None else "",
            token_secret=handles.may_be_token_secret(self.credential.address.kind),
        )

    async def run(self, run: Run) -> Finished:
        address = self.credential.address
        async with run.step("intent") as note:
            with contextlib.suppress(KubeError):  # whatever is in the way now, the journal knows what to do
                await handles.check(await self.context.clusters.client(self.handle.cluster), self._ending)
            # Due at once, so that a start after a crash does it.
            due = Revocation(
                plan=run.plan.id,
                address=address,
                handle=self.handle,
                due=self.context.clock(),
                ending=True,
                account=self._ending.account,
                fingerprint=self.credential.fingerprint,
            )
            note.record = {"revocations": [due]}
        token = self.token or await ending.at_hand(self.context, self.credential, *_copies(self.exports))
        async with run.step("handle") as note:
            said = await handles.delete(self.context.clusters, self._ending)
            answer = await ending.ask(self.context, self.credential, token)
            note.message = ending.words(said, answer)
            note.record = {"exports": [dead(export, answer) for export in self.exports], "forget": self.written}
            note.record |= dead_tokens.ended(self.handle, self.credential.fingerprint, self.context.clock())
            if not self.secrets:
                note.record["revoked"] = self.handle
        for number, secret in enumerate(self.secrets, start=1):
            async with run.step(f"secret:{number - 1}") as note:
                try:
                    note.message = await delete_secret(self.context, secret, self.handle, self.credential.fingerprint)
                except (KubeError, IssuanceError) as error:  # the token has ended; its place keeps nobody from that
                    said = f"{secret} could not be tidied: {explain(error)[0]}; the token in it is dead"
                    note.skip(said)
                    run.left.append(said)
                if number == len(self.secrets):  # only now nothing is left for a start after a crash
                    note.record = {"revoked": self.handle}
        if self.wait:
            answer = await ending.wait(run, self.context, self.credential, token)
        for export in self.exports:
            run.hints.append(f"{export.credential.address.name} is still there; the token in it is dead")
        return Finished(ending.over(self.credential, answer))


@dataclass(frozen=True, slots=True)
class RevokeLegacy:
    """A token Secret is its own handle."""

    context: Context
    credential: Credential
    handle: Handle
    account_uid: str
    exports: tuple[Export, ...] = ()
    """Files on this machine with its token. They stay, and are known to be dead."""
    sight: Sight = field(default_factory=Sight)
    wait: bool = False

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.credential.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.credential

    async def run(self, run: Run) -> Finished:
        token = await ending.at_hand(self.context, self.credential, *_copies(self.exports))
        async with run.step("secret") as note:
            identity = self.credential.identity
            wanted = handles.Ending(
                handle=self.handle,
                named=handles.Named.BY_TOKEN,
                account=identity.name if identity is not None else "",
                token_secret=True,
            )
            said = await handles.delete(self.context.clusters, wanted)
            answer = await ending.ask(self.context, self.credential, token)
            note.message = ending.words(said, answer)
            fingerprint, now = self.credential.fingerprint, self.context.clock()
            note.record = {"exports": [dead(export, answer) for export in self.exports]}
            note.record |= dead_tokens.ended(self.handle, fingerprint, now, self.account_uid)
        if self.wait:
            answer = await ending.wait(run, self.context, self.credential, token)
        for export in self.exports:
            run.hints.append(f"{export.credential.address.name} is still there; the token in it is dead")
        return Finished(ending.over(self.credential, answer))


async def prepare_revocation(context: Context, address: Address, *, wait: bool = False) -> tuple[Plan, Work]:
    """The plan for ending a credential now, and who will notice; with `wait` until the server refuses it."""
    address = normal(address)
    if address.kind is CredentialKind.LOGIN:
        raise UsageError(f"the login of {address.cluster} is yours; kubemint does not revoke it")
    if address.kind is CredentialKind.LEGACY:
        return await _prepare_legacy(context, address, wait=wait)
    sight = Sight()
    credential, named = await sight.see(
        str(address), lambda: _vouched(context, address), lambda seen: told_apart(seen[0])
    )
    if address.kind is CredentialKind.REQUEST and credential.handle is None:
        from .request_changes import prepare_recreation

        return await prepare_recreation(context, await request_at(context, address), wait=wait)
    lives = ""
    if credential.state is State.REVOKED:
        credential, named, lives = await _looked_at_again(context, credential, wait=wait)
    handle = credential.handle
    if said := irrevocable(credential):
        raise UsageError(f"{address} cannot be revoked: {said[0]}", said[1])
    if handle is None:
        raise UsageError(
            f"{address} cannot be revoked: its token is bound to nothing and ends at {_end(credential)}",
            f"to end it now, delete the service account {credential.identity}: that ends every token it has",
        )
    fingerprint = credential.fingerprint
    exports = await sight.see("the copies of it", lambda: _bound_to(context, handle, fingerprint))
    written = await asyncio.to_thread(context.state.written_secrets)
    secrets = secrets_of(address, exports)
    known = tuple(one.credential.address for one in written if _same_token(one, handle, credential.fingerprint))
    steps = [
        Step(id="intent", title="Journal what is intended"),
        Step(
            id="handle", title="Delete the handle, which revokes the token",
            verb="delete", resource="secrets", cluster=handle.cluster, namespace=handle.namespace, name=handle.name,
        ),
    ]  # fmt: skip
    warnings = ["whoever uses it is refused within 10 s; verifiers outside of the API server only notice its expiry"]
    for number, secret in enumerate(secrets):
        steps.append(
            Step(
                id=f"secret:{number}", title=f"Delete the Secret {secret.namespace}/{secret.name}",
                verb="delete", resource="secrets", cluster=secret.cluster, namespace=secret.namespace,
                name=secret.name,
            )
        )  # fmt: skip
    if wait:
        steps.append(ending.STEP)
    if lives:
        warnings.append(f"it was recorded as revoked, but {lives}")
    if address.kind is CredentialKind.SECRET and credential.state is State.UNKNOWN:
        warnings.append(credential.message)
    if address.kind is CredentialKind.REQUEST:
        warnings.append("the request stays: its controller, or the next rotation, issues a new token")
    warnings += [f"{export.credential.address.name} stays, with a dead token in it" for export in exports]
    plan = Plan(id=new_id(), action=Action.REVOKE, address=address, steps=tuple(steps), warnings=tuple(warnings))
    return plan, Revoke(context, credential, handle, named, exports, secrets, known, sight, wait=wait)


async def _looked_at_again(
    context: Context, credential: Credential, *, wait: bool
) -> tuple[Credential, handles.Named, str]:
    """What was recorded as revoked, looked at where it counts: the credential, who names its handle, and how it lives
    although it should not. Raises UsageError where it is dead as recorded, KubeError where that cannot be seen.
    """
    address, handle, identity = credential.address, credential.handle, credential.identity
    token = await ending.at_hand(context, credential)
    if handle is not None and not await is_gone(context, handle):
        return credential, handles.Named.BY_JOURNAL, "its handle is there: whoever has the token still gets in"
    answer = await ending.ask(context, credential, token)
    if answer is not ending.Answer.ACCEPTED or token is None or identity is None:
        raise UsageError(f"{address} is revoked already: {_DEAD[answer]}")
    bound = vouching.bound_to(token, identity.cluster)  # the server has just confirmed that token
    if bound is not None and bound != handle:
        named = msgspec.structs.replace(credential, handle=bound)
        return named, handles.Named.BY_TOKEN, "the server accepts its token, which is bound to another handle"
    if handle is None or not wait:
        raise UsageError(
            f"{address} is revoked already: {_DEAD[answer]}",
            "with --wait it is asked until it refuses it; where it never does, delete the service account "
            f"{identity}: that ends every token it has",
        )
    return credential, handles.Named.BY_JOURNAL, _DEAD[answer]


_DEAD: Final = {
    ending.Answer.REFUSED: "the server refuses its token",
    ending.Answer.UNASKED: "its handle is gone; the token is not here to ask about it",
    ending.Answer.AWAY: "its handle is gone; whether the server refuses its token, it does not say",
    ending.Answer.ACCEPTED: "its handle is gone, but the server accepted its token just now, as it may for 10 s",
}


async def _bound_to(context: Context, handle: Handle, fingerprint: str) -> tuple[Export, ...]:
    """What this machine knows to hold a token bound to that handle."""
    records = await asyncio.to_thread(context.state.export_records)
    return tuple(record for record in records if _same_token(record, handle, fingerprint))


def irrevocable(credential: Credential) -> tuple[str, str] | None:
    """Why nobody can revoke this one, with when it ends, and what can be done; None for what has a handle or may."""
    if credential.shoot is None:
        return None
    if credential.state is State.ENDLESS:
        from .static_token import how_to_stop

        return "it is a shoot's static token, which never ends", how_to_stop(credential.shoot)
    return (
        f"it is a client certificate, which ends at {_end(credential)}",
        "earlier only for everybody, by a new client CA of the shoot; keep such certificates short",
    )


async def delete_secret(context: Context, address: Address, handle: Handle, fingerprint: str) -> str:
    """Delete the managed Secret that holds the token of this fingerprint, unless it holds something else by now.

    Where nothing at all is in it, its annotations say which handle it had; where nobody knows the fingerprint (journals
    of old), the token does.
    """
    client = await context.clusters.client(address.cluster)
    try:
        found = await client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)
        meta = found.metadata
        now = managed.credential_from_secret(address.cluster, meta)
        if now is None or not _holds(found, now, handle, fingerprint):
            return "left alone: it holds something else by now"
        carried = ""
        if now.format is Format.SERVICE_ACCOUNT:
            from . import tenant_places

            carried = await tenant_places.withdraw(client, meta)
            if await tenant_places.remove_keys(client, meta):
                return "its pushed keys were removed; what others keep in it stays"
        await client.delete(
            SECRETS,
            address.name,
            namespace=address.namespace,
            uid=meta.get("uid"),
            resource_version=meta.get("resourceVersion"),
        )
    except NotFound:
        return "was gone already"
    except Conflict:
        return "left alone: somebody changed it just now"
    return f"deleted{carried}"


def _holds(found: SecretObject, now: Credential, handle: Handle, fingerprint: str) -> bool:
    token = vouching.token_in(now.format, found)
    if token is None:
        return not found.data and now.handle == handle  # an empty one; marks alone speak for no other data
    if fingerprint:
        return token.fingerprint == fingerprint
    bound = vouching.bound_to(token, handle.cluster)
    return bound is not None and bound == handle


def _copies(exports: tuple[Export, ...]) -> tuple[Address, ...]:
    return tuple(export.credential.address for export in exports)


def _same_token(record: Export, handle: Handle, fingerprint: str) -> bool:
    held = record.credential
    return held.handle == handle or (bool(fingerprint) and held.fingerprint == fingerprint)


def dead(export: Export, answer: ending.Answer = ending.Answer.UNASKED) -> Export:
    """The export with a credential whose handle was seen to be gone."""
    return msgspec.structs.replace(export, credential=ending.over(export.credential, answer))


def secrets_of(address: Address, exports: tuple[Export, ...]) -> tuple[Address, ...]:
    """Every Secret that may hold the same token; each is looked at again before it is deleted."""
    found = [address, *(export.source for export in exports if export.source is not None)]
    for export in exports:
        found += [
            Address(CredentialKind.SECRET, place.cluster, place.namespace, place.name)
            for place in (export.spec.destinations if export.spec is not None else ())
            if isinstance(place, SecretDestination)
        ]
    return tuple(dict.fromkeys(one for one in found if one.kind is CredentialKind.SECRET))


async def _vouched(context: Context, address: Address) -> tuple[Credential, handles.Named]:
    """The credential with a handle that may be ended, and who says that it is that. Raises UsageError, KubeError."""
    if address.kind is CredentialKind.SECRET:
        reading = await vouching.require(context, address)
        if reading.verdict.handle is None and reading.facts.handle is not None:
            bound = reading.facts.handle
            raise UsageError(
                f"{address} cannot be revoked by itself: it is a copy, and its token ends with handle "
                f"{bound.namespace}/{bound.name} of its original",
                "revoke the original; that ends every copy",
            )
        return reading.credential, reading.verdict.named
    if address.kind is CredentialKind.FILE:
        credential = (await export_record(context, address)).credential
        if credential.handle is not None or credential.state is State.REVOKED or credential.identity is None:
            return credential, handles.Named.BY_JOURNAL
        facts = await vouching.facts_of(context, credential.identity, await token_at(context, address))
        mine = facts.word is Word.CONFIRMED and facts.identity == credential.identity
        handle = facts.handle if mine and facts.fingerprint == credential.fingerprint else None
        return msgspec.structs.replace(credential, handle=handle), handles.Named.BY_TOKEN
    credential = await lookup(context, address)
    if address.kind is not CredentialKind.REQUEST:
        return credential, handles.Named.BY_TOKEN
    request = await request_at(context, address)
    facts, verdict = await vouching.of_request(context, request, credential, await token_at(context, address))
    if not verdict.ok and (credential.handle is not None or facts.handle is not None):
        raise UsageError(f"{address}: {verdict.why}", verdict.hint)
    return msgspec.structs.replace(credential, handle=verdict.handle), verdict.named


async def _prepare_legacy(context: Context, address: Address, *, wait: bool) -> tuple[Plan, RevokeLegacy]:
    from .legacy_rotation import copies_of, look_at

    sight = Sight()
    found = await sight.see(str(address), lambda: look_at(context, address), lambda seen: told_apart(seen.credential))
    credential = found.credential
    assert credential.handle is not None
    handle = credential.handle
    exports = tuple(await sight.see("the copies of it", lambda: copies_of(context, address, handle)))
    step = Step(
        id="secret", title=f"Delete the token Secret {address.namespace}/{address.name}",
        verb="delete", resource="secrets", cluster=address.cluster, namespace=address.namespace, name=address.name,
    )  # fmt: skip
    warnings = ["a Secret created anew under the same name would make this very token valid again"]
    warnings += [f"{export.credential.address.name} stays, with a dead token in it" for export in exports]
    steps = (step, ending.STEP) if wait else (step,)
    plan = Plan(id=new_id(), action=Action.REVOKE, address=address, steps=steps, warnings=tuple(warnings))
    return plan, RevokeLegacy(context, credential, handle, found.account_uid, exports, sight, wait)


def _end(credential: Credential) -> str:
    return f"{credential.expires_at:%Y-%m-%d %H:%M:%S} UTC" if credential.expires_at else "an unknown time"
