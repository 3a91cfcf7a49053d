"""Every way a request can fail, each as its own typed error, in one line, with a hint and without material."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import socket
import ssl
import struct
import threading
import time
import traceback
import warnings
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.certificates import Authority
from tests.kube.conftest import SHORT
from tests.kube.server import AUTHORITY, TOKEN, FakeServer, cuts, drops, gives, hangs, refuses, thing
from tui.kube.client import Client, Timeouts
from tui.kube.endpoint import Endpoint, Login
from tui.kube.errors import (
    APIError,
    BadRequest,
    ConfigError,
    Conflict,
    ConnectionLost,
    Denied,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    LoginPage,
    NotFound,
    ProtocolError,
    ServerError,
    TimedOut,
    TLSFailed,
    TooManyRequests,
    Unauthorized,
    Unreachable,
    lacks_right,
    missing_right,
)
from tui.kube.request_info import RequestInfo
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive


def assert_clean(error: BaseException, *material: str) -> None:
    """Nothing that hangs on the error holds the token in any spelling, as a person or a crash report would see it."""
    raw = TOKEN.encode()
    spellings = {TOKEN, TOKEN.split(".")[2], base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    seen: BaseException | None = error
    while seen is not None:
        summary = traceback.TracebackException.from_exception(seen, capture_locals=True)
        text = "".join(summary.format()) + repr(vars(seen)) + str(seen) + repr(seen)
        for secret in (*spellings, *material):
            assert secret not in text
        seen = seen.__cause__ or seen.__context__
    assert "\n" not in str(error)


class Meta(msgspec.Struct):
    name: str = ""


class Named(msgspec.Struct):
    metadata: Meta


async def fails(client: Client, error: type[KubeError], method: str = "GET") -> Any:
    with pytest.raises(error) as caught:
        await client.request(method, SECRETS.path("ci", "x"))
    assert type(caught.value) is error
    assert caught.value.cluster in ("fake", "gone")
    assert_clean(caught.value)
    return caught.value


async def test_a_refused_connection(server: FakeServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        endpoint = Endpoint("gone", f"https://127.0.0.1:{taken.getsockname()[1]}", login=Login(token=Sensitive(TOKEN)))
        async with Client(endpoint, timeouts=SHORT) as client:
            error = await fails(client, Unreachable)
    assert "connection refused (127.0.0.1:" in str(error)
    assert error.hint


async def test_an_unknown_host() -> None:
    async with Client(Endpoint("gone", "https://no-such-host.invalid"), timeouts=SHORT) as client:
        error = await fails(client, Unreachable)
    assert "unknown host no-such-host.invalid" in str(error)


async def test_a_server_that_hangs(server: FakeServer, client: Client) -> None:
    server.says(hangs)
    started = time.monotonic()
    error = await fails(client, TimedOut)
    assert time.monotonic() - started < 20
    assert "0.6 s" in str(error)
    assert len(server.requests) == 1  # a hang is not tried again: that would only double the wait


async def test_a_port_that_accepts_and_never_speaks() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with Client(Endpoint("gone", f"https://127.0.0.1:{port}"), timeouts=Timeouts(connect=0.4, read=1)) as client:
        error = await fails(client, TimedOut)
    assert "no connection in time" in str(error)
    listener.close()


async def test_an_unknown_authority(server: FakeServer) -> None:
    async with Client(server.endpoint(ca=Authority("other").pem), timeouts=SHORT) as client:
        error = await fails(client, TLSFailed)
    assert "unknown authority" in str(error)
    assert "certificate-authority-data" in error.hint
    assert server.requests == []  # the token never left


async def test_a_certificate_for_another_host() -> None:
    async with FakeServer(names=("api.example.org",)) as server:
        server.says(gives({}))
        async with Client(server.endpoint(), timeouts=SHORT) as client:
            error = await fails(client, TLSFailed)
        assert "not for 127.0.0.1" in str(error)
        assert "tls-server-name" in error.hint
        async with Client(server.endpoint(tls_server_name="api.example.org"), timeouts=SHORT) as client:
            await client.version()
        async with Client(server.endpoint(ca=None, insecure=True), timeouts=SHORT) as client:
            await client.version()


async def test_a_server_without_tls() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with Client(Endpoint("gone", f"https://127.0.0.1:{port}"), timeouts=SHORT) as client:
        error = await fails(client, TLSFailed)
    assert "does not speak TLS" in str(error)
    listener.close()


async def test_a_client_certificate_the_server_does_not_accept() -> None:
    """Spoken by blocking sockets, since asyncio's server closes without the alert that others send."""

    def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
        connection, _ = listener.accept()
        with connection.dup() as below:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)
            below.shutdown(socket.SHUT_WR)
            while below.recv(65536):  # closed with something unread, the alert would be lost to a reset
                pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=AUTHORITY.pem.decode())
    with AUTHORITY.serving(["127.0.0.1"]).on_disk() as path:
        context.load_cert_chain(path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = asyncio.create_task(asyncio.to_thread(serve, listener, context))
        stranger = Authority("other").client("jane")
        login = Login(client_certificate=stranger.certificate, client_key=Sensitive(stranger.key))
        endpoint = Endpoint("gone", f"https://127.0.0.1:{listener.getsockname()[1]}", ca=AUTHORITY.pem, login=login)
        async with Client(endpoint, timeouts=SHORT) as client:
            error = await fails(client, TLSFailed, "POST")
        await served
    assert "refused the client certificate" in str(error)
    assert error.hint


async def test_a_client_certificate_the_server_asks_for() -> None:
    async with FakeServer(client_authority=AUTHORITY.pem) as server:
        server.says(gives({"gitVersion": "v1"}))
        friend = AUTHORITY.client("jane")
        login = Login(client_certificate=friend.certificate, client_key=Sensitive(friend.key))
        async with Client(server.endpoint(login=login), timeouts=SHORT) as client:
            assert await client.version() == "v1"


@pytest.mark.parametrize("broken", ["certificate", "key", "pair", "ca"])
async def test_certificates_that_cannot_be_used(server: FakeServer, broken: str) -> None:
    pair, other = AUTHORITY.client("jane"), AUTHORITY.client("joe")
    login = Login(
        client_certificate=b"hunter2" if broken == "certificate" else pair.certificate,
        client_key=Sensitive({"key": b"hunter2", "pair": other.key}.get(broken, pair.key)),
    )
    ca = b"hunter2" if broken == "ca" else AUTHORITY.pem
    async with Client(server.endpoint(login=login, ca=ca), timeouts=SHORT) as client:
        error = await fails(client, ConfigError)
    assert_clean(error, pair.key.decode().splitlines()[1])
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", BadRequest),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", Conflict),
        (410, "Expired", Gone),
        (415, "UnsupportedMediaType", APIError),
        (422, "Invalid", Invalid),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_refusals_are_never_repeated(
    server: FakeServer, client: Client, code: int, reason: str, kind: type[APIError], method: str
) -> None:
    kind = Denied if (kind, method) == (Forbidden, "POST") else kind  # these are not the authorizer's words
    server.says(refuses(code, reason, "no \x1b[31mthank\u202e you"))
    error = await fails(client, kind, method)
    assert (error.status, error.reason, error.message) == (code, reason, "no ·[31mthank· you")
    assert not error.retriable
    assert len(server.requests) == 1


