"""Tenants in the demo: stores and pushes of the management cluster in every state, and what tenants make of them.

`clusters` holds what people who work with Cluster API and External Secrets have: stores that lead somewhere and stores
that do not, a push that renews itself, one that copies a token Secret as it is, one that fails and one that waits for
an operator that does not run here. The first two tenants have an operator of their own, one of them an old one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.faults import ServerState
from tui.demo.apiserver.storage import DEFINITIONS, ROLE_BINDINGS, ROLES, SECRETS
from tui.demo.operators.eso_kinds import CLUSTER_STORES, EXTERNAL_SECRETS, GROUP, PUSH_SECRETS, STORES, definitions
from tui.demo.operators.objects import binding, encoded, made, robot, role

from .population import Settler

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

HOME: Final = "clusters"
PUSHED: Final = "management-serviceaccount-token"
_KEYS: Final = ("ca.crt", "namespace", "token")
_OURS: Final = {"app.kubernetes.io/managed-by": "kubemint"}


def add_tenants(management: EmbeddedCluster, others: Mapping[str, EmbeddedCluster]) -> None:
    """Everything about tenants. Needs the definitions, which `populate` puts into the management cluster."""
    healthy = [other for other in others.values() if other.state is ServerState.NORMAL]
    if healthy:
        _Tenants(management, others, healthy).fill()


class _Tenants:
    def __init__(
        self, management: EmbeddedCluster, others: Mapping[str, EmbeddedCluster], healthy: list[EmbeddedCluster]
    ) -> None:
        self.management = management
        self.others = others
        self.healthy = healthy
        self.settler = Settler(management)

    def fill(self) -> None:
        first, second = self.healthy[0], self.healthy[-1 if len(self.healthy) < 2 else 1]
        for tenant in {first.name: first, second.name: second}.values():
            self._store(tenant.name, tenant)
        self._renewing(first)
        self._naive(second)
        away = next((other for other in self.others.values() if other.state is ServerState.UNREACHABLE), None)
        if away is not None:
            self._store(away.name, away)
            self._push(f"{away.name}-backup", [_ref(away.name)], "backup-token", interval="1h0m0s")
        self._store("tenant-gone", None)
        self._push("tenant-gone-argo", [_ref("tenant-gone")], "argo-token", interval="15m0s")
        self._elsewhere(first)
        self._cluster_store(first)
        self._fetching(first, "v1")
        if second is not first:
            self._fetching(second, "v1beta1")

    # In the management cluster

    def _store(self, name: str, tenant: EmbeddedCluster | None) -> None:
        """A SecretStore with its login, as `kubemint tenant store` makes it; without a tenant its login is gone."""
        auth = f"{name}-secretstore-auth"
        if tenant is not None:
            login = {"clientCert": tenant.admin.certificate, "clientKey": tenant.admin.key.reveal_bytes()}
            data = {"caData": tenant.authority.pem} | login
            self._secret(auth, data, _OURS | {"argocd.argoproj.io/secret-type": "cluster"})
        url = tenant.url if tenant is not None else "https://tenant-gone.example:6443"
        self._put_store(name, _leads_to(url, auth), labels=_OURS)

    def _put_store(self, name: str, spec: Object, *, labels: Mapping[str, str] | None = None) -> None:
        self.settler.put(STORES, made("SecretStore", name, HOME, f"{GROUP}/v1", labels, spec=spec))

    def _renewing(self, tenant: EmbeddedCluster) -> None:
        """A short-lived token of kubemint's, carried over by a PushSecret that is told of every renewal."""
        name = f"{tenant.name}-reader"
        owner = self.settler.account(HOME, "reader")
        note = {
            "name": name, "store": tenant.name, "tenant": tenant.name, "namespace": "kube-system", "secret": PUSHED,
            "interval": "PT1H", "wait": "PT90S",
        }  # fmt: skip
        said = json.dumps(note, separators=(",", ":"))
        hour = timedelta(hours=1)
        self.settler.managed(f"{name}-token", owner, timedelta(minutes=21), hour, form="serviceAccount", push=said)
        self._readable("reader", "tenant-settings")
        self._push(
            name, [_ref(tenant.name)], f"{name}-token", interval="1h0m0s", labels=_OURS, template=True, deletes=True
        )

    def _naive(self, tenant: EmbeddedCluster) -> None:
        """The article's mistake: a long-lived token Secret, pushed as it is to a tenant that deletes such copies."""
        owner = self.settler.account(HOME, "argo")
        self.settler.legacy("argo-token", owner)
        self._push(
            f"{tenant.name}-argo", [_ref(tenant.name)], "argo-token", interval="1h0m0s", remote="argo-management"
        )

    def _elsewhere(self, tenant: EmbeddedCluster) -> None:
        """A store that names another operator: here its pushes wait for ever."""
        spec = _leads_to(tenant.url, f"{tenant.name}-secretstore-auth") | {"controller": "team-storage"}
        self._put_store("team-storage", spec)
        self._push("storage-handover", [_ref("team-storage")], "argo-token", interval="30m0s", remote="handover")

    def _cluster_store(self, tenant: EmbeddedCluster) -> None:
        """One store for every namespace: whoever uses it brings the Secret, so that nobody can check it before."""
        spec = _leads_to(tenant.url, "own-tenant-login")
        store = made("ClusterSecretStore", "bring-your-own", "", f"{GROUP}/v1", spec=spec)
        self.settler.put(CLUSTER_STORES, store)

    def _push(
        self,
        name: str,
        stores: list[Object],
        source: str,
        *,
        interval: str,
        remote: str = PUSHED,
        labels: Mapping[str, str] | None = None,
        template: bool = False,
        deletes: bool = False,
    ) -> None:
        match = [{"match": {"secretKey": key, "remoteRef": {"remoteKey": remote, "property": key}}} for key in _KEYS]
        spec: Object = {
            "refreshInterval": interval,
            "updatePolicy": "Replace",
            "deletionPolicy": "Delete" if deletes else "None",
            "secretStoreRefs": stores,
            "selector": {"secret": {"name": source}},
            "data": match,
        }
        if template:
            spec["template"] = {"type": "Opaque", "metadata": {"annotations": {}, "labels": {}}}
        push = made("PushSecret", name, HOME, f"{GROUP}/v1alpha1", labels, spec=spec)
        push["metadata"]["generation"] = 1
        self.settler.put(PUSH_SECRETS, push, timedelta(days=12))

    def _readable(self, account: str, secret: str) -> None:
        """A Secret of the management cluster that tenants may read, and the right to it."""
        self._secret(secret, {"registry": b"registry.example", "region": b"eu-north"}, {})
        name = f"{account}-read-secrets"
        rule: Object = {
            "apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get", "list", "watch"],
        }  # fmt: skip
        self.settler.put(ROLES, role("Role", name, HOME, rules=[rule]))
        self.settler.put(ROLE_BINDINGS, binding(name, HOME, ("Role", name), robot(HOME, account)))

    def _secret(self, name: str, data: Mapping[str, bytes], labels: Mapping[str, str]) -> None:
        self.settler.put(SECRETS, made("Secret", name, HOME, labels=labels, type="Opaque", data=encoded(data)))

    # In a tenant

    def _fetching(self, tenant: EmbeddedCluster, version: str) -> None:
        """The tenant's own operator: back to the management cluster with what was pushed, and one thing that fails."""
        there = Settler(tenant)
        for definition in definitions(version):
            there.put(DEFINITIONS, definition)
        reference = {"name": PUSHED, "namespace": "kube-system"}
        authority = {"type": "Secret", "key": "ca.crt", **reference}
        login = {"token": {"bearerToken": {"key": "token", **reference}}}
        spec = _provider(HOME, self.management.url, authority, login)
        api_version = f"{GROUP}/{version}"
        there.put(CLUSTER_STORES, made("ClusterSecretStore", "management", "", api_version, spec=spec))
        for name, key in (("tenant-settings", "tenant-settings"), ("billing", "billing-account")):
            wish: Object = {
                "refreshInterval": "1h0m0s",
                "secretStoreRef": {"name": "management", "kind": "ClusterSecretStore"},
                "target": {"name": name},
                "dataFrom": [{"extract": {"key": key}}],
            }
            external = made("ExternalSecret", name, "default", api_version, spec=wish)
            external["metadata"]["generation"] = 1
            there.put(EXTERNAL_SECRETS, external, timedelta(days=3))


def _leads_to(url: str, auth: str) -> Object:
    login = {key: {"name": auth, "key": key} for key in ("clientCert", "clientKey")}
    authority = {"type": "Secret", "name": auth, "key": "caData"}
    return _provider("kube-system", url, authority, {"cert": login})


def _provider(namespace: str, url: str, authority: Object, auth: Object) -> Object:
    server = {"url": url, "caProvider": authority}
    return {"provider": {"kubernetes": {"remoteNamespace": namespace, "server": server, "auth": auth}}}


def _ref(store: str) -> Object:
    return {"name": store, "kind": "SecretStore"}
