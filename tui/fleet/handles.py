"""Which handles there are, and the rows that name one which is gone: what they show is revoked, whoever did it.

Every credential in a Secret, in a request or in a file that names its handle is held against the handles that its
cluster lists. A handle that was listed and goes is gone: the UID of an object never comes back. One that was never
listed is only gone where all handles of its namespace were, and a look at that very name confirms it: it may be newer
than the list, or older than handles with a type of their own. What cannot be listed or looked at changes nothing.

Without I/O: the followers of the kinds tell what is listed, the store asks how its rows stand, and the fleet takes
the looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeGuard

import msgspec

from tui.issuance import Address, Credential, Handle, Revocation, State, key_of_wished, said_elsewhere
from tui.kube.endpoint import Endpoint

from .marked import held_until, marked_at, said_of
from .resting import Made, claim_of, elsewhere, handle_of, held_against, rests
from .rows import ClusterRow, CredentialRow, RequestRow, Row
from .same import shown_by, ways

CACHED: Final = timedelta(seconds=15)
"""How long servers may go on accepting a token whose handle is gone (10 s), and some seconds for the way."""
AGAIN: Final = timedelta(seconds=10)
"""Before another look at a handle that is there and that no list holds, as those of old have no type of their own."""
GOING: Final = "is marked as deleted"
DELETED: Final = "was deleted"
REVOKED: Final = "was deleted by this machine, which revoked it"
REPLACED: Final = "was deleted; another Secret has its name now"
STILL_THERE: Final = "was to be revoked; its handle still exists: the token still works"
_Carrier = CredentialRow | RequestRow
RowKey = tuple[type[Row], str]
Place = tuple[str, str]
"""A cluster, and the UID of a handle in it. What one cluster says counts for no other."""


class Gone(msgspec.Struct, frozen=True, gc=False):
    """What became of a handle."""

    at: datetime
    """When that was noticed, by this machine's clock."""
    how: str
    listed: bool
    """Whether it was seen to be there before; a name that was never seen may be a lie."""
    ends_by: datetime | None = None
    """Where it is only marked as deleted: from when on servers refuse what rests on it."""


def became(found: Mapping[str, Any] | None, handle: Handle, now: datetime) -> Gone | None:
    """What a look at the name of a handle says: `found` is the metadata there, None where there is nothing."""
    if found is None:
        return Gone(now, DELETED, listed=False)
    if found.get("uid") != handle.uid:
        return Gone(now, REPLACED, listed=False)
    if found.get("deletionTimestamp"):
        return Gone(now, GOING, listed=False, ends_by=held_until(marked_at(found), now))
    return None


def turned(
    credential: Credential, gone: Gone | None, accepted: datetime | None, *, known: bool, there: bool = False
) -> Credential:
    """The credential as it stands where its handle is gone, or (`there`) is listed although a record of this machine
    says that it was revoked.

    `accepted` is when the server itself last said that it accepts this very token, `known` whether the name of the
    handle's cluster is this machine's own word. When it ends says nothing of that: marks say it, and what was revoked
    has not expired since.
    """
    handle = handle_of(credential)
    if there and gone is None and credential.state is State.REVOKED and credential.address.here:
        return msgspec.structs.replace(credential, state=State.FAILED, message=STILL_THERE)
    if gone is None or handle is None or credential.state is State.REVOKED:
        return credential
    if accepted is not None and (not gone.listed or accepted > gone.at + CACHED):
        return credential
    if not (gone.listed or known):
        return credential
    said = f"its handle {handle.namespace}/{handle.name} {gone.how}"
    message = f"{said}; {credential.message}" if credential.state is State.FAILED and credential.message else said
    return msgspec.structs.replace(credential, state=State.REVOKED, message=message, ends_by=gone.ends_by)


