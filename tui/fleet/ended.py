"""What else ends a token while its handle is there: its account is gone or was made anew, or its server refused it.

Every credential that names a handle is held against the accounts that its cluster lists. An account that was listed
and goes is gone. One that was never listed is only gone where all accounts of its namespace were, and a look at that
very name confirms it. An account that is younger than the handle was made anew: tokens name the UID of the one before.
What cannot be listed or looked at changes nothing.

Without I/O, as `handles` is, whose rows these are told after: what a handle ended stays as that says it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from tui.issuance import Address, Credential, Handle, Identity, State

from .handles import AGAIN, CACHED, Gone, RowKey, has_credential, keys_of
from .marked import by_utc, held_until
from .resting import claim_of
from .rows import ClusterRow, Row
from .same import shown_by, ways

CLOSE: Final = timedelta(seconds=2)
"""Stamps of one server are whole seconds; two so near to each other say nothing."""
SKEW: Final = timedelta(seconds=60)
"""How far the clocks of the servers of one cluster may be apart."""
GONE: Final = "is gone"
ANEW: Final = "was made anew"
GOING: Final = "is marked as deleted"


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An account as it is listed. What its server set: only the server can write it."""

    uid: str
    created_at: datetime | None
    deleted_at: datetime | None = None


class Birth(msgspec.Struct, frozen=True, gc=False):
    """When a handle was made, and for whom."""

    uid: str
    created_at: datetime | None
    owners: tuple[tuple[str, str, str], ...] = ()
    """Kind, name and UID of each of its owners; whoever may change the handle may change these."""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """What a server said of a token that it was asked about."""

    fingerprint: str
    at: datetime
    said: str
    """Why it refuses it; empty where it accepts it."""
    known: bool = True
    """Whether it did; else that says why its state is not known."""


def is_anew(account: str, seen: Seen, birth: Birth | None, before: str = "") -> bool:
    """Whether the account of that name is another than the one that the handle was made for.

    Stamps decide, which only the server writes; an owner counts only where its UID agrees. `before` is the
    UID of an account of that name that went while the handle was there, empty where none was seen to.
    """
    if birth is None or birth.created_at is None or seen.created_at is None or not seen.uid:
        return False
    younger = seen.created_at - birth.created_at
    alone = len(birth.owners) == 1 and birth.owners[0][:2] == ("ServiceAccount", account)
    if alone and birth.owners[0][2] == seen.uid:
        return younger > SKEW
    if alone or (before and before != seen.uid):
        return younger >= -CLOSE
    return younger > (SKEW if birth.owners else CLOSE)  # handles are made with an owner: whoever orphans takes it


def turned(credential: Credential, how: str, gone: Gone | None, told: Refusal | None) -> Credential:
    """The credential as it stands where something became of its account (`how` says what, in words), or where its
    server was asked about it, which refuses what has ended by itself too."""
    if credential.state is State.REVOKED:
        return credential
    if told is not None and (not told.fingerprint or told.fingerprint != credential.fingerprint):
        told = None  # another token lies there by now, or which one does is not known
    if gone is not None and not (told is not None and not told.said and _outlived(told.at, gone)):
        said, ends_by = how, gone.ends_by
    elif told is not None and not told.known:
        if credential.state is not State.VALID:
            return credential
        return msgspec.structs.replace(credential, state=State.UNKNOWN, message=told.said)
    elif told is not None and told.said and (credential.expires_at is None or credential.expires_at > told.at):
        said, ends_by = f"the server refuses it: {told.said}", None
    else:
        return credential
    before = credential.message if credential.state is State.FAILED else ""
    return msgspec.structs.replace(
        credential, state=State.REVOKED, message="; ".join(filter(None, (said, before))), ends_by=ends_by
    )


def _outlived(accepted: datetime, gone: Gone) -> bool:
    return not gone.listed or accepted > gone.at + CACHED


