"""Finding what is to end where it is not said where it is kept: by its handle, or by what is known of the token.

A token is never shown to a cluster that has nothing to do with it. What it says of itself is an index: the clusters are
asked for the handle it names, and the one that has exactly that handle, by its UID, is then asked whether the token is
its own. Only what that one confirms is acted on. What the answers mean is judged in `found`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.insight.refusal import has_bound
from tui.issuance.model.types import Address
from tui.issuance.objects import managed, token_secret
from tui.issuance.records.whereabouts import said_elsewhere
from tui.issuance.transaction.work import Context
from tui.issuance.trust import handles, vouching
from tui.issuance.trust.showing import insist_on_token
from tui.issuance.trust.whose import written_here
from tui.kube.errors import KubeError
from tui.kube.text import safe_text

from . import found as judging
from .everywhere import everywhere
from .found import Found
from .origin import having_account
from .sought import Search, claims_of, endings, shown_to

if TYPE_CHECKING:
    from tui.issuance.model.claims import Claims
    from tui.issuance.model.types import Credential, Handle
    from tui.issuance.trust.handles import Seen
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive


# By its handle


async def at_handle(context: Context, address: Address) -> Found:
    """What ends with the handle at this address, at its own word or this machine's. Raises UsageError, KubeError,
    NotAHandle."""
    client = await context.clusters.client(address.cluster)
    seen = await handles.look(client, address.namespace, address.name)
    handle = judging.handle_at(address, seen)
    assert seen is not None
    known = await _recorded(context, handle)
    ending = judging.ending_of(handle, known)
    await handles.check(client, ending)
    found = judging.by_handle(address, seen, ending, known)
    return judging.with_places(found, seen, address.cluster, context.clusters.names())


async def _recorded(context: Context, handle: Handle) -> Credential | None:
    """What this machine wrote that is bound to exactly this handle."""
    state = context.state

    def look() -> Credential | None:
        exports = (*state.export_records(), *state.written_secrets())
        return judging.recorded(handle, exports, state.revocation(handle))

    return await asyncio.to_thread(look)


# By the token itself


async def of_token(context: Context, token: Sensitive, named: Sequence[str]) -> Found | Address:
    """What this token is bound to, where a cluster has that and confirms the token; the address of a long-lived one.

    Those that are `named` are asked, else all that are known. Raises UsageError where nothing can be ended, with what
    can be done; IssuanceError where not everybody could say whether it is there.
    """
    claims = claims_of(token)
    bound = claims.bound
    if bound is None or bound.kind != "Secret":
        raise await _bound_to_nothing(context, claims, named or context.clusters.names())

    async def look(client: Client, name: str) -> Seen | None:
        seen = await handles.look(client, claims.namespace, bound.name)
        if seen is None:
            return None
        whole = await token_secret.read_whole(client, name, claims.namespace, bound.name) if claims.legacy else None
        holds = whole is not None and whole.token == token
        return seen if judging.is_bound_to(claims, bound, seen, holds) else None

    exports = await asyncio.to_thread(context.state.exports)
    recorded = judging.issued_in(token.fingerprint, exports)
    there, search = await everywhere(context, judging.asked(recorded, named, context.clusters.names()), look)
    if not there:
        raise judging.nowhere(claims, search)
    cluster = shown_to(_witnesses(context, list(there)), search)
    said = (search.words, *_own_login(context, token))
    if claims.legacy:
        return Address.token_secret(cluster, claims.namespace, bound.name)
    address = Address.handle(cluster, claims.namespace, bound.name)
    await insist_on_token(context, token, cluster)
    facts = await vouching.facts_at(context.clusters, cluster, token, claims.audiences)
    found = judging.by_token(address, claims, facts)
    credential = found.credential
    assert credential.handle is not None
    account = credential.identity.name if credential.identity is not None else ""
    client = await context.clusters.client(cluster)
    await handles.check(client, handles.Ending(handle=credential.handle, named=found.named, account=account))
    found = msgspec.structs.replace(found, token=token, said=(*said, *found.said))
    return judging.with_places(found, there[cluster], cluster, context.clusters.names())


def _witnesses(context: Context, names: Sequence[str]) -> list[str]:
    return judging.witnesses({name: context.clusters.endpoint(name).server for name in names})


def _own_login(context: Context, token: Sensitive) -> list[str]:
    own = [name for name in context.clusters.names() if _login_token(context, name) == token]
    return [f"it is your own login to {name}" for name in own]


def _login_token(context: Context, name: str) -> Sensitive | None:
    try:
        return context.clusters.endpoint(name).login.token
    except (KubeError, IssuanceError):
        return None


async def _bound_to_nothing(context: Context, claims: Claims, clusters: Sequence[str]) -> UsageError:
    there, search = await having_account(context, claims, clusters)
    name, account = next(iter(there.items()), ("", None))
    bound = await has_bound(await context.clusters.client(name), claims) if len(there) == 1 else None
    why, hint = endings(claims, account, there=bound)
    return UsageError(f"{why} ({search.words})", hint)


# By a place that says nothing


async def without_place(context: Context, address: Address, trouble: KubeError | UsageError) -> Found:
    """What ends the token of a Secret that is not there, cannot be looked at, or says what nothing vouches for (its
    marks were taken off, or changed): by this machine's record, else by the handle that says it was made for it.
    Raises what the trouble was where neither says anything, or where that Secret is in another cluster by now."""
    away = isinstance(trouble, KubeError)
    why = f"{address} cannot be looked at: {trouble.message}" if away else trouble.message
    record = await asyncio.to_thread(context.state.written, address)
    if record is not None and not away and (await written_here(context, record, None))[0]:
        raise trouble
    handle = record.credential.handle if record is not None else None
    if handle is not None:
        client = await context.clusters.client(handle.cluster)
        seen = await handles.look(client, handle.namespace, handle.name)
        if (found := judging.by_record(record, seen, why)) is not None:
            return found

    async def look(client: Client, name: str) -> list[Seen] | None:
        """Handles of that type alone; who may list them there has them all at once."""
        return judging.made_for(managed.place_name(address, name), await handles.listed(client)) or None

    own = address.cluster
    there, search = await everywhere(context, context.clusters.names(), look)
    if own in search.closed:
        there, search = await _nearest(context, address, there, search)
    names = _witnesses(context, sorted(there, key=lambda name: name != own))
    one = judging.the_one(why, own, {name: there[name] for name in names}, search)
    if one is None:
        none = f"no handle says that it was made for it ({search.words})"
        trouble.hint = none if away else "; ".join(filter(None, (trouble.hint, none)))
        raise trouble
    ends = await at_handle(context, one)
    said = (why, f"handle {one.namespace}/{one.name} in {one.cluster} says that it was made for it", search.words)
    return msgspec.structs.replace(
        ends,
        credential=msgspec.structs.replace(ends.credential, address=address),
        said=(*said, *ends.said),
    )


async def for_request(
    context: Context, address: Address, request: str, handle: Handle, made: Sequence[str], trouble: UsageError
) -> Found:
    """What ends the token of a DPU request whose cluster's name leads elsewhere by now, as nothing shows where it is:
    the handle that its marks or its token name, in whichever cluster has it by its UID, where it says that it was made
    for that request (`request` is its UID). One that is where it was `made`, by these notes, is believed first; any
    other only where everybody has said whether it is there. Raises what the trouble was where none has it."""

    async def look(client: Client, _name: str) -> Seen | None:
        seen = await handles.look(client, handle.namespace, handle.name)
        return seen if seen is not None and judging.is_of_request(seen, handle, request) else None

    there, search = await everywhere(context, context.clusters.names(), look)
    ways = {name: context.clusters.endpoint(name) for name in there}
    named = [name for name in there if any(not said_elsewhere(text, ways[name], name, found=True) for text in made)]
    names = _witnesses(context, named or list(there))
    if len(names) != 1:
        why = f"{', '.join(names) or 'no cluster that is known here'} has its handle ({search.words})"
        trouble.hint = "; ".join(filter(None, (why, trouble.hint)))
        raise trouble
    at = Address.handle(names[0], handle.namespace, handle.name)
    if not named and not search.whole:
        raise judging.on_one_word(f"{trouble.message}; {at} says that it was made for it", [at], search)
    ends = await at_handle(context, at)
    said = (trouble.message, f"its handle is in {names[0]}, by its UID, and says that it was made for it", search.words)
    return msgspec.structs.replace(
        ends,
        credential=msgspec.structs.replace(ends.credential, address=address),
        said=(*said, *ends.said),
        request=request,
    )


async def _nearest(
    context: Context, address: Address, there: dict[str, list[Seen]], search: Search
) -> tuple[dict[str, list[Seen]], Search]:
    """The same with the handles of the namespaces that may be listed where all of the place's cluster may not: its own,
    and those in which others have one. That is not all of it, and is said."""
    client, own = await context.clusters.client(address.cluster), address.cluster
    near = dict.fromkeys((address.namespace, *(one.namespace for several in there.values() for one in several)))
    found: list[Seen] = []
    listed: list[str] = []
    for namespace in near:
        with contextlib.suppress(KubeError):
            found += judging.made_for(managed.place_name(address, own), await handles.listed(client, namespace))
            listed.append(namespace)
    only = safe_text(f"; only namespace {', '.join(listed)} of it was looked into") if listed else ""
    closed = {**search.closed, own: search.closed[own] + only}
    return there | ({own: found} if found else {}), msgspec.structs.replace(search, closed=closed)