async def test_403_names_the_missing_right(server: FakeServer, client: Client) -> None:
    server.says(refuses(403, "Forbidden", 'serviceaccounts is forbidden: User "a" cannot create resource "x"'))
    with pytest.raises(Forbidden) as caught:
        await client.create(SERVICE_ACCOUNTS, {}, namespace="ci", name="robot", subresource="token")
    assert caught.value.hint == "needs: create serviceaccounts/token in namespace ci (resourceName robot)"
    with pytest.raises(Forbidden) as caught:
        await client.list(SECRETS)
    assert caught.value.hint == "needs: list secrets"
    assert (caught.value.about.verb, caught.value.about.resource, caught.value.about.namespace) == (
        "list",
        "secrets",
        "",
    )


async def test_422_names_the_fields(server: FakeServer, client: Client) -> None:
    causes = [{"reason": "FieldValueInvalid", "field": "spec.x", "message": "must be greater"}, {"message": "and more"}]
    server.says(refuses(422, "Invalid", details={"causes": causes}))
    error = await fails(client, Invalid, "POST")
    assert error.causes == ("spec.x: must be greater", "and more")


async def test_429_with_retry_after_is_repeated_for_reads_and_writes(server: FakeServer, client: Client) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        server.says(refuses(429, "TooManyRequests", Retry_After="0"), gives({"done": method}))
        assert (await client.request(method, SECRETS.path("ci", "x"))).body == f'{{"done": "{method}"}}'.encode()
        assert len(server.requests) == 2