class Listed:
    """What one kind of Secret that tokens are bound to has in one cluster; told by whoever follows it."""

    def __init__(self, handles: Handles, cluster: str, *, whole: bool) -> None:
        self._handles = handles
        self._cluster = cluster
        self._whole = whole
        """Whether these are the handles that everything may be bound to."""
        self._uids: dict[str, str] = {}
        """By `namespace/name`."""
        self._namespace: str | None = None
        """What the list that is under way, or complete, is of; None is every namespace."""

    def begin(self, namespace: str | None) -> None:
        """A list of this namespace (None: of all) begins."""
        self._namespace = namespace

    def seen(self, key: str, obj: Any | None) -> None:
        """An object came or changed, or (None) is not in the list any more."""
        before = self._uids.pop(key, "")
        if obj is not None:
            meta = obj.metadata
            if meta.deletion_timestamp is None:
                self._uids[key] = meta.uid
                self._handles.there(self._cluster, meta.uid, meta.made if self._whole else None)
            elif meta.uid == before:
                return self._handles.went(self._cluster, before, GOING, meta.deletion_timestamp)
        how = DELETED if obj is None else REPLACED
        if before and (obj is None or obj.metadata.uid != before):
            listed = self._namespace is None or key.startswith(f"{self._namespace}/")
            self._handles.went(self._cluster, before, how if listed else "")
        return None

    def complete(self) -> None:
        """Everything was listed."""
        if self._whole:
            self._handles.scopes[self._cluster] = self._namespace or ""
            self._handles.closed.discard(self._cluster)

    def lost(self, *, closed: bool = False) -> None:
        """It is not kept true any more; `closed` where it may not be listed here."""
        if self._whole:
            self._handles.scopes.pop(self._cluster, None)
            if closed:
                self._handles.closed.add(self._cluster)

    def forget(self) -> None:
        """It is not followed any more; nothing that was listed is gone for that."""
        self.lost()
        uids, self._uids = self._uids, {}
        for uid in uids.values():
            self._handles.went(self._cluster, uid, "")


class _Named(msgspec.Struct, gc=False):
    """A handle that rows name."""

    handle: Handle
    keys: tuple[RowKey, ...]


