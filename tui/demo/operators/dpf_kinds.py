"""The custom resource definitions of the demo's management cluster: DPF's credential requests and DPU clusters.

Compact structural schemas with the constraints of DPF's own (required fields, patterns, defaults, status subresource,
printed columns), so that what the embedded fleet accepts and refuses is what a real management cluster does.
"""

from __future__ import annotations

from typing import Any, Final

from tui.demo.apiserver.storage import Object

REQUESTS: Final = ("svc.dpu.nvidia.com", "dpuservicecredentialrequests")
DPU_CLUSTERS: Final = ("provisioning.dpu.nvidia.com", "dpuclusters")
FINALIZER: Final = "dpu.nvidia.com/dpuservicecredentialrequest"
_STRING: Final[dict[str, Any]] = {"type": "string"}
_TIME: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
_STRINGS: Final[dict[str, Any]] = {"type": "object", "additionalProperties": _STRING}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


_REFERENCE: Final = _object({"name": _STRING, "namespace": _STRING}, "name")
_CONDITIONS: Final[dict[str, Any]] = {
    "type": "array",
    "items": _object(
        {
            "type": {
                "type": "string",
                "maxLength": 316,
                "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
            },
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1024,
                "pattern": r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
            },
            "message": {"type": "string", "maxLength": 32768},
            "lastTransitionTime": _TIME,
            "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
        },
        "lastTransitionTime",
        "message",
        "reason",
        "status",
        "type",
    ),
}

_REQUEST_SPEC: Final = _object(
    {
        "serviceAccount": _REFERENCE,
        "duration": {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"},
        "targetCluster": _REFERENCE,
        "type": {"type": "string", "enum": ["kubeconfig", "tokenFile"]},
        "secret": _REFERENCE,
        "metadata": _object({"labels": _STRINGS, "annotations": _STRINGS}),
    },
    "secret",
    "serviceAccount",
    "type",
)
_REQUEST_STATUS: Final = _object(
    {
        "conditions": _CONDITIONS,
        "serviceAccount": _STRING,
        "targetCluster": _STRING,
        "secret": _STRING,
        "expirationTimestamp": _TIME,
        "issuedAt": _TIME,
    }
)

_PHASES: Final = ["Pending", "Creating", "Ready", "NotReady", "Failed"]
_CLUSTER_SPEC: Final = _object(
    {
        "type": {"type": "string", "pattern": "kamaji|static|[^/]+/.*"},
        "version": _STRING,
        "maxNodes": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000},
        "kubeconfig": {
            "type": "string",
            "x-kubernetes-validations": [
                {"rule": "oldSelf==''||self==oldSelf", "message": "kubeconfig is immutable"},
            ],
        },
        "clusterEndpoint": _object(
            {
                "keepalived": _object(
                    {
                        "interface": {"type": "string", "minLength": 1},
                        "nodeSelector": _STRINGS,
                        "vip": _STRING,
                        "virtualRouterID": {"type": "integer", "minimum": 1, "maximum": 255},
                    },
                    "interface",
                    "vip",
                    "virtualRouterID",
                )
            }
        ),
    },
    "type",
    "version",
)
_CLUSTER_STATUS: Final = _object(
    {"conditions": _CONDITIONS, "phase": {"type": "string", "enum": _PHASES, "default": "Pending"}}, "phase"
) | {"default": {"phase": "Pending"}}


def _ready(field: str) -> str:
    return f".status.conditions[?(@.type=='Ready')].{field}"


def _column(name: str, path: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "jsonPath": path, "type": kind}


_AGE: Final = _column("Age", ".metadata.creationTimestamp", "date")


def _definition(
    group: str, kind: str, plural: str, spec: dict[str, Any], status: dict[str, Any], columns: list[dict[str, Any]]
) -> dict[str, Any]:
    properties = {"apiVersion": _STRING, "kind": _STRING, "metadata": {"type": "object"}}
    required = ["spec"] if kind == "DPUCluster" else []
    schema = _object(properties | {"spec": spec, "status": status}, *required)
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": {"helm.sh/resource-policy": "keep"}},
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


_REQUESTS: Final = _definition(
    "svc.dpu.nvidia.com",
    "DPUServiceCredentialRequest",
    "dpuservicecredentialrequests",
    _REQUEST_SPEC,
    _REQUEST_STATUS,
    [_column("Ready", _ready("status")), _column("Phase", _ready("reason")), _AGE],
)
_CLUSTERS: Final = _definition(
    "provisioning.dpu.nvidia.com",
    "DPUCluster",
    "dpuclusters",
    _CLUSTER_SPEC,
    _CLUSTER_STATUS,
    [
        _column("Ready", _ready("status")),
        _column("Phase", ".status.phase"),
        _column("Type", ".spec.type"),
        _column("MaxNodes", ".spec.maxNodes", "integer"),
        _column("Version", ".spec.version"),
        _AGE,
    ],
)
MANAGEMENT_CRDS: Final = (_REQUESTS, _CLUSTERS)


def ownership(request: Object) -> dict[str, str]:
    """The labels by which DPF's controller knows what it made for a request."""
    prefix = "svc.dpu.nvidia.com"
    return {
        f"{prefix}/managed-by-controller": "dpuservicecredentialrequestcontroller",
        f"{prefix}/credential-request-name": request["metadata"]["name"],
        f"{prefix}/credential-request-namespace": request["metadata"]["namespace"],
    }
