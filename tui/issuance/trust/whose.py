"""Asking which cluster a name leads to now, and holding what this machine remembers against that.

Every record is stamped where it is written (`Run.journal`), and compared here before it is acted on. What is of
another cluster stays as it is: it is pending, its token is shown to no cluster, and that its handle is not there proves
nothing. Where nothing was written down (earlier versions), or too little, what is found there by its UID tells.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import msgspec

from tui.issuance.destinations.file import token_in_file
from tui.issuance.destinations.files import read_private
from tui.issuance.destinations.place import look_at as look
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.claims import read_token
from tui.issuance.records.intent import Export, Revocation
from tui.issuance.records.whereabouts import (
    Same,
    Verdict,
    Whereabouts,
    agrees,
    judge,
    leads_elsewhere,
    named_in,
    of_cluster,
    of_endpoint,
)
from tui.kube.errors import Forbidden, KubeError, NotFound, TimedOut
from tui.kube.resource import NAMESPACES, SERVICE_ACCOUNTS

from . import handles

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Held, Place
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.sight import Sight
    from tui.issuance.model.types import Credential, Handle
    from tui.issuance.records.intent import Intent
    from tui.issuance.records.whereabouts import Stamped
    from tui.issuance.transaction.work import Context
    from tui.kube.client import Client
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive

_NAMESPACE: Final = "kube-system"
_SECONDS: Final = 10.0
"""So long may a server take to say its UID; without it the server and its authority are what counts."""
_LONGEST_UID: Final = 64
_STAYS: Final = "use a kubeconfig for that cluster (--kubeconfig, --context); until then it stays as it is"
_ANOTHER_PATH: Final = (
    "use a kubeconfig for that cluster (--kubeconfig, --context); for a credential of this cluster choose another path"
)


class AnotherCluster(UsageError):
    """What this machine remembers is of another cluster than the one that is called so now, or may be."""

    def __init__(self, what: str, verdict: Verdict, hint: str) -> None:
        self.verdict = verdict
        super().__init__(f"{what} {verdict.words}", hint)


class Whose:
    """What the clusters of one engine are; each client is asked once for its UID."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters
        self._uids: WeakKeyDictionary[Client, str] = WeakKeyDictionary()
        self._asking: WeakKeyDictionary[Client, asyncio.Lock] = WeakKeyDictionary()

    async def now(self, cluster: str, *, sure: bool = False) -> Whereabouts:
        """What a name leads to. Raises KubeError, IssuanceError.

        `sure`: also where the cluster does not answer; else it is told without its UID.
        """
        client = await self._clusters.client(cluster)
        try:
            uid = await self._uid(client)
        except KubeError:
            if sure:
                raise
            uid = ""
        return of_endpoint(client.endpoint, cluster, uid)

    async def stamps(self, changes: Mapping[str, Any]) -> dict[str, Whereabouts]:
        """What the clusters are that these records name; those that cannot be told are left out."""
        found = {}
        for name in sorted(named_in(_records(changes))):
            with contextlib.suppress(KubeError, IssuanceError):
                found[name] = await self.now(name)
        return found

    async def verdict(self, record: Stamped, cluster: str) -> Verdict:
        """Whether what a record calls so is the cluster that is called so now. Raises KubeError, IssuanceError."""
        then = of_cluster(record, cluster)
        now = await self.now(cluster)
        if then is not None and then.uid and not now.uid and judge(then, now) is Same.UNKNOWN:
            now = await self.now(cluster, sure=True)
        return Verdict(judge(then, now), cluster, now, then)

    async def elsewhere(self, records: Iterable[Export | Revocation]) -> list[str]:
        """For each of these what is to be said where it is of another cluster than the one that is called so now; else
        nothing. Asks no server where server and authority are those that were recorded."""
        return [await self._said_of(record) for record in records]

    async def _said_of(self, record: Export | Revocation) -> str:
        cluster = cluster_of(record.credential) if isinstance(record, Export) else record.handle.cluster
        then = of_cluster(record, cluster)
        if then is None or not then.server:
            return ""
        with contextlib.suppress(KubeError, IssuanceError, TimeoutError):
            if judge(then, of_endpoint(self._clusters.endpoint(cluster), cluster)) is Same.SAME:
                return ""
            async with asyncio.timeout(_SECONDS):
                verdict = await self.verdict(record, cluster)
            return "" if verdict.same is Same.SAME else f"it {verdict.words}"
        return ""

    async def _uid(self, client: Client) -> str:
        async with self._asking.setdefault(client, asyncio.Lock()):
            if client not in self._uids:
                try:
                    async with asyncio.timeout(_SECONDS):
                        found = await client.get_metadata(NAMESPACES, _NAMESPACE)
                except (Forbidden, NotFound):  # that is how it stays
                    found = {}
                except TimeoutError:
                    said = f"did not say within {_SECONDS:g} s which cluster it is"
                    raise TimedOut(said, cluster=client.endpoint.name) from None
                uid = (found.get("metadata") or {}).get("uid")
                known = isinstance(uid, str) and len(uid) <= _LONGEST_UID and uid.isprintable()
                self._uids[client] = uid if isinstance(uid, str) and known else ""
            return self._uids[client]


