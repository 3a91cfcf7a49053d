"""What ends with the account of a request besides the request's own credential: who deletes the one ends the other.

Every token of an account is invalid once it is deleted. What is known of them: what this machine wrote for it, the
handles beside it, which name the Secrets that they were made for, and the pods that run as it. It is a warning and
decides nothing, so marks are good enough; what may not be read is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from tui.issuance.errors import IssuanceError
from tui.issuance.model.types import Identity
from tui.issuance.transaction.work import Context
from tui.issuance.trust import handles
from tui.issuance.trust.orphans import placed
from tui.issuance.users import consumers
from tui.kube.errors import KubeError
from tui.kube.text import safe_text

from .cleanup import Leftover
from .objects import DPURequest, NamespacedName, cluster_name

_NAMED = 5
"""So many of a sort are named; the rest is a count."""


async def others(context: Context, request: DPURequest, made: Sequence[Leftover]) -> tuple[str, ...]:
    """A line for each that ends with the accounts among `made`, and for what could not be looked at."""
    lines: list[str] = []
    for one in made:
        if one.kind == "account":
            account = NamespacedName.parse(one.name)
            cluster = cluster_name(request.cluster, NamespacedName.parse(one.target) if one.target else None)
            lines += await _of(context, request, Identity(cluster, account.namespace, account.name))
    return tuple(dict.fromkeys(lines))


async def _of(context: Context, request: DPURequest, identity: Identity) -> list[str]:
    account = f"{identity.namespace}/{identity.name}"
    exports = await asyncio.to_thread(context.state.exports)
    mine = {str(one.address) for one in exports if one.identity == identity and one.address != request.address}
    lines = list(_named(f"is a credential of {account} too, and ends with it", sorted(mine)))
    try:
        client = await context.clusters.client(identity.cluster)
        beside = await handles.listed(client, identity.namespace)
    except (KubeError, IssuanceError) as error:
        return [*lines, f"which other credentials {account} has could not be looked at: {error}"]
    places = {
        "/".join(place)
        for seen in beside
        if seen.account == account and seen.request != request.uid
        for place in placed(seen, identity.cluster)
    }
    known = {one.partition(":")[2] for one in mine}
    lines += _named(f"holds a credential of {account} too, which ends with it", sorted(places - known), "Secret ")
    try:
        running = await consumers.pods(client, identity.namespace)
    except (KubeError, IssuanceError) as error:
        return [*lines, f"which pods run as {account} could not be looked at: {error}"]
    pods = sorted(pod.metadata.name for pod in running if pod.spec.service_account_name == identity.name)
    return [*lines, *_named(f"runs as {account}, with a token that ends too", pods, f"pod {identity.namespace}/")]


def _named(what: str, names: Sequence[str], before: str = "") -> Iterator[str]:
    for name in names[:_NAMED]:
        yield f"{before}{safe_text(name)} {what}"
    if len(names) > _NAMED:
        yield f"and {len(names) - _NAMED} more like it"
