"""What the journal keeps of work that is not finished: enough to finish or undo it after a crash, never material."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from tui.issuance.model.durations import format_duration
from tui.issuance.model.names import random_suffix
from tui.issuance.model.types import Action, Address, Credential, Handle, IssueSpec, ShootWish

from .grace_time import Moment
from .whereabouts import Whereabouts


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """An old handle whose grace period runs: to be deleted at `due`, by whoever is there then."""

    plan: str
    address: Address
    handle: Handle
    due: datetime
    ending: bool = False
    """Whether what holds the token ends with it (a revocation), instead of holding a newer one (a rotation)."""
    begun: Moment | None = None
    """What the clocks said when the grace period began; `due` is by this machine's, as it was then."""
    old: Credential | None = None
    """What a rotation replaced: an undo goes back to it. None where there is nothing to go back to."""
    by: str = ""
    """The fingerprint of what replaced it."""
    account: str = ""
    """The name of the account whose handle it is; empty in journals of old."""
    account_uid: str = ""
    """Of a long-lived token: the UID of its account."""
    fingerprint: str = ""
    """Of the token that ends with the handle, where that is known."""
    secrets: tuple[Address, ...] = ()
    """For a revocation: the Secrets that go with it, where they hold its token."""
    newer: Address | None = None
    """Of a long-lived token: the token Secret in its place, which has to have another name."""
    trial: bool = False
    """Whether whoever made the handle ends it, holding `watch` as long as that lives. Journaled before the handle is
    made, so that its UID may be empty."""
    at: tuple[Whereabouts, ...] = ()
    """What the clusters are that it names; none in records of earlier versions."""

    @property
    def watch(self) -> Address:
        """What is locked while a trial lives; not its handle, which anybody may end meanwhile."""
        return Address.handle(self.handle.cluster, self.handle.namespace, f"{self.handle.name}/trial")


class Lifetime(Protocol):
    """What a server says of something that it issued."""

    @property
    def requested(self) -> timedelta | None: ...
    @property
    def granted(self) -> timedelta: ...
    @property
    def issued_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def shortened(self) -> bool: ...


