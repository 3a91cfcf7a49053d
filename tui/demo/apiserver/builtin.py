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
from .shapes import ANY, BYTES, KEPT, TEXT, TIME, TRUTH, WHOLE, each, listed, mapped, record

_SET = {"x-kubernetes-list-type": "set"}

OBJECT_META = record(
    each("name generateName namespace selfLink uid resourceVersion")
    | each("generation deletionGracePeriodSeconds", WHOLE)
    | each("creationTimestamp deletionTimestamp", TIME)
    | each("labels annotations", mapped()),
    finalizers=listed() | _SET,
    ownerReferences=listed(
        record(each("apiVersion kind name uid") | each("controller blockOwnerDeletion", TRUTH)), "uid"
    ),
    managedFields=listed(
        record(each("manager operation apiVersion fieldsType subresource"), time=TIME, fieldsV1=ANY),
    ),
)


def headed(**body: Schema) -> Schema:
    """The schema of a whole object: what every object has, and its own `body`."""
    return record(each("apiVersion kind"), metadata=OBJECT_META, **body)


_OBJECT_REFERENCE = record(each("apiVersion kind name namespace uid resourceVersion fieldPath"))
_LOCAL_REFERENCE = record(each("name"))
_CONDITIONS = listed(
    record(
        each("type status reason message") | each("lastTransitionTime lastHeartbeatTime lastProbeTime", TIME),
        observedGeneration=WHOLE,
    ),
    "type",
)
_SELECTOR = record(matchLabels=mapped(), matchExpressions=listed(record(each("key operator"), values=listed())))
_RULES = listed(record(each("verbs apiGroups resources resourceNames nonResourceURLs", listed())))
_BINDING = {
    "roleRef": record(each("apiGroup kind name")) | {"x-kubernetes-map-type": "atomic"},
    "subjects": listed(record(each("apiGroup kind name namespace"))),
}
_CONTAINERS = listed(record(each("name image")) | KEPT, "name")


def _kind(
    kind: str, body: dict[str, Schema], columns: tuple[tables.Column, ...], version: str = "v1", **more: Any
) -> Kind:
    group, _, number = version.rpartition("/")
    return Kind(group, number, f"{kind.lower()}s", kind, schema=headed(**body), columns=columns, **more)


_NO_COLLECTION_DELETE = ("create", "delete", "get", "list", "patch", "update", "watch")
_RBAC = "rbac.authorization.k8s.io/v1"

