"""Answers of an API server: bodies decoded into typed values, refusals into typed errors.

Messages of a Status are for people, but a server may quote the request in them; anything that looks like a token or
a long run of encoded material is masked before it becomes part of an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

import msgspec

from . import road
from .errors import (
    APIError,
    Denied,
    Forbidden,
    KubeError,
    LoginPage,
    NotFound,
    ProtocolError,
    ServerError,
    TooManyRequests,
    api_error_type,
    lacks_right,
    missing_right,
)
from .request_info import RequestInfo
from .sensitive import MASK, Sensitive
from .text import safe_text

T = TypeVar("T")

MESSAGE_LIMIT: Final = 600
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}")
_ENCODED: Final = re.compile(r"(?=[a-z0-9+/_-]*[A-Z])[A-Za-z0-9+/_-]{48,}={0,2}")
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+\S+")
_WARNING: Final = re.compile(r'\s*\d{3}\s+\S+\s+"((?:[^"\\]|\\.)*)"')


class Opaque(bytes):
    """Bytes from the wire. They may hold material, so they never show in a repr, nor in a traceback with locals."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@dataclass(frozen=True, slots=True)
class Request:
    """One request before anyone authenticated it. What it carries may hold material, so it never shows in a repr."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    read: float
    """Seconds in which nothing may come."""
    data: Opaque | None = field(default=None, repr=False)
    most: int = 0
    """Bytes that its answer may have."""


@dataclass(frozen=True, slots=True)
class Response:
    """One complete answer. The body may hold material, so it never shows in a repr."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Opaque = field(repr=False)

    def header_values(self, name: str) -> list[str]:
        """Every value of a header that may come more than once."""
        every = getattr(self.headers, "getall", None)
        return list(every(name, ())) if every is not None else [v for k, v in self.headers.items() if k == name]


class StatusCause(msgspec.Struct, frozen=True):
    """One entry of `Status.details.causes`."""

    reason: str = ""
    message: str = ""
    field: str = ""


class StatusDetails(msgspec.Struct, frozen=True, rename="camel"):
    """`Status.details`, as far as it helps people."""

    name: str = ""
    group: str = ""
    kind: str = ""
    causes: list[StatusCause] | None = None
    retry_after_seconds: float | None = None


