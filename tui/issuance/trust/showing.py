"""To whom a token may be shown that lies somewhere, or that someone gives: the one home of that question.

A token is good in one cluster, and whoever runs another one has it once he is shown it. A mark, a status, the current
context and the name in a record say where to look, and no more: others write them, and a name leads elsewhere tomorrow.
So it is shown where one of these says that it is of there:

- what this machine wrote down of that very token, where that is the cluster that is called so now;
- what it speaks for: the account with the UID that stands in it, which is looked for without it;
- the address that was written together with it, and lies beside it.

The cluster that it lies in has it anyway. A refusal by one that nothing says it is of means nothing.

Whatever sends a token that it was not given by that very server just before goes through here; the list of who sends
any is in `tests/security/test_showing.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.model.claims import ClaimsError, read_token
from tui.issuance.records.whereabouts import (
    Same,
    Verdict,
    judge as same,
    leads_elsewhere,
    may_be,
    of_cluster,
    of_endpoint,
)
from tui.kube.addresses import same_place
from tui.kube.delivered import same_authority
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SERVICE_ACCOUNTS

from . import handles
from .whose import AnotherCluster, cluster_of, what_lies_in

if TYPE_CHECKING:
    from tui.issuance.model.types import Address, Credential
    from tui.issuance.records.intent import Export
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive

_EACH: Final = 15.0
"""Seconds that one cluster has to say whether an account is there."""
THERE: Final = "use a kubeconfig for that cluster (--kubeconfig, --context)"
BY_HAND: Final = (
    "where you know its cluster, give the token itself: `kubemint verify FILE --context NAME`, "
    "`kubemint revoke --token-file FILE --context NAME`"
)


class Shown(msgspec.Struct, frozen=True):
    """The cluster that a token may be shown to."""

    cluster: str
    why: str = ""
    """Why its refusal means nothing there: nothing says that the token is of there. Empty where something does."""

    @property
    def sure(self) -> bool:
        """Whether something says that it is of there."""
        return not self.why


# The token in a Secret


def judge(
    holder: str, says: str, recorded: Sequence[str] | None, leads: str, there: Mapping[str, bool | None]
) -> Shown:
    """To whom the token in a Secret of `holder` is shown, whose marks say that it is of `says`.

    `recorded` are those of the two that this machine's records say it is of, None where no record knows it. `leads` is
    the one that the address beside it leads to, else empty. `there` says where the account with its UID is: whoever
    runs a cluster can say so of himself, so he is believed only where the holder says that it is not with it,
    and nobody else says that it is with him. The host that delivers a tenant, and so has it anyway, is believed first.
    """
    if recorded is not None and says in recorded:
        return Shown(says)
    if says == holder or there.get(holder) or (recorded is not None and holder in recorded):
        return Shown(holder)
    if recorded is not None:
        return Shown(holder, f"this machine's records say that its token is neither of {says} nor of {holder}")
    host = host_of(holder)
    if there.get(host) and there.get(holder) is False:
        return Shown(host)
    also = [name for name, found in there.items() if found and name != says]
    silent = host != says and host in there and there[host] is None  # the host could have contradicted
    if leads == says or (there.get(says) and there.get(holder) is False and not also and not silent):
        return Shown(says)
    said = f"nothing shows that its token is of {says}, as its annotations say"
    if there.get(says) and also:
        said = f"its annotations say that its token is of {says}, and the account is in {', '.join(also)} as well"
    return Shown(holder, f"{said}: it is not sent to {says}")


def host_of(cluster: str) -> str:
    """The cluster that delivers one called HOST/NAMESPACE/NAME; empty for every other."""
    parts = cluster.rsplit("/", 2)
    return parts[0] if len(parts) == 3 else ""


def asked_beside(holder: str, says: str, names: Sequence[str], ways: Mapping[str, Endpoint]) -> list[str]:
    """Who is asked whether the account is there beside `says`, who says so of himself: everyone, but those that are the
    same cluster under another name."""
    own = ways.get(says)
    return [
        name
        for name in names
        if name not in (holder, says) and not (own is not None and name in ways and _leads_to(own, ways[name]))
    ]


async def of_secret(context: Context, address: Address, says: str, token: Sensitive, leads: Endpoint | None) -> Shown:
    """The same of the token in the Secret at an address. `leads` is where the address beside it leads."""
    holder = address.cluster
    written = await asyncio.to_thread(context.state.written, address)
    if says == holder and written is not None and written.credential.fingerprint == token.fingerprint:
        says = cluster_of(written.credential) or says
    if says == holder:
        return Shown(holder)
    recorded = await _recorded(context, token, (says, holder))
    there: dict[str, bool | None] = {}
    if recorded is None:
        there[holder] = await speaks_for(context, token, holder)
        if there[holder] is False:
            names = [name for name in context.clusters.names() if name not in (holder, says)]
            ways = {name: way for name in (says, *names) if (way := _way(context, name)) is not None}
            asked = [says] if says == host_of(holder) else [says, *asked_beside(holder, says, names, ways)]
            answers = await asyncio.gather(*(_speaks_in_time(context, token, one) for one in asked))
            there |= dict(zip(asked, answers, strict=True))
    known = {name: way for name in (holder, says) if (way := _way(context, name)) is not None}
    return judge(holder, says, recorded, home_of(leads, known, says, holder) if leads is not None else "", there)


def _way(context: Context, cluster: str) -> Endpoint | None:
    try:
        return context.clusters.endpoint(cluster)
    except (KubeError, IssuanceError):
        return None


async def _recorded(context: Context, token: Sensitive, clusters: Sequence[str]) -> list[str] | None:
    records = await _records(context, token)
    if not records:
        return None
    found = []
    for cluster in clusters:
        try:
            if any([(await _held_against(context, one, cluster)).same is Same.SAME for one in records]):
                found.append(cluster)
        except (KubeError, IssuanceError):
            continue  # no way there is known
    return found


async def speaks_for(context: Context, token: Sensitive, cluster: str) -> bool | None:
    """Whether what a token speaks for, or is bound to, is in a cluster, by its UID; None where it is not known. It is
    looked for by name, without the token."""
    try:
        claims = read_token(token)
        client = await context.clusters.client(cluster)
    except (ClaimsError, KubeError, IssuanceError):
        return None
    uid, bound = claims.service_account_uid, claims.bound
    if uid and claims.namespace and claims.service_account:
        try:
            found = await client.get_metadata(SERVICE_ACCOUNTS, claims.service_account, namespace=claims.namespace)
            return bool((found.get("metadata") or {}).get("uid") == uid)
        except NotFound:
            return False
        except KubeError:
            pass  # who may not see accounts may see handles
    if bound is None or bound.kind != "Secret" or not bound.uid:
        return None
    try:
        seen = await handles.look(client, claims.namespace, bound.name)
    except KubeError:
        return None
    return True if seen is not None and seen.uid == bound.uid else None  # gone it says nothing


async def _speaks_in_time(context: Context, token: Sensitive, cluster: str) -> bool | None:
    try:
        async with asyncio.timeout(_EACH):
            return await speaks_for(context, token, cluster)
    except TimeoutError:
        return None


def home_of(address: Endpoint | None, known: Mapping[str, Endpoint], said: str, holder: str) -> str:
    """The cluster whose token it is that lies beside this address, and that it may be shown to; empty where nothing
    shows which.

    The address was written together with the token, and whoever can write there can read it: a status cannot. `known`
    are the clusters that it may be of, `said` is the one that others say, and `holder` the one that it lies in, which
    has it anyway. The server counts; under another name of it its authority does, where exactly one of the operator's
    own clusters has that, or of the delivered ones where none of his has: one of a whole company, or a bundle,
    does not say which of its servers it is.
    """
    leads = [name for name, one in known.items() if address is not None and _leads_to(address, one)]
    same_server = [name for name in leads if address is not None and same_place(address.server, known[name].server)]
    if same_server:
        return said if said in same_server else same_server[0]
    own = [name for name in leads if not known[name].delivered] or leads
    if any(not same_place(known[name].server, known[own[0]].server) for name in own):
        return holder if said == holder in own else ""  # which has it anyway, and nobody says otherwise
    if holder in leads or (not leads and said == holder):  # inside of it, it has another address, and another authority
        return holder
    return said if said in leads else next(iter(leads), "")


def known_home(address: Endpoint, ways: Mapping[str, Endpoint], lies: Address) -> str:
    """The same of what lies in an object that leads to a cluster: the operator's own contexts come first, then the
    cluster that this very object delivers, whatever else is delivered last; in one order on every start alike."""
    own = f"{lies.cluster}/{lies.namespace}/{lies.name}"
    first = sorted(ways.items(), key=lambda one: (one[1].delivered, one[0] != own, one[0]))
    return home_of(address, dict(first), "", lies.cluster)


def _leads_to(address: Endpoint, cluster: Endpoint) -> bool:
    if address.ca is None and cluster.ca is None:
        return same_place(address.server, cluster.server) and (address.insecure or not cluster.insecure)
    nobody = same_authority(address.ca, None) or same_authority(cluster.ca, None)  # none, or nothing that is one
    return not nobody and same_authority(address.ca, cluster.ca)


# The token in a file, and one that someone gives


async def insist_on_token(context: Context, token: Sensitive, cluster: str) -> bool:
    """Whether this machine's records know that token as one of this cluster. Raises AnotherCluster where they know it
    as one of another: it is not shown to this one, whoever names it. KubeError, IssuanceError."""
    known = False
    for record in await _records(context, token):
        verdict = await _held_against(context, record, cluster)
        if verdict.same is not Same.SAME:
            raise AnotherCluster("this token", verdict, THERE)
        known = True
    return known


async def cluster_of_token(context: Context, token: Sensitive, named: str, where: str) -> str:
    """The cluster of a bare token: the one that someone `named`, else the one that this machine's records know.

    Raises UsageError where that is another one, or none was named and no record knows it.
    """
    records = await _records(context, token)
    cluster = named or next((cluster_of(one.credential) for one in records), "")
    if not cluster:
        raise UsageError(
            f"{where} is a bare token and does not say where its cluster is",
            "name it with --context NAME, or use `kubemint inspect`",
        )
    await insist_on_token(context, token, cluster)
    return cluster


async def of_file(context: Context, credential: Credential, token: Sensitive) -> str:
    """The cluster of the token that lies in a file which this machine wrote as `credential`.

    Raises AnotherCluster where what lies there by now is of another one, UsageError where nothing says of which.
    """
    cluster, file = cluster_of(credential), credential.address.name
    if token.fingerprint == credential.fingerprint:
        return cluster
    known = context.clusters.endpoint(cluster)
    own, _ = await asyncio.to_thread(what_lies_in, credential)
    if own is not None and leads_elsewhere(own, known):
        verdict = Verdict(Same.UNKNOWN, cluster, of_endpoint(known, cluster), of_endpoint(own, cluster))
        raise AnotherCluster(f"what {file} holds now", verdict, THERE)
    if await insist_on_token(context, token, cluster) or own is not None:
        return cluster
    if await speaks_for(context, token, cluster):
        return cluster
    raise UsageError(
        f"{file} holds another token than kubemint wrote there, and nothing shows that it is of {cluster}, as what was "
        "recorded: it is sent to none",
        BY_HAND,
    )


async def _records(context: Context, token: Sensitive) -> list[Export]:
    """What this machine wrote down of that very token. Of a shoot's login that names the garden: not its cluster."""
    state = context.state
    records = await asyncio.to_thread(lambda: [*state.export_records(), *state.written_secrets()])
    mine = (one for one in records if one.credential.fingerprint == token.fingerprint)
    return [one for one in mine if one.credential.identity is not None]


async def _held_against(context: Context, record: Export, cluster: str) -> Verdict:
    """Whether what a record is of is this cluster, under whatever name: SAME also where it may well be."""
    named = cluster_of(record.credential)
    then, now = of_cluster(record, named), await context.whose.now(cluster)
    if then is None or not then.server:  # of an earlier version: the name is all that it says
        if named == cluster:
            return Verdict(Same.SAME, cluster, now, then)
        way = _way(context, named)
        then = of_endpoint(way, named) if way is not None else None
    if then is None:
        raise UsageError(
            f"this machine's records say that this token was issued in {named}, which is not known here: it is not "
            f"shown to {cluster}",
            THERE,
        )
    return Verdict(Same.SAME if may_be(then, now) else same(then, now), cluster, now, then)
