"""Small objects for the checks, and where they live."""

from __future__ import annotations

from typing import Any


def configmap(name: str, data: dict[str, str] | None = None, **metadata: object) -> dict[str, Any]:
    """A ConfigMap: the plainest object there is."""
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}
    return body if data is None else {**body, "data": data}


def secret(name: str, data: dict[str, str] | None = None, **fields: object) -> dict[str, Any]:
    """A Secret; `data` is in clear text (stringData)."""
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields}
    return body if data is None else {**body, "stringData": data}


def pod(name: str, account: str) -> dict[str, Any]:
    """A Pod that nothing will ever run."""
    spec = {"serviceAccountName": account, "containers": [{"name": "main", "image": "example.org/none:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def configmaps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def secrets(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def accounts(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/serviceaccounts" + (f"/{name}" if name else "")


def pods(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/pods" + (f"/{name}" if name else "")


def rbac(namespace: str, plural: str, name: str = "") -> str:
    return f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


WIDGETS_API = "/apis/contract.kubemint.io/v1"


def widget(name: str, **spec: object) -> dict[str, Any]:
    """An object of the checks' own custom resource; `size` is required and given unless said otherwise."""
    fields = {"size": 1, **spec}
    return {
        "apiVersion": "contract.kubemint.io/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {key: value for key, value in fields.items() if value is not None},
    }


def widgets(namespace: str, name: str = "", subresource: str = "") -> str:
    parts = [WIDGETS_API, "namespaces", namespace, "widgets", name, subresource]
    return "/".join(part for part in parts if part)


WIDGET_DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.contract.kubemint.io"},
    "spec": {
        "group": "contract.kubemint.io",
        "scope": "Namespaced",
        "names": {
            "plural": "widgets",
            "singular": "widget",
            "kind": "Widget",
            "listKind": "WidgetList",
            "shortNames": ["wd"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"},
                    {"name": "Note", "type": "string", "jsonPath": ".spec.note", "priority": 1},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer", "minimum": 1, "maximum": 10},
                                    "note": {"type": "string", "maxLength": 10},
                                    "colour": {"type": "string", "enum": ["red", "green"]},
                                    "duration": {"type": "string", "pattern": r"^([0-9]+(ms|s|m|h))+$"},
                                    "mode": {"type": "string", "default": "plain"},
                                    "until": {"type": "string", "format": "date-time"},
                                    "parts": {
                                        "type": "array",
                                        "maxItems": 2,
                                        "items": {
                                            "type": "object",
                                            "required": ["name"],
                                            "properties": {
                                                "name": {"type": "string"},
                                                "weight": {"type": "integer", "default": 5},
                                            },
                                        },
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["name"],
                                    },
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                                },
                            },
                            "status": {
                                "type": "object",
                                "properties": {
                                    "phase": {"type": "string"},
                                    "conditions": {
                                        "type": "array",
                                        "items": {
                                            "type": "object",
                                            "required": ["type", "status"],
                                            "properties": {
                                                "type": {"type": "string"},
                                                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                                            },
                                        },
                                    },
                                },
                            },
                        },
                    }
                },
            }
        ],
    },
}
