"""From a body to an object of a kind: the right kind, the right types, nothing that the kind does not know."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from .kinds import Kind
from .metadata import decode_metadata
from .options import WriteOptions
from .schema import Schema, apply_defaults, prune, type_name
from .status import StatusError, bad_request

Object = dict[str, Any]

_KEPT = ("rules", "containers", "verbs")
"""Lists that are written even where they are empty."""
_GO_TYPES = {"object": "struct", "array": "slice", "boolean": "bool", "integer": "int64"}


def decode_object(kind: Kind, body: Any, options: WriteOptions) -> Object:
    """The body as an object of the kind. What the kind does not know is dropped, noted or refused, as `options` say."""
    unrecognized = f"the object provided is unrecognized (must be of type {kind.kind})"
    if not isinstance(body, dict):
        raise bad_request(unrecognized)
    api_version, name = body.get("apiVersion") or "", body.get("kind") or ""
    if not isinstance(api_version, str) or not isinstance(name, str):
        raise bad_request(f"{unrecognized}: couldn't get version/kind; json parse error: json: cannot unmarshal")
    decoding = f'{name or kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
    if (name and name != kind.kind) or (api_version and api_version != kind.api_version):
        raise other_kind(kind, api_version or kind.api_version, name or kind.kind)
    if kind.custom and not (api_version and name):
        missing = "Kind" if not name else "apiVersion"
        raise bad_request(f"{decoding}: unmarshalerDecoder: Object '{missing}' is missing in the object")
    schema = kind.schema or {}
    obj: Object = body if kind.custom else _as_go_reads(schema, body)
    obj = {"apiVersion": kind.api_version, "kind": kind.kind} | obj
    decode_metadata(kind, obj, decoding=decoding)
    dropped = prune(schema, obj)
    if not kind.custom and (problem := _problem(_without_metadata(schema), obj | {"metadata": None}, kind.kind)):
        raise bad_request(f"{decoding}: {problem}")
    if dropped and options.validation == "Strict":
        listed = ", ".join(f'unknown field "{path}"' for path in dropped)
        raise bad_request(f"{decoding}: strict decoding error: {listed}")
    if dropped and options.validation == "Warn":
        options.warnings += [f'unknown field "{path}"' for path in dropped]
    if kind.custom:
        apply_defaults(schema, obj)
    return obj


def other_kind(kind: Kind, api_version: str, name: str) -> StatusError:
    """400 for a body that says it is something else."""
    version = api_version.rpartition("/")[2]
    opening = f'{name} in version "{version}" cannot be handled as a {kind.kind}'
    if name == kind.kind:
        return bad_request(f'{opening}: no kind "{name}" is registered for version "{api_version}" in scheme')
    core = kind.group or "core"
    return bad_request(f"{opening}: converting ({version}.{name}) to ({core}.{kind.kind}): unknown conversion")


def _without_metadata(schema: Schema) -> Schema:
    return {**schema, "properties": schema.get("properties", {}) | {"metadata": {}}}


def _problem(schema: Schema, value: Any, path: str) -> str:
    """Why a body cannot be read as its kind: the first field of a wrong type, empty where there is none."""
    wanted = schema.get("type")
    actual = type_name(value)
    if wanted and actual != wanted and not (wanted == "number" and actual == "integer"):
        shown = {"integer": "number", "boolean": "bool"}.get(actual, actual)
        return f"json: cannot unmarshal {shown} into Go struct field {path} of type {_GO_TYPES.get(wanted, wanted)}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, item in value.items():
            sub = properties.get(key, schema.get("additionalProperties"))
            where = f"{path}.{key}" if properties else path
            if isinstance(sub, dict) and (problem := _problem(sub, item, where)):
                return problem
    elif isinstance(value, list):
        for item in value:
            if problem := _problem(schema.get("items", {}), item, path):
                return problem
    elif schema.get("format") == "byte":
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return "illegal base64 data at input byte 0"
    return ""


def _as_go_reads(schema: Schema, value: Any) -> Any:
    """A built-in object as Go reads and writes it: null is the zero value, and zero values of maps and lists vanish."""
    if isinstance(value, dict):
        extra: Schema = schema.get("additionalProperties") or {}
        out: Object = {}
        for key, item in value.items():
            sub = schema.get("properties", {}).get(key, extra)
            if item is None and sub is extra and extra.get("type") == "string":
                out[key] = ""
            elif item is None or (item == {} and "additionalProperties" in sub) or (item == [] and key not in _KEPT):
                continue
            else:
                out[key] = _as_go_reads(sub, item)
        return out
    if isinstance(value, list):
        items = schema.get("items", {})
        zero: Any = {"object": {}, "string": ""}.get(items.get("type", ""))
        return [_as_go_reads(items, zero if item is None else item) for item in value]
    return value