def _records(changes: Mapping[str, Any]) -> list[Any]:
    """The records among what the journal is to be told, which are those that are kept."""
    kept = (changes.get("opened"), *changes.get("exports", ()), *changes.get("revocations", ()))
    return [one for one in kept if one is not None]


# What each sort of record is held against


async def of_revocation(context: Context, revocation: Revocation) -> Verdict:
    """Whether its handle may be ended here. Raises AnotherCluster, KubeError, IssuanceError.

    Where that is not known the handle tells: its UID is no other one's. That it is not there then proves nothing,
    which `refuse_absent` says.
    """
    verdict = await context.whose.verdict(revocation, revocation.handle.cluster)
    if verdict.same is Same.OTHER:
        raise AnotherCluster(_old_token(revocation), verdict, _STAYS)
    return verdict


async def pending_here(context: Context) -> list[Revocation]:
    """What is to be revoked still, but for what is of other clusters than those that are called so now."""
    pending = await asyncio.to_thread(context.state.revocations)
    return [one for one, said in zip(pending, await context.whose.elsewhere(pending), strict=True) if not said]


def refuse_absent(context: Context, revocation: Revocation, verdict: Verdict) -> None:
    """Raises AnotherCluster where a handle that is not there may be in another cluster, and its token still lives."""
    old = revocation.old
    over = old is not None and old.expires_at is not None and old.expires_at <= context.clock()
    if verdict.same is Same.UNKNOWN and not over:
        raise AnotherCluster(_old_token(revocation), verdict, _STAYS)


def _old_token(revocation: Revocation) -> str:
    return f"handle {revocation.handle.namespace}/{revocation.handle.name} of a token of {revocation.address}"


async def insist_on_plan(context: Context, intent: Intent) -> None:
    """Raises AnotherCluster where what a dead process began is of another cluster, or may be and matters still."""
    for one in intent.at:
        verdict = await context.whose.verdict(intent, one.cluster)
        if verdict.same is Same.OTHER:
            raise AnotherCluster("what was begun there", verdict, _STAYS)
    if not intent.fingerprint or intent.ended(context.clock()):
        return  # no token of it was ever written anywhere, or none that lives
    cluster = intent.spec.identity.cluster
    verdict = await context.whose.verdict(intent, cluster)
    if verdict.same is Same.SAME or intent.handle is None:
        return
    handle = intent.handle
    seen = await handles.look(await context.clusters.client(cluster), handle.namespace, handle.name)
    if seen is None or (handle.uid and seen.uid != handle.uid):
        raise AnotherCluster("what was begun there", verdict, _STAYS)


async def insist_on_file(context: Context, record: Export) -> None:
    """Raises AnotherCluster where a file is of another cluster than the one that is called so now, by its record, or
    where that says too little by what it says itself. KubeError where its cluster does not answer."""
    credential = record.credential
    if not credential.address.here or (cluster := cluster_of(credential)) == "":
        return
    try:
        await context.clusters.client(cluster)
    except (KubeError, IssuanceError):
        return  # no way there is known: whoever needs one says so
    verdict = await context.whose.verdict(record, cluster)
    if verdict.same is Same.SAME:
        return
    if verdict.same is Same.UNKNOWN:
        own, token = await asyncio.to_thread(what_lies_in, credential)
        known = context.clusters.endpoint(cluster)
        if own is not None and leads_elsewhere(own, known):
            verdict = msgspec.structs.replace(verdict, then=of_endpoint(own, cluster))
        elif (own is not None and agrees(own, known)) or await _found_there(context, credential, token):
            return
    raise AnotherCluster(credential.address.name, verdict, _ANOTHER_PATH)


