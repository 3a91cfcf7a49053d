"""The roles and bindings that every API server creates for itself, as far as people and kubemint meet them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
_RBAC: Final = "rbac.authorization.k8s.io"
_LABELS: Final = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS: Final = {"rbac.authorization.kubernetes.io/autoupdate": "true"}


def _rule(verbs: Sequence[str], group: str, *resources: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _urls(*urls: str) -> dict[str, Any]:
    return {"nonResourceURLs": list(urls), "verbs": ["get"]}


_VIEWED: Final = ("configmaps", "endpoints", "persistentvolumeclaims", "pods", "serviceaccounts", "services")
_WORKLOADS: Final = ("daemonsets", "deployments", "replicasets", "statefulsets")
_VIEW: Final = [
    _rule(_READ, "", *_VIEWED, "events", "namespaces", "pods/log", "pods/status"),
    _rule(_READ, "apps", *_WORKLOADS),
    _rule(_READ, "batch", "cronjobs", "jobs"),
]
_EDIT: Final = [
    *_VIEW,
    _rule((*_READ, *_WRITE), "", "secrets"),
    _rule(("impersonate",), "", "serviceaccounts"),
    _rule(_WRITE, "", *_VIEWED),
    _rule(("create",), "", "serviceaccounts/token"),
    _rule(_WRITE, "apps", *_WORKLOADS),
    _rule(_WRITE, "batch", "cronjobs", "jobs"),
]
_ADMIN: Final = [
    *_EDIT,
    _rule(("create",), "authorization.k8s.io", "localsubjectaccessreviews"),
    _rule((*_READ, *_WRITE), _RBAC, "roles", "rolebindings"),
]
_CONTROLLER: Final = [
    _rule((*_READ, *_WRITE), "", "serviceaccounts", "secrets", "configmaps"),
    _rule(("create",), "", "serviceaccounts/token"),
]


def _roles(*, with_self_subject_review: bool) -> dict[str, list[dict[str, Any]]]:
    reviews = [
        _rule(("create",), "authorization.k8s.io", "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
    ]
    if with_self_subject_review:
        reviews.append(_rule(("create",), "authentication.k8s.io", "selfsubjectreviews"))
    return {
        "cluster-admin": [_rule(("*",), "*", "*"), {"nonResourceURLs": ["*"], "verbs": ["*"]}],
        "admin": _ADMIN,
        "edit": _EDIT,
        "view": _VIEW,
        "system:basic-user": reviews,
        "system:discovery": [
            _urls("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*"),
            _urls("/readyz", "/version", "/version/"),
        ],
        "system:public-info-viewer": [_urls("/healthz", "/livez", "/readyz", "/version", "/version/")],
        "system:service-account-issuer-discovery": [
            _urls("/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks"),
        ],
        "system:auth-delegator": [
            _rule(("create",), "authentication.k8s.io", "tokenreviews"),
            _rule(("create",), "authorization.k8s.io", "subjectaccessreviews"),
        ],
        "system:kube-controller-manager": _CONTROLLER,
    }


_BINDINGS: Final[dict[str, tuple[str, ...]]] = {
    "cluster-admin": ("system:masters",),
    "system:basic-user": ("system:authenticated",),
    "system:discovery": ("system:authenticated",),
    "system:public-info-viewer": ("system:authenticated", "system:unauthenticated"),
    "system:service-account-issuer-discovery": ("system:serviceaccounts",),
}


def bootstrap_objects(*, with_self_subject_review: bool = True) -> Iterator[dict[str, Any]]:
    """Every default ClusterRole and ClusterRoleBinding, ready to be stored."""
    for name, rules in _roles(with_self_subject_review=with_self_subject_review).items():
        yield _object("ClusterRole", name) | {"rules": rules}
    for name, groups in _BINDINGS.items():
        ref = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
        subjects = [{"apiGroup": _RBAC, "kind": "Group", "name": group} for group in groups]
        yield _object("ClusterRoleBinding", name) | {"roleRef": ref, "subjects": subjects}


def _object(kind: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": dict(_LABELS), "annotations": dict(_ANNOTATIONS)}
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata}