class Wrote(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of the content of a file that is kubemint's alone, or of a Secret's values: digests."""

    whole: str
    new: bool = False
    """Of a Secret: whether this very write made it."""
    way: dict[str, str] = {}
    """Of each part of where it leads and with what; none where its format does not say."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work between its first and its last write. Replaced, with `structs.replace`, as it goes on."""

    plan: str
    action: Action
    address: Address
    request: str
    """The id that the handle, the Secrets and the exports of one wish share."""
    spec: IssueSpec
    handle: Handle | None = None
    """The new handle. Its name is chosen and journaled before it is created; `uid` is empty until then."""
    fingerprint: str = ""
    """Of the new token; journaled before anything is written, so that recovery can tell who was published."""
    requested: timedelta | None = None
    granted: timedelta | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    old: tuple[Credential, ...] = ()
    """What the destinations held before, one entry for each that held something of ours."""
    reads: tuple[str, ...] = ()
    """The Secrets that the account is given the right to read, for a push into a tenant."""
    shoot: ShootWish | None = None
    """Where it is a Gardener kubeconfig; `spec` then only names the file, and the shoot in the place of an account."""
    ends: str = ""
    """The UID of the account that is made anew, so that every token of it ends: the revocation of an unbound one."""
    account_uid: str = ""
    """For long-lived tokens: the UID of the account, which with the Secret's name makes the token what it is."""
    grace: timedelta | None = None
    """How long what is replaced still works, by those who use it."""
    undoes: Revocation | None = None
    """For an undo: the revocation that it holds up, and that is on again where it fails."""
    secrets: dict[str, str] = {}
    """The UIDs of the Secrets that are written, by their addresses, as they were seen and made; empty where there is
    none yet."""
    wrote: Wrote | None = None
    """Of a shoot's kubeconfig: what the file is to hold, by its digests, once that is proved."""
    told: tuple[str, ...] = ()
    """Cluster, namespace and name of a PushSecret that is told of it before the grace of the old one begins."""
    at: tuple[Whereabouts, ...] = ()
    """What the clusters are that it names; none in records of earlier versions."""

    @property
    def old_handles(self) -> tuple[Handle, ...]:
        """Every distinct handle to revoke once the new material is published."""
        found = {credential.handle: None for credential in self.old if credential.handle is not None}
        return tuple(handle for handle in found if handle != self.handle)

    def learned(self, fingerprint: str, issued: Lifetime) -> Intent:
        """The same with what was issued, which is journaled before anything of it is written."""
        return msgspec.structs.replace(
            self,
            fingerprint=fingerprint,
            requested=issued.requested,
            granted=issued.granted,
            issued_at=issued.issued_at,
            expires_at=issued.expires_at,
        )

    def ended(self, now: datetime) -> bool:
        """Whether what was issued has ended by itself."""
        return self.expires_at is not None and self.expires_at <= now

    def lasting(self, usual: timedelta) -> timedelta:
        """How long what is replaced still works; `usual` where a journal of old does not say."""
        return self.grace if self.grace is not None else usual

    def revocations(self, begun: Moment, grace: timedelta) -> list[Revocation]:
        """What is left to the grace period once the new material is published, which was at `begun`."""
        undoable = self.action in (Action.ROTATE, Action.UNDO)
        new, newer = self.handle, None
        if self.address.kind.traits.own_handle and new is not None:
            newer = Address.token_secret(new.cluster, new.namespace, new.name)
        return [
            Revocation(
                plan=self.plan,
                address=self.address,
                handle=handle,
                due=begun.wall + grace,
                begun=begun,
                old=next((one for one in self.old if one.handle == handle), None) if undoable else None,
                by=self.fingerprint,
                account=self.spec.identity.name,
                account_uid=self.account_uid,
                fingerprint=next((one.fingerprint for one in self.old if one.handle == handle), ""),
                newer=newer,
            )
            for handle in self.old_handles
        ]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A file on this machine, or a Secret in a cluster, that kubemint wrote here, and the wish it belongs to."""

    credential: Credential
    request: str
    spec: IssueSpec | None = None
    """The whole wish with all its destinations; None for a mere copy."""
    shoot: ShootWish | None = None
    """The wish behind a Gardener kubeconfig, in the place of `spec`."""
    source: Address | None = None
    """For a copy made with `export`: what it was copied from, and whose end it shares."""
    uid: str = ""
    """Of a Secret: the UID of the one that was written; empty in records of earlier versions."""
    wrote: Wrote | None = None
    """Of a file of its own, and of a Secret: what was written; None where that is not noted, as in earlier versions."""
    at: tuple[Whereabouts, ...] = ()
    """What the clusters are that it names; none in records of earlier versions."""

    @property
    def renewed_with(self) -> Address | None:
        """For a copy of a long-lived token: the Secret whose rotation moves this file on. None for all else."""
        source = self.source if self.spec is None and self.shoot is None else None
        return source if source is not None and source.kind.traits.own_handle else None

    @property
    def known(self) -> Credential:
        """The credential, and for a mere copy what it is one of."""
        if self.spec is not None or self.shoot is not None or self.source is None:
            return self.credential
        return msgspec.structs.replace(self.credential, copy_of=self.source)


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """A token that kubemint ended and remembers. Of a long-lived one the same Secret name and account would give the
    very same token again; of one that only itself says what it is, nothing else may be left that shows its end."""

    secret: Address
    account_uid: str
    fingerprint: str = ""
    """Empty where the token could not be read."""
    handle: str = ""
    """The UID of what it was bound to, which no other object ever has; empty for a long-lived one."""
    at: datetime

    def is_same(self, secret: Address, account_uid: str, fingerprint: str = "") -> bool:
        """Whether this one is that token, or would be: told by its fingerprint, or by what it is made of."""
        if fingerprint and fingerprint == self.fingerprint:
            return True
        return bool(account_uid) and (secret, account_uid) == (self.secret, self.account_uid)


def granted(issued: Lifetime) -> str:
    """What was granted, in words, and what was asked for where that is more."""
    said = f"granted {format_duration(issued.granted)}"
    if issued.shortened and issued.requested is not None:
        said += f", asked {format_duration(issued.requested)}"
    return said


def new_id() -> str:
    """A short id that nothing else has."""
    return random_suffix() + random_suffix()[:4]
