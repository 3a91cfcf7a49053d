"""Revoking: deleting the handle, which ends exactly that token, and tidying up what held it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tui.kube.errors import Conflict, KubeError, NotFound
from tui.kube.resource import SECRETS

from . import dead_tokens, ending, handles, managed, older, vouching
from .errors import IssuanceError
from .formats import Format
from .intent import Export, Revocation
from .kinds import CredentialKind
from .running import Run, explain
from .secret_object import SecretObject
from .sight import Sight
from .types import Address, Credential, Handle, SecretDestination
from .work import Context, Finished

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
    ends: tuple[Revocation, ...] = ()
    """Older tokens of the same places in their grace period, which end with it."""
    living: tuple[str, ...] = ()
    """What is said of those that live on."""

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
        due = Revocation(
            plan=run.plan.id,
            address=self.credential.address,
            handle=self.handle,
            due=self.context.clock(),
            ending=True,
            account=self._ending.account,
            fingerprint=self.credential.fingerprint,
            secrets=self.secrets,
        )
        await _intend(run, self.context, self._ending, due, self.ends)
        copies = (*_copies(self.exports), *self.secrets)
        token = self.token or await ending.at_hand(self.context, self.credential, *copies)
        async with run.step("handle") as note:
            said = await handles.delete(self.context.clusters, self._ending)
            answer = await ending.ask(self.context, self.credential, token)
            note.message = ending.words(said, answer)
            note.record = {"exports": [dead(export, answer, said) for export in self.exports], "forget": self.written}
            note.record |= dead_tokens.ended(self.handle, self.credential.fingerprint, self.context.clock())
            if not self.secrets:
                note.record["revoked"] = self.handle
        beside = await older.end(run, self.context, self.ends)
        for number, secret in enumerate(self.secrets, start=1):
            async with run.step(f"secret:{number - 1}") as note:
                try:
                    note.message = await delete_secret(self.context, secret, self.handle, self.credential.fingerprint)
                except (KubeError, IssuanceError) as error:  # the token has ended; its place keeps nobody from that
                    left = f"{secret} could not be tidied: {explain(error)[0]}; {ending.in_it(said, answer)}"
                    note.skip(left)
                    run.left.append(left)
                if number == len(self.secrets):  # only now nothing is left for a start after a crash
                    note.record = {"revoked": self.handle}
        if self.wait:
            answer = await ending.wait(run, self.context, self.credential, token, said, beside)
        for export in self.exports:
            run.hints.append(f"{export.credential.address.name} is still there; {ending.in_it(said, answer)}")
        run.hints += self.living
        return Finished(ending.over(self.credential, answer, ending.of_handle(said)))


async def _intend(
    run: Run, context: Context, wanted: handles.Ending, due: Revocation, ends: tuple[Revocation, ...]
) -> None:
    """The step that journals what is to end: due at once, so that a start after a crash ends it."""
    async with run.step("intent") as note:
        with contextlib.suppress(KubeError):  # whatever is in the way now, the journal knows what to do
            await handles.check(await context.clusters.client(wanted.handle.cluster), wanted)
        note.record = {"revocations": [due, *await older.due_now(context, ends)]}


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
    ends: tuple[Revocation, ...] = ()
    """The older ones in whose place it is, in their grace period, which end with it."""
    living: tuple[str, ...] = ()
    """What is said of those that live on."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.credential.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.credential

    async def run(self, run: Run) -> Finished:
        identity, fingerprint = self.credential.identity, self.credential.fingerprint
        wanted = handles.Ending(
            handle=self.handle,
            named=handles.Named.BY_TOKEN,
            account=identity.name if identity is not None else "",
            token_secret=True,
        )
        due = Revocation(
            plan=run.plan.id,
            address=self.credential.address,
            handle=self.handle,
            due=self.context.clock(),
            ending=True,
            account=wanted.account,
            account_uid=self.account_uid,
            fingerprint=fingerprint,
        )
        await _intend(run, self.context, wanted, due, self.ends)
        token = await ending.at_hand(self.context, self.credential, *_copies(self.exports))
        async with run.step("secret") as note:
            said = await handles.delete(self.context.clusters, wanted)
            answer = await ending.ask(self.context, self.credential, token)
            note.message = ending.words(said, answer)
            note.record = {"exports": [dead(export, answer, said) for export in self.exports], "revoked": self.handle}
            note.record |= dead_tokens.ended(self.handle, fingerprint, self.context.clock(), self.account_uid)
        beside = await older.end(run, self.context, self.ends)
        if self.wait:
            answer = await ending.wait(run, self.context, self.credential, token, said, beside)
        for export in self.exports:
            run.hints.append(f"{export.credential.address.name} is still there; {ending.in_it(said, answer)}")
        run.hints += self.living
        return Finished(ending.over(self.credential, answer, ending.of_handle(said)))


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
            from .destinations import tenant as tenant_places

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


def same_token(record: Export, handle: Handle, fingerprint: str) -> bool:
    """Whether this machine knows that what it wrote there holds the token of that handle."""
    held = record.credential
    return held.handle == handle or (bool(fingerprint) and held.fingerprint == fingerprint)


def dead(export: Export, answer: ending.Answer = ending.Answer.UNASKED, said: str = "") -> Export:
    """The export with a credential whose handle was ended; `said` is how `handles.delete` told it."""
    return msgspec.structs.replace(export, credential=ending.over(export.credential, answer, ending.of_handle(said)))


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
