"""What an API server answers when it refuses: `Status` objects with the real reasons, details and words.

Everything below the HTTP layer raises `StatusError`; the HTTP layer turns it into the body and the status code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong: a cause of a `Status`, and one part of its message."""

    reason: str
    message: str
    field: str

    def text(self) -> str:
        """As it stands in the message of the `Status`."""
        return f"{self.field}: {self.message}"


@dataclass
class StatusError(Exception):
    """A refusal. `reason` is the machine-readable word; an empty one is left out, as real servers do."""

    code: int
    reason: str
    message: str
    details: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.message)

    def body(self) -> dict[str, Any]:
        """The `Status` object."""
        status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata}
        status |= {"status": "Failure", "message": self.message}
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def qualified(group: str, plural: str) -> str:
    """`plural` for the core group, `plural.group` for the others."""
    return f"{plural}.{group}" if group else plural


def _details(group: str, plural: str, name: str, causes: Sequence[Cause] = ()) -> dict[str, Any]:
    named = {"name": name, "group": group, "kind": plural}
    details: dict[str, Any] = {key: value for key, value in named.items() if value}
    if causes:
        details["causes"] = [
            {"reason": cause.reason, "message": cause.message} | ({"field": cause.field} if cause.field else {})
            for cause in causes
        ]
    return details


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def unauthorized() -> StatusError:
    """401; a real server never says why."""
    return StatusError(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def forbidden(group: str, plural: str, name: str, why: str, causes: Sequence[Cause] = ()) -> StatusError:
    """403 with the usual opening."""
    subject = qualified(group, plural)
    message = f'{subject} "{name}" is forbidden: {why}' if name else f"{subject} is forbidden: {why}"
    return StatusError(HTTPStatus.FORBIDDEN, "Forbidden", message, _details(group, plural, name, causes))


def not_found(group: str, plural: str, name: str) -> StatusError:
    """404 for one object."""
    message = f'{qualified(group, plural)} "{name}" not found'
    return StatusError(HTTPStatus.NOT_FOUND, "NotFound", message, _details(group, plural, name))


def no_resource() -> StatusError:
    """404 for a path or a kind that is not served."""
    return StatusError(HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> StatusError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message, {})


def not_acceptable() -> StatusError:
    """406."""
    return StatusError(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable", "406: Not Acceptable", {})


def unsupported_media_type(sent: str, accepted: Sequence[str]) -> StatusError:
    """415."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return StatusError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """409 for a create."""
    message = f'{qualified(group, plural)} "{name}" already exists'
    return StatusError(HTTPStatus.CONFLICT, "AlreadyExists", message, _details(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str) -> StatusError:
    """409 for a write that somebody else was faster with, or whose preconditions do not hold."""
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return StatusError(HTTPStatus.CONFLICT, "Conflict", message, _details(group, plural, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def expired(message: str) -> StatusError:
    """410: a resourceVersion or continue token that is too old. Real servers use two reasons; this one is `Expired`."""
    return StatusError(HTTPStatus.GONE, "Expired", message)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """422: the content is wrong; one cause for each field. Note that details name the *kind*, not the plural."""
    texts = [cause.text() for cause in causes]
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    message = f'{qualified(group, kind)} "{name}" is invalid' + (f": {joined}" if causes else "")
    return StatusError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, _details(group, kind, name, causes))


def internal(message: str) -> StatusError:
    """500. Real servers put the text into a cause as well."""
    said = f"Internal error occurred: {message}"
    return StatusError(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", said, {"causes": [{"message": message}]})


def required(path: str, why: str = "") -> Cause:
    """A missing field."""
    return Cause("FieldValueRequired", "Required value" + (f": {why}" if why else ""), path)


def invalid_value(path: str, value: Any, why: str) -> Cause:
    """A field whose value is wrong; the value is shown as Go would print it."""
    return Cause("FieldValueInvalid", f"Invalid value: {go_value(value)}: {why}", path)


def not_supported(path: str, value: Any, allowed: Sequence[str]) -> Cause:
    """A field whose value is none of the known ones."""
    known = ", ".join(go_value(item) for item in allowed)
    return Cause("FieldValueNotSupported", f"Unsupported value: {go_value(value)}: supported values: {known}", path)


def field_forbidden(path: str, why: str) -> Cause:
    """A field that must not be set or changed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", path)


def duplicate(path: str, value: Any) -> Cause:
    """A value that may occur once."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {go_value(value)}", path)


def go_value(value: Any) -> str:
    """A value in the notation of Kubernetes messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        case dict():
            entries = (f'"{k}":{go_value(v)}' for k, v in sorted(value.items()))
            return "map[string]interface {}{" + ", ".join(entries) + "}"
        case list():
            return "[]interface {}{" + ", ".join(go_value(item) for item in value) + "}"
        case _:
            return str(value)
