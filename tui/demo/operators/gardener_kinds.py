"""Gardener's kinds in an embedded garden, with the columns that its own API server prints.

The fields below `spec` and `status` are kept as they are: what a shoot may hold is Gardener's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tui.demo.apiserver.builtin import headed
from tui.demo.apiserver.kinds import Kind
from tui.demo.apiserver.shapes import ANY, each
from tui.demo.apiserver.tables import AGE, NAME, Column, at, path_cell

GROUP: Final = "core.gardener.cloud"
VERSION: Final = "v1beta1"
PROJECTS: Final = (GROUP, "projects")
SHOOTS: Final = (GROUP, "shoots")
SETTINGS: Final = "settings.gardener.cloud"
PRESETS: Final = (SETTINGS, "openidconnectpresets")
CLUSTER_PRESETS: Final = (SETTINGS, "clusteropenidconnectpresets")
_HEALTH: Final = "shoot.gardener.cloud/status"
_SCHEMA: Final = headed(**each("spec status", ANY))


def kinds() -> tuple[Kind, ...]:
    """Project and Shoot, and the presets of logins."""
    return (
        _kind(
            GROUP, VERSION, "Project",
            Column("Namespace", path_cell("spec", "namespace")),
            Column("Status", path_cell("status", "phase")),
            namespaced=False, status=True,
        ),
        _kind(
            GROUP, VERSION, "Shoot",
            Column("Provider", path_cell("spec", "provider", "type")),
            Column("Region", path_cell("spec", "region")),
            Column("K8S Version", path_cell("spec", "kubernetes", "version")),
            Column("Hibernation", _hibernation),
            Column("Last Operation", _operation),
            Column("Status", path_cell("metadata", "labels", _HEALTH)),
            status=True,
        ),
        _kind(SETTINGS, "v1alpha1", "OpenIDConnectPreset", *_PRESET_COLUMNS),
        _kind(SETTINGS, "v1alpha1", "ClusterOpenIDConnectPreset", *_PRESET_COLUMNS, namespaced=False),
    )  # fmt: skip


def _kind(group: str, version: str, kind: str, *columns: Column, **more: Any) -> Kind:
    printed = (NAME, *columns, AGE)
    return Kind(group, version, f"{kind.lower()}s", kind, generation=True, schema=_SCHEMA, columns=printed, **more)


_PRESET_COLUMNS: Final = (
    Column("Issuer", path_cell("spec", "server", "issuerURL")),
    Column("Weight", path_cell("spec", "weight")),
)


def _hibernation(obj: Mapping[str, Any], _: datetime) -> str:
    wished, done = at(obj, "spec", "hibernation", "enabled"), at(obj, "status", "hibernated")
    if wished:
        return "Hibernated" if done else "Hibernating"
    return "Waking Up" if done else "Awake"


def _operation(obj: Mapping[str, Any], _: datetime) -> str:
    last = at(obj, "status", "lastOperation")
    return f"{last['type']} {last['state']} ({last.get('progress', 0)}%)" if last else "<pending>"