class ListedAccounts:
    """What is to be told of the accounts of one cluster, by whoever follows them."""

    def __init__(self, ended: Ended, cluster: str) -> None:
        self._ended = ended
        self._cluster = cluster
        self._namespace: str | None = None

    def begin(self, namespace: str | None) -> None:
        """A list of this namespace (None: of all) begins."""
        self._namespace = namespace

    def seen(self, key: str, obj: Any | None) -> None:
        """An account came or changed, or (None) is not in the list any more."""
        if obj is not None:
            meta = obj.metadata
            found = Seen(meta.uid, by_utc(meta.creation_timestamp), by_utc(meta.deletion_timestamp))
            return self._ended.there(self._cluster, key, found)
        listed = self._namespace is None or key.startswith(f"{self._namespace}/")
        return self._ended.went(self._cluster, key, listed=listed)

    def complete(self) -> None:
        """Everything was listed."""
        self._ended.scopes[self._cluster] = self._namespace or ""

    def lost(self, *, closed: bool = False) -> None:
        """It is not kept true any more."""
        self._ended.scopes.pop(self._cluster, None)

    def forget(self) -> None:
        """It is not followed any more; no account is gone for that."""
        self.lost()
        for key in tuple(self._ended.accounts.get(self._cluster, ())):
            self._ended.went(self._cluster, key, listed=False)


class _Rests(msgspec.Struct, gc=False):
    """On whose account and which handle a row rests."""

    account: Identity
    handle: Handle
    foreign: bool
    """Whether it lies in another cluster than the one it names: another operator may call another one by that name."""
    how: str = ""
    """What became of the account, as the row says it now."""
    before: str = ""
    """The UID of the account that was seen to go."""
    listed: bool = False
    """Whether its handle is listed, as the row says it now."""


class _Shown(msgspec.Struct, frozen=True, gc=False):
    """A row that is shown otherwise than it was given."""

    given: Credential
    shown: Credential


