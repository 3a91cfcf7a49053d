"""What each built-in kind fills in by itself and what it refuses, on create and on update."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from .kinds import Kind
from .names import key_problems, subdomain_problems
from .status import Cause, duplicate, field_forbidden, invalid_value, not_supported, required
from .storage import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CSI_DRIVERS,
    EVENTS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    Collection,
)

Object = dict[str, Any]

_LIMIT = 1024 * 1024
_RBAC = "rbac.authorization.k8s.io"
_ACCOUNT = "kubernetes.io/service-account.name"
MIN_SECONDS = 600
MAX_SECONDS = 1 << 32
_IMMUTABLE = "field is immutable when `immutable` is set"


# Filling in


def _fill_secret(_kind: Kind, obj: Object, _old: Object | None) -> None:
    plain = obj.pop("stringData", None)
    if plain:
        data = obj.setdefault("data", {})
        for key, text in plain.items():
            data[key] = base64.b64encode(text.encode()).decode()
    if not obj.get("type"):
        obj["type"] = "Opaque"


def _fill_namespace(_kind: Kind, obj: Object, old: Object | None) -> None:
    if old is None:
        finalizers = obj.get("spec", {}).get("finalizers") or []
        obj["spec"] = {"finalizers": finalizers if "kubernetes" in finalizers else [*finalizers, "kubernetes"]}
        obj["status"] = {"phase": "Active"}
    else:
        obj["spec"] = old.get("spec", {})


def _fill_binding(_kind: Kind, obj: Object, _old: Object | None) -> None:
    ref = obj.setdefault("roleRef", {})
    ref["apiGroup"] = ref.get("apiGroup") or _RBAC
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = subject.get("apiGroup") or _RBAC


def _fill_driver(kind: Kind, obj: Object, _old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    for key, value in (
        ("attachRequired", True),
        ("podInfoOnMount", False),
        ("volumeLifecycleModes", ["Persistent"]),
        ("fsGroupPolicy", "ReadWriteOnceWithFSType"),
        ("storageCapacity", False),
        ("requiresRepublish", False),
        ("seLinuxMount", False),
    ):
        if key in _driver_fields(kind):
            spec.setdefault(key, value)


def _driver_fields(kind: Kind) -> Mapping[str, Any]:
    """What a CSIDriver of this server's version has."""
    fields: Mapping[str, Any] = (kind.schema or {})["properties"]["spec"]["properties"]
    return fields