class Handles:
    """Holds rows against handles, in whatever order they come."""

    def __init__(self, clock: Callable[[], datetime], clusters: Mapping[str, ClusterRow]) -> None:
        self.scopes: dict[str, str] = {}
        """By cluster: the namespace whose handles are all listed, empty where those of the whole cluster are."""
        self.closed: set[str] = set()
        """The clusters whose handles may not be listed here: those of files here are looked at by their names."""
        self.changed: Callable[[Iterable[RowKey]], None] = lambda keys: None
        """Told of rows that may stand otherwise now."""
        self._clock = clock
        self._clusters = clusters
        self._there: dict[Place, Made | None] = {}
        """What is listed, by the cluster that lists it, and what it was made for; None for what is its own handle."""
        self._named: dict[Place, _Named] = {}
        """By the cluster as rows call it: several names may lead to one server."""
        self._gone: dict[Place, Gone] = {}
        """Of what rows name."""
        self._unseen: dict[Place, datetime] = {}
        """What rows name and no list holds, and not before when it is to be looked at (again)."""
        self._before: dict[RowKey, Credential] = {}
        """Of the rows that are shown otherwise than their source says: what that says."""
        self._ended: set[Place] = set()
        """Of what rows name: what a record calls revoked."""
        self._alive: set[Place] = set()
        """Of these: what was listed all the same, until it is seen to be gone."""
        self._accepted: dict[Address, tuple[str, datetime]] = {}
        self._recorded: frozenset[str] = frozenset()
        self._written: Mapping[Address, Credential] = {}
        """What this machine itself wrote into Secrets."""
        self._elsewhere: Mapping[Address, str] = {}
        """Which of that is of another cluster than the one that is called so now, and what is said of that."""
        self._ways: Mapping[str, Endpoint] = {}
        """Where the clusters lead to now."""
        self._noted: set[RowKey] = set()
        """The rows that say where their cluster was when they were made."""
        self._away: dict[RowKey, Handle] = {}
        """The handles of rows that were made in another cluster than their name leads to now."""
        self._dead: dict[str, datetime] = {}
        """The UIDs of what this machine itself deleted, and when."""
        self._waits: dict[Address, list[Revocation]] = {}
        """What is to be revoked still, by where it is kept."""
        self._said: dict[RowKey, str] = {}
        """What was added for that to what a row says."""

    def listed(self, cluster: str, *, whole: bool) -> Listed:
        """What is to be told of a list in this cluster."""
        return Listed(self, cluster, whole=whole)

    def lead(self, ways: Mapping[str, Endpoint]) -> None:
        """Where the clusters lead to now."""
        if ways != self._ways:
            self._ways = dict(ways)
            self.changed(tuple(self._noted))

    def recorded(self, written: Iterable[Credential], away: Mapping[Address, str] = MappingProxyType({})) -> None:
        """What this machine itself wrote into Secrets, in its own words for their clusters; and what it says of those
        that are of another cluster than the one that is called so now."""
        before, self._written = self._written, {one.address: one for one in written}
        said, self._elsewhere = self._elsewhere, dict(away)
        named = map(handle_of, self._written.values())
        self._recorded = frozenset(handle.uid for handle in named if handle is not None)
        turned = {place for place in {**said, **away} if said.get(place) != away.get(place)}
        places = [
            place
            for place in {**before, **self._written}
            if place in turned or before.get(place) != self._written.get(place)
        ]
        if places:
            self.changed([
                key
                for place in places
                for name in ways(self._clusters, place.cluster)
                for key in keys_of(msgspec.structs.replace(place, cluster=name))
            ])  # fmt: skip

    def ended(self, dead: Mapping[str, datetime]) -> None:
        """What this machine itself deleted and saw to be gone, by its UID, and when."""
        before, self._dead = self._dead, dict(dead)
        if before != self._dead:
            self.changed([
                *(key for (_, uid), named in self._named.items() if uid in dead for key in named.keys),
                *(key for key, handle in self._away.items() if handle.uid in dead),
            ])  # fmt: skip

    def accepted(self, credential: Credential) -> None:
        """Its server has just said that it accepts this very token."""
        handle = handle_of(credential)
        self._accepted[credential.address] = (credential.fingerprint, self._clock())
        if handle is not None:
            self._notify((handle.cluster, handle.uid))

    def waiting(self, pending: Iterable[Revocation]) -> None:
        """The revocations that this machine's journal has open, each with when it is due by this machine's clock."""
        waits: dict[Address, list[Revocation]] = {}
        for one in pending:
            for place in dict.fromkeys((one.address, one.newer or one.address)):
                waits.setdefault(place, []).append(one)
        now, before, self._waits = self._clock(), self._waits, waits
        # Also where only the time went on: what was to end has not.
        over = {place for place, ones in waits.items() if any(one.due <= now for one in ones)}
        turned = [place for place in waits | before if place in over or waits.get(place) != before.get(place)]
        if turned:
            self.changed([key for place in turned for key in keys_of(place)])

    # What the lists say

    def there(self, cluster: str, uid: str, made: Made | None = None) -> None:
        """A handle is listed."""
        self._there[(cluster, uid)] = made
        for name in ways(self._clusters, cluster):
            self._unseen.pop((name, uid), None)
            named = self._named.get((name, uid))
            doubted = named is not None and any(
                key in self._before or (made is not None and not made.is_for(key[1])) for key in named.keys
            )
            if doubted or (name, uid) in self._ended:
                self._notify((name, uid))
        if away := [key for key, handle in self._away.items() if handle.uid == uid]:
            self.changed(away)

    def went(self, cluster: str, uid: str, how: str, marked: datetime | None = None) -> None:
        """It is not listed any more; `how` it went, empty where it is only not listed now."""
        self._there.pop((cluster, uid), None)
        for place in [(name, uid) for name in ways(self._clusters, cluster) if (name, uid) in self._named]:
            if how:
                self._alive.discard(place)
                self._gone[place] = Gone(self._clock(), how, listed=True, ends_by=held_until(marked, self._clock()))
                self._notify(place)
            else:
                self._unseen[place] = self._clock()

    def doubtful(self) -> list[Handle]:
        """What rows name and no list holds, though it should: each to be looked at now."""
        found, now = [], self._clock()
        for place, due in self._unseen.items():
            handle = self._named[place].handle
            cluster = shown_by(self._clusters, handle.cluster)
            listed = self.scopes.get(cluster) in ("", handle.namespace)
            if due <= now and (listed or (cluster in self.closed and self.files_of(handle))):
                found.append(handle)
        return found

    def lives(self, handle: Handle) -> bool:
        """Whether it is listed."""
        return (shown_by(self._clusters, handle.cluster), handle.uid) in self._there

    def files_of(self, handle: Handle) -> list[Address]:
        """The files on this machine whose rows name it."""
        named = self._named.get((handle.cluster, handle.uid))
        addresses = (Address.parse(key) for kind, key in named.keys if kind is CredentialRow) if named else ()
        return [one for one in addresses if one.here]

    def looked(self, handle: Handle, found: Mapping[str, Any] | None) -> None:
        """What was found under the name of a doubtful one: its metadata, None where there is nothing."""
        place = (handle.cluster, handle.uid)
        gone = became(found, handle, self._clock())
        if gone is None:
            self.not_seen(handle)
        elif self._unseen.pop(place, None) is not None:  # else it was listed meanwhile, or it is not named any more
            self._gone[place] = gone
            self._notify(place)

    def not_seen(self, handle: Handle, again: timedelta = AGAIN) -> None:
        """It is there, or there is no right to look: to be looked at again later."""
        place = (handle.cluster, handle.uid)
        if self._unseen.pop(place, None) is not None:
            self._unseen[place] = self._clock() + again

    # What the rows say

    def judged(self, row: Row, old: Row | None) -> Row:
        """The row as it is to be shown in the place of `old`; from now on it follows its handle."""
        if not has_credential(row):
            return self._by_handle(row, old)
        key = (type(row), row.key)
        said = self._said.pop(key, "")
        shown = self._by_handle(_without(row, said), _without(old, said) if old is not None else None)
        if not has_credential(shown) or shown.credential is None:
            return shown
        said = said_of(shown.credential, self._waits.get(shown.credential.address, ()), self._clock())
        if said:
            self._said[key] = said
        return _with(shown, said)

    def _by_handle(self, row: Row, old: Row | None) -> Row:
        if not has_credential(row):
            return row
        key, given = (type(row), row.key), row.credential
        self._noted.discard(key)
        self._away.pop(key, None)
        if given is not None and given.made_in:
            self._noted.add(key)
        credential = self._placed(key, self._rests(given)) if given is not None else None
        handle, before = claim_of(credential), claim_of(old.credential) if old and has_credential(old) else None
        if before is not None and before != handle:
            self._unname(key, before)
        if given is None or credential is None or handle is None:
            return self._as_shown(row, old, credential)
        place = (handle.cluster, handle.uid)
        named = self._named.setdefault(place, _Named(handle, ()))
        if key not in named.keys:
            named.keys = (*named.keys, key)
        now = self._clock()
        listed = (shown_by(self._clusters, handle.cluster), handle.uid) in self._there
        known = listed or place in self._gone or place in self._unseen
        if not known and credential.state is not State.REVOKED:
            self._unseen[place] = now
        if credential.state is State.REVOKED:
            self._ended.add(place)
            if listed:
                self._alive.add(place)
        gone = self._gone.get(place)
        if gone is None and not listed and (at := self._dead.get(handle.uid)) is not None:
            gone = Gone(at, REVOKED, listed=True)  # no object ever has its UID again
        shown = self._stands(credential, gone, there=place in self._alive)
        return self._as_shown(row, old, shown)

    def _as_shown(self, row: _Carrier, old: Row | None, shown: Credential | None) -> Row:
        """The row with what it shows in the place of `old`; what its source says is remembered where that differs."""
        key, given = (type(row), row.key), row.credential
        if given is not None and shown is not given:
            self._before[key] = given
            return msgspec.structs.replace(row, credential=shown)
        if given is None or old is None or not has_credential(old) or given != old.credential:
            self._before.pop(key, None)
        return row

    def _rests(self, given: Credential) -> Credential:
        """With the handle that it rests on, as far as that is known."""
        written = self._wrote(given.address)
        credential = rests(given, written)
        handle, made = credential.handle, None
        if handle is not None:
            made = self._there.get((shown_by(self._clusters, handle.cluster), handle.uid))
        return held_against(credential, written, made)

    def _placed(self, key: RowKey, credential: Credential) -> Credential:
        """The same where it was made in another cluster than its name leads to now: there it has no handle."""
        handle, said = handle_of(credential), self._said_elsewhere(credential, self._wrote(credential.address))
        if said and handle is not None:
            self._away[key] = handle
        return elsewhere(credential, said)

    def _said_elsewhere(self, credential: Credential, written: Credential | None) -> str:
        """What is said of one that was made in another cluster than its name leads to now; empty where it was not, and
        where its handle was seen to be there, or this machine itself deleted it."""
        handle = handle_of(credential)
        if handle is None or handle.uid in self._dead:
            return ""
        found = (shown_by(self._clusters, handle.cluster), handle.uid) in self._there
        own = written is not None and written.fingerprint == credential.fingerprint and not found
        if own and written is not None and (said := self._elsewhere.get(written.address, "")):
            return said
        way = self._ways.get(handle.cluster)
        if not credential.made_in or way is None:
            return ""
        return said_elsewhere(credential.made_in, way, handle.cluster, found=found)

    def _wrote(self, address: Address) -> Credential | None:
        """What this machine wrote there, by whichever name of its cluster."""
        if not address.kind.traits.marked:
            return None
        named = (msgspec.structs.replace(address, cluster=name) for name in ways(self._clusters, address.cluster))
        return next((found for one in named if (found := self._written.get(one)) is not None), None)

    def forget(self, row: Row) -> None:
        """This row is gone."""
        if has_credential(row):
            key, handle = (type(row), row.key), claim_of(row.credential)
            self._before.pop(key, None)
            self._said.pop(key, None)
            self._noted.discard(key)
            self._away.pop(key, None)
            if handle is not None:
                self._unname(key, handle)

    def source(self, row: Row) -> Row:
        """The row as its source gave it."""
        row = _without(row, self._said.get((type(row), row.key), ""))
        before = self._before.get((type(row), row.key))
        return msgspec.structs.replace(row, credential=before) if before is not None and has_credential(row) else row

    def _unname(self, key: RowKey, handle: Handle) -> None:
        place = (handle.cluster, handle.uid)
        named = self._named.get(place)
        if named is not None:
            named.keys = tuple(other for other in named.keys if other != key)
            if not named.keys:
                for known in (self._named, self._unseen, self._gone):
                    known.pop(place, None)
                self._ended.discard(place)
                self._alive.discard(place)

    def _stands(self, credential: Credential, gone: Gone | None, *, there: bool) -> Credential:
        if gone is None and not there:
            return credential
        fingerprint, accepted = self._accepted.get(credential.address, ("", None))
        identity, address, handle = credential.identity, credential.address, handle_of(credential)
        foreign = address.kind.traits.marked and identity is not None and identity.cluster != address.cluster
        return turned(
            credential,
            gone,
            accepted if fingerprint == credential.fingerprint else None,
            known=not foreign or (handle is not None and handle.uid in self._recorded),
            there=there,
        )

    def _notify(self, place: Place) -> None:
        named = self._named.get(place)
        if named is not None:
            self.changed(named.keys)


def has_credential(row: Row) -> TypeGuard[_Carrier]:
    """Whether a handle may end what this row shows. A push shows what the row of its source shows."""
    if isinstance(row, RequestRow):
        return row.credential is not None and row.kind.address is not None
    return isinstance(row, CredentialRow)


def keys_of(place: Address) -> tuple[RowKey, ...]:
    """The rows that may show what is kept there."""
    if place.kind.traits.wished:
        return ((RequestRow, key_of_wished(place)),)
    return ((CredentialRow, str(place)),)


def _with(row: Row, said: str) -> Row:
    """The row that says this beside what it says."""
    if not said or not has_credential(row) or row.credential is None:
        return row
    message = "; ".join(filter(None, (row.credential.message, said)))
    return msgspec.structs.replace(row, credential=msgspec.structs.replace(row.credential, message=message))


def _without(row: Row, said: str) -> Row:
    """The row before this was added to what it says."""
    if not said or not has_credential(row) or row.credential is None or not row.credential.message.endswith(said):
        return row
    message = row.credential.message.removesuffix(said).removesuffix("; ")
    return msgspec.structs.replace(row, credential=msgspec.structs.replace(row.credential, message=message))
