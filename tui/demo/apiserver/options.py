"""The options of requests: what stands in the query, checked and in words that the rest understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from .access import UserInfo
from .status import Cause, StatusError, bad_request, field_forbidden, invalid, not_supported, required

_VALIDATION = ("Ignore", "Warn", "Strict")
_PROPAGATION = ("Foreground", "Background", "Orphan", "nil")


@dataclass(slots=True)
class WriteOptions:
    """Who writes, and how."""

    user: UserInfo
    manager: str = "unknown"
    dry_run: bool = False
    validation: str = "Ignore"
    """What happens to fields that are not known: Ignore, Warn or Strict."""
    force: bool = False
    warnings: list[str] = field(default_factory=list)


def _invalid_options(kind: str, cause: Cause) -> StatusError:
    return invalid("meta.k8s.io", kind, "", [cause])


def _dry_run(values: list[str], kind: str) -> bool:
    if values and values != ["All"]:
        shown = "[]string{" + ", ".join(f'"{value}"' for value in values) + "}"
        text = f'Unsupported value: {shown}: supported values: "All"'
        raise _invalid_options(kind, Cause("FieldValueNotSupported", text, "dryRun"))
    return bool(values)


def write_options(
    query: Mapping[str, str], user: UserInfo, agent: str, verb: str, *, checks_fields: bool, is_apply: bool = False
) -> WriteOptions:
    """The options of a create, an update or a patch."""
    kind = f"{verb.capitalize()}Options"
    force = query.get("force", "") in ("true", "1")
    if is_apply:
        if not query.get("fieldManager"):
            raise _invalid_options(kind, required("fieldManager", "is required for apply patch"))
    elif "force" in query:
        raise _invalid_options(kind, field_forbidden("force", "may not be specified for non-apply patch"))
    validation = query.get("fieldValidation", "") or "Warn"
    if checks_fields and validation not in _VALIDATION:
        raise _invalid_options(kind, not_supported("fieldValidation", validation, _VALIDATION))
    manager = query.get("fieldManager", "") or agent.split("/", 1)[0] or "unknown"
    if len(manager) > 128:
        cause = Cause("FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager")
        raise _invalid_options(kind, cause)
    dry_run = _dry_run([query["dryRun"]] if query.get("dryRun") else [], kind)
    return WriteOptions(user, manager, dry_run, validation if checks_fields else "Ignore", force)


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How an object is deleted."""

    user: UserInfo
    uid: str | None = None
    version: str | None = None
    dry_run: bool = False
    propagation: str = ""


def delete_options(query: Mapping[str, str], body: Any, user: UserInfo) -> DeleteOptions:
    """The options of a delete: from the body, and from the query only where there is none at all."""
    if body is not None and not isinstance(body, dict):
        raise bad_request("json: cannot unmarshal into Go value of type v1.DeleteOptions")
    if body is None:
        dry_run = query.get("dryRun", "")
        body = {"propagationPolicy": query.get("propagationPolicy", ""), "dryRun": [dry_run] if dry_run else []}
    preconditions = body.get("preconditions") or {}
    propagation = body.get("propagationPolicy") or ""
    if not propagation and body.get("orphanDependents"):
        propagation = "Orphan"
    if propagation and propagation not in _PROPAGATION[:3]:
        raise _invalid_options("DeleteOptions", not_supported("propagationPolicy", propagation, _PROPAGATION))
    uid, version = preconditions.get("uid"), preconditions.get("resourceVersion")
    return DeleteOptions(user, uid, version, _dry_run(body.get("dryRun") or [], "DeleteOptions"), propagation)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list or a watch is to give."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial_events: bool = False
    timeout: float | None = None


def list_options(query: Mapping[str, str]) -> ListOptions:
    """The options of a list or a watch."""
    return ListOptions(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        limit=_integer(query, "limit"),
        token=query.get("continue", ""),
        version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        watch=_boolean(query, "watch"),
        bookmarks=_boolean(query, "allowWatchBookmarks"),
        initial_events=_boolean(query, "sendInitialEvents"),
        timeout=float(_integer(query, "timeoutSeconds")) if query.get("timeoutSeconds") else None,
    )


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _boolean(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() not in ("", "0", "false")


def parse_version(text: str) -> int:
    """A resourceVersion as the number it is here; 500 where it is none, as real servers answer."""
    if not text:
        return 0
    if not text.isdecimal():
        words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise StatusError(HTTPStatus.INTERNAL_SERVER_ERROR, "", words)
    return int(text)
