"""How people log in to a shoot with their identity provider: the shoot's own settings, or those of a preset.

Gardener copied a preset into the shoots that were created after it; for the others it says what they would have got.
The choice is Gardener's: presets of the project's namespace before those of the whole garden, each only where its
selectors match; then the greatest weight; then the last name in the alphabet.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.kube.errors import NotFound
from tui.kube.resource import Resource
from tui.kube.sensitive import MASK

from .garden import PROJECTS, Meta, OIDCClient, OIDCConfig, Project, Shoot

if TYPE_CHECKING:
    from tui.kube.client import Client

SETTINGS: Final = "settings.gardener.cloud"
PRESETS: Final = Resource(SETTINGS, "v1alpha1", "openidconnectpresets", "OpenIDConnectPreset")
CLUSTER_PRESETS: Final = Resource(
    SETTINGS, "v1alpha1", "clusteropenidconnectpresets", "ClusterOpenIDConnectPreset", namespaced=False
)


class Requirement(msgspec.Struct, frozen=True):
    """One of a label selector's `matchExpressions`."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it; with an unknown operator none do."""
        match self.operator:
            case "In":
                return labels.get(self.key) in (self.values or ())
            case "NotIn":
                return labels.get(self.key) not in (self.values or ())
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False


class Selector(msgspec.Struct, frozen=True, rename="camel"):
    """A label selector. An empty one matches everything, one that is not there nothing."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[Requirement, ...] | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet all of it."""
        wanted = self.match_labels or {}
        return all(labels.get(key) == value for key, value in wanted.items()) and all(
            one.holds(labels) for one in self.match_expressions or ()
        )


class PresetSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a preset sets, for which shoots. Of several that match the one with the highest `weight` counts."""

    server: OIDCConfig = msgspec.field(default_factory=OIDCConfig)
    client: OIDCClient | None = None
    shoot_selector: Selector | None = None
    project_selector: Selector | None = None
    """Of a ClusterOpenIDConnectPreset alone."""
    weight: int = 0


class Preset(msgspec.Struct, frozen=True):
    """An OpenIDConnectPreset, or one of the whole garden."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: PresetSpec = msgspec.field(default_factory=PresetSpec)

    @property
    def config(self) -> OIDCConfig:
        """Its settings as a shoot would have them."""
        return msgspec.structs.replace(self.spec.server, client_authentication=self.spec.client)


@dataclass(frozen=True, slots=True)
class Settings:
    """What to log in with, and where that is written."""

    config: OIDCConfig
    source: str


def preset_for(
    labels: Mapping[str, str], presets: Sequence[Preset], cluster_presets: Sequence[Preset], project: Mapping[str, str]
) -> Preset | None:
    """The preset that Gardener chooses for a shoot with these labels in a project with those."""
    own = [one for one in presets if _selects(one.spec.shoot_selector, labels)]
    wide = [
        one
        for one in cluster_presets
        if _selects(one.spec.shoot_selector, labels) and _selects(one.spec.project_selector, project)
    ]
    return max(own or wide, key=lambda one: (one.spec.weight, one.metadata.name), default=None)


async def settings_of(client: Client, shoot: Shoot) -> Settings:
    """The shoot's own settings, else those of the preset for it. Raises UsageError where there are none."""
    namespace, name = shoot.metadata.namespace, shoot.metadata.name
    if shoot.oidc is not None:
        return _checked(Settings(shoot.oidc, f"the shoot {namespace}/{name}"))
    labels = shoot.metadata.labels or {}
    chosen = preset_for(labels, await _list(client, PRESETS, namespace), (), {})
    if chosen is not None:
        return _checked(Settings(chosen.config, f"the OpenIDConnectPreset {namespace}/{chosen.metadata.name}"))
    wide = await _list(client, CLUSTER_PRESETS, None)
    project = await _project_labels(client, namespace) if wide else {}
    chosen = preset_for(labels, (), wide, project)
    if chosen is not None:
        return _checked(Settings(chosen.config, f"the ClusterOpenIDConnectPreset {chosen.metadata.name}"))
    raise UsageError(
        f"the shoot {namespace}/{name} has no OIDC settings, and no preset is for it",
        "set spec.kubernetes.kubeAPIServer.oidcConfig, or make an OpenIDConnectPreset that selects it",
    )


def login_arguments(config: OIDCConfig, *, masked: bool = False) -> list[str]:
    """What `kubectl` is called with to log in, by the plugin kubelogin (`kubectl krew install oidc-login`)."""
    arguments = [
        "oidc-login",
        "get-token",
        f"--oidc-issuer-url={config.issuer_url}",
        f"--oidc-client-id={config.client_id}",
    ]
    client = config.client_authentication
    if client is not None and client.secret:
        arguments.append(f"--oidc-client-secret={MASK if masked else client.secret.reveal()}")
    scopes = (client.extra_config or {}) if client is not None else {}
    for key in ("extra-scope", "extra-scopes"):
        arguments += [f"--oidc-extra-scope={scope}" for scope in scopes.get(key, "").replace(",", " ").split()]
    if config.ca_bundle:
        bundle = base64.b64encode(config.ca_bundle.encode()).decode()
        arguments.append(f"--certificate-authority-data={bundle}")
    return arguments


def _selects(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    return selector is not None and selector.matches(labels)


def _checked(settings: Settings) -> Settings:
    config = settings.config
    if not config.issuer_url.startswith("https://") or not config.client_id:
        raise UsageError(
            f"the OIDC settings of {settings.source} name no issuer (https) or no client",
            "both issuerURL and clientID are needed to log in",
        )
    return settings


async def _list(client: Client, resource: Resource, namespace: str | None) -> list[Preset]:
    try:
        return await client.list(resource, namespace=namespace, type=Preset)
    except NotFound:  # gardens since v1.142 have no presets
        return []


async def _project_labels(client: Client, namespace: str) -> Mapping[str, str]:
    for project in await client.list(PROJECTS, type=Project):
        if project.spec.namespace == namespace:
            return project.metadata.labels or {}
    return {}
