"""Gardener's projects and shoots as they say of themselves, in the words of its own tables; and who is a viewer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.model.types import Credential
from tui.kube import shell
from tui.kube.errors import Forbidden, NotFound
from tui.kube.resource import CONFIG_MAPS, Resource
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from tui.issuance.transaction.work import Context
    from tui.kube.client import Client

GROUP: Final = "core.gardener.cloud"
PROJECTS: Final = Resource(GROUP, "v1beta1", "projects", "Project", namespaced=False)
SHOOTS: Final = Resource(GROUP, "v1beta1", "shoots", "Shoot")
ADVERTISED: Final = frozenset({"external", "internal", "wildcard-tls-seed-bound", "unmanaged"})
"""The addresses of a shoot that are its API server's; kubeconfigs are made for these alone."""
HEALTH: Final = "shoot.gardener.cloud/status"


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields that Kubernetes writes in camel case."""


class Meta(_Wire, frozen=True, kw_only=True):
    """The part of ObjectMeta that is shown."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None
    labels: dict[str, str] | None = None


class ProjectSpec(_Wire, frozen=True, kw_only=True):
    """What the caller wants of a project."""

    namespace: str = ""


class ProjectStatus(_Wire, frozen=True, kw_only=True):
    """What Gardener says of a project."""

    phase: str = ""


class Project(_Wire, frozen=True, kw_only=True):
    """A project: a name for a namespace of shoots. `phase` is Pending, Ready, Failed or Terminating."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: ProjectSpec = msgspec.field(default_factory=ProjectSpec)
    status: ProjectStatus = msgspec.field(default_factory=ProjectStatus)


class Advertised(_Wire, frozen=True, kw_only=True):
    """One address of a shoot's API server."""

    name: str = ""
    url: str = ""


class LastOperation(_Wire, frozen=True, kw_only=True):
    """What Gardener does or did last to a shoot."""

    type: str = ""
    state: str = ""
    progress: int = 0
    description: str = ""
    last_update_time: datetime | None = None


class LastError(_Wire, frozen=True, kw_only=True):
    """Why the last operation failed; `codes` are Gardener's own, such as ERR_INFRA_QUOTA_EXCEEDED."""

    description: str = ""
    codes: tuple[str, ...] | None = None


class Condition(_Wire, frozen=True, kw_only=True):
    """`status` is True, False, Unknown or, of Gardener alone, Progressing."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class OIDCClient(_Wire, frozen=True, kw_only=True):
    """What a login needs beside the settings of the API server. Identity providers call the secret one, so it is."""

    secret: Sensitive | None = None
    extra_config: dict[str, str] | None = None


class OIDCConfig(_Wire, frozen=True, kw_only=True):
    """How people log in to a shoot with their own identity provider."""

    issuer_url: str = msgspec.field(default="", name="issuerURL")
    client_id: str = msgspec.field(default="", name="clientID")
    ca_bundle: str = msgspec.field(default="", name="caBundle")
    client_authentication: OIDCClient | None = None


class APIServer(_Wire, frozen=True, kw_only=True):
    """The settings of a shoot's API server that matter here."""

    oidc_config: OIDCConfig | None = None


class Kubernetes(_Wire, frozen=True, kw_only=True):
    """Which Kubernetes a shoot is to run, as `1.33.2`."""

    version: str = ""
    kube_api_server: APIServer | None = msgspec.field(default=None, name="kubeAPIServer")


class Hibernation(_Wire, frozen=True, kw_only=True):
    """Whether a shoot is to sleep."""

    enabled: bool | None = None


class ShootSpec(_Wire, frozen=True, kw_only=True):
    """What the caller wants of a shoot."""

    kubernetes: Kubernetes = msgspec.field(default_factory=Kubernetes)
    hibernation: Hibernation | None = None
    seed_name: str = ""


class Gardener(_Wire, frozen=True, kw_only=True):
    """The Gardener that last worked on a shoot."""

    version: str = ""


