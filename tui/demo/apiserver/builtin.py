"""The kinds that every embedded API server has, each with its names, its schema and its table.

The schemas hold the fields that tools of this kind of work meet, not all of Kubernetes; what they do not name is
dropped on write, as a server drops what it does not know. Pods and Nodes keep unknown fields below `spec` and `status`.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

from . import tables
from .kinds import Kind
from .schema import Schema

_S: Schema = {"type": "string"}
_I: Schema = {"type": "integer"}
_B: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_BYTES: Schema = {"type": "string", "format": "byte"}
_ANY: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _set(items: Schema) -> Schema:
    return _list(items) | {"x-kubernetes-list-type": "set"}


def _by(items: Schema, *keys: str) -> Schema:
    return _list(items) | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def _open(**properties: Schema) -> Schema:
    return _object(**properties) | {"x-kubernetes-preserve-unknown-fields": True}


OBJECT_META = _object(
    name=_S,
    generateName=_S,
    namespace=_S,
    selfLink=_S,
    uid=_S,
    resourceVersion=_S,
    generation=_I,
    creationTimestamp=_TIME,
    deletionTimestamp=_TIME,
    deletionGracePeriodSeconds=_I,
    labels=_map(_S),
    annotations=_map(_S),
    finalizers=_set(_S),
    ownerReferences=_by(_object(apiVersion=_S, kind=_S, name=_S, uid=_S, controller=_B, blockOwnerDeletion=_B), "uid"),
    managedFields=_list(
        _object(manager=_S, operation=_S, apiVersion=_S, time=_TIME, fieldsType=_S, fieldsV1=_ANY, subresource=_S)
    ),
)

_OBJECT_REFERENCE = _object(apiVersion=_S, kind=_S, name=_S, namespace=_S, uid=_S, resourceVersion=_S, fieldPath=_S)
_LOCAL_REFERENCE = _object(name=_S)
_CONDITION = _object(
    type=_S,
    status=_S,
    reason=_S,
    message=_S,
    lastTransitionTime=_TIME,
    lastHeartbeatTime=_TIME,
    lastProbeTime=_TIME,
    observedGeneration=_I,
)
_SELECTOR = _object(matchLabels=_map(_S), matchExpressions=_list(_object(key=_S, operator=_S, values=_list(_S))))
_RULES = _list(
    _object(
        verbs=_list(_S),
        apiGroups=_list(_S),
        resources=_list(_S),
        resourceNames=_list(_S),
        nonResourceURLs=_list(_S),
    )
)
_ROLE_REF = _object(apiGroup=_S, kind=_S, name=_S) | {"x-kubernetes-map-type": "atomic"}
_SUBJECTS = _list(_object(apiGroup=_S, kind=_S, name=_S, namespace=_S))


def _kind(version: str, plural: str, kind: str, *, body: dict[str, Any], **more: Any) -> Kind:
    group, _, number = version.rpartition("/")
    schema = _object(apiVersion=_S, kind=_S, metadata=OBJECT_META, **body)
    return Kind(group, number, plural, kind, singular=kind.lower(), schema=schema, **more)


_NO_COLLECTION_DELETE = ("create", "delete", "get", "list", "patch", "update", "watch")
_RBAC = "rbac.authorization.k8s.io/v1"

KINDS: tuple[Kind, ...] = (
    _kind(
        "v1",
        "namespaces",
        "Namespace",
        body={
            "spec": _object(finalizers=_list(_S)),
            "status": _object(phase=_S, conditions=_by(_CONDITION, "type")),
        },
        namespaced=False,
        short_names=("ns",),
        verbs=_NO_COLLECTION_DELETE,
        status=True,
        columns=tables.NAMESPACES,
    ),
    _kind(
        "v1",
        "secrets",
        "Secret",
        body={"type": _S, "data": _map(_BYTES), "stringData": _map(_S), "immutable": _B},
        columns=tables.SECRETS,
    ),
    _kind(
        "v1",
        "configmaps",
        "ConfigMap",
        body={"data": _map(_S), "binaryData": _map(_BYTES), "immutable": _B},
        short_names=("cm",),
        columns=tables.CONFIG_MAPS,
    ),
    _kind(
        "v1",
        "serviceaccounts",
        "ServiceAccount",
        body={
            "secrets": _by(_OBJECT_REFERENCE, "name"),
            "imagePullSecrets": _list(_LOCAL_REFERENCE),
            "automountServiceAccountToken": _B,
        },
        short_names=("sa",),
        columns=tables.SERVICE_ACCOUNTS,
    ),
    _kind(
        "v1",
        "pods",
        "Pod",
        body={
            "spec": _open(
                containers=_by(_open(name=_S, image=_S), "name"),
                initContainers=_by(_open(name=_S, image=_S), "name"),
                volumes=_by(_open(name=_S), "name"),
                imagePullSecrets=_by(_LOCAL_REFERENCE, "name"),
                serviceAccountName=_S,
                serviceAccount=_S,
                nodeName=_S,
            ),
            "status": _open(phase=_S, conditions=_by(_CONDITION, "type")),
        },
        short_names=("po",),
        categories=("all",),
        status=True,
        columns=tables.PODS,
    ),
    _kind(
        "v1",
        "nodes",
        "Node",
        body={
            "spec": _open(unschedulable=_B, providerID=_S),
            "status": _open(conditions=_by(_CONDITION, "type"), addresses=_by(_object(type=_S, address=_S), "type")),
        },
        namespaced=False,
        short_names=("no",),
        status=True,
        columns=tables.NODES,
    ),
    _kind(
        "v1",
        "events",
        "Event",
        body={
            "involvedObject": _OBJECT_REFERENCE,
            "reason": _S,
            "message": _S,
            "source": _object(component=_S, host=_S),
            "firstTimestamp": _TIME,
            "lastTimestamp": _TIME,
            "eventTime": _TIME,
            "count": _I,
            "type": _S,
            "action": _S,
            "related": _OBJECT_REFERENCE,
            "reportingComponent": _S,
            "reportingInstance": _S,
            "series": _object(count=_I, lastObservedTime=_TIME),
        },
        short_names=("ev",),
        columns=tables.EVENTS,
    ),
    _kind(_RBAC, "roles", "Role", body={"rules": _RULES}, columns=tables.ROLES),
    _kind(
        _RBAC,
        "clusterroles",
        "ClusterRole",
        body={"rules": _RULES, "aggregationRule": _object(clusterRoleSelectors=_list(_SELECTOR))},
        namespaced=False,
        columns=tables.ROLES,
    ),
    _kind(
        _RBAC,
        "rolebindings",
        "RoleBinding",
        body={"roleRef": _ROLE_REF, "subjects": _SUBJECTS},
        columns=tables.BINDINGS,
    ),
    _kind(
        _RBAC,
        "clusterrolebindings",
        "ClusterRoleBinding",
        body={"roleRef": _ROLE_REF, "subjects": _SUBJECTS},
        namespaced=False,
        columns=tables.BINDINGS,
    ),
    _kind(
        "coordination.k8s.io/v1",
        "leases",
        "Lease",
        body={
            "spec": _object(
                holderIdentity=_S,
                leaseDurationSeconds=_I,
                acquireTime=_TIME,
                renewTime=_TIME,
                leaseTransitions=_I,
                strategy=_S,
                preferredHolder=_S,
            )
        },
        columns=tables.LEASES,
    ),
    _kind(
        "storage.k8s.io/v1",
        "csidrivers",
        "CSIDriver",
        body={
            "spec": _object(
                attachRequired=_B,
                podInfoOnMount=_B,
                volumeLifecycleModes=_set(_S),
                storageCapacity=_B,
                fsGroupPolicy=_S,
                tokenRequests=_list(_object(audience=_S, expirationSeconds=_I)),
                requiresRepublish=_B,
                seLinuxMount=_B,
                serviceAccountTokenInSecrets=_B,
            )
        },
        namespaced=False,
        columns=tables.CSI_DRIVERS,
    ),
    _kind(
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        body={"spec": _ANY, "status": _ANY},
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        status=True,
        generation=True,
        columns=tables.DEFINITIONS,
    ),
)

# Since which minor version of Kubernetes 1 a CSIDriver has a field; older servers drop it without a word.
_DRIVER_FIELDS = {
    "tokenRequests": 21,
    "requiresRepublish": 21,
    "storageCapacity": 21,
    "seLinuxMount": 25,
    "serviceAccountTokenInSecrets": 35,
}
_DRIVER_COLUMNS = {
    "tokenRequests": "TokenRequests",
    "requiresRepublish": "RequiresRepublish",
    "storageCapacity": "StorageCapacity",
}


def kinds_of_version(minor: int) -> tuple[Kind, ...]:
    """The built-in kinds as a server of that minor version knows them."""
    missing = {field for field, since in _DRIVER_FIELDS.items() if since > minor}
    return tuple(_without(kind, missing) if kind.plural == "csidrivers" else kind for kind in KINDS)


def _without(kind: Kind, missing: set[str]) -> Kind:
    schema = copy.deepcopy(kind.schema or {})
    for field in missing:
        del schema["properties"]["spec"]["properties"][field]
    hidden = {_DRIVER_COLUMNS.get(field) for field in missing}
    columns = tuple(column for column in kind.columns if column.name not in hidden)
    return dataclasses.replace(kind, schema=schema, columns=columns)
