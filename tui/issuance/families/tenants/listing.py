"""External Secrets' objects as rows: what is pushed and fetched, and the stores that it goes through."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from tui.issuance.model.durations import format_duration
from tui.issuance.model.requests import Renewing, RequestKind, RequestRow, row_of
from tui.issuance.objects.external_secrets import CLUSTER_STORES, EXTERNAL_SECRETS, PUSH_SECRETS, PUSHED, STORES
from tui.issuance.users.external_views import external_view, push_view, store_view
from tui.kube.amounts import count

from . import details
from .wish import PushWish


def _push(cluster: str, obj: Mapping[str, Any]) -> RequestRow:
    """A PushSecret. The credential that it carries is added by whoever knows that."""
    view = push_view(obj)
    return row_of(
        PUSH,
        cluster,
        obj,
        type=count(len(view.keys), "key") if view.keys else "every key",
        duration=_every(view.interval),
        target=", ".join(map(str, view.stores)),
        secret=f"{_namespace(obj)}/{view.source}" if view.source else "",
        next_at=view.next_at,
        about=view,
    )


def _external(cluster: str, obj: Mapping[str, Any]) -> RequestRow:
    """An ExternalSecret."""
    view = external_view(obj)
    return row_of(
        EXTERNAL,
        cluster,
        obj,
        type=count(len(view.keys), "Secret") if view.keys else "",
        duration=_every(view.interval),
        target=", ".join(map(str, view.stores)),
        secret=f"{_namespace(obj)}/{view.target}",
        next_at=view.next_at,
        about=view,
    )


def _store(cluster: str, obj: Mapping[str, Any]) -> RequestRow:
    """A SecretStore."""
    view, namespace = store_view(obj), _namespace(obj)
    secret = view.secret
    secret = secret if "/" in secret or not secret or not namespace else f"{namespace}/{secret}"
    return row_of(STORE, cluster, obj, type=view.provider, target=view.server, secret=secret, about=view)


def _cluster_store(cluster: str, obj: Mapping[str, Any]) -> RequestRow:
    """A ClusterSecretStore."""
    view = store_view(obj)
    return row_of(CLUSTER_STORE, cluster, obj, type=view.provider, target=view.server, secret=view.secret, about=view)


def _namespace(obj: Mapping[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")


def _every(interval: timedelta | None) -> str:
    if interval is None:
        return ""
    return format_duration(interval) if interval else "once"


PUSH: Final = RequestKind(
    resource=PUSH_SECRETS, title="PushSecrets", label="push", read=_push, details=details.push,
    why="what External Secrets pushes; these four only where it is installed", any_version=True, carries=True,
    renewing=Renewing(
        lambda row: PushWish(row.cluster, row.namespace, row.name), lambda now: f"{PUSHED}=again-{now:%H%M%S}"
    ),
)  # fmt: skip
EXTERNAL: Final = RequestKind(
    resource=EXTERNAL_SECRETS, title="ExternalSecrets", label="external", read=_external, details=details.external,
    why="what it fetches", any_version=True,
)  # fmt: skip
STORE: Final = RequestKind(
    resource=STORES, title="SecretStores", label="store", read=_store, details=details.store,
    why="the stores that those go through", section="stores", line=details.store_line, any_version=True,
)  # fmt: skip
CLUSTER_STORE: Final = RequestKind(
    resource=CLUSTER_STORES, title="ClusterSecretStores", label="cluster store",
    read=_cluster_store, details=details.store, why="and those of the whole cluster", section="stores",
    line=details.store_line, any_version=True,
)  # fmt: skip
REQUESTS: Final = (PUSH, EXTERNAL, STORE, CLUSTER_STORE)
