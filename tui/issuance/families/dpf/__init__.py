"""NVIDIA DPF's DPUServiceCredentialRequest: reading, writing, checking and keeping it.

A request is a lasting wish in a host cluster: a service account in a target cluster (a DPUCluster, or the host itself),
and a Secret in the host cluster with a credential for it. This package speaks the reference controller's language
(status, conditions, finalizer, bytes) without its mistakes, whether or not that controller runs.

What is exported here is imported when first used, because lists need less of it than forms and keepers do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .draft import DPURequestDraft, Problem, manifest, to_yaml, validate
    from .keeper import Keeper, Rest
    from .objects import DPUCluster, DPURequest, NamespacedName, credential_of, parse, parse_cluster
    from .resources import DPU_CLUSTERS, DPU_REQUESTS
    from .target import TargetClusters

__all__ = [
    "DPU_CLUSTERS",
    "DPU_REQUESTS",
    "DPUCluster",
    "DPURequest",
    "DPURequestDraft",
    "Keeper",
    "NamespacedName",
    "Problem",
    "Rest",
    "TargetClusters",
    "credential_of",
    "manifest",
    "parse",
    "parse_cluster",
    "to_yaml",
    "validate",
]

_HOME = {
    "draft": ("DPURequestDraft", "Problem", "manifest", "to_yaml", "validate"),
    "keeper": ("Keeper", "Rest"),
    "objects": ("DPUCluster", "DPURequest", "NamespacedName", "credential_of", "parse", "parse_cluster"),
    "resources": ("DPU_CLUSTERS", "DPU_REQUESTS"),
    "target": ("TargetClusters",),
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
