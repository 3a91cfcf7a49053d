"""Whether what somebody types names something that is there, as far as the fleet has seen; nothing is asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from tui.issuance import Identity
from tui.kube.text import safe_text

from .rows import ClusterRow

if TYPE_CHECKING:
    from .store import FleetStore

_KIND: Final = "service accounts"
_OF_EVERY_NAMESPACE: Final = "default"
"""The account that the server itself keeps in each."""


def doubts(store: FleetStore, cluster: str, named: Mapping[str, str]) -> dict[str, str]:
    """What is said of names that nobody has seen in a cluster, by the kind of object that they name.

    `named` holds the namespace (`namespaces`) and the account (`serviceaccounts`), either of them empty or not there.
    A cluster whose accounts were not all read says nothing: what was not seen may be there.
    """
    row, namespace = store.clusters.get(cluster), named.get("namespaces", "")
    if row is None or not namespace or not _is_read(row):
        return {}
    if str(Identity(cluster, namespace, _OF_EVERY_NAMESPACE)) not in store.accounts:
        return {"namespaces": safe_text(f"no namespace {namespace} was seen in {cluster}")}
    account = named.get("serviceaccounts", "")
    if account and str(Identity(cluster, namespace, account)) not in store.accounts:
        return {"serviceaccounts": safe_text(f"no service account {account} was seen in {namespace}")}
    return {}


def _is_read(row: ClusterRow) -> bool:
    return row.answers and row.synced_at is not None and not any(one.startswith(_KIND) for one in row.missing)
