"""OpenAPI v3 documents: enough for kubectl to leave validation to the server, and to explain kinds."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from .kinds import Kind

_FIELD_VALIDATION = {
    "name": "fieldValidation",
    "in": "query",
    "description": "What to do about unknown fields: Ignore, Warn or Strict.",
    "schema": {"type": "string", "uniqueItems": True},
}


def group_versions(kinds: Iterable[Kind]) -> list[str]:
    """The documents there are, as paths: `api/v1`, `apis/GROUP/VERSION`."""
    return sorted({_path(kind) for kind in kinds})


def index(kinds: Iterable[Kind]) -> dict[str, Any]:
    """`/openapi/v3`."""
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in group_versions(kinds)}}


def document(kinds: Iterable[Kind], path: str) -> dict[str, Any] | None:
    """`/openapi/v3/PATH`, None where there is no such version."""
    chosen = [kind for kind in kinds if _path(kind) == path]
    if not chosen:
        return None
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for kind in chosen:
        identity = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        name = schema_name(kind)
        schemas[name] = copy.deepcopy(kind.schema or {}) | {
            "type": "object",
            "x-kubernetes-group-version-kind": [identity],
        }
        scope = f"/{path}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"/{path}/{kind.plural}"
        paths[scope] = {"post": _operation("post", identity, name)}
        verbs = ("get", "put", "patch", "delete")
        paths[f"{scope}/{{name}}"] = {verb: _operation(verb, identity, name) for verb in verbs}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _path(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def schema_name(kind: Kind) -> str:
    """The name of a kind's schema: the group backwards, version, kind."""
    group = ".".join(reversed(kind.group.split("."))) if kind.group else "io.k8s.api.core"
    return f"{group}.{kind.version}.{kind.kind}"


def _operation(verb: str, identity: dict[str, str], schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    operation: dict[str, Any] = {
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": identity,
        "responses": {"200": {"description": "OK", "content": content}},
    }
    if verb in ("post", "put", "patch"):
        operation["parameters"] = [_FIELD_VALIDATION]
    if verb == "patch":
        media = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
        operation["requestBody"] = {"content": {name: {"schema": {"type": "object"}} for name in media}}
    return operation
