"""Fills the embedded fleet: accounts everywhere, and in the management cluster DPF's clusters and credential requests.

The requests in `dpf-operator-system` are kept by the demo's controller. Those in `edge` belong to nobody, as where the
controller is down: there every state stands still until somebody rotates by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.faults import ServerState
from tui.demo.apiserver.storage import DEFINITIONS, SECRETS, rfc3339
from tui.demo.apiserver.tokens import Lifetime
from tui.demo.operators.dpf_kinds import DPU_CLUSTERS, FINALIZER, MANAGEMENT_CRDS, REQUESTS, ownership
from tui.demo.operators.eso_kinds import definitions
from tui.demo.operators.kubeconfigs import admin_kubeconfig
from tui.demo.operators.material import secret_data
from tui.demo.operators.objects import encoded, made

from .csi import add_drivers
from .eso_seed import add_tenants
from .population import HOSTILE, Settler

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

OPERATOR: Final = "dpf-operator-system"
UNATTENDED: Final = "edge"
CAPPED: Final = "tenant-c"
CAP_SECONDS: Final = 3600
CONDITIONS: Final = ("Ready", "ServiceAccountReconciled", "SecretReconciled")
_FEW: Final = 6
_LONG: Final = ".".join(
    ["gateway-with-a-name-of-the-greatest-length-that-there-is"] * 4 + ["in-all-of-kubernetes-1234"]
)


def populate(clusters: Mapping[str, EmbeddedCluster], *, accounts: int) -> None:
    """Fills every cluster; `accounts` is the number of service accounts over all healthy clusters together."""
    healthy = [cluster for cluster in clusters.values() if cluster.state is ServerState.NORMAL]
    for number, cluster in enumerate(healthy):
        share = accounts // len(healthy) + (number < accounts % len(healthy))
        _settle(cluster, share, few=number > 0, extra=share // 50)
    for cluster in clusters.values():
        if cluster not in healthy:
            _settle(cluster, _FEW, few=True)
    if CAPPED in clusters:
        clusters[CAPPED].set_policy(max_seconds=CAP_SECONDS)
    management = next(iter(clusters.values()))
    for definition in (*MANAGEMENT_CRDS, *definitions()):
        Settler(management).put(DEFINITIONS, copied(definition))
    others = [cluster for cluster in clusters.values() if cluster is not management]
    Management(management, {cluster.name: cluster for cluster in others}).fill()
    for cluster in healthy:
        add_drivers(Settler(cluster), more=cluster is management)
    add_tenants(management, {cluster.name: cluster for cluster in others})


def settle(cluster: EmbeddedCluster) -> None:
    """The few accounts and credentials of a small cluster."""
    _settle(cluster, _FEW, few=True)


def _settle(cluster: EmbeddedCluster, count: int, *, few: bool, extra: int = 0) -> None:
    settler = Settler(cluster)
    settler.namespaces()
    accounts = settler.accounts(count)
    settler.nodes_and_pods(accounts)
    settler.rights(accounts)
    settler.legacy_tokens(accounts, few=few)
    settler.managed_secrets(accounts, few=few, extra=extra)


def copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [copied(item) for item in value]
    return value


class Management:
    """A management cluster's own objects."""

    def __init__(self, cluster: EmbeddedCluster, others: Mapping[str, EmbeddedCluster]) -> None:
        self.cluster = cluster
        self.others = others
        self.settler = Settler(cluster)
        self.now = self.settler.now

    def fill(self) -> None:
        """DPU clusters, Cluster API's Secrets, and requests in every state."""
        self.cluster.add_namespace("clusters", {"cluster.x-k8s.io/provider": "demo"})
        for number, other in enumerate(self.others.values()):
            labels = {"cluster.x-k8s.io/cluster-name": other.name}
            self._secret("clusters", f"{other.name}-kubeconfig", {"value": admin_kubeconfig(other)}, labels)
            if other.state is not ServerState.SLOW and number < 8:
                self.dpu_cluster(other)
        unborn = condition("Ready", False, "ControlPlaneNotReady", self.now)
        spec = {"type": "kamaji", "version": "v1.34.1", "maxNodes": 1000}
        self._put_cluster("tenant-next", spec, "Creating", unborn)
        self._requests()
        self.settler.account(UNATTENDED, _LONG)

    def _secret(self, namespace: str, name: str, data: Mapping[str, bytes], labels: Mapping[str, str]) -> None:
        form = "cluster.x-k8s.io/secret" if namespace == "clusters" else "Opaque"
        self.settler.put(SECRETS, made("Secret", name, namespace, labels=labels, type=form, data=encoded(data)))

    def dpu_cluster(self, other: EmbeddedCluster) -> None:
        ready = other.state is ServerState.NORMAL
        secret = f"{other.name}-admin-kubeconfig"
        labels = {"kamaji.clastix.io/component": "admin-kubeconfig", "kamaji.clastix.io/project": "kamaji"}
        config = admin_kubeconfig(other)
        self._secret(OPERATOR, secret, {"admin.conf": config, "super-admin.conf": config}, labels)
        spec = {"type": "kamaji", "version": other.version, "maxNodes": 1000, "kubeconfig": secret}
        state = condition("Ready", ready, f"HealthCheck{'Passed' if ready else 'Failed'}", self.now, days=9)
        self._put_cluster(other.name, spec, "Ready" if ready else "NotReady", state)

    def _put_cluster(self, name: str, spec: Object, phase: str, state: Object) -> None:
        status = {"phase": phase, "conditions": [state]}
        obj = made("DPUCluster", name, OPERATOR, f"{DPU_CLUSTERS[0]}/v1alpha1", spec=spec, status=status)
        self.settler.put(DPU_CLUSTERS, obj)

    # Requests

    def _requests(self) -> None:
        minutes = timedelta(minutes=1)
        hour = 60 * minutes
        names = [other.name for other in self.others.values() if other.state is ServerState.NORMAL]
        first, second, third = (names[number % len(names)] if names else None for number in range(3))
        near = timedelta(seconds=50)
        issued = self.issued
        issued(OPERATOR, "flannel", first, "kubeconfig", "1h", 20 * minutes, hour)
        issued(OPERATOR, "ovn-kubernetes", third, "kubeconfig", "1h", 48 * minutes - near, hour)
        issued(OPERATOR, "hbn", second, "tokenFile", "10m", 8 * minutes - near - 0.5 * minutes, 10 * minutes)
        issued(OPERATOR, "doca-telemetry", None, "tokenFile", None, 10 * minutes, hour)
        issued(OPERATOR, "sfc-controller", first, "kubeconfig", "8h", 3 * hour, 8 * hour)
        if CAPPED in self.others:
            issued(OPERATOR, "dms", CAPPED, "kubeconfig", "24h", 30 * minutes, timedelta(seconds=CAP_SECONDS))
        self.wish(OPERATOR, "nvidia-k8s-ipam", "tenant-next", "kubeconfig", "1h")
        lost = next((other.name for other in self.others.values() if other.state is ServerState.UNREACHABLE), None)
        if lost is not None:
            issued(OPERATOR, "storage-agent", lost, "kubeconfig", "12h", 11 * hour, 12 * hour)

        issued(UNATTENDED, "gateway-west", first, "kubeconfig", "1h", 53 * minutes, hour)
        issued(UNATTENDED, "gateway-east", second, "tokenFile", "1h", 26 * hour, hour)
        issued(UNATTENDED, "meter-reader", third, "tokenFile", "8h", hour, 8 * hour)
        issued(UNATTENDED, "camera-hub", first, "kubeconfig", "10m", 8 * minutes + near, 10 * minutes)
        issued(UNATTENDED, "edge-sync", None, "kubeconfig", "30h", 25 * hour, 30 * hour)
        self.wish(UNATTENDED, "kiosk", first, "kubeconfig", "2h")
        failed = issued(UNATTENDED, "vending", first, "kubeconfig", "1h", 61 * minutes, hour)
        why = f"Error occurred: serviceaccounts is forbidden: {HOSTILE}"
        self.change_status(failed, conditions=stuck("Pending", "Error", why, self.now - timedelta(minutes=9)))
        unknown = issued(UNATTENDED, "gateway-north", first, "kubeconfig", "1h", 5 * minutes, hour)
        self.change_status(unknown, issuedAt=None)

    def wish(self, namespace: str, name: str, target: str | None, form: str, duration: str | None) -> Object:
        obj = made("DPUServiceCredentialRequest", name, namespace, f"{REQUESTS[0]}/v1alpha1")
        obj["metadata"]["generation"] = 1
        obj["spec"] = {
            "serviceAccount": {"name": name, "namespace": "dpu-services"},
            "type": form,
            "secret": {"name": f"{name}-credential", "namespace": namespace},
            "metadata": {
                "labels": {"dpu.nvidia.com/service": name},
                "annotations": {"example.com/note": HOSTILE} if name == "vending" else {},
            },
        }
        if duration is not None:
            obj["spec"]["duration"] = duration
        if target is not None:
            obj["spec"]["targetCluster"] = {"name": target, "namespace": OPERATOR}
        return self.settler.put(REQUESTS, obj, timedelta(days=self.settler.rng.randint(2, 90)))

    def issued(
        self,
        namespace: str,
        name: str,
        target: str | None,
        form: str,
        duration: str | None,
        age: timedelta,
        lifetime: timedelta,
    ) -> Object:
        """A request that was served `age` ago: account and token in its target, Secret and status here."""
        wish = self.wish(namespace, name, target, form, duration)
        cluster = self.cluster if target is None else self.others[target]
        there = Settler(cluster)
        cluster.add_namespace("dpu-services")
        marks = ownership(wish)
        seconds, issued = int(lifetime.total_seconds()), self.now - age
        owner = there.account("dpu-services", name, made=issued, labels=marks)  # for the request, so not before it
        token, expires = cluster.tokens.bound_token(owner, Lifetime(seconds, seconds), issued_at=issued)
        labels = marks | wish["spec"]["metadata"]["labels"]
        secret = made("Secret", f"{name}-credential", namespace, labels=labels, type="Opaque")
        secret["data"] = secret_data(form, cluster, "dpu-services", name, token)
        secret["metadata"]["annotations"] = dict(wish["spec"]["metadata"]["annotations"])
        self.settler.put(SECRETS, secret, age)
        status: Object = {
            "conditions": [condition(kind, True, "Success", issued) for kind in CONDITIONS],
            "serviceAccount": f"dpu-services/{name}",
            "secret": f"{namespace}/{name}-credential",
            "issuedAt": rfc3339(issued),
            "expirationTimestamp": rfc3339(expires),
        }
        if target is not None:
            status["targetCluster"] = f"{OPERATOR}/{target}"
        changed = copied(wish) | {"status": status}
        changed["metadata"]["finalizers"] = [FINALIZER]
        return self.cluster.storage.update(REQUESTS, changed)

    def change_status(self, request: Object, **fields: Any) -> None:
        """Sets fields of a request's status, or (None) takes them out."""
        metadata = request["metadata"]
        changed = copied(self.cluster.storage.get(REQUESTS, metadata["name"], metadata["namespace"]))
        changed["status"] = {key: value for key, value in (changed["status"] | fields).items() if value is not None}
        self.cluster.storage.update(REQUESTS, changed)


def stuck(ready: str, account: str, why: str, at: datetime) -> list[Object]:
    """The conditions of a request whose account could not be made or removed, with the reasons of both."""
    summary = "The following conditions are not ready: ServiceAccountReconciled"
    return [
        condition("Ready", False, ready, at) | {"message": summary},
        condition("ServiceAccountReconciled", False, account, at) | {"message": why},
        condition("SecretReconciled", True, "Success", at),
    ]


def condition(kind: str, good: bool, reason: str, at: Any, days: int = 0) -> Object:
    return {
        "type": kind,
        "status": "True" if good else "False",
        "reason": reason,
        "message": "",
        "lastTransitionTime": rfc3339(at - timedelta(days=days)),
    }
