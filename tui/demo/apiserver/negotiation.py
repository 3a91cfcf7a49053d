"""Content negotiation: in which shape an answer is wanted, and in which form a body was sent."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
import yaml

from . import protobuf
from .status import bad_request, not_acceptable, unsupported_media_type

_JSON = "application/json"
_YAML = "application/yaml"
BODY_TYPES = (_JSON, _YAML)


class Shape(StrEnum):
    """How objects are shown."""

    OBJECT = "object"
    TABLE = "table"
    METADATA = "metadata"


def shape(accept: str) -> Shape:
    """The first shape in an Accept header that this server knows. Raises 406 where there is none."""
    for clause in accept.split(",") if accept else ("*/*",):
        media, *parameters = (part.strip() for part in clause.split(";"))
        if media not in (_JSON, "*/*", "application/*", _YAML):
            continue
        wanted = dict(parameter.partition("=")[::2] for parameter in parameters)
        match wanted.get("as", ""):
            case "":
                return Shape.OBJECT
            case "Table" if wanted.get("v") in ("v1", "v1beta1"):
                return Shape.TABLE
            case "PartialObjectMetadata" | "PartialObjectMetadataList" if wanted.get("v") in ("v1", "v1beta1"):
                return Shape.METADATA
    raise not_acceptable()


def wants_yaml(accept: str) -> bool:
    """Whether an Accept header asks for YAML before anything else."""
    return media_type(accept.split(",", 1)[0]) == _YAML


def wants_aggregated(accept: str) -> str:
    """The version of aggregated discovery that an Accept header asks for first, empty where it asks for none."""
    for clause in accept.split(","):
        wanted = dict(part.strip().partition("=")[::2] for part in clause.split(";")[1:])
        if wanted.get("as") == "APIGroupDiscoveryList" and wanted.get("g") == "apidiscovery.k8s.io":
            return wanted.get("v", "")
    return ""


def media_type(content_type: str) -> str:
    """The media type of a Content-Type header."""
    return content_type.split(";", 1)[0].strip().lower() or _JSON


def decode(body: bytes, content_type: str, kind: str) -> Any:
    """A body as JSON values; `kind` is what was expected, for the message."""
    media = media_type(content_type)
    if media == protobuf.MEDIA_TYPE:
        try:
            return protobuf.decode(body)
        except ValueError as error:
            raise bad_request(f"{kind} cannot be decoded: {error}") from error
    if media not in BODY_TYPES:
        raise unsupported_media_type(media, [*BODY_TYPES, protobuf.MEDIA_TYPE])
    if media == _YAML:
        return decode_yaml(body)
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        opening = f"the object provided is unrecognized (must be of type {kind})"
        shown = body[:60].decode(errors="replace") if body else "<empty>"
        cause = error if body else "unexpected end of JSON input"
        message = f"{opening}: couldn't get version/kind; json parse error: {cause} ({shown})"
        raise bad_request(message) from error


def decode_patch(body: bytes) -> Any:
    """A patch in JSON."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise bad_request(f"error decoding patch: {error}") from error


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: without times, which stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def decode_yaml(body: bytes) -> Any:
    """A body in YAML, of which JSON is a part."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        pass  # then it is YAML proper
    try:
        return yaml.load(body, _Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise bad_request(f"error decoding YAML: {error}") from error