async def test_429_without_retry_after_repeats_only_reads(server: FakeServer, client: Client) -> None:
    server.says(refuses(429, "TooManyRequests"), gives({}))
    await fails(client, TooManyRequests, "POST")
    assert len(server.requests) == 1
    server.says(refuses(429, "TooManyRequests"), gives({}))
    await client.request("GET", "/version")
    assert len(server.requests) == 2


async def test_a_server_that_asks_for_a_long_pause_is_believed(server: FakeServer, client: Client) -> None:
    server.says(refuses(429, "TooManyRequests", Retry_After="600"))
    error = await fails(client, TooManyRequests)
    assert error.retry_after == 600
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_5xx_is_repeated_for_reads_alone(server: FakeServer, client: Client, code: int) -> None:
    server.says(refuses(code, "InternalError"), refuses(code, "InternalError"), gives({}))
    await client.request("GET", "/version")
    assert len(server.requests) == 3
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        server.says(refuses(code, "InternalError"), gives({}))
        await fails(client, ServerError, method)
        assert len(server.requests) == 1


async def test_500_for_good_is_a_server_error_after_a_few_tries(server: FakeServer, client: Client) -> None:
    server.says(refuses(500, "InternalError", "etcd is away"))
    error = await fails(client, ServerError)
    assert error.message == "etcd is away"
    assert 2 <= len(server.requests) <= 4


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            gives(b"<html>log in</html>", 200, Content_Type="text/html"),
            ProtocolError,
            r"answered text/html instead of JSON \(HTTP 200\)",
        ),
        (
            gives(b"<html>log in</html>", 403, Content_Type="text/html"),
            ProtocolError,
            "answered text/html instead of JSON",
        ),
        (
            gives(b"<html>bad gateway</html>", 502, Content_Type="text/html"),
            ServerError,
            "got no proper answer .*HTTP 502",
        ),
        (gives(b"404 page not found\n", 404, Content_Type="text/plain"), ProtocolError, "without a word of x"),
        (gives({"paths": []}, 404), ProtocolError, "without a word of x"),
        (gives(b"", 401), Unauthorized, "HTTP 401"),
        (gives(b"", 302, Location="https://elsewhere/"), ProtocolError, "redirected elsewhere"),
        (gives(b'{"metadata": "text"}'), ProtocolError, "answer cannot be read"),
        (gives(b'{"metadata": {"name": "'), ProtocolError, "not JSON"),
        (gives(b"\xff\xfe"), ProtocolError, "not JSON"),
        (gives(b'{"metadata": ' + b"[" * 100_000), ProtocolError, "cannot be read"),
    ],
)
async def test_answers_that_no_api_server_gives(
    server: FakeServer, client: Client, answer: Any, kind: type[KubeError], says: str
) -> None:
    server.says(answer)
    with pytest.raises(kind, match=says) as caught:
        await client.get(SECRETS, "x", namespace="ci", type=Named)
    assert_clean(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html><body>no backend</body></html>"], ids=["no body", "HTML"])
@pytest.mark.parametrize(
    ("code", "words"), [(502, "got no proper answer"), (503, "nothing serves the API there now"), (504, "too long")]
)
async def test_a_load_balancer_that_answers_itself_is_said_in_words(
    server: FakeServer, client: Client, code: int, words: str, body: bytes
) -> None:
    """Case 16 of the public reports."""
    server.says(gives(body, code, Content_Type="text/html"))
    error = await fails(client, ServerError)
    assert words in error.message
    assert f"HTTP {code}" in error.message
    assert "what stands before it" in error.hint


async def test_what_a_load_balancer_says_in_plain_words_stays(server: FakeServer, client: Client) -> None:
    server.says(gives(b"no healthy upstream", 503, Content_Type="text/plain"))
    assert "(HTTP 503: no healthy upstream)" in (await fails(client, ServerError)).message


@pytest.mark.parametrize("body", [b"", b"<html>slow down</html>"])
async def test_429_says_how_long_to_wait(server: FakeServer, client: Client, body: bytes) -> None:
    server.says(gives(body, 429, Content_Type="text/html", Retry_After="90"))
    error = await fails(client, TooManyRequests)
    assert error.message == "the server has more to do than it takes on now (HTTP 429)"
    assert error.hint == "the server asks to wait 90 s before the next try"
    server.says(gives(body, 429, Content_Type="text/html"))
    assert "later" in (await fails(client, TooManyRequests, "POST")).hint


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://portal.example/login?back=hunter2#x", "redirected elsewhere to https://portal.example (HTTP 302)"),
        ("https://me:hunter2@portal.example/", "redirected elsewhere (HTTP 302)"),
        ("/login?token=hunter2", "redirected elsewhere (HTTP 302)"),
        ("http://[hunter2", "redirected elsewhere (HTTP 302)"),
    ],
)
async def test_a_captive_portal_is_named(server: FakeServer, client: Client, location: str, said: str) -> None:
    server.says(gives(b"<html>moved</html>", 302, Content_Type="text/html; charset=utf-8", Location=location))
    error = await fails(client, LoginPage)
    assert said in error.message
    assert "hunter2" not in str(error)
    assert "login page" in error.hint
    server.says(gives(b"<html>Welcome</html>", 200, Content_Type="text/html; charset=utf-8"))
    with pytest.raises(ProtocolError, match="text/html instead of JSON") as caught:
        await client.version()
    assert "login page" in caught.value.hint