class Status(msgspec.Struct, frozen=True):
    """A `v1.Status`: how an API server says no."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: StatusDetails | None = None


def masked(text: str) -> str:
    """`text` as one safe line of bounded length without anything that could be material."""
    text = _BEARER.sub(rf"\1 {MASK}", text[: 4 * MESSAGE_LIMIT])
    return safe_text(_ENCODED.sub(MASK, _JWT.sub(MASK, text)), MESSAGE_LIMIT)


def encode(body: object) -> Opaque:
    """JSON; a `Sensitive` anywhere in it is written as its text, which is how material reaches a server."""
    return Opaque(msgspec.json.encode(body, enc_hook=_reveal))


def decode(data: Opaque, type_: type[T], *, cluster: str = "") -> T:
    """JSON into `type_`, which may contain `Sensitive`. Raises ProtocolError, without a word of the content."""
    try:
        return cast("T", decoder(cast("Any", type_)).decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The message names a path and types ("Expected `str`, got `int` - at `$.metadata`"), never a value.
        problem = str(error) if isinstance(error, msgspec.ValidationError) else "not JSON"
    raise ProtocolError(f"the answer cannot be read: {problem}", cluster=cluster)


def decode_each(parts: Iterable[msgspec.Raw], type_: type[T], *, cluster: str = "") -> list[T]:
    """The same for many objects of one answer."""
    made = decoder(cast("Any", type_))
    try:
        return [made.decode(part) for part in parts]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = str(error) if isinstance(error, msgspec.ValidationError) else "not JSON"
    raise ProtocolError(f"the answer cannot be read: {problem}", cluster=cluster)


@lru_cache(maxsize=256)
def decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    """The decoder for a type, built once."""
    return msgspec.json.Decoder(type_, dec_hook=_conceal)


def refusal(response: Response, info: RequestInfo, cluster: str) -> KubeError:
    """The error for an answer of 400 and above, or for one that no API server gives."""
    status = _status(response.body)
    if status is None:
        if response.status < 400 or not (response.status >= 500 or response.status == 429 or _plain(response)):
            return _foreign(response, cluster)
        said = _plain_text(response)
        if response.status == 404 and info.resource and said:  # no such path: the kind itself is not there
            said = f"the server has no {info.resource} ({said})"
        status = Status(message=said)
    if response.status >= 500 and not (status.kind and status.message):
        message, hint = road.gateway(response.status, masked(status.message))
        retry_after = _retry_after(response)
        return ServerError(
            response.status, "", message, cluster=cluster, hint=hint, retry_after=retry_after, about=info
        )
    return status_error(status, info, cluster, code=response.status, retry_after=_retry_after(response))


def status_error(
    status: Status, info: RequestInfo, cluster: str, *, code: int = 0, retry_after: float | None = None
) -> APIError:
    """The error for a Status, whether it came as an answer or inside of a watch."""
    code = code or status.code or 500
    details = status.details
    causes = tuple(
        masked(f"{cause.field}: {cause.message}" if cause.field else cause.message)
        for cause in (details.causes if details and details.causes else ())
    )
    kind = api_error_type(code)
    if kind is Forbidden and not lacks_right(status.message, changes=info.changes):
        kind = Denied
    if retry_after is None and details is not None:
        retry_after = details.retry_after_seconds
    message, hint = masked(status.message), ""
    homeless = kind is NotFound and _names_namespace(details, info)
    if homeless:
        message, hint = road.no_namespace(safe_text(info.namespace))
    elif kind is Forbidden:
        hint = missing_right(status.message, info)
    elif kind is Denied and road.ends(status.message):
        hint = road.ENDING
    elif kind is TooManyRequests:
        message, hint = message or road.BUSY, road.too_many(retry_after)
    named = bool(info.name and details and details.name == info.name) and not homeless
    return kind(
        code,
        safe_text(status.reason, 64),
        message,
        cluster=cluster,
        hint=hint,
        retry_after=retry_after,
        causes=causes,
        about=info,
        gone=code == 404 and status.reason == "NotFound" and named,
    )


def _names_namespace(details: StatusDetails | None, info: RequestInfo) -> bool:
    """Whether what is not there is the namespace of what was asked for."""
    if details is None or info.resource.partition("/")[0] == "namespaces":
        return False
    return details.kind == "namespaces" and details.name == info.namespace != ""


def is_page(response: Response) -> bool:
    """Whether a page for browsers came, which no API server gives."""
    return response.headers.get("Content-Type", "").strip().lower().startswith("text/html")


def warnings_of(values: list[str]) -> list[str]:
    """The texts of `Warning` headers (RFC 7234: `299 - "text"`)."""
    return [masked(match[1].replace('\\"', '"')) for value in values for match in _WARNING.finditer(value)]


def server_time(value: str | None) -> float | None:
    """A `Date` header as seconds since the epoch."""
    if not value:
        return None
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError):
        return None


def _status(body: bytes) -> Status | None:
    try:
        status = cast("Status", decoder(Status).decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return status if status.kind == "Status" or status.message or status.code else None


def _plain(response: Response) -> bool:
    """Whether an API server may well have said this: plain text (`404 page not found`), JSON, or nothing."""
    kind = response.headers.get("Content-Type", "")
    return not response.body or kind.startswith(("text/plain", "application/json"))


def _plain_text(response: Response) -> str:
    short = response.headers.get("Content-Type", "").startswith("text/plain") and len(response.body) <= MESSAGE_LIMIT
    return response.body.decode("utf-8", "replace").strip() if short else ""


def _foreign(response: Response, cluster: str) -> ProtocolError:
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    named = kind if re.fullmatch(r"[a-z]{1,20}/[a-z0-9.+-]{1,40}", kind) else "something"
    if 300 <= response.status < 400:
        said = road.redirected(response.status, response.headers.get("Location", ""))
        return LoginPage(said, cluster=cluster, hint=road.LOGIN_PAGE)
    said = f"answered {named} instead of JSON (HTTP {response.status})"
    if is_page(response):
        return LoginPage(said, cluster=cluster, hint=road.LOGIN_PAGE)
    return ProtocolError(said, cluster=cluster)


def _retry_after(response: Response) -> float | None:
    value = response.headers.get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else None


def _reveal(value: object) -> object:
    if isinstance(value, Sensitive):
        return value.reveal()
    raise NotImplementedError(f"cannot be written as JSON: {type(value).__name__}")


def _conceal(type_: type, value: object) -> object:
    if type_ is Sensitive and isinstance(value, str):
        return Sensitive(value)
    raise NotImplementedError(f"cannot be read from JSON: {type_.__name__}")
