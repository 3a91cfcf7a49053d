"""NVIDIA DPF's DPUServiceCredentialRequest: reading, writing, checking and keeping it.

A request is a lasting wish in a host cluster: a service account in a target cluster (a DPUCluster, or the host itself),
and a Secret in the host cluster with a credential for it. This package speaks the reference controller's language
(status, conditions, finalizer, bytes) without its mistakes, whether or not that controller runs.
"""

from .draft import DPURequestDraft, Problem, manifest, to_yaml, validate
from .objects import DPUCluster, DPURequest, NamespacedName, credential_of, parse, parse_cluster
from .resources import DPU_CLUSTERS, DPU_REQUESTS

__all__ = [
    "DPU_CLUSTERS",
    "DPU_REQUESTS",
    "DPUCluster",
    "DPURequest",
    "DPURequestDraft",
    "NamespacedName",
    "Problem",
    "credential_of",
    "manifest",
    "parse",
    "parse_cluster",
    "to_yaml",
    "validate",
]
