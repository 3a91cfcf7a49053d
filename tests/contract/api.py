"""A small synchronous HTTP client for API servers: what the contract checks speak.

It adds nothing of its own (no retries, no defaults), so that a check sees the server and not a library.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
PARTIAL: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TABLE: Final = "application/json;as=Table;g=meta.k8s.io;v=v1"

Params = Mapping[str, str | int | bool]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the server said to one request."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The content as JSON."""
        return json.loads(self.content)

    def expect(self, status: int) -> Any:
        """The body, after a check of the HTTP status that shows the body where it fails."""
        assert self.status == status, f"HTTP {self.status}, expected {status}: {self.content.decode(errors='replace')}"
        return self.body if self.content else None

    def fails(self, status: int, reason: str, text: str = "") -> Any:
        """The Status object of a refusal; `text` must be part of its message."""
        body = self.expect(status)
        assert body["kind"] == "Status", body
        assert body["apiVersion"] == "v1"
        assert body["status"] == "Failure"
        assert body["code"] == status
        assert body.get("reason", "") == reason, body
        assert text in body["message"], body["message"]
        return body


class API:
    """One way into one server. Answers come in order on one kept-alive connection per thread."""

    def __init__(self, server: str, context: ssl.SSLContext, headers: Mapping[str, str] | None = None) -> None:
        self.server = server
        self._context = context
        self._headers = dict(headers or {})
        self._local = threading.local()

    def with_headers(self, headers: Mapping[str, str]) -> API:
        """The same login with more headers (impersonation)."""
        return API(self.server, self._context, {**self._headers, **headers})

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Params | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Answer:
        """One request. `body` is sent as it is where it is bytes, as JSON otherwise."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Accept": accept, "Connection": "keep-alive", **self._headers}
        if content is not None:
            headers["Content-Type"] = content_type
        target = path + query(params)
        for attempt in (1, 2):
            connection = self._connection()
            try:
                connection.request(method, target, content, headers)
                response = connection.getresponse()
                return Answer(response.status, dict(response.headers.items()), response.read())
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()  # an idle connection that the server closed in the meantime
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def get(self, path: str, *, accept: str = JSON, **params: Any) -> Answer:
        return self.request("GET", path, params=params, accept=accept)

    def post(self, path: str, body: object, *, accept: str = JSON, **params: str | int | bool) -> Answer:
        return self.request("POST", path, body, params=params, accept=accept)

    def put(self, path: str, body: object, **params: str | int | bool) -> Answer:
        return self.request("PUT", path, body, params=params)

    def patch(self, path: str, body: object, kind: str = MERGE_PATCH, **params: str | int | bool) -> Answer:
        return self.request("PATCH", path, body, params=params, content_type=kind)

    def apply(self, path: str, body: object, *, manager: str = "check", force: bool = False) -> Answer:
        """Server-side apply. JSON is YAML."""
        params: dict[str, str | int | bool] = {"fieldManager": manager}
        return self.patch(path, body, APPLY_PATCH, **params, **({"force": True} if force else {}))

    def delete(self, path: str, body: object = None, **params: str | int | bool) -> Answer:
        return self.request("DELETE", path, body, params=params)

    def watch(self, path: str, *, accept: str = JSON, **params: str | int | bool) -> Watch:
        """A watch on a connection of its own; use it in a `with` statement."""
        connection = self._new_connection(timeout=10)
        target = path + query({"watch": True, **params})
        connection.request("GET", target, headers={"Accept": accept, **self._headers})
        return Watch(connection, connection.getresponse())

    def close(self) -> None:
        """Closes this thread's connection; the next request opens another."""
        if (connection := getattr(self._local, "connection", None)) is not None:
            connection.close()
            self._local.connection = None

    def _connection(self) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._new_connection(timeout=20)
        return connection

    def _new_connection(self, timeout: float) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(urlsplit(self.server).netloc, timeout=timeout, context=self._context)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


class Watch:
    """The events of one watch."""

    def __init__(self, connection: http.client.HTTPSConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._response.close()
        self._connection.close()

    def next(self) -> Any:
        """The next event; fails where none comes in ten seconds."""
        try:
            line = self._response.readline()
        except TimeoutError:
            raise AssertionError("no watch event within ten seconds") from None
        assert line, "the watch ended"
        return json.loads(line)

    def until(self, *types: str, name: str | None = None) -> Any:
        """The next event of one of `types` (and about the object `name`), skipping others."""
        while True:
            event = self.next()
            if event["type"] in types and name in (None, event["object"].get("metadata", {}).get("name")):
                return event

    def rest(self) -> list[Any]:
        """All events until the server ends the watch."""
        return [json.loads(line) for line in iter(self._response.readline, b"")]


def query(params: Params | None) -> str:
    """`?a=b` with booleans as Kubernetes writes them; empty without parameters."""
    if not params:
        return ""
    pairs = [(key, str(value).lower() if isinstance(value, bool) else str(value)) for key, value in params.items()]
    return "?" + urlencode(pairs, quote_via=quote)


def eventually(check: Any, what: str, seconds: float = 10.0) -> Any:
    """Calls `check` until it gives something true, which is returned."""
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return result
