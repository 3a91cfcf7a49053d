"""Rows of every sort, with whatever a field can say of them; nothing in them depends on the machine or on the time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from tui.fleet.rows import (
    AccountRow,
    ClusterRow,
    ConditionRow,
    CredentialRow,
    DeliveredFacts,
    Reach,
    RequestRow,
    Row,
)
from tui.fleet.store import Area
from tui.issuance.families.csi.listing import DRIVER
from tui.issuance.families.dpf.listing import REQUEST as DPU
from tui.issuance.families.gardener.apart import ShootFacts, told_of
from tui.issuance.families.tenants.listing import CLUSTER_STORE, PUSH
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import AccessLevel, Address, Credential, Handle, Identity, ShootAccess, State
from tui.issuance.records.entering import DeliveredBy, SourceKind

NOW: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
AHEAD: Final = "tenant-a"
"""The cluster whose clock is ten minutes ahead."""


def now_in(cluster: str) -> datetime:
    return NOW + timedelta(minutes=10 if cluster == AHEAD else 0)


def credential(kind: CredentialKind, cluster: str, namespace: str, name: str, *, ends: float | None) -> Credential:
    """One of two hours that ends in `ends` minutes and was asked for a day."""
    expires = None if ends is None else NOW + timedelta(minutes=ends)
    issued = None if expires is None else expires - timedelta(hours=2)
    return Credential(
        address=Address(kind, cluster, namespace, name),
        identity=Identity(AHEAD, "ci", f"{name}-account".rpartition("/")[2]),
        format=Format.KUBECONFIG,
        audiences=("https://kubernetes.default.svc", "vault"),
        requested=timedelta(hours=24),
        granted=None if ends is None else timedelta(hours=2),
        issued_at=issued,
        expires_at=expires,
        rotate_at=None if issued is None else issued + timedelta(minutes=96),
        kept_in=f"Secret {namespace}/{name}" if namespace else name,
        fingerprint="sha256:0123456789ab",
        handle=Handle(AHEAD, "ci", f"{name}-handle", "uid-1"),
        state=State.ENDLESS if ends is None else State.VALID,
        message="one message",
    )


def row(found: Credential, cluster: str = AHEAD, *, stale: bool = False) -> CredentialRow:
    address = found.address
    return CredentialRow(
        credential=found, cluster=cluster, namespace=address.namespace, name=address.name, stale=stale
    )  # fmt: skip


SECRET: Final = credential(CredentialKind.SECRET, "harbor", "dpf", "robot", ends=90)
REQUEST: Final = credential(CredentialKind.REQUEST, "harbor", "dpf", "dpu-01", ends=5)
SHOOT: Final = Credential(
    address=Address(CredentialKind.FILE, "", "", "/srv/shoot.kubeconfig"),
    shoot=ShootAccess("garden", "garden-dev", "api", AccessLevel.VIEWER),
    format=Format.KUBECONFIG,
    granted=timedelta(hours=1),
    issued_at=NOW - timedelta(minutes=59),
    expires_at=NOW + timedelta(minutes=1),
    kept_in="/srv/shoot.kubeconfig",
    state=State.VALID,
)
REVOKED: Final = Credential(
    address=Address(CredentialKind.FILE, "", "", "/srv/revoked.kubeconfig"),
    identity=Identity("harbor", "web", "api"),
    granted=timedelta(hours=8),
    issued_at=NOW,
    expires_at=NOW + timedelta(hours=8),
    kept_in="/srv/revoked.kubeconfig",
    state=State.REVOKED,
)
LEGACY: Final = Credential(
    address=Address(CredentialKind.LEGACY, "harbor", "kube-system", "old-token"),
    identity=Identity("harbor", "kube-system", "old"),
    issued_at=NOW - timedelta(days=400),
    last_used=date(2029, 12, 20),
    kept_in="Secret kube-system/old-token",
    state=State.ENDLESS,
)
LOGIN: Final = Credential(
    address=Address(CredentialKind.LOGIN, "vault", "", ""),
    expires_at=NOW + timedelta(days=200),
    issued_at=NOW - timedelta(days=165),
    kept_in="the kubeconfig",
    state=State.VALID,
)

CREDENTIALS: Final = (
    row(SECRET),
    row(REQUEST),
    row(SHOOT, "garden"),
    row(REVOKED, "harbor"),
    row(LEGACY, "harbor", stale=True),
    CredentialRow(credential=LOGIN, cluster="vault", name="admin@vault"),
    CredentialRow(
        credential=Credential(address=Address(CredentialKind.HANDLE, "harbor", "ci", "h-1")), cluster="harbor"
    ),
)
ACCOUNTS: Final = (
    AccountRow(identity=Identity("harbor", "ci", "runner"), uid="uid-2", created_at=NOW - timedelta(days=3),
               labels={"tier": "b", "app": "runner"}),
    AccountRow(identity=Identity("harbor", "web", "api")),
)  # fmt: skip
_FALSE: Final = ConditionRow(type="Ready", status="False", reason="Forbidden", message="it may not", changed_at=NOW)
_TRUE: Final = ConditionRow(type="Ready", status="True", reason="Synced", message="it did")
REQUESTS: Final = (
    RequestRow(
        cluster="harbor", namespace="dpf", name="dpu-01", kind=DPU, type="kubeconfig", duration="2h",
        service_account="ci/dpu", target="dpf/tenant-a", secret="dpf/dpu-01-secret", ready="True", conditions=(_TRUE,),
        created_at=NOW - timedelta(days=2), credential=REQUEST, labels={"team": "dpu"},
    ),
    RequestRow(cluster="harbor", namespace="dpf", name="new", kind=DPU, type="token", service_account="dpf/self"),
    RequestRow(cluster="harbor", namespace="dpf", name="gone", kind=DPU, ready="False", conditions=(_FALSE,),
               deleted_at=NOW),
    RequestRow(
        cluster="harbor", namespace="dpf", name="push-robot", kind=PUSH, type="1 key", duration="1h",
        target="SecretStore vault", secret="dpf/robot", ready="True", reason="Synced", conditions=(_TRUE,),
        next_at=NOW + timedelta(minutes=30), credential=SECRET,
    ),
    RequestRow(
        cluster="harbor", namespace="", name="vault", kind=CLUSTER_STORE, type="vault", ready="False",
        reason="InvalidProviderConfig", conditions=(_FALSE,), target="https://vault.example",
    ),
    RequestRow(cluster="fjord", namespace="", name="secrets-store.csi.k8s.io", kind=DRIVER, type="2 tokens",
               ready="True", reason="Declared", next_at=NOW - timedelta(minutes=1)),
)  # fmt: skip
CLUSTERS: Final = (
    ClusterRow(name="harbor", server="https://harbor:6443", user="admin", version="v1.34.1", reach=Reach.READY,
               since=NOW - timedelta(hours=2), synced_at=NOW, skew=0.21, latency=0.0042),
    ClusterRow(
        name="harbor/dpf/tenant-b", server="https://tenant-b:6443", source="DPUCluster", reach=Reach.NOT_READY,
        delivered=DeliveredFacts(by=DeliveredBy(SourceKind.DPU_CLUSTER, "harbor", "dpf", "tenant-b"), phase="Creating"),
        message="it is being made", hint="wait", retry_at=NOW,
    ),
    ClusterRow(name="fjord", server="https://fjord:6443", reach=Reach.SLOW, latency=2.5, skew=-120.4,
               clock="its clock jumps", missing=("Roles: no right to list roles",), same=("fjord-2",), lacks=("x",)),
    ClusterRow(name="fjord-2", server="https://fjord:6443", reach=Reach.READY, carried_by="fjord"),
    ClusterRow(
        name="garden/garden-dev/api", source="Gardener shoot", reach=Reach.NOT_CONNECTED,
        apart=told_of(
            "garden", "garden-dev", "api",
            ShootFacts(project="dev", hibernation="awake", operation="Create Succeeded", health="healthy",
                       conditions=(_TRUE,), addresses=(("external", "https://api.dev"),)),
            labels={"team": "dev"},
        ),
    ),
)  # fmt: skip
OF_AREA: Final[dict[Area, tuple[Row, ...]]] = {
    Area.CLUSTERS: CLUSTERS,
    Area.ACCOUNTS: ACCOUNTS,
    Area.REQUESTS: REQUESTS,
    Area.CREDENTIALS: CREDENTIALS,
}
