"""Finding what is to end where nobody says where it is kept: by its handle, or by what is known of the token.

A token is never shown to a cluster that has nothing to do with it. What it says of itself is an index: the clusters are
asked for the handle it names, and the one that has exactly that handle, by its UID, is then asked whether the token is
its own. Only what that one confirms is acted on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from tui.kube.addresses import same_place
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from . import handles, managed, token_secret, vouching
from .claims import Claims
from .errors import IssuanceError, UsageError
from .everywhere import everywhere
from .kinds import CredentialKind
from .sought import Search, claims_of, endings, shown_to
from .types import Address, Credential, Handle, Identity, State
from .vouchers import Word
from .work import Context

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive

    from .handles import Named, Seen


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is to end: a credential with a handle that may be ended, and who says that it is that."""

    credential: Credential
    named: Named
    token: Sensitive | None = None
    places: tuple[Address, ...] = ()
    """The Secrets that its handle says it was made for. Whether they hold its token is looked at in each."""
    said: tuple[str, ...] = ()
    """What people are told before they say yes."""


class NotThere(UsageError):
    """The handle that somebody named is not there."""


# By its handle


async def at_handle(context: Context, address: Address) -> Found:
    """What ends with the handle at this address, at its own word or this machine's. Raises UsageError, KubeError,
    NotAHandle."""
    where = f"{address.namespace}/{address.name}"
    client = await context.clusters.client(address.cluster)
    seen = await handles.look(client, address.namespace, address.name)
    if seen is None:
        raise NotThere(
            f"there is no Secret {where} in {address.cluster}: what was bound to it has ended",
            "`kubemint list credentials` shows what there is",
        )
    handle = Handle(address.cluster, address.namespace, address.name, seen.uid)
    if seen.type == handles.TOKEN_SECRET:
        token_secret_at = Address(CredentialKind.LEGACY, address.cluster, address.namespace, address.name)
        raise UsageError(
            f"the Secret {where} in {address.cluster} is a long-lived token, which is its own handle",
            f"revoke {token_secret_at}",
        )
    known = await _recorded(context, handle)
    account = known.identity.name if known is not None and known.identity is not None else ""
    named = handles.Named.BY_JOURNAL if known is not None else handles.Named.BY_WALK
    await handles.check(client, handles.Ending(handle=handle, named=named, account=account))
    identity = known.identity if known is not None else _account_of(seen, address.cluster)
    credential = _bare(address, identity, handle)
    if known is not None:
        credential = msgspec.structs.replace(
            known, address=address, handle=handle, state=State.UNKNOWN, message=credential.message
        )
    whose = f"of {identity}, as this machine's records say" if known is not None else f"of {identity}, as it says"
    return _with_places(context, Found(credential=credential, named=named, said=(f"it is the handle {whose}",)), seen)


def _bare(address: Address, identity: Identity | None, handle: Handle) -> Credential:
    return Credential(
        address=address,
        identity=identity,
        handle=handle,
        kept_in=f"bound to handle {handle.namespace}/{handle.name}",
        state=State.UNKNOWN,
        message="found by its handle",
    )


def _account_of(seen: Seen, cluster: str) -> Identity | None:
    namespace, _, name = seen.account.partition("/")
    return Identity(cluster, namespace, name) if namespace and name else None


async def _recorded(context: Context, handle: Handle) -> Credential | None:
    """What this machine wrote that is bound to exactly this handle."""
    state = context.state

    def look() -> Credential | None:
        for export in (*state.export_records(), *state.written_secrets()):
            if export.credential.handle == handle:
                return export.credential
        waiting = state.revocation(handle)
        return waiting.old if waiting is not None and waiting.handle == handle else None

    return await asyncio.to_thread(look)


def _with_places(context: Context, found: Found, seen: Seen) -> Found:
    """The same with the Secrets that the handle says it was made for, as far as their clusters are known."""
    places: list[Address] = []
    unknown: list[Address] = []
    for text in seen.secrets:
        cluster, _, rest = text.rpartition("/")
        cluster, _, namespace = cluster.rpartition("/")
        place = Address(CredentialKind.SECRET, cluster or seen_in(found), namespace, rest)
        known = place.cluster in context.clusters.names() or place.cluster == seen_in(found)
        (places if namespace and rest and known else unknown).append(place)
    said = tuple(f"{place}, which it names, is in no cluster that is known here" for place in unknown)
    return msgspec.structs.replace(found, places=tuple(places), said=(*found.said, *said))


