"""The objects of the External Secrets Operator that kubemint writes, in whichever version a server serves.

Shapes only: nothing here talks to a cluster, and none of these objects ever holds material.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.durations import format_duration, format_go_duration
from tui.kube.resource import Resource

from . import managed

if TYPE_CHECKING:
    from tui.issuance.model.types import Push
    from tui.kube.client import Client

GROUP: Final = "external-secrets.io"
STORES: Final = Resource(GROUP, "v1", "secretstores", "SecretStore")
CLUSTER_STORES: Final = Resource(GROUP, "v1", "clustersecretstores", "ClusterSecretStore", namespaced=False)
EXTERNAL_SECRETS: Final = Resource(GROUP, "v1", "externalsecrets", "ExternalSecret")
PUSH_SECRETS: Final = Resource(GROUP, "v1alpha1", "pushsecrets", "PushSecret")

REMOTE_NAMESPACE: Final = "kube-system"
"""Where pushed Secrets go: it is there from a cluster's first moment, so that a push need not wait for it."""
REMOTE_SECRET: Final = "management-serviceaccount-token"
STORE: Final = "management"
"""What tenants call their store that leads back to the management cluster."""
CA, CERT, CERT_KEY = "caData", "clientCert", "clientKey"
AUTH_LABELS: Final = {"argocd.argoproj.io/secret-type": "cluster"}
PUSHED: Final = managed.PREFIX + "pushed"
"""On a PushSecret: the fingerprint it is to carry. A new value makes the operator push at once."""
PUSH_KEYS: Final = ("ca.crt", "namespace", "token")


async def served(client: Client, resource: Resource) -> Resource:
    """The resource in the version that this server serves. Raises UsageError where it has none."""
    version = (await client.discover()).version_of(resource.group, resource.plural)
    if version is None:
        raise UsageError(
            f"{client.endpoint.name} does not serve {resource.name}",
            "install the External Secrets Operator there, or push with --via=direct",
            field="via",
        )
    return msgspec.structs.replace(resource, version=version)


def auth_name(cluster: str) -> str:
    """The Secret with what a cluster's SecretStore logs in with."""
    return f"{cluster}-secretstore-auth"


def secret_store(resource: Resource, cluster: str, namespace: str, server: str) -> dict[str, Any]:
    """The SecretStore that leads into a tenant with its admin certificate. Its references may name no namespace."""
    auth = auth_name(cluster)
    kubernetes = {
        "remoteNamespace": REMOTE_NAMESPACE,
        "server": {"url": server, "caProvider": {"type": "Secret", "name": auth, "key": CA}},
        "auth": {"cert": {"clientCert": {"name": auth, "key": CERT}, "clientKey": {"name": auth, "key": CERT_KEY}}},
    }
    return _object(resource, cluster, namespace) | {"spec": {"provider": {"kubernetes": kubernetes}}}


def push_secret(push: Push, namespace: str, source: str, fingerprint: str) -> dict[str, Any]:
    """The PushSecret for the three keys. Its template keeps the remote Secret Opaque and free of the source's notes."""
    pushed = _object(PUSH_SECRETS, push.name, namespace)
    pushed["metadata"]["annotations"] = {PUSHED: fingerprint}
    return pushed | {
        "spec": {
            "refreshInterval": format_go_duration(push.interval),
            "deletionPolicy": "Delete",
            "secretStoreRefs": [{"name": push.store, "kind": STORES.kind}],
            "selector": {"secret": {"name": source}},
            "template": {"type": "Opaque", "metadata": {"annotations": {}, "labels": {}}},
            "data": [
                {"match": {"secretKey": key, "remoteRef": {"remoteKey": push.secret, "property": key}}}
                for key in PUSH_KEYS
            ],
        }
    }


def tenant_store(
    resource: Resource, server: str, namespace: str, secret: tuple[str, str] = (REMOTE_NAMESPACE, REMOTE_SECRET)
) -> dict[str, Any]:
    """The tenant's ClusterSecretStore: back to the management cluster with what was pushed."""
    reference = {"name": secret[1], "namespace": secret[0]}
    kubernetes = {
        "remoteNamespace": namespace,
        "server": {"url": server, "caProvider": {"type": "Secret", "key": "ca.crt", **reference}},
        "auth": {"token": {"bearerToken": {"key": "token", **reference}}},
    }
    return _object(resource, STORE, "") | {"spec": {"provider": {"kubernetes": kubernetes}}}


def external_secret(resource: Resource, name: str, namespace: str, interval: timedelta) -> dict[str, Any]:
    """The tenant's ExternalSecret: a copy of the whole Secret `name` of the management cluster."""
    return _object(resource, name, namespace) | {
        "spec": {
            "refreshInterval": format_go_duration(interval),
            "secretStoreRef": {"name": STORE, "kind": CLUSTER_STORES.kind},
            "target": {"name": name},
            "dataFrom": [{"extract": {"key": name}}],
        }
    }


def ready(obj: Mapping[str, Any]) -> tuple[str, str]:
    """Status and message of the condition Ready; empty where there is none yet."""
    conditions: Sequence[Mapping[str, Any]] = (obj.get("status") or {}).get("conditions") or ()
    for condition in conditions:
        if condition.get("type") == "Ready":
            said = condition.get("message") or condition.get("reason") or ""
            return str(condition.get("status", "")), str(said)
    return "", ""


def gap(interval: timedelta, lifetime: timedelta) -> str:
    """What to warn of where a renewed token may reach the tenant too late; empty where the rule is kept.

    A token is renewed with a fifth of its life left. The operator does not watch the source, so that a renewal which
    nobody announces arrives up to one interval later.
    """
    left = lifetime / 5
    if interval < left:
        return ""
    late = max(interval - left, timedelta(seconds=1))
    return (
        f"the PushSecret refreshes every {format_duration(interval)}, and a token of {format_duration(lifetime)} is "
        f"renewed with {format_duration(left)} left: unless kubemint renews it, the tenant may "
        f"have an expired one for up to {format_duration(late)}"
    )


def _object(resource: Resource, name: str, namespace: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": {managed.MANAGED_BY: managed.MANAGER}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