async def written_here(context: Context, record: Export, token: Sensitive | None) -> tuple[str, bool]:
    """Of what this machine wrote into a Secret: how it is of another cluster than the one that is called so now, in
    words that stand after "it", empty where it may be of this one; and whether that is established. Raises KubeError,
    IssuanceError."""
    credential = record.credential
    cluster = credential.address.cluster
    verdict = await context.whose.verdict(record, cluster)
    if verdict.same is not Same.UNKNOWN:
        return ("", True) if verdict.same is Same.SAME else (verdict.words, False)
    if cluster_of(credential) != cluster:  # what is found beside the account says nothing of where its token went
        return "", False
    return "", await _found_there(context, credential, token)


async def look_at(context: Context, places: Sequence[Place], sight: Sight) -> list[Held]:
    """What each place holds now, of this cluster; see `destinations.place.look_at`. Raises AnotherCluster."""
    return [await held(context, place, found) for place, found in zip(places, await look(places, sight), strict=True)]


async def held(context: Context, place: Place, found: Held) -> Held:
    """What a file holds, where that is of this cluster. Raises AnotherCluster where it is of another one.

    What is not there any more does not prevent writing it: what was in it lives on where it is of.
    """
    if found.credential is None or not place.address.here:
        return found
    record = await asyncio.to_thread(context.state.export_record, place.address)
    if record is None:
        return found
    try:
        await insist_on_file(context, record)
    except AnotherCluster as error:
        if found.exists:
            raise
        left = f"what {place.label} held {error.verdict.words}: that token is not revoked here"
        return msgspec.structs.replace(found, credential=None, request="", warning="", left=(*found.left, left))
    return found


def cluster_of(credential: Credential) -> str:
    """The cluster that a credential is of, as it is called in it."""
    if credential.identity is not None:
        return credential.identity.cluster
    return credential.shoot.garden if credential.shoot is not None else ""


def what_lies_in(credential: Credential) -> tuple[Endpoint | None, Sensitive | None]:
    """What a file says itself of where it leads, and its token; each None where it says none."""
    from tui.kube.delivered import ONLY_LOOKING
    from tui.kube.kubeconfig import parse

    if "#" in credential.address.name and credential.format is Format.KUBECONFIG:
        return None, None  # merged into a kubeconfig of the operator's own
    form = credential.format or Format.KUBECONFIG
    own, token = None, None
    with contextlib.suppress(IssuanceError, KubeError, OSError):
        if not credential.address.is_file:
            return None, None
        content = read_private(credential.address.name)
        with contextlib.suppress(IssuanceError, KubeError):
            token = token_in_file(form, content)
        if form is Format.KUBECONFIG:
            own = parse(content.reveal_bytes()).endpoint()
        elif form.rules.says_where:
            own = form.rules.taken_apart(form.rules.from_file(content), ONLY_LOOKING).endpoint
    return own, token


async def _found_there(context: Context, credential: Credential, token: Sensitive | None) -> bool:
    """Whether something of it is in the cluster that is called so now, by a UID: its handle, or its account."""
    cluster = cluster_of(credential)
    with contextlib.suppress(KubeError, IssuanceError):
        client = await context.clusters.client(cluster)
        for handle in filter(None, (credential.handle, credential.bound_to)):
            if await _is_there(client, handle):
                return True
        if token is None or credential.identity is None or token.fingerprint != credential.fingerprint:
            return False
        claims = read_token(token)
        found = await client.get_metadata(
            SERVICE_ACCOUNTS, credential.identity.name, namespace=credential.identity.namespace
        )
        return bool(claims.service_account_uid) and found["metadata"].get("uid") == claims.service_account_uid
    return False


async def _is_there(client: Client, handle: Handle) -> bool:
    seen = await handles.look(client, handle.namespace, handle.name)
    return seen is not None and bool(handle.uid) and seen.uid == handle.uid