async def test_a_missing_namespace_is_named_as_that(server: FakeServer, client: Client) -> None:
    about = {"name": "nope", "kind": "namespaces"}
    server.says(refuses(404, "NotFound", 'namespaces "nope" not found', about))
    with pytest.raises(NotFound, match='there is no namespace "nope"') as caught:
        await client.create(SECRETS, {"metadata": {"name": "x"}}, namespace="nope")
    assert "kubectl create namespace nope" in caught.value.hint
    with pytest.raises(NotFound, match="there is no namespace") as caught:
        await client.apply(SECRETS, "nope", {}, namespace="nope")
    assert not caught.value.gone  # of the Secret of that name nothing was said


async def test_a_namespace_that_ends_is_no_missing_right(server: FakeServer, client: Client) -> None:
    said = "secrets is forbidden: unable to create new content in namespace ci because it is being terminated"
    server.says(refuses(403, "Forbidden", said))
    with pytest.raises(Denied) as caught:
        await client.create(SECRETS, {"metadata": {"name": "x"}}, namespace="ci")
    assert caught.value.hint == "the namespace is being deleted: wait until it is gone, or name another one with -n"


async def test_a_redirect_is_not_followed(server: FakeServer, client: Client) -> None:
    async with FakeServer() as elsewhere:
        elsewhere.says(gives({}))
        server.says(gives(b"", 307, Location=f"https://127.0.0.1:{elsewhere.port}/api"))
        await fails(client, LoginPage)
        assert elsewhere.requests == []


