"""Lists: selectors, pages that all show the same moment, and the rules of resourceVersion."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Any

import msgspec

from .kinds import Kind
from .options import ListOptions, parse_version
from .selectors import Test, both, field_selector, label_selector
from .status import StatusError, bad_request, expired, field_forbidden, invalid, not_supported
from .storage import Storage, Stored

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
_NOW = -1
"""In a continue token: go on with what there is now, because the moment of the first page is forgotten."""


def selector(kind: Kind, options: ListOptions) -> Test | None:
    """The test that label and field selectors make together."""
    return both(label_selector(options.labels), field_selector(options.fields, kind.collection))


def read_page(
    storage: Storage, kind: Kind, namespace: str | None, options: ListOptions
) -> tuple[list[Stored], dict[str, Any]]:
    """One page of a list, and the metadata of the list."""
    test = selector(kind, options)
    start = ("", "")
    if options.token:
        if options.version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        version, start = _read_token(options.token)
        if version == _NOW:
            version = storage.version
        try:
            items = _within(storage.at(kind.collection, version), namespace)
        except StatusError as error:
            gone = expired(_TOO_OLD)
            gone.metadata["continue"] = _write_token(_NOW, start)
            raise gone from error
    else:
        version = _wanted_version(storage, options)
        if version == storage.version:
            items = storage.items(kind.collection, namespace)
        else:
            items = _within(storage.at(kind.collection, version), namespace)
    if start != ("", ""):
        items = [item for item in items if item.key[1:] > start]
    if test is not None:
        items = [item for item in items if test(item.object)]
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if 0 < options.limit < len(items):
        rest = len(items) - options.limit
        items = items[: options.limit]
        metadata["continue"] = _write_token(version, items[-1].key[1:])
        if test is None:
            metadata["remainingItemCount"] = rest
    return items, metadata


def _within(items: list[Stored], namespace: str | None) -> list[Stored]:
    return items if namespace is None else [item for item in items if item.key[1] == namespace]


def _wanted_version(storage: Storage, options: ListOptions) -> int:
    wanted = parse_version(options.version)
    if options.match:
        _check_match(options)
    if wanted > storage.version:
        raise StatusError(
            HTTPStatus.GATEWAY_TIMEOUT,
            "Timeout",
            f"Timeout: Too large resource version: {wanted}, current: {storage.version}",
            {
                "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1,
            },
            {"Retry-After": "1"},
        )
    exact = options.match == "Exact" or (options.limit and wanted and not options.match)
    return wanted if exact and wanted else storage.version


def _check_match(options: ListOptions) -> None:
    path, causes = "resourceVersionMatch", []
    if not options.version:
        causes.append(field_forbidden(path, f"{path} is forbidden unless resourceVersion is provided"))
    elif options.match not in ("Exact", "NotOlderThan"):
        causes.append(not_supported(path, options.match, ["Exact", "NotOlderThan", ""]))
    elif options.match == "Exact" and options.version == "0":
        causes.append(field_forbidden(path, f'{path} "exact" is forbidden for resourceVersion "0"'))
    if causes:
        raise invalid("meta.k8s.io", "ListOptions", "", causes)


def _write_token(version: int, last: tuple[str, str]) -> str:
    content = {"v": "meta.k8s.io/v1", "rv": version, "start": f"{last[0]}/{last[1]}"}
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).rstrip(b"=").decode()


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        content = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = content["start"].partition("/")
        return int(content["rv"]), (namespace, name)
    except (binascii.Error, msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
