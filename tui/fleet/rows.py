"""The rows of the fleet: what one line of a list shows, as frozen data.

Rows hold stamps, never countdowns: what is left is computed from the time when a row is drawn or printed, so that
nothing in the store changes while a clock ticks.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tui.issuance.dpf.tending import Trace
from tui.issuance.types import Credential, Identity


class Reach(StrEnum):
    """The state of a cluster, as its own tasks see it."""

    CONNECTING = "connecting"
    READY = "ready"
    SLOW = "slow"
    NEEDS_LOGIN = "needs login"
    FORBIDDEN = "forbidden"
    UNREACHABLE = "unreachable"
    TLS_FAILED = "TLS failed"


class ClusterRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster. `since` is when it entered `reach`; `synced_at` when its data was last known to be complete."""

    name: str
    server: str = ""
    source: str = "kubeconfig"
    """kubeconfig, in-cluster, DPUCluster, …"""
    user: str = ""
    namespace: str = "default"
    version: str = ""
    reach: Reach = Reach.CONNECTING
    since: datetime | None = None
    synced_at: datetime | None = None
    skew: float | None = None
    """Server time minus local time in seconds."""
    latency: float | None = None
    """Seconds the last small request took."""
    message: str = ""
    hint: str = ""
    retry_at: datetime | None = None
    """When its tasks try again, None while there is nothing to try."""
    missing: tuple[str, ...] = ()
    """Kinds that could not be listed there, each with its reason, for people."""

    @property
    def key(self) -> str:
        return self.name


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """One service account."""

    identity: Identity
    uid: str = ""
    created_at: datetime | None = None
    labels: dict[str, str] = {}

    @property
    def key(self) -> str:
        return str(self.identity)

    @property
    def cluster(self) -> str:
        return self.identity.cluster


class ConditionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of a request's status."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    changed_at: datetime | None = None


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One credential request: a lasting wish kept in a cluster (today: DPUServiceCredentialRequest)."""

    cluster: str
    namespace: str
    name: str
    kind: str = "DPUServiceCredentialRequest"
    type: str = ""
    duration: str = ""
    service_account: str = ""
    """`namespace/name` in the target cluster."""
    target: str = ""
    """`namespace/name` of the DPUCluster, empty for the cluster that holds the request."""
    secret: str = ""
    """`namespace/name` of the Secret it keeps."""
    ready: str = ""
    """Status of the condition Ready: True, False, Unknown, or empty where there is none yet."""
    conditions: tuple[ConditionRow, ...] = ()
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    """Since when it is to go, where something has to be cleaned up before."""
    traces: tuple[Trace, ...] = ()
    """What in it shows that DPF's controller keeps it."""
    credential: Credential | None = None

    @property
    def key(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.name}"


class CredentialRow(msgspec.Struct, frozen=True, kw_only=True):
    """One credential as the fleet lists it; the credential itself says everything."""

    credential: Credential
    cluster: str
    """The cluster it lets people into, empty where nobody knows (a file whose cluster left the kubeconfig)."""
    namespace: str = ""
    name: str = ""
    stale: bool = False
    """Whether the cluster it was read from has since been lost."""

    @property
    def key(self) -> str:
        return str(self.credential.address)


Row = ClusterRow | AccountRow | RequestRow | CredentialRow
