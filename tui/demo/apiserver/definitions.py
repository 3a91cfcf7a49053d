"""CustomResourceDefinitions: what makes one valid, when it counts as established, and the kinds it defines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from . import names
from .builtin import headed
from .jsonpath import compile_path
from .kinds import Kind
from .schema import Schema
from .status import Cause, invalid_value, not_supported, required
from .storage import rfc3339
from .tables import custom_columns

Object = dict[str, Any]


def check_definition(obj: Object, old: Object | None) -> list[Cause]:
    """The causes for which a definition is refused."""
    spec = obj.get("spec") or {}
    spec_names = spec.get("names") or {}
    group, plural = spec.get("group", ""), spec_names.get("plural", "")
    name = obj["metadata"].get("name", "")
    causes: list[Cause] = []
    if name != f"{plural}.{group}":
        causes.append(invalid_value("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    if not group:
        causes.append(required("spec.group"))
    causes += [invalid_value("spec.group", group, problem) for problem in names.subdomain_problems(group) if group]
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        causes.append(not_supported("spec.scope", spec.get("scope", ""), ["Cluster", "Namespaced"]))
    causes += [required(f"spec.names.{field}") for field in ("plural", "kind") if not spec_names.get(field)]
    versions = spec.get("versions") or []
    if not versions:
        causes.append(invalid_value("spec.versions", None, "must have exactly one version marked as storage version"))
    elif sum(bool(version.get("storage")) for version in versions) != 1:
        causes.append(invalid_value("spec.versions", "", "must have exactly one version marked as storage version"))
    for index, version in enumerate(versions):
        causes += _check_version(version, f"spec.versions[{index}]")
    if old is not None:
        before = old.get("spec") or {}
        for field in ("group", "scope"):
            if spec.get(field) != before.get(field):
                causes.append(invalid_value(f"spec.{field}", spec.get(field), "field is immutable"))
        if spec_names.get("plural") != (before.get("names") or {}).get("plural"):
            causes.append(invalid_value("spec.names.plural", plural, "field is immutable"))
    return causes


def _check_version(version: Object, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if not version.get("name"):
        causes.append(required(f"{path}.name"))
    if not (version.get("schema") or {}).get("openAPIV3Schema"):
        causes.append(required(f"{path}.schema.openAPIV3Schema", "schemas are required"))
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        try:
            compile_path(column.get("jsonPath", ""))
        except ValueError as error:
            where = f"{path}.additionalPrinterColumns[{index}].jsonPath"
            causes.append(invalid_value(where, column.get("jsonPath"), str(error)))
    return causes


def fill_definition(obj: Object, now: datetime) -> None:
    """Fill in, in place, the names that follow from the kind, and that the names are accepted and served."""
    spec = obj["spec"]
    spec.setdefault("conversion", {"strategy": "None"})
    spec_names = spec.setdefault("names", {})
    kind = spec_names.get("kind", "")
    spec_names.setdefault("singular", kind.lower())
    spec_names.setdefault("listKind", f"{kind}List")
    status = obj.get("status") or {}
    if not any(condition.get("type") == "Established" for condition in status.get("conditions") or ()):
        stamp = rfc3339(now)
        status["conditions"] = [
            {"type": kind, "status": "True", "lastTransitionTime": stamp, "reason": reason, "message": message}
            for kind, reason, message in (
                ("NamesAccepted", "NoConflicts", "no conflicts found"),
                ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            )
        ]
    status["acceptedNames"] = dict(spec_names)
    stored = [version["name"] for version in spec.get("versions") or () if version.get("storage")]
    status["storedVersions"] = sorted({*(status.get("storedVersions") or ()), *stored})
    obj["status"] = status


def _deprecation(spec: Object, version: Object) -> str:
    """The warning about a deprecated version, empty for one that is not."""
    if not version.get("deprecated"):
        return ""
    said = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
    return str(version.get("deprecationWarning") or said)


def kinds_of(obj: Object) -> list[Kind]:
    """The kinds that a definition serves, one for each version."""
    spec = obj["spec"]
    spec_names = spec["names"]
    storage = next((v["name"] for v in spec["versions"] if v.get("storage")), spec["versions"][0]["name"])
    return [
        Kind(
            spec["group"],
            version["name"],
            spec_names["plural"],
            spec_names["kind"],
            namespaced=spec.get("scope") == "Namespaced",
            singular=spec_names.get("singular", ""),
            list_kind=spec_names.get("listKind", ""),
            short_names=tuple(spec_names.get("shortNames") or ()),
            categories=tuple(spec_names.get("categories") or ()),
            status="status" in (version.get("subresources") or {}),
            generation=True,
            custom=True,
            storage_version=storage,
            warning=_deprecation(spec, version),
            schema=_rooted((version.get("schema") or {}).get("openAPIV3Schema") or {}, spec),
            columns=custom_columns(version.get("additionalPrinterColumns") or ()),
        )
        for version in spec["versions"]
        if version.get("served")
    ]


def _rooted(schema: Schema, spec: Object) -> Schema:
    """The schema of a whole object, which always has the three fields that every object has."""
    rooted = {**schema, "properties": (schema.get("properties") or {}) | headed()["properties"]}
    if spec.get("preserveUnknownFields") or not schema.get("properties"):
        rooted["x-kubernetes-preserve-unknown-fields"] = True
    return rooted
