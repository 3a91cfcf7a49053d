"""The custom resource definitions of the demo's management cluster: DPF's credential requests and DPU clusters.

Compact structural schemas with the constraints of DPF's own (required fields, patterns, defaults, status subresource,
printed columns), so that what the embedded fleet accepts and refuses is what a real management cluster does.
"""

from __future__ import annotations

from typing import Any, Final

from tui.demo.apiserver.schema import Schema
from tui.demo.apiserver.shapes import TEXT, TIME, WHOLE, definition, each, listed, mapped, printed, record
from tui.demo.apiserver.storage import Object

REQUESTS: Final = ("svc.dpu.nvidia.com", "dpuservicecredentialrequests")
DPU_CLUSTERS: Final = ("provisioning.dpu.nvidia.com", "dpuclusters")
FINALIZER: Final = "dpu.nvidia.com/dpuservicecredentialrequest"
_REFERENCE: Final = record(each("name namespace"), "name")
_CONDITIONS: Final = listed(
    record(
        {
            "type": {
                "type": "string",
                "maxLength": 316,
                "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
            },
            "status": TEXT | {"enum": ["True", "False", "Unknown"]},
            "reason": TEXT
            | {"minLength": 1, "maxLength": 1024, "pattern": r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
            "message": TEXT | {"maxLength": 32768},
            "lastTransitionTime": TIME,
            "observedGeneration": WHOLE | {"format": "int64", "minimum": 0},
        },
        *("lastTransitionTime", "message", "reason", "status", "type"),
    )
)
_REQUEST_SPEC: Final = record(
    {
        "serviceAccount": _REFERENCE,
        "duration": TEXT | {"pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"},
        "targetCluster": _REFERENCE,
        "type": TEXT | {"enum": ["kubeconfig", "tokenFile"]},
        "secret": _REFERENCE,
        "metadata": record(each("labels annotations", mapped())),
    },
    *("secret", "serviceAccount", "type"),
)
_REQUEST_STATUS: Final = record(
    {"conditions": _CONDITIONS}
    | each("serviceAccount targetCluster secret")
    | each("expirationTimestamp issuedAt", TIME)
)
_KEEPALIVED: Final = record(
    {
        "interface": TEXT | {"minLength": 1},
        "nodeSelector": mapped(),
        "vip": TEXT,
        "virtualRouterID": WHOLE | {"minimum": 1, "maximum": 255},
    },
    *("interface", "vip", "virtualRouterID"),
)
_CLUSTER_SPEC: Final = record(
    {
        "type": TEXT | {"pattern": "kamaji|static|[^/]+/.*"},
        "version": TEXT,
        "maxNodes": WHOLE | {"minimum": 1, "maximum": 1000, "default": 1000},
        "kubeconfig": TEXT
        | {
            "x-kubernetes-validations": [
                {"rule": "oldSelf==''||self==oldSelf", "message": "kubeconfig is immutable"},
            ]
        },
        "clusterEndpoint": record(keepalived=_KEEPALIVED),
    },
    *("type", "version"),
)
_PHASES: Final = ["Pending", "Creating", "Ready", "NotReady", "Failed"]
_CLUSTER_STATUS: Final = record(
    {"conditions": _CONDITIONS, "phase": TEXT | {"enum": _PHASES, "default": "Pending"}}, "phase"
) | {"default": {"phase": "Pending"}}
_READY: Final = ".status.conditions[?(@.type=='Ready')]"


def _definition(group: str, kind: str, schema: Schema, *columns: dict[str, Any]) -> dict[str, Any]:
    age = printed("Age", ".metadata.creationTimestamp", "date")
    made = definition(group, kind, schema, [printed("Ready", f"{_READY}.status"), *columns, age])
    made["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    return made


def _headed(spec: Schema, status: Schema, *required: str) -> Schema:
    return record(each("apiVersion kind"), *required, metadata={"type": "object"}, spec=spec, status=status)


MANAGEMENT_CRDS: Final = (
    _definition(
        REQUESTS[0],
        "DPUServiceCredentialRequest",
        _headed(_REQUEST_SPEC, _REQUEST_STATUS),
        printed("Phase", f"{_READY}.reason"),
    ),
    _definition(
        DPU_CLUSTERS[0],
        "DPUCluster",
        _headed(_CLUSTER_SPEC, _CLUSTER_STATUS, "spec"),
        printed("Phase", ".status.phase"),
        printed("Type", ".spec.type"),
        printed("MaxNodes", ".spec.maxNodes", "integer"),
        printed("Version", ".spec.version"),
    ),
)


def ownership(request: Object) -> dict[str, str]:
    """The labels by which DPF's controller knows what it made for a request."""
    prefix = "svc.dpu.nvidia.com"
    return {
        f"{prefix}/managed-by-controller": "dpuservicecredentialrequestcontroller",
        f"{prefix}/credential-request-name": request["metadata"]["name"],
        f"{prefix}/credential-request-namespace": request["metadata"]["namespace"],
    }
