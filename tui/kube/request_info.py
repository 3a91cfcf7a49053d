"""What a request is about, in Kubernetes' words (verb, resource, namespace, name), read off its method and path.

Errors carry these words, so that a refusal can name the missing right exactly as an RBAC rule spells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}

_READS = frozenset({"get", "list", "watch", "head"})


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """`resource` is the plural with subresource and group where there is one; empty for paths that are no resource."""

    verb: str
    resource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def changes(self) -> bool:
        """Whether it changes anything; a review only asks, although it is created."""
        return self.verb not in _READS and not self.resource.partition(".")[0].endswith("reviews")

    def right(self) -> str:
        """The missing right for people: `create serviceaccounts/token in namespace ci (resourceName robot)`."""
        return f"{self.verb} {self.resource}{self.place()}"

    def place(self) -> str:
        """Where that right is needed: ` in namespace ci (resourceName robot)`; empty for all of them everywhere."""
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return where + (f" (resourceName {self.name})" if self.name else "")


def describe(method: str, path: str, params: Mapping[str, str] | None = None) -> RequestInfo:
    """Reads the path the way the API server's own resolver does."""
    parts = [unquote(part) for part in path.split("?", 1)[0].split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, parts = "", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, parts = parts[1], parts[3:]
    else:
        return RequestInfo(verb=method.lower(), name=path.split("?", 1)[0])
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in ("status", "finalize"):
        namespace, parts = parts[1], parts[2:]
    plural, name = parts[0], parts[1] if len(parts) > 1 else ""
    subresource = f"/{parts[2]}" if len(parts) > 2 else ""
    resource = f"{plural}{subresource}" + (f".{group}" if group else "")
    return RequestInfo(_verb(method, name, params or {}), resource, namespace, name)


def _verb(method: str, name: str, params: Mapping[str, str]) -> str:
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    if method in _VERBS:
        return _VERBS[method]
    if params.get("watch") in ("1", "true"):
        return "watch"
    return "get" if name else "list"
