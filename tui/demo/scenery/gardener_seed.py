"""What lives in the embedded garden: three projects, and shoots in every state that people meet.

The first shoots are played by tenants of the fleet, and two by clusters to which nothing but the garden leads. Nothing
here takes a number from the cluster's generator, so that everything else in the fleet is the same with and without it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tui.demo.apiserver.access import Object, UserInfo
from tui.demo.apiserver.authz import MASTERS
from tui.demo.apiserver.pki import Authority
from tui.demo.apiserver.storage import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    NAMESPACES,
    SECRETS,
    SERVICE_ACCOUNTS,
    rfc3339,
)
from tui.demo.operators.gardener import Garden
from tui.demo.operators.gardener_kinds import CLUSTER_PRESETS, GROUP, PRESETS, PROJECTS, SETTINGS, SHOOTS, VERSION
from tui.demo.operators.kubeconfigs import config
from tui.demo.operators.objects import RBAC, account, binding, encoded, made, role

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

DEVELOPMENT: Final = "garden-dev"
PRODUCTION: Final = "garden-prod"
AUDIT: Final = "garden-audit"
"""In this project the operator is only a viewer."""
ALONE: Final = {"meadow": DEVELOPMENT, "ledger": AUDIT}
"""Shoots that are clusters of their own, and their projects."""
_READ: Final = ("get", "list", "watch")
_CONDITIONS: Final = (
    "APIServerAvailable",
    "ControlPlaneHealthy",
    "ObservabilityComponentsHealthy",
    "EveryNodeReady",
    "SystemComponentsHealthy",
)
_ISSUER: Final = "https://login.example.com"


def add_garden(
    garden: EmbeddedCluster, tenants: Mapping[str, EmbeddedCluster], alone: Mapping[str, EmbeddedCluster]
) -> Garden:
    """Make `garden` one; the clusters called tenant-a, tenant-b and tenant-c play shoots where they are there."""
    seed = _Seed(garden)
    shoots: dict[tuple[str, str], Authority] = {}
    for project, owner in ((DEVELOPMENT, "dev"), (PRODUCTION, "prod"), (AUDIT, "audit")):
        seed.project(project, owner)
    seed.named()
    seed.presets()
    for name, cluster in alone.items():
        shoots[ALONE[name], name] = cluster.authority
        add_rights(cluster)
        seed.played(ALONE[name], name, cluster, oidc=name == "ledger")
    for name, namespace in (("tenant-a", DEVELOPMENT), ("tenant-b", PRODUCTION), ("tenant-c", DEVELOPMENT)):
        tenant = tenants.get(name)
        if tenant is not None:
            shoots[namespace, name] = tenant.authority
            add_rights(tenant)
            seed.played(namespace, name, tenant, oidc=name == "tenant-c")
    seed.unborn(DEVELOPMENT, "fresh")
    for namespace, name, put in ((DEVELOPMENT, "night-shift", seed.asleep), (PRODUCTION, "shop", seed.failed)):
        put(namespace, name)
        shoots[namespace, name] = seed.authority(namespace, name, Authority(f"{name}-ca", garden.clock()))
    if "tenant-b" in tenants:
        seed.static_token(PRODUCTION, "tenant-b", tenants["tenant-b"])
    made = Garden(garden, shoots)
    made.viewers.add(AUDIT)
    return made


def add_rights(shoot: EmbeddedCluster) -> None:
    """What Gardener grants to its groups in a shoot: admins everything, viewers to read all but Secrets."""
    kinds = [kind for kind in shoot.server.kinds if kind.collection != SECRETS]
    rules = [
        {"apiGroups": [group], "resources": sorted({k.plural for k in kinds if k.group == group}), "verbs": [*_READ]}
        for group in sorted({kind.group for kind in kinds})
    ]
    rules.append({"apiGroups": [""], "resources": ["pods/log"], "verbs": [*_READ]})
    viewers = "gardener.cloud:system:viewers"
    seed = _Seed(shoot)
    seed.put(CLUSTER_ROLES, role("ClusterRole", viewers, rules=rules))
    for level, granted in (("admins", "cluster-admin"), ("viewers", viewers)):
        for whose in ("system", "project"):
            group = f"gardener.cloud:{whose}:{level}"
            subject = {"apiGroup": RBAC, "kind": "Group", "name": group}
            seed.put(CLUSTER_ROLE_BINDINGS, binding(group, "", ("ClusterRole", granted), subject))


class _Seed:
    """Puts objects into one cluster."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        self.cluster = cluster
        self.now = cluster.clock().replace(microsecond=0)

    def put(self, collection: tuple[str, str], obj: Object, days: int = 60) -> Object:
        """Stores an object some days old, with an identifier that draws nothing from the scenery."""
        metadata = obj["metadata"]
        path = "/".join((self.cluster.name, *collection, metadata.get("namespace", ""), metadata["name"]))
        metadata["uid"] = self.cluster.id_of(path)
        metadata["creationTimestamp"] = rfc3339(self.now - timedelta(days=days))
        return self.cluster.storage.create(collection, obj)

    def project(self, namespace: str, name: str) -> None:
        """A project and its namespace."""
        labels = {"gardener.cloud/role": "project", "project.gardener.cloud/name": name}
        spec, status = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
        self.put(NAMESPACES, made("Namespace", namespace, labels=labels, spec=spec, status=status))
        self.put(SERVICE_ACCOUNTS, account("default", namespace))
        member = {"apiGroup": RBAC, "kind": "User", "name": "kubernetes-admin", "role": "admin", "roles": ["owner"]}
        project = made("Project", name, "", f"{GROUP}/{VERSION}")
        project["spec"] = {"namespace": namespace, "purpose": f"{name} clusters", "members": [member]}
        self.put(PROJECTS, project | {"status": {"phase": "Ready", "observedGeneration": 1}})

    def named(self) -> None:
        """What the garden calls itself; everybody who is let in may read it."""
        data = {"cluster-identity": "garden-demo"}
        self.put(CONFIG_MAPS, made("ConfigMap", "cluster-identity", "kube-system", data=data, immutable=True))

    def presets(self) -> None:
        """Logins for shoots without their own: one for a project's, one for those that say `oidc: enabled`."""
        for collection, kind, name, namespace, weight, labels, audience in (
            (PRESETS, "OpenIDConnectPreset", "project", DEVELOPMENT, 90, {}, "dev-clusters"),
            (CLUSTER_PRESETS, "ClusterOpenIDConnectPreset", "everybody", "", 10, {"oidc": "enabled"}, "clusters"),
        ):
            preset = made(kind, name, namespace, f"{SETTINGS}/v1alpha1")
            server = {"issuerURL": _ISSUER, "clientID": audience, "usernameClaim": "email", "groupsClaim": "groups"}
            preset["spec"] = {"server": server, "shootSelector": {"matchLabels": labels}, "weight": weight}
            if not namespace:
                preset["spec"]["projectSelector"] = {}
            self.put(collection, preset)

    def played(self, namespace: str, name: str, tenant: EmbeddedCluster, *, oidc: bool = False) -> None:
        """A healthy shoot that another cluster of the fleet plays."""
        addresses = [
            {"name": "external", "url": tenant.url},
            {"name": "internal", "url": tenant.url.replace("127.0.0.1", "localhost")},
            {"name": "service-account-issuer", "url": f"{tenant.url}/issuer"},
        ]
        shoot = self._shoot(namespace, name, tenant.version, addresses, "Reconcile", "Succeeded")
        if oidc:
            server = {"oidcConfig": {"clientID": "kubernetes", "issuerURL": _ISSUER, "usernameClaim": "email"}}
            shoot["spec"]["kubernetes"]["kubeAPIServer"] = server
        self.put(SHOOTS, shoot)
        self.authority(namespace, name, tenant.authority)

    def authority(self, namespace: str, name: str, authority: Authority) -> Authority:
        """The shoot's CA, published where everybody in the project can read it."""
        data = {"ca.crt": authority.pem.decode()}
        self.put(CONFIG_MAPS, made("ConfigMap", f"{name}.ca-cluster", namespace, data=data))
        return authority

    def asleep(self, namespace: str, name: str) -> None:
        """A hibernated shoot: its API server is off, and a kubeconfig for it leads nowhere."""
        away = [{"name": "external", "url": "https://api.night-shift.dev.shoot.example.invalid"}]
        shoot = self._shoot(namespace, name, "v1.33.5", away, "Reconcile", "Succeeded")
        shoot["spec"]["hibernation"] = {"enabled": True}
        shoot["status"]["hibernated"] = True
        self.put(SHOOTS, shoot)

    def unborn(self, namespace: str, name: str) -> None:
        """A shoot that is still being made: no addresses yet."""
        shoot = self._shoot(namespace, name, "v1.34.1", [], "Create", "Processing", progress=43)
        shoot["metadata"]["labels"]["shoot.gardener.cloud/status"] = "progressing"
        for condition in shoot["status"]["conditions"]:
            condition |= {"status": "Progressing", "reason": "Creating"}
        self.put(SHOOTS, shoot, days=0)

    def failed(self, namespace: str, name: str) -> None:
        """A shoot that Gardener gave up on."""
        away = [{"name": "external", "url": "https://api.shop.prod.shoot.example.invalid"}]
        shoot = self._shoot(namespace, name, "v1.31.9", away, "Reconcile", "Failed", progress=72)
        why = 'task "Waiting until shoot worker nodes have been reconciled" failed: quota exceeded'
        shoot["metadata"]["labels"] |= {"shoot.gardener.cloud/status": "unhealthy", "oidc": "enabled"}
        shoot["status"]["lastOperation"]["description"] = why
        shoot["status"]["lastErrors"] = [{"description": why, "codes": ["ERR_INFRA_QUOTA_EXCEEDED"]}]
        shoot["status"]["conditions"][3] |= {"status": "False", "reason": "NodesMissing", "message": "2 of 5 are there"}
        self.put(SHOOTS, shoot)

    def static_token(self, namespace: str, name: str, tenant: EmbeddedCluster) -> None:
        """The kubeconfig with a token that never ends, as shoots before Kubernetes 1.27 have one."""
        technical = f"shoot--{namespace.removeprefix('garden-')}--{name}"
        user = {"token": uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant.url}/{technical}").hex}
        tenant.authenticator.static[user["token"]] = UserInfo("system:cluster-admin", groups=(MASTERS,))
        context = {"cluster": technical, "user": technical}
        file = config(technical, {technical: tenant.entry()}, {technical: context}, {technical: user})
        data = encoded({"kubeconfig": file, "ca.crt": tenant.authority.pem})
        labels = {"gardener.cloud/role": "kubeconfig"}
        secret = made("Secret", f"{name}.kubeconfig", namespace, labels=labels, type="Opaque", data=data)
        secret["metadata"]["annotations"] = {"url": tenant.url}
        self.put(SECRETS, secret)

    def _shoot(
        self,
        namespace: str,
        name: str,
        version: str,
        addresses: list[dict[str, str]],
        operation: str,
        state: str,
        progress: int = 100,
    ) -> dict[str, Any]:
        project = namespace.removeprefix("garden-")
        labels = {"shoot.gardener.cloud/status": "healthy"}
        shoot = made("Shoot", name, namespace, f"{GROUP}/{VERSION}", labels)
        shoot["spec"] = {
            "provider": {"type": "local"},
            "region": "local",
            "seedName": "demo-seed",
            "kubernetes": {"version": version.removeprefix("v")},
            "hibernation": {"enabled": False},
        }
        at = rfc3339(self.now - timedelta(minutes=7))
        last = {"type": operation, "state": state, "progress": progress, "description": "", "lastUpdateTime": at}
        shoot["status"] = {
            "technicalID": f"shoot--{project}--{name}",
            "clusterIdentity": f"shoot--{project}--{name}-demo",
            "hibernated": False,
            "seedName": "demo-seed",
            "gardener": {"id": "demo", "name": "demo", "version": "v1.136.0"},
            "advertisedAddresses": addresses,
            "lastOperation": last,
            "conditions": [
                {"type": kind, "status": "True", "reason": "Ok", "message": "", "lastUpdateTime": at}
                for kind in _CONDITIONS
            ],
        }
        return shoot
