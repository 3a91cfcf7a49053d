"""Gardener's kinds in an embedded garden, with the columns that its own API server prints.

The fields below `spec` and `status` are kept as they are: what a shoot may hold is Gardener's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tui.demo.apiserver.builtin import OBJECT_META
from tui.demo.apiserver.kinds import Kind
from tui.demo.apiserver.schema import Schema
from tui.demo.apiserver.tables import AGE, NAME, Column

GROUP: Final = "core.gardener.cloud"
VERSION: Final = "v1beta1"
PROJECTS: Final = (GROUP, "projects")
SHOOTS: Final = (GROUP, "shoots")
SETTINGS: Final = "settings.gardener.cloud"
PRESETS: Final = (SETTINGS, "openidconnectpresets")
CLUSTER_PRESETS: Final = (SETTINGS, "clusteropenidconnectpresets")
_HEALTH: Final = "shoot.gardener.cloud/status"
_ANY: Final[Schema] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SCHEMA: Final[Schema] = {
    "type": "object",
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": OBJECT_META,
        "spec": _ANY,
        "status": _ANY,
    },
}


def kinds() -> tuple[Kind, ...]:
    """Project and Shoot, and the presets of logins."""
    return (
        Kind(
            GROUP, VERSION, "projects", "Project",
            namespaced=False, singular="project", status=True, generation=True, schema=_SCHEMA,
            columns=(
                NAME,
                Column("Namespace", _at("spec", "namespace")),
                Column("Status", _at("status", "phase")),
                AGE,
            ),
        ),
        Kind(
            GROUP, VERSION, "shoots", "Shoot",
            singular="shoot", status=True, generation=True, schema=_SCHEMA,
            columns=(
                NAME,
                Column("Provider", _at("spec", "provider", "type")),
                Column("Region", _at("spec", "region")),
                Column("K8S Version", _at("spec", "kubernetes", "version")),
                Column("Hibernation", _hibernation),
                Column("Last Operation", _operation),
                Column("Status", lambda obj, _: (obj["metadata"].get("labels") or {}).get(_HEALTH, "")),
                AGE,
            ),
        ),
        Kind(
            SETTINGS, "v1alpha1", "openidconnectpresets", "OpenIDConnectPreset",
            singular="openidconnectpreset", generation=True, schema=_SCHEMA, columns=_PRESET_COLUMNS,
        ),
        Kind(
            SETTINGS, "v1alpha1", "clusteropenidconnectpresets", "ClusterOpenIDConnectPreset",
            namespaced=False, singular="clusteropenidconnectpreset", generation=True, schema=_SCHEMA,
            columns=_PRESET_COLUMNS,
        ),
    )  # fmt: skip


def _at(*path: str) -> Any:
    def cell(obj: Mapping[str, Any], _: datetime) -> Any:
        found: Any = obj
        for part in path:
            found = (found or {}).get(part)
        return "" if found is None else found

    return cell


_PRESET_COLUMNS: Final = (
    NAME,
    Column("Issuer", _at("spec", "server", "issuerURL")),
    Column("Weight", _at("spec", "weight")),
    AGE,
)


def _hibernation(obj: Mapping[str, Any], now: datetime) -> str:
    wished, done = _at("spec", "hibernation", "enabled")(obj, now), _at("status", "hibernated")(obj, now)
    if wished:
        return "Hibernated" if done else "Hibernating"
    return "Waking Up" if done else "Awake"


def _operation(obj: Mapping[str, Any], now: datetime) -> str:
    last = _at("status", "lastOperation")(obj, now)
    return f"{last['type']} {last['state']} ({last.get('progress', 0)}%)" if last else "<pending>"
