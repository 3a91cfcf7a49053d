"""OpenAPI v3 documents: enough for kubectl to leave validation to the server, and to explain kinds."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from .kinds import Kind
from .schema import Schema

_FIELD_VALIDATION = {
    "name": "fieldValidation",
    "in": "query",
    "description": "What to do about unknown fields: Ignore, Warn or Strict.",
    "schema": {"type": "string", "uniqueItems": True},
}


def group_versions(kinds: Iterable[Kind]) -> list[str]:
    """The documents there are, as paths: `api/v1`, `apis/GROUP/VERSION`."""
    found = {f"apis/{k.group}/{k.version}" if k.group else f"api/{k.version}" for k in kinds}
    return sorted(found)


def index(kinds: Iterable[Kind]) -> dict[str, Any]:
    """`/openapi/v3`."""
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in group_versions(kinds)}}


def document(kinds: Iterable[Kind], path: str) -> dict[str, Any] | None:
    """`/openapi/v3/PATH`, None where there is no such version."""
    chosen = [k for k in kinds if (f"apis/{k.group}/{k.version}" if k.group else f"api/{k.version}") == path]
    if not chosen:
        return None
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for kind in chosen:
        identity = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        name = schema_name(kind)
        schemas[name] = _published(kind) | {"x-kubernetes-group-version-kind": [identity]}
        scope = f"/{path}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"/{path}/{kind.plural}"
        paths[scope] = {"post": _operation("post", identity, name)}
        paths[f"{scope}/{{name}}"] = {
            "get": _operation("get", identity, name),
            "put": _operation("put", identity, name),
            "patch": _operation("patch", identity, name),
            "delete": _operation("delete", identity, name),
        }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def schema_name(kind: Kind) -> str:
    """The name of a kind's schema: the group backwards, version, kind."""
    group = ".".join(reversed(kind.group.split("."))) if kind.group else "io.k8s.api.core"
    return f"{group}.{kind.version}.{kind.kind}"


def _operation(verb: str, identity: dict[str, str], schema: str) -> dict[str, Any]:
    action = {"post": "post", "get": "get", "put": "put", "patch": "patch", "delete": "delete"}[verb]
    operation: dict[str, Any] = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": identity,
        "responses": {
            "200": {
                "description": "OK",
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
            }
        },
    }
    if verb in ("post", "put", "patch"):
        operation["parameters"] = [_FIELD_VALIDATION]
    if verb == "patch":
        media = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
        operation["requestBody"] = {"content": {name: {"schema": {"type": "object"}} for name in media}}
    return operation


def _published(kind: Kind) -> Schema:
    schema = copy.deepcopy(kind.schema or {})
    schema["type"] = "object"
    return schema
