"""In which cluster the token in a request's Secret is good: that one alone is asked about it, and shown it.

Status and spec say which one it is, and others may write both. So it is the cluster to which the address in the Secret
leads, which was written together with the token (`showing.home_of`). Verifying, rotating, revoking, undoing and keeping
all go through here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.model.types import Credential, Handle
from tui.issuance.records.whereabouts import noted, of_endpoint
from tui.issuance.trust import handles, vouching
from tui.issuance.trust.showing import home_of
from tui.issuance.trust.vouchers import Claim, Facts, Verdict, Word
from tui.kube.errors import KubeError

from .kept import Kept, asked, read
from .objects import DPURequest, NamespacedName, cluster_name, credential_of
from .steps import Published

if TYPE_CHECKING:
    from datetime import datetime

    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint

    from .target import TargetClusters

AGAIN: Final = (
    "keep or rotate the request, so that its Secret and status are written again; to revoke this very token, give it "
    "to kubemint itself (kubemint revoke -)"
)


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster of a token. Where nothing shows which one it is, the one that the status says, and `known` is False:
    then it is shown to no cluster, and what is not there may be somewhere else."""

    cluster: str
    target: NamespacedName | None
    known: bool

    @property
    def unknown(self) -> str:
        """Why the token is shown to no cluster; empty where it may be shown to that cluster."""
        said = f"its Secret does not lead to {self.cluster}, and nothing else shows that its token is of that cluster"
        return "" if self.known else f"{said}; it is sent to none"


class Vouched(msgspec.Struct, frozen=True, kw_only=True):
    """What a request keeps, by what vouches for it."""

    credential: Credential
    """In the cluster that is the token's, and with the token's own times where that confirmed it. Its handle is one
    that may be ended, or None."""
    facts: Facts
    verdict: Verdict
    at: Home


async def home(clusters: TargetClusters, request: DPURequest, there: Published) -> Home:
    """Where the token in this Secret is good. It is shown to no cluster."""
    first = request.status_target if request.status_service_account is not None else request.target
    said, targets, known = cluster_name(request.cluster, first), dict[str, NamespacedName | None](), {}
    for target in dict.fromkeys((first, request.target, None)):
        name = cluster_name(request.cluster, target)
        targets[name] = target
        if (endpoint := await _endpoint(clusters, request, target)) is not None:
            known[name] = endpoint
    found = home_of(there.leads, known, said, request.cluster)
    return Home(cluster=found or said, target=targets[found or said], known=bool(found))


async def _endpoint(clusters: TargetClusters, request: DPURequest, target: NamespacedName | None) -> Endpoint | None:
    try:
        return (await clusters.target(request.cluster, target))[0].endpoint
    except (KubeError, IssuanceError):
        return None  # it is gone, or not entered


async def beside(clusters: TargetClusters, request: DPURequest, handle: Handle, at: Home) -> Home:
    """Where a handle is, of which nothing shows where it is: the first cluster that has it; else as it was said."""
    for target in dict.fromkeys((None, at.target, request.target)):
        try:
            found, client = await clusters.target(request.cluster, target)
            seen = await handles.look(client, handle.namespace, handle.name)
        except (KubeError, IssuanceError):
            continue
        if seen is not None and seen.uid == handle.uid:
            return Home(cluster=found.name, target=target, known=False)
    return at


async def kept_in(clusters: TargetClusters, request: DPURequest, there: Published) -> Kept:
    """What the token in this Secret says, and of which cluster it is. It is shown to no cluster."""
    if there.token is None or not there.ours:
        return Kept()
    at = await home(clusters, request, there)
    leads = noted(of_endpoint(there.leads)) if there.leads is not None else ""
    kept = read(there.token, at.cluster, at.target, leads, lost=not at.known)
    if kept.lost and kept.handle is not None:
        at = await beside(clusters, request, kept.handle, at)
        kept = read(there.token, at.cluster, at.target, leads, lost=True)
    return kept


async def confirm(clusters: TargetClusters, request: DPURequest, there: Published, kept: Kept) -> Kept:
    """The same with what its cluster says of it, where it is known which one that is."""
    if kept.lost or kept.word is not Word.UNASKED:
        return kept
    return asked(kept, await vouching.facts_at(clusters, cluster_name(request.cluster, kept.home), there.token))


async def of_request(context: Context, request: DPURequest, there: Published, now: datetime) -> Vouched:
    """What the token in a request's Secret says, and whether its handle was made for this very request."""
    marks = credential_of(request.cluster, request, now)
    token = there.token if there.ours else None
    at = await home(context.clusters, request, there)
    assert marks.identity is not None
    marks = msgspec.structs.replace(
        marks,
        identity=msgspec.structs.replace(marks.identity, cluster=at.cluster),
        handle=msgspec.structs.replace(marks.handle, cluster=at.cluster) if marks.handle is not None else None,
    )
    if token is not None and not at.known:
        facts = vouching.unasked(token, at.cluster, at.unknown)
        verdict = Verdict(ok=False, why=at.unknown, hint=AGAIN)
    else:
        facts = await vouching.facts_at(context.clusters, at.cluster, token)
        claim = Claim(identity=marks.identity, place="", handle=marks.handle, request=request.uid)
        verdict = await vouching.beside(context, claim, facts, None)
    return Vouched(credential=_as_it_is(marks, facts, verdict), facts=facts, verdict=verdict, at=at)


def _as_it_is(marks: Credential, facts: Facts, verdict: Verdict) -> Credential:
    """With the times that the token says, which only the server can write."""
    credential = msgspec.structs.replace(marks, handle=verdict.handle)
    if facts.word is not Word.CONFIRMED or facts.issued_at is None or facts.expires_at is None:
        return credential
    return msgspec.structs.replace(
        credential,
        issued_at=facts.issued_at,
        expires_at=facts.expires_at,
        granted=facts.expires_at - facts.issued_at,
        fingerprint=facts.fingerprint,
    )
