"""What a client sends and what it makes of good answers."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from tests.kube.conftest import SHORT
from tests.kube.server import TOKEN, FakeServer, as_asked, gives, refuses
from tui.kube.client import Client, PatchKind
from tui.kube.endpoint import Endpoint, Impersonation, Login
from tui.kube.errors import ConfigError, KubeError, Unreachable
from tui.kube.meters import Meters
from tui.kube.proxies import proxy_for
from tui.kube.request_info import RequestInfo, describe
from tui.kube.resource import NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive
from tui.kube.warnings import hearing


class TokenStatus(msgspec.Struct, rename="camel"):
    token: Sensitive
    expiration_timestamp: str = ""


class TokenAnswer(msgspec.Struct):
    status: TokenStatus


async def test_requests_as_kubernetes_wants_them(server: FakeServer, client: Client) -> None:
    server.says(as_asked)
    await client.get(SECRETS, "x/../y", namespace="ci")
    await client.get_metadata(SECRETS, "x", namespace="ci")
    await client.create(SECRETS, {"a": 1}, namespace="ci", dry_run=True)
    await client.replace(SECRETS, {"a": 1}, namespace="ci", name="x", subresource="status")
    await client.patch(SECRETS, "x", [{"op": "test"}], namespace="ci", kind=PatchKind.JSON)
    await client.apply(SECRETS, "x", {"metadata": {"labels": {"a": "b"}}}, namespace="ci", force=True)
    await client.delete(SECRETS, "x", namespace="ci", uid="u", resource_version="7", grace_seconds=0)
    await client.delete(NAMESPACES, "n")
    seen = [(request.method, request.raw_path, request.content_type) for request in server.requests]
    assert seen == [
        ("GET", "/api/v1/namespaces/ci/secrets/x%2F..%2Fy", "application/octet-stream"),
        ("GET", "/api/v1/namespaces/ci/secrets/x", "application/octet-stream"),
        ("POST", "/api/v1/namespaces/ci/secrets?dryRun=All", "application/json"),
        ("PUT", "/api/v1/namespaces/ci/secrets/x/status", "application/json"),
        ("PATCH", "/api/v1/namespaces/ci/secrets/x", "application/json-patch+json"),
        ("PATCH", "/api/v1/namespaces/ci/secrets/x?fieldManager=kubemint&force=true", "application/apply-patch+yaml"),
        ("DELETE", "/api/v1/namespaces/ci/secrets/x", "application/json"),
        ("DELETE", "/api/v1/namespaces/n", "application/json"),
    ]
    assert server.requests[1].headers["Accept"].startswith("application/json;as=PartialObjectMetadata;")
    assert json.loads(server.bodies[5]) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"labels": {"a": "b"}, "name": "x", "namespace": "ci"},
    }
    assert json.loads(server.bodies[6])["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    assert json.loads(server.bodies[6])["gracePeriodSeconds"] == 0
    assert "preconditions" not in json.loads(server.bodies[7])


async def test_material_goes_out_and_comes_in_as_sensitive(server: FakeServer, client: Client) -> None:
    status = {"token": "issued-token", "expirationTimestamp": "2026-01-01T00:00:00Z"}
    server.says(gives({"kind": "TokenRequest", "metadata": {}, "status": status}))
    body = {"stringData": {"a": Sensitive("inner")}}
    made = await client.create(SERVICE_ACCOUNTS, body, namespace="ci", name="r", subresource="token", type=TokenAnswer)
    assert made.status.token == Sensitive("issued-token")
    assert "issued-token" not in repr(made)
    assert json.loads(server.bodies[0]) == {"stringData": {"a": "inner"}}


async def test_identity_of_each_request(server: FakeServer) -> None:
    who = Impersonation("jane", "7", ("dev", "ops"), (("example.org/x", ("one", "two")),))
    server.says(gives({}))
    async with Client(server.endpoint(login=Login(token=Sensitive("t"), impersonate=who)), timeouts=SHORT) as client:
        await client.version()
    headers = server.requests[0].headers
    assert headers["Authorization"] == "Bearer t"
    assert headers["User-Agent"].startswith("kubemint/")
    assert headers["Impersonate-User"] == "jane"
    assert headers["Impersonate-Uid"] == "7"
    assert headers.getall("Impersonate-Group") == ["dev", "ops"]
    assert headers.getall("Impersonate-Extra-example.org%2Fx") == ["one", "two"]
    assert headers["Accept-Encoding"] == "identity"  # compressing for this machine only costs time


async def test_basic_authentication_and_none(server: FakeServer) -> None:
    server.says(gives({}))
    for login, header in ((Login(username="u", password=Sensitive("p")), "Basic dTpw"), (Login(), None)):
        async with Client(server.endpoint(login=login), timeouts=SHORT) as client:
            await client.version()
        assert server.requests[-1].headers.get("Authorization") == header


async def test_the_netrc_of_the_home_folder_is_not_used(server: FakeServer, home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    server.says(gives({}))
    async with Client(server.endpoint(login=Login()), timeouts=SHORT) as client:
        await client.version()
    assert "Authorization" not in server.requests[0].headers


async def test_the_proxy_of_the_environment_is_not_used_for_this_machine(
    server: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    server.says(gives({"gitVersion": "v1"}))
    assert await client.version() == "v1"


async def test_a_proxy_of_the_cluster_is_used(server: FakeServer) -> None:
    lines: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readuntil(b"\r\n\r\n"))
        inner, outer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while chunk := await source.read(65536):
                sink.write(chunk)
            sink.close()

        await asyncio.gather(copy(reader, outer), copy(inner, writer))

    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    server.says(gives({"gitVersion": "v1"}))
    endpoint = server.endpoint(proxy_url=f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    async with Client(endpoint, timeouts=SHORT) as client:
        assert await client.version() == "v1"
    assert lines[0].startswith(b"CONNECT 127.0.0.1:")
    assert TOKEN.encode() not in lines[0]
    listener.close()


@pytest.mark.parametrize(
    ("server", "own", "environ", "expected"),
    [
        ("https://api.example", None, {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://api.example", None, {"https_proxy": "http://p:1", "no_proxy": "example"}, None),
        ("https://api.example:6443", None, {"https_proxy": "http://p:1", "NO_PROXY": ".example"}, None),
        ("https://api.example", None, {"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ("https://10.1.2.3", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://[fd00::7]", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}, None),
        ("https://[fd00::7]:6443", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "[fd00::7]:6443"}, None),
        ("https://[fd00::7]:6443", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "[fd00::7]:1"}, "http://p:1"),
        ("https://api.example", None, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "/,:1,10.0.0.0/99"}, "http://p:1"),
        ("https://api.example", None, {"HTTP_PROXY": "http://p:1"}, None),
        ("https://localhost:1", None, {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://127.8.8.8", None, {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://[::1]:1", None, {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://localhost", "http://own:1", {"HTTPS_PROXY": "http://p:1"}, "http://own:1"),
        ("https://api.example", None, {}, None),
    ],
)
def test_which_proxy(server: str, own: str | None, environ: dict[str, str], expected: str | None) -> None:
    assert proxy_for(Endpoint("x", server, proxy_url=own), environ) == expected


@pytest.mark.parametrize("proxy", ["socks4://p:1", "ftp://p:1", "http://[p", "http://p:99999", "http://"])
def test_an_impossible_proxy_is_refused_with_words(proxy: str) -> None:
    with pytest.raises(ConfigError, match="proxy"):
        proxy_for(Endpoint("x", "https://api.example", proxy_url=proxy), {})


async def test_a_socks_proxy_that_is_gone_is_said_so(server: FakeServer) -> None:
    async with Client(server.endpoint(proxy_url="socks5://127.0.0.1:1"), timeouts=SHORT) as client:
        with pytest.raises(Unreachable, match="the proxy cannot be reached"):
            await client.version()


async def test_no_more_than_four_requests_at_once(server: FakeServer, client: Client) -> None:
    now = most = 0

    async def counting(request: web.Request) -> web.StreamResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return await gives({})(request)

    server.says(counting)
    await asyncio.gather(*(client.request("GET", "/x") for _ in range(20)))
    assert most == 4


async def test_warnings_are_heard_and_made_harmless(server: FakeServer) -> None:
    async def warning(request: web.Request) -> web.StreamResponse:
        answer = web.json_response({})
        answer.headers.add("Warning", '299 - "v1beta1 is \\"old\\""')
        answer.headers.add("Warning", f'299 - "token {TOKEN}", 299 - "second"')
        answer.headers.add("Warning", "nonsense")
        return answer

    heard: list[str] = []
    server.says(warning)
    outer: list[str] = []
    async with Client(server.endpoint(), timeouts=SHORT) as client:
        with hearing(outer.append):
            with hearing(heard.append):
                await asyncio.create_task(client.version())
            assert heard == outer == ['v1beta1 is "old"', "token ••••••••", "second"]
            await client.version()
        await client.version()
    assert (len(heard), len(outer)) == (3, 6)


async def test_skew_and_latency(server: FakeServer, client: Client) -> None:
    assert (client.skew, client.latency) == (None, None)
    server.says(gives({}, Date=formatdate(time.time() + 120, usegmt=True)))
    for _ in range(3):
        await client.version()
    assert client.skew is not None
    assert client.skew == pytest.approx(120, abs=3)
    assert client.latency is not None
    assert 0 < client.latency < 10


def test_skew_narrows_and_a_clock_that_jumps_is_followed_once_it_is_steady() -> None:
    wall = [1000.0]
    meters = Meters(wall=lambda: wall[0], monotonic=lambda: wall[0])

    def answer(server: float) -> None:
        with meters.measure() as note:
            note(formatdate(int(server), usegmt=True))

    for tenth in range(20):
        wall[0] = 1000 + tenth * 1.1
        answer(wall[0] + 5.25)
    assert meters.skew == pytest.approx(5.25, abs=0.1)
    answer(wall[0] - 300)
    assert meters.skew is None
    assert meters.verdict.words == "the time in its answers jumps by 5m 5s; it is not followed"
    for _ in range(20):
        answer(wall[0] - 300)
    assert meters.skew == pytest.approx(-300, abs=1)
    assert meters.verdict.words == ""


@pytest.mark.parametrize(
    ("method", "path", "info"),
    [
        ("GET", "/api/v1/secrets", RequestInfo("list", "secrets")),
        ("GET", "/api/v1/namespaces", RequestInfo("list", "namespaces")),
        ("GET", "/api/v1/namespaces/ci", RequestInfo("get", "namespaces", "", "ci")),
        ("PUT", "/api/v1/namespaces/ci/finalize", RequestInfo("update", "namespaces/finalize", "", "ci")),
        ("DELETE", "/api/v1/namespaces/ci/secrets", RequestInfo("deletecollection", "secrets", "ci")),
        ("PATCH", "/apis/apps/v1/namespaces/a%2Fb/d/x/scale", RequestInfo("patch", "d/scale.apps", "a/b", "x")),
        ("GET", "/version", RequestInfo("get", "", "", "/version")),
        ("GET", "/apis/apps/v1", RequestInfo("get", "", "", "/apis/apps/v1")),
    ],
)
def test_what_a_request_is_about(method: str, path: str, info: RequestInfo) -> None:
    assert describe(method, path) == info
    assert describe("GET", "/api/v1/pods", {"watch": "1"}).verb == "watch"


async def test_nothing_is_logged_that_holds_material(
    server: FakeServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.says(refuses(500, "InternalError", f"Bearer {TOKEN}"), refuses(401, "Unauthorized"))
    with pytest.raises(KubeError):
        await client.create(SECRETS, {"stringData": {"a": Sensitive("hunter2")}}, namespace="ci")
    with pytest.raises(KubeError):
        await client.list(SECRETS)
    assert TOKEN not in caplog.text
    assert "hunter2" not in caplog.text


def test_the_light_modules_stay_light() -> None:
    code = (
        "import sys, tui.kube.kubeconfig, tui.kube.client, tui.kube.reflector, tui.kube.discovery\n"
        "heavy = {'kubernetes', 'aiohttp', 'stamina', 'pydantic', 'cryptography', 'textual'} & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_transport_loads_no_generated_classes() -> None:
    code = (
        "import sys, tui.kube.transport\n"
        "bad = [name for name in sys.modules if '.client.api.' in name or '.client.models.' in name]\n"
        "sys.exit(f'imports {bad[:3]}' if bad else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