def _fill_pod(_kind: Kind, obj: Object, old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    usual = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst"}
    for key, value in (usual | {"securityContext": {}, "schedulerName": "default-scheduler"}).items():
        spec.setdefault(key, value)
    if old is None:
        obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"} | (obj.get("status") or {})


def _fill_node(_kind: Kind, obj: Object, old: Object | None) -> None:
    if old is None:
        obj.setdefault("spec", {})
        obj.setdefault("status", {})


_FILL: Mapping[Collection, Callable[[Kind, Object, Object | None], None]] = {
    SECRETS: _fill_secret,
    NAMESPACES: _fill_namespace,
    ROLE_BINDINGS: _fill_binding,
    CLUSTER_ROLE_BINDINGS: _fill_binding,
    CSI_DRIVERS: _fill_driver,
    PODS: _fill_pod,
    NODES: _fill_node,
}


def fill(kind: Kind, obj: Object, old: Object | None) -> None:
    """Fill in, in place, what the server sets by itself. `old` is None for a create."""
    if kind.collection in _FILL:
        _FILL[kind.collection](kind, obj, old)


# Checking

_NEEDED_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _check_secret(_kind: Kind, obj: Object, old: Object | None) -> list[Cause]:
    causes = _check_keys(obj.get("data") or {}, "data")
    kind = obj["type"]
    if kind == "kubernetes.io/service-account-token":
        if not (obj["metadata"].get("annotations") or {}).get(_ACCOUNT):
            causes.append(required(f"metadata.annotations[{_ACCOUNT}]"))
    else:
        data = obj.get("data") or {}
        causes += [required(f"data[{key}]") for key in _NEEDED_KEYS.get(kind, ()) if key not in data]
    if old is not None:
        if kind != old["type"]:
            causes.insert(0, invalid_value("type", kind, "field is immutable"))
        causes += _check_frozen(obj, old, ("data",))
    return causes


def _check_config_map(_kind: Kind, obj: Object, old: Object | None) -> list[Cause]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    causes = _check_keys(data, "data") + _check_keys(binary, "binaryData")
    causes += [
        invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData") for key in data if key in binary
    ]
    if old is not None:
        causes += _check_frozen(obj, old, ("data", "binaryData"))
    return causes


def _check_keys(data: Mapping[str, str], path: str) -> list[Cause]:
    causes = [invalid_value(f"{path}[{key}]", key, problem) for key in data for problem in key_problems(key)]
    if sum(len(value) for value in data.values()) > _LIMIT * (4 / 3 if path == "data" else 1):
        causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {_LIMIT} bytes", path))
    return causes


def _check_frozen(obj: Object, old: Object, fields: tuple[str, ...]) -> list[Cause]:
    if not old.get("immutable"):
        return []
    causes = [] if obj.get("immutable") else [field_forbidden("immutable", _IMMUTABLE)]
    causes += [field_forbidden(f, _IMMUTABLE) for f in fields if (obj.get(f) or {}) != (old.get(f) or {})]
    return causes


def _check_role(kind: Kind, obj: Object, _old: Object | None) -> list[Cause]:
    causes: list[Cause] = []
    for index, rule in enumerate(obj.get("rules") or ()):
        path = f"rules[{index}]"
        if not rule.get("verbs"):
            causes.append(required(f"{path}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            wrong = ["namespaced rules cannot apply to non-resource URLs"] if kind.namespaced else []
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                wrong.append("rules cannot apply to both regular resources and non-resource URLs")
            causes += [invalid_value(f"{path}.nonResourceURLs", rule["nonResourceURLs"], why) for why in wrong]
            continue
        if not rule.get("apiGroups"):
            causes.append(required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            causes.append(required(f"{path}.resources", "resource rules must supply at least one resource"))
    return causes


def _check_binding(kind: Kind, obj: Object, old: Object | None) -> list[Cause]:
    kinds = ("Role", "ClusterRole") if kind.namespaced else ("ClusterRole",)
    ref = obj["roleRef"]
    causes: list[Cause] = []
    if ref.get("apiGroup") != _RBAC:
        causes.append(not_supported("roleRef.apiGroup", ref.get("apiGroup"), [_RBAC]))
    if ref.get("kind") not in kinds:
        causes.append(not_supported("roleRef.kind", ref.get("kind", ""), kinds))
    if not ref.get("name"):
        causes.append(required("roleRef.name"))
    for index, subject in enumerate(obj.get("subjects") or ()):
        path = f"subjects[{index}]"
        if not subject.get("name"):
            causes.append(required(f"{path}.name"))
        match subject.get("kind"):
            case "ServiceAccount":
                wrong = subdomain_problems(subject["name"]) if subject.get("name") else []
                causes += [invalid_value(f"{path}.name", subject["name"], problem) for problem in wrong]
                if not subject.get("namespace"):
                    causes.append(required(f"{path}.namespace"))
                if subject.get("apiGroup"):
                    causes.append(not_supported(f"{path}.apiGroup", subject["apiGroup"], [""]))
            case "User" | "Group":
                if subject.get("apiGroup") != _RBAC:
                    causes.append(not_supported(f"{path}.apiGroup", subject.get("apiGroup"), [_RBAC]))
            case other:
                causes.append(not_supported(f"{path}.kind", other or "", ["ServiceAccount", "User", "Group"]))
    if old is not None and ref != old["roleRef"]:
        group, of, name = ref.get("apiGroup", ""), ref.get("kind", ""), ref.get("name", "")
        shown = f'rbac.RoleRef{{APIGroup:"{group}", Kind:"{of}", Name:"{name}"}}'
        causes.append(Cause("FieldValueInvalid", f"Invalid value: {shown}: cannot change roleRef", "roleRef"))
    return causes


def _check_lease(_kind: Kind, obj: Object, _old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    return [
        invalid_value(f"spec.{field}", spec[field], f"must be {words}")
        for field, least, words in (
            ("leaseDurationSeconds", 1, "greater than 0"),
            ("leaseTransitions", 0, "greater than or equal to 0"),
        )
        if field in spec and spec[field] < least
    ]


def _check_driver(kind: Kind, obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, request in enumerate(spec.get("tokenRequests") or ()):
        path = f"spec.tokenRequests[{index}]"
        audience = request.get("audience", "")
        if audience in seen:
            causes.append(duplicate(f"{path}.audience", audience))
            continue
        seen.add(audience)
        causes += check_seconds(request.get("expirationSeconds"), f"{path}.expirationSeconds")
    if old is not None:
        before = old.get("spec") or {}
        mutable = "tokenRequests" in _driver_fields(kind)  # before them nothing was
        causes += [
            invalid_value(f"spec.{field}", spec.get(field), "field is immutable")
            for field in (("attachRequired", "volumeLifecycleModes") if mutable else _driver_fields(kind))
            if spec.get(field) != before.get(field)
        ]
    if "serviceAccountTokenInSecrets" in spec and not spec.get("tokenRequests"):
        words = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        causes.append(invalid_value("spec.serviceAccountTokenInSecrets", spec["serviceAccountTokenInSecrets"], words))
    return causes


def check_seconds(seconds: int | None, path: str) -> list[Cause]:
    """The causes for a token's lifetime; None asks for none."""
    if seconds is None or MIN_SECONDS <= seconds <= MAX_SECONDS:
        return []
    limit = "less than 10 minutes" if seconds < MIN_SECONDS else "larger than 2^32 seconds"
    return [invalid_value(path, seconds, f"may not specify a duration {limit}")]


def _check_pod(_kind: Kind, obj: Object, _old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("containers"):
        return [required("spec.containers")]
    return [
        required(f"spec.containers[{index}].{field}")
        for index, container in enumerate(spec["containers"])
        for field in ("name", "image")
        if not container.get(field)
    ]


def _check_event(_kind: Kind, obj: Object, _old: Object | None) -> list[Cause]:
    involved = (obj.get("involvedObject") or {}).get("namespace", "")
    namespace = obj["metadata"].get("namespace", "")
    if involved == namespace or (not involved and namespace == "default"):
        return []
    return [invalid_value("involvedObject.namespace", involved, "does not match event.namespace")]


_CHECK: Mapping[Collection, Callable[[Kind, Object, Object | None], list[Cause]]] = {
    SECRETS: _check_secret,
    CONFIG_MAPS: _check_config_map,
    ROLES: _check_role,
    CLUSTER_ROLES: _check_role,
    ROLE_BINDINGS: _check_binding,
    CLUSTER_ROLE_BINDINGS: _check_binding,
    LEASES: _check_lease,
    CSI_DRIVERS: _check_driver,
    PODS: _check_pod,
    EVENTS: _check_event,
}


def check_kind(kind: Kind, obj: Object, old: Object | None) -> list[Cause]:
    """The causes for which a built-in kind refuses an object. `old` is None for a create."""
    return _CHECK[kind.collection](kind, obj, old) if kind.collection in _CHECK else []