async def test_a_connection_cut_in_the_middle_of_the_answer(server: FakeServer, client: Client) -> None:
    server.says(cuts, gives({"whole": 1}))
    assert (await client.request("GET", "/version")).body == b'{"whole": 1}'
    server.says(cuts)
    error = await fails(client, ConnectionLost)
    assert "middle of the answer" in str(error)
    server.says(cuts)
    await fails(client, ConnectionLost, "POST")
    assert len(server.requests) == 1


async def test_a_connection_closed_without_an_answer(server: FakeServer, client: Client) -> None:
    server.says(drops)
    error = await fails(client, ConnectionLost, "POST")
    assert "closed the connection" in str(error)
    assert len(server.requests) == 1


async def test_a_connection_that_is_reset(server: FakeServer, client: Client) -> None:
    async def resets(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        raw = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        return web.Response()

    server.says(resets)
    await fails(client, ConnectionLost, "POST")
    server.says(resets, resets, gives({"whole": 1}))
    assert (await client.request("GET", "/version")).status == 200


async def test_what_is_not_http(server: FakeServer, client: Client) -> None:
    async def garbage(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        request.transport.close()
        return web.Response()

    server.says(garbage)
    await fails(client, ProtocolError, "POST")


async def test_a_message_that_quotes_the_request_is_masked(server: FakeServer, client: Client) -> None:
    long = base64.b64encode(b"hunter2 " * 20).decode()
    quoted = f'Object \'Kind\' is missing in \'{{"token":"{TOKEN}","data":"{long}"}}\' (Authorization: Bearer {TOKEN})'
    server.says(refuses(400, "BadRequest", quoted, details={"causes": [{"message": quoted}]}))
    error = await fails(client, BadRequest, "POST")
    assert long not in str(error)
    assert "Object 'Kind' is missing" in str(error)
    assert_clean(error, long)


async def test_material_in_a_body_does_not_survive_in_an_error(server: FakeServer, client: Client) -> None:
    server.says(drops)
    body = {"stringData": {"token": Sensitive("hunter2-in-the-body")}}
    with pytest.raises(ConnectionLost) as caught:
        await client.create(SECRETS, body, namespace="ci")
    assert b"hunter2-in-the-body" in server.bodies[0]
    assert_clean(caught.value, "hunter2-in-the-body")


async def test_a_token_no_header_can_carry(server: FakeServer) -> None:
    async with Client(server.endpoint(login=Login(token=Sensitive("a\r\nX: hunter2"))), timeouts=SHORT) as client:
        error = await fails(client, ConfigError)
    assert "hunter2" not in str(error)


async def test_after_close_nothing_is_sent(server: FakeServer) -> None:
    client = Client(server.endpoint(), timeouts=SHORT)
    server.says(gives(thing("x")))
    await client.get(SECRETS, "x", namespace="ci")
    await client.close()
    await client.close()
    await fails(client, Unreachable)
    assert len(server.requests) == 1


async def test_one_hanging_request_does_not_hold_the_others_up(server: FakeServer, client: Client) -> None:
    async def either(request: web.Request) -> web.StreamResponse:
        return await (hangs if "slow" in request.path else gives({}))(request)

    server.says(either)
    slow = asyncio.create_task(client.request("GET", "/slow", timeout=2))
    await asyncio.sleep(0.05)
    await asyncio.gather(*(client.request("GET", "/fast") for _ in range(20)))
    assert not slow.done()
    with pytest.raises(TimedOut):
        await slow


WEBHOOK = 'admission webhook "lifetimes.policy.acme" denied the request: more than 10m needs a ticket'
RIGHTS = [
    (
        'serviceaccounts "robot" is forbidden: User "bob" cannot create resource "serviceaccounts/token" in API',
        True,
    ),
    ('forbidden: User "system:anonymous" cannot post path "/api"', True),
    (
        'users "x" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope',
        True,
    ),
    (
        'roles "r" is forbidden: user "bob" (groups=["a"]) is attempting to grant RBAC permissions not currently held:',
        True,
    ),
    ('users "x" is forbidden: User "bob" cannot impersonate-on:user-info:list resource "pods" in API group ""', True),
    (WEBHOOK, False),
    ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", False),
    ('secrets "x" is forbidden: exceeded quota: q, requested: count/secrets=1, used: 5, limited: 5', False),
    ("secrets is forbidden: unable to create new content in namespace ci because it is being terminated", False),
    ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', False),
    ('admission webhook "w" denied the request: x is forbidden: User "bob" cannot create resource "pods"', False),
    ("no", False),
    ("", False),
]


@pytest.mark.parametrize(("message", "right"), RIGHTS)
def test_only_the_authorizer_speaks_of_rights(message: str, right: bool) -> None:
    assert lacks_right(message, changes=True) is right
    assert lacks_right(message, changes=False)  # no webhook refuses a read


ASKED = RequestInfo("list", "secrets", "ci")
IMPERSONATIONS = [
    (
        'users "jane" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster',
        "needs: impersonate users (resourceName jane)",
    ),
    (
        'secrets is forbidden: User "bob" cannot impersonate-on:user-info:list resource "secrets" in API group ""',
        (
            "needs: impersonate (for whom it acts as), or both impersonate:user-info and impersonate-on:user-info:list "
            "secrets in namespace ci"
        ),
    ),
    ('secrets is forbidden: User "bob" cannot list resource "secrets" in', "needs: list secrets in namespace ci"),
    ("no", "needs: list secrets in namespace ci"),
]


@pytest.mark.parametrize(
    ("message", "hint"), IMPERSONATIONS, ids=["before 1.36", "since 1.36", "no deputy", "no words"]
)
def test_who_may_not_act_as_somebody_is_told_that_right(message: str, hint: str) -> None:
    assert missing_right(message, ASKED) == hint


async def test_a_webhook_that_denies_gets_no_hint_about_rights(server: FakeServer, client: Client) -> None:
    """Case 13 of the public reports: its own words, and nothing about a right that would not help."""
    server.says(refuses(403, "Forbidden", WEBHOOK))
    with pytest.raises(Denied) as denied:
        await client.create(SERVICE_ACCOUNTS, {}, namespace="ci", name="robot", subresource="token")
    assert denied.value.hint == ""
    assert "needs a ticket" in str(denied.value)


def test_no_connection_outlives_its_client() -> None:
    """Neither one whose answer was not read to its end, where the server does not say TLS's goodbye."""
    over = threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with AUTHORITY.serving(["127.0.0.1"]).on_disk() as path:
        context.load_cert_chain(path)

    def serve(listener: socket.socket) -> None:
        with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            event = b'{"type":"ADDED","object":{"kind":"Secret","metadata":{"name":"a","resourceVersion":"11"}}}\n'
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(event), event)
            )
            over.wait(30)

    async def watch_a_little(port: int) -> None:
        endpoint = Endpoint("mute", f"https://127.0.0.1:{port}", ca=AUTHORITY.pem)
        async with (
            Client(endpoint, timeouts=SHORT) as client,
            contextlib.aclosing(client.watch(SECRETS, resource_version="10")) as events,
        ):
            assert (await anext(events)).type == "ADDED"

    gc.collect()  # what other tests left is not this client's
    with socket.create_server(("127.0.0.1", 0)) as listener, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        listener.settimeout(30)
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        try:
            asyncio.run(watch_a_little(listener.getsockname()[1]))
            gc.collect()
        finally:
            over.set()
            server.join()
    assert [str(warning.message) for warning in said] == []