KINDS: tuple[Kind, ...] = (
    _kind(
        "Namespace",
        {"spec": record(finalizers=listed()), "status": record(phase=TEXT, conditions=_CONDITIONS)},
        tables.NAMESPACES,
        namespaced=False,
        short_names=("ns",),
        verbs=_NO_COLLECTION_DELETE,
        status=True,
    ),
    _kind(
        "Secret",
        {"type": TEXT, "data": mapped(BYTES), "stringData": mapped(), "immutable": TRUTH},
        tables.SECRETS,
    ),
    _kind(
        "ConfigMap",
        {"data": mapped(), "binaryData": mapped(BYTES), "immutable": TRUTH},
        tables.CONFIG_MAPS,
        short_names=("cm",),
    ),
    _kind(
        "ServiceAccount",
        {
            "secrets": listed(_OBJECT_REFERENCE, "name"),
            "imagePullSecrets": listed(_LOCAL_REFERENCE),
            "automountServiceAccountToken": TRUTH,
        },
        tables.SERVICE_ACCOUNTS,
        short_names=("sa",),
    ),
    _kind(
        "Pod",
        {
            "spec": record(
                each("containers initContainers", _CONTAINERS) | each("serviceAccountName serviceAccount nodeName"),
                volumes=listed(record(each("name")) | KEPT, "name"),
                imagePullSecrets=listed(_LOCAL_REFERENCE, "name"),
            )
            | KEPT,
            "status": record(phase=TEXT, conditions=_CONDITIONS) | KEPT,
        },
        tables.PODS,
        short_names=("po",),
        categories=("all",),
        status=True,
    ),
    _kind(
        "Node",
        {
            "spec": record(unschedulable=TRUTH, providerID=TEXT) | KEPT,
            "status": record(conditions=_CONDITIONS, addresses=listed(record(each("type address")), "type")) | KEPT,
        },
        tables.NODES,
        namespaced=False,
        short_names=("no",),
        status=True,
    ),
    _kind(
        "Event",
        {
            **each("involvedObject related", _OBJECT_REFERENCE),
            **each("reason message type action reportingComponent reportingInstance"),
            **each("firstTimestamp lastTimestamp eventTime", TIME),
            "source": record(each("component host")),
            "count": WHOLE,
            "series": record(count=WHOLE, lastObservedTime=TIME),
        },
        tables.EVENTS,
        short_names=("ev",),
    ),
    _kind("Role", {"rules": _RULES}, tables.ROLES, _RBAC),
    _kind(
        "ClusterRole",
        {"rules": _RULES, "aggregationRule": record(clusterRoleSelectors=listed(_SELECTOR))},
        tables.ROLES,
        _RBAC,
        namespaced=False,
    ),
    _kind("RoleBinding", _BINDING, tables.BINDINGS, _RBAC),
    _kind("ClusterRoleBinding", _BINDING, tables.BINDINGS, _RBAC, namespaced=False),
    _kind(
        "Lease",
        {
            "spec": record(
                each("holderIdentity strategy preferredHolder")
                | each("leaseDurationSeconds leaseTransitions", WHOLE)
                | each("acquireTime renewTime", TIME)
            )
        },
        tables.LEASES,
        "coordination.k8s.io/v1",
    ),
    _kind(
        "CSIDriver",
        {
            "spec": record(
                each("attachRequired podInfoOnMount storageCapacity requiresRepublish", TRUTH)
                | each("seLinuxMount serviceAccountTokenInSecrets", TRUTH),
                volumeLifecycleModes=listed() | _SET,
                fsGroupPolicy=TEXT,
                tokenRequests=listed(record(audience=TEXT, expirationSeconds=WHOLE)),
            )
        },
        tables.CSI_DRIVERS,
        "storage.k8s.io/v1",
        namespaced=False,
    ),
    _kind(
        "CustomResourceDefinition",
        each("spec status", ANY),
        tables.DEFINITIONS,
        "apiextensions.k8s.io/v1",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        status=True,
        generation=True,
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
_SECRETS_OF_ACCOUNTS = 35
"""From this minor version on the tables of accounts no longer count their Secrets."""
_DRIVER_COLUMNS = {
    "tokenRequests": "TokenRequests",
    "requiresRepublish": "RequiresRepublish",
    "storageCapacity": "StorageCapacity",
}


def kinds_of_version(minor: int) -> tuple[Kind, ...]:
    """The built-in kinds as a server of that minor version knows them."""
    missing = {field for field, since in _DRIVER_FIELDS.items() if since > minor}

    def known(kind: Kind) -> Kind:
        if kind.plural == "serviceaccounts" and minor >= _SECRETS_OF_ACCOUNTS:
            return dataclasses.replace(kind, columns=tuple(one for one in kind.columns if one.name != "Secrets"))
        return _without(kind, missing) if kind.plural == "csidrivers" else kind

    return tuple(known(kind) for kind in KINDS)


def _without(kind: Kind, missing: set[str]) -> Kind:
    schema = copy.deepcopy(kind.schema or {})
    for field in missing:
        del schema["properties"]["spec"]["properties"][field]
    hidden = {_DRIVER_COLUMNS.get(field) for field in missing}
    columns = tuple(column for column in kind.columns if column.name not in hidden)
    return dataclasses.replace(kind, schema=schema, columns=columns)
