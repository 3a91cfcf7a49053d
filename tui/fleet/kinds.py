"""Which kinds a cluster's tasks follow, and the rows that their objects give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from tui.issuance import (
    ApartFacts,
    ClusterSource,
    Listing,
    RequestKind,
    ToldApart,
    cluster_sources,
    listings,
    request_kinds,
)
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from .decode import (
    HANDLES,
    Account,
    HandleSecret,
    account_row,
    credential_row,
    labels_of,
)
from .ended import Ended
from .handles import Handles
from .homes import Homes
from .rows import Row
from .store import Area
from .watching import Watched


def kinds_of(
    cluster: str,
    areas: Collection[Area],
    *,
    clusters: Callable[[ClusterSource, str, Any | None], None] | None = None,
    told: Iterable[ToldApart] = (),
    apart: Callable[[Iterable[tuple[str, ApartFacts | None]]], None] | None = None,
    handles: Handles | None = None,
    ended: Ended | None = None,
    homes: Homes | None = None,
    namespace: str | None = None,
) -> Sequence[Watched]:
    """What to follow in `cluster` for these areas.

    `clusters` hears of all objects that lead to clusters, by their source, `apart` of the clusters apart that those of
    `told` tell of; None where this cluster was found through such a thing itself. `handles` hears of everything that
    tokens are bound to, `ended` of the accounts that speak with them; `homes` says in which cluster those are that lie
    in what leads to one. Whoever looks at one `namespace` alone is shown nothing of what lies
    in none.
    """

    def accounts(account: Account) -> Iterable[Row]:
        return (account_row(cluster, account),)

    def listed(listing: Listing, obj: Any) -> Iterable[Row]:
        credential = listing.credential(cluster, obj)
        if credential is None:
            return ()
        at_home = homes.placed(credential, listing.leads(obj)) if homes is not None else credential
        return (credential_row(at_home, labels_of(obj)),)

    def requests(kind: RequestKind, obj: Mapping[str, Any]) -> Iterable[Row]:
        row = kind.read(cluster, obj)
        if row is None:
            return ()
        labels = labels_of(obj)
        row = msgspec.structs.replace(row, labels=labels) if labels else row
        carries = kind.address is not None and row.credential is not None
        return (row, credential_row(row.credential, labels)) if carries and row.credential is not None else (row,)

    def heard(one: ToldApart, key: str, obj: Any | None) -> None:
        assert apart is not None
        apart(one.seen(cluster, key, obj))

    kinds: list[Watched] = []
    if clusters is not None:
        kinds += [
            Watched(
                one.title, one.resource, lambda obj: (), type=one.type, metadata_only=one.metadata_only,
                labels=one.labels, seen=partial(clusters, one), optional=one.optional, builtin=one.builtin,
            )
            for one in cluster_sources()
        ]  # fmt: skip
    if apart is not None and Area.CLUSTERS in areas:
        kinds += [
            Watched(
                one.title, one.resource, lambda obj: (), type=one.type,
                seen=partial(heard, one),
            )
            for one in told
            if one.resource.namespaced or namespace is None
        ]  # fmt: skip
    if Area.ACCOUNTS in areas:
        kinds.append(
            Watched(
                "service accounts", SERVICE_ACCOUNTS, accounts, type=Account, metadata_only=True,
                told=ended.listed(cluster) if ended is not None else None, builtin=True,
            )
        )  # fmt: skip
    elif ended is not None:  # not asked for: credentials are held against them
        kinds.append(
            Watched(
                "their accounts", SERVICE_ACCOUNTS, lambda obj: (), type=Account, metadata_only=True,
                told=ended.listed(cluster), optional=True, builtin=True,
            )
        )  # fmt: skip
    if Area.CREDENTIALS in areas:
        long_lived = handles.listed(cluster, whole=False) if handles is not None else None
        kinds += [
            Watched(
                one.title, one.resource, partial(listed, one), type=one.type, metadata_only=one.metadata_only,
                labels=one.labels, fields=one.fields, told=long_lived if one.handles else None, needs=one.needs,
                optional=one.optional, builtin=True,
            )
            for one in listings()
        ]  # fmt: skip
    if handles is not None and (Area.CREDENTIALS in areas or Area.REQUESTS in areas):
        kinds.append(
            Watched(
                "handles", SECRETS, lambda obj: (), type=HandleSecret, metadata_only=True, fields=HANDLES,
                told=handles.listed(cluster, whole=True),
                seen=partial(ended.handle, cluster) if ended is not None else None, optional=True, builtin=True,
            )
        )  # fmt: skip
    asked = Area.REQUESTS in areas
    kinds += [
        Watched(
            one.title, one.resource, partial(requests, one), builtin=one.builtin, any_version=one.any_version
        )
        for one in request_kinds()
        if (asked and (one.resource.namespaced or namespace is None))
        or (one.address is not None and Area.CREDENTIALS in areas)
    ]  # fmt: skip
    return kinds