class Ended:
    """Holds rows against accounts and against what servers said, in whatever order they come."""

    def __init__(self, clock: Callable[[], datetime], clusters: Mapping[str, ClusterRow]) -> None:
        self.scopes: dict[str, str] = {}
        """By cluster: the namespace whose accounts are all listed, empty where those of the whole cluster are."""
        self.accounts: defaultdict[str, dict[str, Seen]] = defaultdict(dict)
        """What is listed, by the cluster that lists it and by `namespace/name`."""
        self.changed: Callable[[Iterable[RowKey]], None] = lambda keys: None
        """Told of rows that may stand otherwise now."""
        self._clock = clock
        self._clusters = clusters
        self._births: defaultdict[str, dict[str, Birth]] = defaultdict(dict)
        """Of the handles that are listed, as `accounts`."""
        self._rests: dict[RowKey, _Rests] = {}
        self._named: defaultdict[tuple[str, str], set[RowKey]] = defaultdict(set)
        """The rows that rest on an account or a handle, by the cluster as they call it and by `namespace/name`: the
        two never share a name, and a row that is looked at once too often costs nothing."""
        self._unbound: defaultdict[str, set[RowKey]] = defaultdict(set)
        """The rows whose token rests on no handle, by its fingerprint: a login may be of the same one."""
        self._prints: dict[RowKey, str] = {}
        """The same the other way round."""
        self._gone: dict[Identity, Gone] = {}
        """Of what rows name."""
        self._unseen: dict[Identity, datetime] = {}
        """What rows name and no list holds, and not before when it is to be looked at (again)."""
        self._noticed: dict[RowKey, Gone] = {}
        """Since when something is known of the account of a row that is listed."""
        self._shown: dict[RowKey, _Shown] = {}
        self._answers: dict[Address, Refusal] = {}

    def listed(self, cluster: str) -> ListedAccounts:
        """What is to be told of the accounts of this cluster."""
        return ListedAccounts(self, cluster)

    # What servers and lists say

    def note_answer(self, credential: Credential, refused: str = "", *, known: bool = True) -> None:
        """Its server has just said that it accepts this very token, or why it does not; or (not `known`) why that
        is not known."""
        self._answers[credential.address] = Refusal(credential.fingerprint, self._clock(), refused, known)
        account, keys = credential.identity, set(keys_of(credential.address))
        if credential.address.own and account is not None:  # who logs in with it may have it from a place that is shown
            for name in ways(self._clusters, account.cluster):
                keys |= self._named.get((name, _key(account)), set())
            keys |= self._unbound.get(credential.fingerprint, set())
        self.changed(keys)

    def note_unasked(self, credential: Credential) -> None:
        """Nobody but itself says yet what it is worth."""
        if self._answer(credential) is None:
            self.note_answer(credential, "its server has not accepted it so far", known=False)

    def handle(self, cluster: str, key: str, obj: Any | None) -> None:
        """A handle (`namespace/name`) came or changed, or (None) is not listed any more."""
        if obj is None:
            self._births[cluster].pop(key, None)
            return
        meta = obj.metadata
        owners = tuple((one.kind, one.name, one.uid) for one in meta.owner_references or ())
        self._births[cluster][key] = Birth(meta.uid, by_utc(meta.creation_timestamp), owners)
        self._again(cluster, key)

    def there(self, cluster: str, key: str, seen: Seen) -> None:
        """An account (`namespace/name`) is listed."""
        before = self.accounts[cluster].get(key)
        if before is not None and before.uid != seen.uid:
            self._replaced(cluster, key, before.uid)
        self.accounts[cluster][key] = seen
        for account in self._called(cluster, key):
            self._unseen.pop(account, None)
            self._gone.pop(account, None)
        self._again(cluster, key)

    def went(self, cluster: str, key: str, *, listed: bool) -> None:
        """It is not listed any more; `listed` where it would be if it were there."""
        seen = self.accounts[cluster].pop(key, None)
        if seen is None:
            return
        if listed:
            self._replaced(cluster, key, seen.uid)
        for account in self._called(cluster, key):
            if listed:
                self._gone[account] = Gone(self._clock(), GONE, listed=True)
            else:
                self._unseen[account] = self._clock()
        self._again(cluster, key)

    def doubtful(self) -> list[Identity]:
        """The accounts that rows name and no list holds, though it should: each to be looked at now."""
        found, now = [], self._clock()
        for account, due in self._unseen.items():
            scope = self.scopes.get(shown_by(self._clusters, account.cluster))
            if due <= now and scope is not None and scope in ("", account.namespace):
                found.append(account)
        return found

    def looked(self, account: Identity, *, there: bool) -> None:
        """Whether a doubtful one was found under its name."""
        if there:
            self.not_seen(account)
        elif self._unseen.pop(account, None) is not None:  # else it was listed meanwhile
            self._gone[account] = Gone(self._clock(), GONE, listed=False)
            self._notify((account.cluster, _key(account)))

    def not_seen(self, account: Identity) -> None:
        """It is there, or there is no right to look: to be looked at again later."""
        if account in self._unseen:
            self._unseen[account] = self._clock() + AGAIN

    # What the rows say

    def judged(self, row: Row) -> Row:
        """The row as it is to be shown; from now on it follows its account."""
        if not has_credential(row) or row.credential is None:
            self.forget(row)
            return row
        key, credential = (type(row), row.key), row.credential
        rests, before = _rests(credential), self._rests.get(key)
        if rests is None or before is None or (before.account, before.handle) != (rests.account, rests.handle):
            self._unname(key)
        elif rests is not None:
            rests.before = before.before
        said, gone = "", None
        self._note_print(key, credential.fingerprint if rests is None and not credential.address.own else "")
        if rests is not None:
            self._rests[key] = rests
            for name in (_key(rests.account), _key(rests.handle)):
                self._named[rests.account.cluster, name].add(key)
            gone = self._became(key, rests)
            rests.how = gone.how if gone is not None else ""
            said = f"its account {_key(rests.account)} {rests.how}"
            if gone is None and not self._seen(rests.account) and credential.state is not State.REVOKED:
                self._unseen.setdefault(rests.account, self._clock())
            rests.listed = self._birth(rests) is not None
        shown = turned(credential, said, gone, self._told(credential, rests))
        if shown is credential:
            self._shown.pop(key, None)
            return row
        self._shown[key] = _Shown(credential, shown)
        return msgspec.structs.replace(row, credential=shown)

    def _answer(self, credential: Credential) -> Refusal | None:
        """What was said last of what lies there: of that place, or of the login of its account's own cluster."""
        at = [credential.address]
        if credential.identity is not None:
            at += [Address.login(name) for name in ways(self._clusters, credential.identity.cluster)]
        found = (self._answers.get(address) for address in at)
        return max((one for one in found if one is not None and one.fingerprint == credential.fingerprint),
                   key=lambda one: one.at, default=None)  # fmt: skip

    def _told(self, credential: Credential, rests: _Rests | None) -> Refusal | None:
        """The same; but that nobody was asked so far says nothing of a token whose handle is there, and of one that its
        holder may have made up everything says nothing until that is."""
        told = self._answer(credential)
        asked, listed = told is not None and told.known, rests is not None and rests.listed
        if asked or rests is None or not credential.address.kind.traits.by_token:
            return told
        said = f"nothing was seen of its handle {_key(rests.handle)} so far; kubemint verify asks its server"
        return None if listed else told or Refusal(credential.fingerprint, self._clock(), said, known=False)

    def source(self, row: Row) -> Row:
        """The row as it was given, where this is how it was shown."""
        known = self._shown.get((type(row), row.key))
        if known is None or not has_credential(row) or row.credential != known.shown:
            return row
        return msgspec.structs.replace(row, credential=known.given)

    def forget(self, row: Row) -> None:
        """This row is gone."""
        self._unname((type(row), row.key))
        self._note_print((type(row), row.key), "")
        self._shown.pop((type(row), row.key), None)

    def _seen(self, account: Identity) -> Seen | None:
        return self.accounts[shown_by(self._clusters, account.cluster)].get(_key(account))

    def _birth(self, rests: _Rests) -> Birth | None:
        """When the handle of a row was made; None where it is not listed."""
        birth = self._births[shown_by(self._clusters, rests.account.cluster)].get(_key(rests.handle))
        return birth if birth is not None and birth.uid == rests.handle.uid else None

    def _became(self, key: RowKey, rests: _Rests) -> Gone | None:
        """What became of the account of a row, and since when that is known."""
        birth, seen = self._birth(rests), self._seen(rests.account)
        if seen is None:
            self._noticed.pop(key, None)
            gone = self._gone.get(rests.account)
            known = gone is not None and (gone.listed or not rests.foreign or birth is not None)
            return gone if known else None
        how = (
            GOING
            if seen.deleted_at is not None
            else ANEW
            if is_anew(rests.account.name, seen, birth, rests.before)
            else ""
        )
        noticed = self._noticed.get(key)
        if noticed is None or noticed.how != how:
            self._noticed.pop(key, None)
            noticed = None
            if how:
                noticed = self._noticed[key] = Gone(
                    self._clock(), how, listed=True, ends_by=held_until(seen.deleted_at, self._clock())
                )
        return noticed

    def _note_print(self, key: RowKey, fingerprint: str) -> None:
        before = self._prints.pop(key, "")
        if before:
            self._unbound[before].discard(key)
            if not self._unbound[before]:
                del self._unbound[before]
        if fingerprint:
            self._prints[key] = fingerprint
            self._unbound[fingerprint].add(key)

    def _unname(self, key: RowKey) -> None:
        rests = self._rests.pop(key, None)
        self._noticed.pop(key, None)
        if rests is None:
            return
        for named in (_key(rests.account), _key(rests.handle)):
            place = (rests.account.cluster, named)
            self._named[place].discard(key)
            if not self._named[place]:
                del self._named[place]
        if (rests.account.cluster, _key(rests.account)) not in self._named:
            self._gone.pop(rests.account, None)
            self._unseen.pop(rests.account, None)

    def _replaced(self, cluster: str, key: str, uid: str) -> None:
        """The account with this UID is not there any more."""
        for way in ways(self._clusters, cluster):
            for row in self._named.get((way, key), ()):
                if _key(self._rests[row].account) == key:
                    self._rests[row].before = uid

    def _again(self, cluster: str, key: str) -> None:
        for way in ways(self._clusters, cluster):
            self._notify((way, key))

    def _notify(self, place: tuple[str, str]) -> None:
        """Report the rows there that do not say what is known now."""
        keys = []
        for key in self._named.get(place, ()):
            rests, gone = self._rests[key], self._became(key, self._rests[key])
            if (gone.how if gone is not None else "", self._birth(rests) is not None) != (rests.how, rests.listed):
                keys.append(key)
        if keys:
            self.changed(keys)

    def _called(self, cluster: str, key: str) -> list[Identity]:
        """The accounts that rows name and this one is, by whichever way to its cluster."""
        namespace, _, name = key.partition("/")
        return [Identity(way, namespace, name) for way in ways(self._clusters, cluster) if (way, key) in self._named]


def _key(one: Identity | Handle) -> str:
    return f"{one.namespace}/{one.name}"


def _rests(credential: Credential) -> _Rests | None:
    handle, identity, address = claim_of(credential), credential.identity, credential.address
    if handle is None or identity is None:
        return None
    foreign = address.kind.traits.marked and address.cluster != handle.cluster
    return _Rests(Identity(handle.cluster, handle.namespace, identity.name), handle, foreign)