def seen_in(found: Found) -> str:
    """The cluster of its handle."""
    return found.credential.handle.cluster if found.credential.handle is not None else ""


# By the token itself


async def of_token(context: Context, token: Sensitive, clusters: Sequence[str]) -> Found | Address:
    """What this token is bound to, where a cluster has that and confirms the token; the address of a long-lived one.

    Raises UsageError where nothing can be ended, with what can be done.
    """
    claims = claims_of(token)
    bound = claims.bound
    if bound is None or bound.kind != "Secret":
        raise await _bound_to_nothing(context, claims, clusters)

    async def look(client: Client, _name: str) -> Seen | None:
        seen = await handles.look(client, claims.namespace, bound.name)
        if seen is None:
            return None
        if claims.legacy:  # signed without a UID: it is that Secret where that very token lies in it
            whole = await token_secret.read_whole(client, _name, claims.namespace, bound.name)
            return seen if whole.token == token else None
        return seen if seen.uid == bound.uid else None

    recorded = await asyncio.to_thread(_recorded_at, context, token)
    if recorded and recorded not in clusters and recorded in context.clusters.names():
        raise UsageError(
            f"this machine's records say that this token was issued in {recorded}, and not in {', '.join(clusters)}",
            f"ask there: --context {recorded}",
        )
    there, search = await everywhere(context, [recorded] if recorded in clusters else clusters, look)
    if not there:
        raise _nowhere(claims, search)
    cluster = shown_to(_servers(context, list(there)), search)
    seen = there[cluster]
    said = (search.words, *_own_login(context, token))
    if claims.legacy:
        return Address(CredentialKind.LEGACY, cluster, claims.namespace, bound.name)
    facts = await vouching.facts_at(context.clusters, cluster, token, claims.audiences)
    address = Address(CredentialKind.HANDLE, cluster, claims.namespace, bound.name)
    if facts.word is not Word.CONFIRMED or facts.handle is None:
        how = "refuses this token" if facts.word is Word.REFUSED else "did not say whether it accepts this token"
        raise UsageError(
            f"{cluster} {how}{': ' if facts.note else ''}{facts.note}; the Secret that it says it is bound to is there",
            f"a token that nobody confirms ends nothing; where that is meant, revoke {address}",
        )
    account = facts.identity.name if facts.identity is not None else ""
    client = await context.clusters.client(cluster)
    await handles.check(client, handles.Ending(handle=facts.handle, named=handles.Named.BY_TOKEN, account=account))
    credential = msgspec.structs.replace(
        _bare(address, facts.identity, facts.handle),
        audiences=facts.audiences if _for_others(claims) else (),
        issued_at=facts.issued_at,
        expires_at=facts.expires_at,
        fingerprint=facts.fingerprint,
        state=State.VALID,
        message="found by its token",
    )
    found = Found(
        credential=credential,
        named=handles.Named.BY_TOKEN,
        token=token,
        said=(*said, f"{cluster} accepts it as {facts.identity}"),
    )
    return _with_places(context, found, seen)


def _recorded_at(context: Context, token: Sensitive) -> str:
    """The cluster that this token was issued in, by this machine's records; empty where they do not know it."""
    found = (one for one in context.state.exports() if one.fingerprint == token.fingerprint)
    return next((one.identity.cluster for one in found if one.identity is not None), "")


def _servers(context: Context, names: Sequence[str]) -> list[str]:
    """One name for each server: several contexts that lead to the same one are no two witnesses."""
    kept: list[str] = []
    for name in names:
        server = context.clusters.endpoint(name).server
        if not any(same_place(server, context.clusters.endpoint(other).server) for other in kept):
            kept.append(name)
    return kept


def _for_others(claims: Claims) -> bool:
    """Whether it may be meant for others than API servers, which refuse it then."""
    return bool(claims.audiences) and claims.issuer not in claims.audiences


