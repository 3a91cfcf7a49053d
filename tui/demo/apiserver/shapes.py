"""How schemas are written down: short words for the shapes that built-in kinds and definitions are made of."""

from __future__ import annotations

from typing import Any, Final

from .schema import Schema

TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
TRUTH: Final[Schema] = {"type": "boolean"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
BYTES: Final[Schema] = {"type": "string", "format": "byte"}
KEPT: Final[Schema] = {"x-kubernetes-preserve-unknown-fields": True}
ANY: Final[Schema] = {"type": "object", **KEPT}


def each(names: str, shape: Schema = TEXT) -> dict[str, Schema]:
    """Fields of one shape; spaces part their names."""
    return dict.fromkeys(names.split(), shape)


def record(properties: dict[str, Schema] | None = None, /, *required: str, **more: Schema) -> Schema:
    """An object with these fields."""
    schema: Schema = {"type": "object", "properties": {**(properties or {}), **more}}
    return schema | {"required": list(required)} if required else schema


def mapped(values: Schema = TEXT) -> Schema:
    """An object with any keys."""
    return {"type": "object", "additionalProperties": values}


def listed(items: Schema = TEXT, *keys: str) -> Schema:
    """A list, replaced as a whole; with `keys` one whose items are told apart by these."""
    by = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)} if keys else {}
    return {"type": "array", "items": items, **by}


def definition(
    group: str,
    kind: str,
    schema: Schema,
    columns: list[dict[str, Any]],
    versions: tuple[str, ...] = ("v1alpha1",),
    *,
    namespaced: bool = True,
    **names: Any,
) -> dict[str, Any]:
    """A CustomResourceDefinition in these `versions`, stored in the first; `columns` are `printed`."""
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower(), **names},
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": number == 0,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                }
                for number, version in enumerate(versions)
            ],
        },
    }


def printed(name: str, path: str, kind: str = "string") -> dict[str, Any]:
    """A printed column of a definition."""
    return {"name": name, "jsonPath": path, "type": kind}
