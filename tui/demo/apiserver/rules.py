"""Policy rules of RBAC as pure functions: does a rule allow a request, and do rules cover other rules.

A rule is the plain mapping that Roles hold (`verbs`, `apiGroups`, `resources`, `resourceNames`, `nonResourceURLs`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rule = Mapping[str, Any]


def _strings(rule: Rule, field: str) -> Sequence[str]:
    return rule.get(field) or ()


def _matches(allowed: Sequence[str], wanted: str) -> bool:
    return "*" in allowed or wanted in allowed


def _matches_resource(allowed: Sequence[str], resource: str, subresource: str) -> bool:
    if not subresource:
        return _matches(allowed, resource)
    return _matches(allowed, f"{resource}/{subresource}") or f"*/{subresource}" in allowed


def _matches_path(allowed: Sequence[str], path: str) -> bool:
    return any(url in ("*", path) or (url.endswith("*") and path.startswith(url[:-1])) for url in allowed)


def allows_resource(rule: Rule, *, verb: str, group: str, resource: str, subresource: str = "", name: str = "") -> bool:
    """Whether `rule` allows `verb` on a resource. A rule with resource names never allows a request without a name."""
    names = _strings(rule, "resourceNames")
    return (
        _matches(_strings(rule, "verbs"), verb)
        and _matches(_strings(rule, "apiGroups"), group)
        and _matches_resource(_strings(rule, "resources"), resource, subresource)
        and (not names or name in names)
    )


def allows_path(rule: Rule, *, verb: str, path: str) -> bool:
    """Whether `rule` allows `verb` on a path that is no resource (`/healthz`)."""
    return _matches(_strings(rule, "verbs"), verb) and _matches_path(_strings(rule, "nonResourceURLs"), path)


def uncovered(held: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """The simplest parts of `wanted` that no rule of `held` allows: what somebody would gain by granting them."""
    return [part for rule in wanted for part in _parts(rule) if not any(_covers(owned, part) for owned in held)]


def _parts(rule: Rule) -> Iterable[Rule]:
    for verb in _strings(rule, "verbs"):
        for url in _strings(rule, "nonResourceURLs"):
            yield {"verbs": [verb], "nonResourceURLs": [url]}
        names = _strings(rule, "resourceNames") or (None,)
        for group, resource, name in itertools.product(_strings(rule, "apiGroups"), _strings(rule, "resources"), names):
            part: dict[str, Any] = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
            yield part if name is None else part | {"resourceNames": [name]}


def _covers(owned: Rule, part: Rule) -> bool:
    verb = part["verbs"][0]
    if "nonResourceURLs" in part:
        return allows_path(owned, verb=verb, path=part["nonResourceURLs"][0])
    resource, _, subresource = part["resources"][0].partition("/")
    names: Sequence[str] = part.get("resourceNames") or ("",)
    return allows_resource(
        owned, verb=verb, group=part["apiGroups"][0], resource=resource, subresource=subresource, name=names[0]
    )


def compact(rule: Rule) -> str:
    """A rule as API servers print it in messages: `{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`."""
    fields = {
        "APIGroups": _strings(rule, "apiGroups"),
        "Resources": _strings(rule, "resources"),
        "ResourceNames": _strings(rule, "resourceNames"),
        "NonResourceURLs": _strings(rule, "nonResourceURLs"),
        "Verbs": _strings(rule, "verbs"),
    }
    shown = (f"{key}:[{' '.join(json.dumps(item) for item in items)}]" for key, items in fields.items() if items)
    return "{" + ", ".join(shown) + "}"
