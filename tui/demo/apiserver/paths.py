"""From a request's method and path to what it is about: the attributes that an authorizer and a handler need."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from .access import Attributes

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "GET": "get", "HEAD": "get", "DELETE": "delete"}


def attributes(method: str, raw_path: str, query: Mapping[str, str]) -> Attributes:
    """What a request wants. A path that names no resource has only `path` and the method as its verb."""
    parts = [unquote(part) for part in raw_path.split("/") if part]
    plain = Attributes(verb=method.lower(), path="/" + "/".join(parts))
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return plain
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    return Attributes(
        verb=_verb(method, name, query),
        group=group,
        version=version,
        resource=rest[0],
        subresource="/".join(rest[2:]),
        namespace=namespace,
        name=name or _selected_name(method, query),
        path=plain.path,
    )


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and not name:
        return "watch" if query.get("watch", "").lower() not in ("", "0", "false") else "list"
    if verb == "get" and query.get("watch", "").lower() not in ("", "0", "false"):
        return "watch"
    return "deletecollection" if verb == "delete" and not name else verb


def _selected_name(method: str, query: Mapping[str, str]) -> str:
    """A list of one name counts as being about that name, so that resourceNames can allow it."""
    if method != "GET":
        return ""
    for term in query.get("fieldSelector", "").split(","):
        field, equals, value = term.replace("==", "=").partition("=")
        if field == "metadata.name" and equals:
            return value
    return ""