class ShootStatus(_Wire, frozen=True, kw_only=True):
    """What Gardener says of a shoot."""

    hibernated: bool = False
    last_operation: LastOperation | None = None
    last_errors: tuple[LastError, ...] | None = None
    conditions: tuple[Condition, ...] | None = None
    advertised_addresses: tuple[Advertised, ...] | None = None
    seed_name: str = ""
    gardener: Gardener = msgspec.field(default_factory=Gardener)


class Shoot(_Wire, frozen=True, kw_only=True):
    """A cluster that Gardener runs."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: ShootSpec = msgspec.field(default_factory=ShootSpec)
    status: ShootStatus = msgspec.field(default_factory=ShootStatus)

    @property
    def hibernation(self) -> str:
        """Hibernated, Hibernating, Waking Up or Awake."""
        wished = self.spec.hibernation is not None and bool(self.spec.hibernation.enabled)
        if wished:
            return "Hibernated" if self.status.hibernated else "Hibernating"
        return "Waking Up" if self.status.hibernated else "Awake"

    @property
    def operation(self) -> str:
        """`Reconcile Succeeded (100%)`, or `<pending>`."""
        last = self.status.last_operation
        return safe_text(f"{last.type} {last.state} ({last.progress}%)") if last is not None else "<pending>"

    @property
    def health(self) -> str:
        """healthy, progressing, unhealthy or unknown, as Gardener's own label sums it up."""
        return safe_text((self.metadata.labels or {}).get(HEALTH, "unknown"))

    @property
    def addresses(self) -> tuple[Advertised, ...]:
        """Where its API server can be found; none while it is being made."""
        return self.status.advertised_addresses or ()

    @property
    def oidc(self) -> OIDCConfig | None:
        """The login settings of the shoot itself."""
        server = self.spec.kubernetes.kube_api_server
        return server.oidc_config if server is not None else None


class _ConfigMap(msgspec.Struct, frozen=True):
    data: dict[str, str] | None = None


async def shoot_at(client: Client, namespace: str, name: str) -> Shoot:
    """One shoot. Raises NotFound with what may be wrong."""
    try:
        return await client.get(SHOOTS, name, namespace=namespace, type=Shoot)
    except NotFound as error:
        error.hint = not_there(error, client.endpoint.name, namespace)
        raise


async def cluster_ca(client: Client, namespace: str, name: str) -> bytes:
    """The CA bundle of a shoot's API server, which its project can read; empty where it is not published."""
    try:
        found = await client.get(CONFIG_MAPS, ca_name(name), namespace=namespace, type=_ConfigMap)
    except NotFound:
        return b""
    return (found.data or {}).get("ca.crt", "").encode()


def ca_name(shoot: str) -> str:
    """The ConfigMap with a shoot's CA."""
    return f"{shoot}.ca-cluster"


async def garden_identity(client: Client) -> str:
    """What a garden calls itself; empty where it does not say so to us."""
    try:
        found = await client.get(CONFIG_MAPS, "cluster-identity", namespace="kube-system", type=_ConfigMap)
    except (NotFound, Forbidden):
        return ""
    return (found.data or {}).get("cluster-identity", "")


def not_there(error: NotFound, garden: str, namespace: str) -> str:
    """What a 404 means: no such shoot, or no garden at all."""
    if error.reason == "NotFound" and GROUP in error.message:
        return f"see: {shell.command('kubectl', 'get', 'shoots', '-n', namespace, '--context', garden)}"
    return f"is {garden} a Gardener garden? It does not serve {GROUP}"


async def servers_of(context: Context, credential: Credential) -> set[str] | None:
    """The addresses that the shoot of this credential says it has. Raises UsageError, KubeError."""
    if credential.shoot is None:
        return None
    client = await context.clusters.client(credential.shoot.garden)
    shoot = await shoot_at(client, credential.shoot.namespace, credential.shoot.name)
    return {address.url.rstrip("/") for address in shoot.addresses}
