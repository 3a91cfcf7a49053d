"""Whose the token in an Argo CD cluster Secret is, and what vouches for it.

Whoever may patch the Secret may put any address and any token there. So it is only shown to the cluster that the
address beside it leads to (`showing.known_home`), and what it speaks for is what that server says. That is enough for a
token that is bound to nothing, or to a Secret of somebody else's. One that is bound to a handle of kubemint's has to
be made for this very place, and one of a pod is nobody's to renew: such a token was put there by who got hold of it.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.model.durations import parse_time
from tui.issuance.model.types import Address, Credential, Handle, Identity
from tui.issuance.objects import managed
from tui.issuance.trust import handles, showing, vouching
from tui.issuance.trust.handle_names import is_handle_name
from tui.issuance.trust.vouchers import Claim, Facts, Verdict, Word
from tui.kube import delivered
from tui.kube.addresses import same_place
from tui.kube.errors import Forbidden, KubeError
from tui.kube.text import safe_text

from . import secret
from .place import ClusterPlace

if TYPE_CHECKING:
    from tui.issuance.objects.secret_object import SecretObject
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive

_BY_HAND = "put a token into it that its cluster accepts: `kubemint issue NAME -n NAMESPACE --type token --out PATH`"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Such a Secret whose token its server confirmed."""

    credential: Credential
    """As the server says it is. Its handle is one that may be ended, or None."""
    identity: Identity
    account_uid: str
    verdict: Verdict
    version: str
    bound: str = ""
    """What else its token is bound to, in words: that is not kubemint's, and is not ended here."""
    warnings: tuple[str, ...] = ()

    @property
    def facts(self) -> object:
        """What a plan rests on."""
        return self.identity, self.account_uid, self.credential.fingerprint, self.credential.handle, self.version


async def home(context: Context, address: Address, way: Endpoint) -> str:
    """The cluster that its token may be shown to: the one here that its address leads to, else the one that the Secret
    delivers, where the operator said yes to that. Raises Untrusted, UsageError, KubeError."""
    if same_place(way.server, secret.IN_CLUSTER):
        return address.cluster  # which has it anyway
    known: dict[str, Endpoint] = {}
    for name in context.clusters.names():
        with contextlib.suppress(KubeError, IssuanceError):  # one that cannot be entered is not it
            known[name] = context.clusters.endpoint(name)
    found = showing.known_home(way, known, address)
    if found:
        return found
    own = f"{address.cluster}/{address.namespace}/{address.name}"
    entered = (await context.clusters.client(own)).endpoint
    if not same_place(way.server, entered.server) or delivered.differences(way, entered):
        raise UsageError(
            f"{address} points to another server now than when {own} was connected", "check where, then connect again"
        )
    return own


async def index(context: Context, address: Address) -> Credential:
    """What the token says of itself, with the cluster that it is of where that is known; the token is not sent."""
    found = await ClusterPlace(address, context.clusters).whole()
    says = secret.credential(address.cluster, address.namespace, address.name, found.values())
    if says is None:
        raise _no_token(address, found)
    with contextlib.suppress(KubeError, IssuanceError):
        return says.in_cluster(await home(context, address, secret.way(address.name, found.values()).endpoint))
    return says


async def confirmed(context: Context, place: ClusterPlace) -> Reading:
    """Have the cluster say whose it is. Raises UsageError where nothing shows that, or vouches for it; KubeError."""
    address, found = place.address, await place.whole()
    managed.refuse_going(found.metadata, place.label)
    way = secret.way(address.name, found.values()).endpoint
    if way.login.token is None:
        raise _no_token(address, found)
    cluster = await home(context, address, way)
    warnings = _agrees(address, way, (await context.clusters.client(cluster)).endpoint)
    facts = await vouching.facts_at(context.clusters, cluster, way.login.token)
    if facts.word is not Word.CONFIRMED or facts.identity is None or not facts.account_uid:
        said = {Word.REFUSED: f"{cluster} refuses its token", Word.UNREADABLE: "its token says nothing about itself"}
        what = said.get(facts.word, f"{cluster} does not confirm its token, which does not say whose it is")
        why = f": {facts.note}" if facts.note else ""
        raise UsageError(f"{address}: {what}{why}; nothing shows whose it is", _BY_HAND)
    verdict, bound = await _vouched(context, address, found, facts, facts.identity)
    says = secret.credential(address.cluster, address.namespace, address.name, found.values())
    assert says is not None
    credential = msgspec.structs.replace(
        says, identity=facts.identity, handle=verdict.handle, expires_at=facts.expires_at, issued_at=facts.issued_at
    )
    if owners := found.metadata.get("ownerReferences"):
        named = ", ".join(safe_text(f"{one.get('kind')} {one.get('name')}", 80) for one in owners)
        warnings = (*warnings, f"it is made by {named}, which may put the old token back")
    return Reading(
        credential=credential,
        identity=facts.identity,
        account_uid=facts.account_uid,
        verdict=verdict,
        version=place.version,
        bound=bound,
        warnings=warnings,
    )