def _own_login(context: Context, token: Sensitive) -> list[str]:
    own = [name for name in context.clusters.names() if _login_token(context, name) == token]
    return [f"it is your own login to {name}" for name in own]


def _login_token(context: Context, name: str) -> Sensitive | None:
    try:
        return context.clusters.endpoint(name).login.token
    except (KubeError, IssuanceError):
        return None


async def _bound_to_nothing(context: Context, claims: Claims, clusters: Sequence[str]) -> UsageError:
    async def look(client: Client, name: str) -> Identity | None:
        try:
            found = await client.get_metadata(SERVICE_ACCOUNTS, claims.service_account, namespace=claims.namespace)
        except NotFound:
            return None
        same = (found.get("metadata") or {}).get("uid") == claims.service_account_uid
        return Identity(name, claims.namespace, claims.service_account) if same else None

    there, search = await everywhere(context, clusters, look)
    why, hint = endings(claims, next(iter(there.values()), None))
    return UsageError(f"{why} ({search.words})", hint)


def _nowhere(claims: Claims, search: Search) -> IssuanceError:
    bound = f"{claims.namespace}/{claims.bound.name if claims.bound is not None else ''}"
    ends = f"; it ends by itself at {claims.expires_at:%Y-%m-%d %H:%M:%S} UTC" if claims.expires_at else ""
    if search.away:
        return IssuanceError(
            f"nobody who answered has the Secret {bound} that this token is bound to ({search.words})",
            f"try again when they answer, or name the cluster with --context{ends}",
        )
    return UsageError(
        f"nobody has the Secret {bound} that this token is bound to ({search.words})",
        "where it was deleted the token has ended; else its cluster is another one: name it with --context, or delete "
        f"the service account {claims.namespace}/{claims.service_account} there{ends}",
    )


# By a place that is not there


async def without_place(context: Context, address: Address, trouble: KubeError) -> Found:
    """What ends the token of a Secret that is not there, or cannot be looked at: by this machine's record, else by the
    handle that says it was made for it. Raises what the trouble was where neither says anything."""
    why = f"{address} cannot be looked at: {trouble.message}"
    record = await asyncio.to_thread(context.state.written, address)
    handle = record.credential.handle if record is not None else None
    if record is not None and handle is not None:
        client = await context.clusters.client(handle.cluster)
        seen = await handles.look(client, handle.namespace, handle.name)
        if seen is not None and seen.uid == handle.uid:
            return Found(
                credential=record.credential,
                named=handles.Named.BY_JOURNAL,
                said=(why, "its handle is known from this machine's records"),
            )

    async def look(client: Client, name: str) -> list[Seen] | None:
        """Handles of that type alone; who may list them there has them all at once."""
        place = managed.place_name(address, name)
        listed = await client.list(SECRETS, metadata_only=True, fields=f"type={managed.HANDLE_TYPE}")
        found = (seen for seen in map(handles.seen_in, listed) if place in seen.secrets)
        return [seen for seen in found if not seen.is_changed] or None

    there, search = await everywhere(context, context.clusters.names(), look)
    found = {
        seen.uid: Address(CredentialKind.HANDLE, cluster, seen.namespace, seen.name)
        for cluster, several in reversed(there.items())
        for seen in several
    }
    if not found:
        trouble.hint = f"no handle says that it was made for it ({search.words})"
        raise trouble
    if len(found) > 1:
        raise UsageError(
            f"{why}, and {len(found)} handles say that they were made for it ({search.words})",
            f"revoke one of them: {', '.join(sorted(map(str, found.values())))}",
        )
    if not all(seen.is_as_made for several in there.values() for seen in several):
        raise UsageError(
            f"{why}, and a handle from an earlier version says that it was made for it, which anybody may have written "
            f"there ({search.words})",
            f"where that is meant, revoke {next(iter(found.values()))}",
        )
    (one,) = found.values()
    ends = await at_handle(context, one)
    said = (why, f"handle {one.namespace}/{one.name} in {one.cluster} says that it was made for it", search.words)
    return msgspec.structs.replace(
        ends,
        credential=msgspec.structs.replace(ends.credential, address=address),
        said=(*said, *ends.said),
    )
