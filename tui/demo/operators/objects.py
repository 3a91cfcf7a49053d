"""Objects as controllers and the scenery write them, ready to be stored."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from tui.demo.apiserver.access import Object

TOKEN_TYPE: Final = "kubernetes.io/service-account-token"
ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"
RBAC: Final = "rbac.authorization.k8s.io"


def made(
    kind: str,
    name: str,
    namespace: str = "",
    api_version: str = "v1",
    labels: Mapping[str, str] | None = None,
    **body: Any,
) -> Object:
    """An object with a name, in a namespace where one is given."""
    metadata: Object = {"name": name} | ({"namespace": namespace} if namespace else {})
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def encoded(data: Mapping[str, bytes]) -> dict[str, str]:
    """The data of a Secret."""
    return {key: b64encode(value).decode() for key, value in data.items()}


def account(name: str, namespace: str) -> Object:
    """A ServiceAccount."""
    return made("ServiceAccount", name, namespace)


def token_secret(name: str, namespace: str, owner: Object) -> Object:
    """An empty Secret of type service-account-token for `owner`."""
    secret = made("Secret", name, namespace, type=TOKEN_TYPE)
    secret["metadata"]["annotations"] = {
        ACCOUNT_NAME: owner["metadata"]["name"],
        ACCOUNT_UID: owner["metadata"]["uid"],
    }
    return secret


def role(kind: str, name: str, namespace: str = "", *, rules: list[Object]) -> Object:
    """A Role or ClusterRole."""
    return made(kind, name, namespace, f"{RBAC}/v1", rules=rules)


def binding(name: str, namespace: str, to: tuple[str, str], *subjects: Object) -> Object:
    """A RoleBinding, or a ClusterRoleBinding where there is no namespace; `to` is the role's kind and name."""
    ref = {"apiGroup": RBAC, "kind": to[0], "name": to[1]}
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    return made(kind, name, namespace, f"{RBAC}/v1", roleRef=ref, subjects=list(subjects))


def robot(namespace: str, name: str) -> Object:
    """A service account as the subject of a binding."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