async def whose(context: Context, address: Address, token: Sensitive) -> Identity | None:
    """Whose a token says that it is, in the cluster that it may be shown to. Raises UsageError where another one lies
    there by now."""
    found = await ClusterPlace(address, context.clusters).whole()
    says = secret.credential(address.cluster, address.namespace, address.name, found.values())
    if says is None or says.fingerprint != token.fingerprint:
        raise UsageError(f"{address} holds another token by now", "look again")
    if says.identity is None:
        return None
    cluster = await home(context, address, secret.way(address.name, found.values()).endpoint)
    return msgspec.structs.replace(says.identity, cluster=cluster)


def _no_token(address: Address, found: SecretObject) -> UsageError:
    """Raises DeliveredError where that is because it is not used."""
    secret.way(address.name, found.values())
    return UsageError(f"{address} holds no token: Argo CD enters that cluster in another way", "nothing here renews it")


def _agrees(address: Address, way: Endpoint, known: Endpoint) -> tuple[str, ...]:
    """What to know of the way to a cluster that is known. Raises UsageError where a token would not be safe on it."""
    inside = same_place(way.server, secret.IN_CLUSTER)  # there it has another authority as well
    elsewhere = not inside and not same_place(way.server, known.server)
    there = replace(way, server=known.server, ca=known.ca if inside and not way.insecure else way.ca)
    said = delivered.differences(there, known)
    if elsewhere and not said and (way.insecure or way.ca is None):
        said = delivered.differences(way, known)
    if said:
        raise UsageError(
            f"{address} does not lead to {known.name} as known here: {'; '.join(said)}",
            "anyone who may write it may have changed that; correct it first",
        )
    return (f"its server is {safe_text(way.server)}, the one known is {safe_text(known.server)}",) if elsewhere else ()


async def _vouched(
    context: Context, address: Address, found: SecretObject, facts: Facts, identity: Identity
) -> tuple[Verdict, str]:
    """What vouches for a confirmed token; and what it is bound to that is somebody else's. Raises UsageError."""
    if facts.bound and not facts.bound.startswith("Secret "):
        raise UsageError(
            f"{address} holds the token of {facts.bound}, which ends with that: someone copied it there",
            f"look who may write that Secret; {_BY_HAND}",
        )
    handle = facts.handle
    if handle is None:
        return Verdict(ok=True), facts.bound
    claim = Claim(
        identity=identity,
        place=managed.place_name(address, identity.cluster),
        uid=str(found.metadata.get("uid", "")),
        made=parse_time(found.metadata.get("creationTimestamp")),
        far=identity.cluster != address.cluster,
        handle=handle,
    )
    verdict = await vouching.beside(context, claim, facts, None)
    if verdict.ok:
        return verdict, ""
    if await _is_ours(context, handle):
        raise UsageError(
            f"{address} holds a token that was made for another place: {verdict.why}",
            f"anyone who may write that Secret may have put it there; {_BY_HAND}",
        )
    return Verdict(ok=True), f"Secret {handle.name}"


async def _is_ours(context: Context, handle: Handle) -> bool:
    """Whether what a token is bound to is, or may be, a handle of kubemint's."""
    if is_handle_name(handle.name, None):
        return True
    try:
        seen = await handles.look(await context.clusters.client(handle.cluster), handle.namespace, handle.name)
    except Forbidden:
        return True
    return seen is None or seen.type == managed.HANDLE_TYPE or seen.marked
