"""What a client sends and what it makes of good answers."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.kube.conftest import SHORT
from tests.kube.server import AUTHORITY, TOKEN, FakeServer, gives, listing, refuses, thing
from tui.kube.auth import Authenticator
from tui.kube.client import Client, PatchKind
from tui.kube.endpoint import Endpoint, ExecPlugin, Impersonation, Login
from tui.kube.errors import ConfigError, Gone, KubeError, NeedsLogin, Unauthorized
from tui.kube.exec_plugin import Plugins
from tui.kube.meters import Meters
from tui.kube.request_info import RequestInfo, describe
from tui.kube.resource import CONFIG_MAPS, NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive
from tui.kube.transport import proxy_for


class TokenStatus(msgspec.Struct, rename="camel"):
    token: Sensitive
    expiration_timestamp: str = ""


class TokenAnswer(msgspec.Struct):
    status: TokenStatus


async def test_requests_as_kubernetes_wants_them(server: FakeServer, client: Client) -> None:
    server.says(gives(thing("x")))
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
    server.says(gives({"status": {"token": "issued-token", "expirationTimestamp": "2026-01-01T00:00:00Z"}}))
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
        ("https://api.example", None, {"HTTP_PROXY": "http://p:1"}, None),
        ("https://localhost:1", None, {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://127.8.8.8", None, {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://[::1]:1", None, {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://localhost", "http://own:1", {"HTTPS_PROXY": "http://p:1"}, "http://own:1"),
        ("https://api.example", None, {}, None),
    ],
)
def test_which_proxy(
    monkeypatch: pytest.MonkeyPatch, server: str, own: str | None, environ: dict[str, str], expected: str | None
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(Endpoint("x", server, proxy_url=own)) == expected


async def test_a_socks_proxy_is_refused_with_words(server: FakeServer) -> None:
    async with Client(server.endpoint(proxy_url="socks5://127.0.0.1:1"), timeouts=SHORT) as client:
        with pytest.raises(ConfigError, match="socks5"):
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
    async with Client(server.endpoint(), timeouts=SHORT, on_warning=heard.append) as client:
        await client.version()
    assert heard == ['v1beta1 is "old"', "token ••••••••", "second"]


async def test_skew_and_latency(server: FakeServer, client: Client) -> None:
    assert (client.skew, client.latency) == (None, None)
    server.says(gives({}, Date=formatdate(time.time() + 120, usegmt=True)))
    for _ in range(3):
        await client.version()
    assert client.skew is not None
    assert client.skew == pytest.approx(120, abs=1.1)
    assert client.latency is not None
    assert 0 < client.latency < 1


def test_skew_narrows_and_follows_a_clock_that_was_set() -> None:
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
    assert meters.skew == pytest.approx(-300, abs=1)


async def test_a_token_file_is_read_again_after_a_minute(server: FakeServer, tmp_path: Path) -> None:
    now = [0.0]
    path = tmp_path / "token"
    path.write_text("  first\n")
    login = Login(token=Sensitive("static"), token_file=str(path))
    auth = Authenticator(server.endpoint(login=login), plugins=Plugins(), exec_timeout=5, clock=lambda: now[0])

    async def sent() -> str:
        authorization = (await auth.identity()).authorization
        return authorization.reveal() if authorization else ""

    assert await sent() == "Bearer first"
    path.write_text("second")
    now[0] = 59.9
    assert await sent() == "Bearer first"
    now[0] = 60.0
    assert await sent() == "Bearer second"
    path.unlink()
    now[0] = 200.0
    assert await sent() == "Bearer second"  # replaced files are missing for a moment; what was read still holds


async def test_a_token_file_that_was_never_there(server: FakeServer, tmp_path: Path) -> None:
    login = Login(token_file=str(tmp_path / "gone"))
    async with Client(server.endpoint(login=login), timeouts=SHORT) as client:
        with pytest.raises(ConfigError, match="gone is missing"):
            await client.version()


async def test_after_a_401_a_changed_token_file_is_used_at_once(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")

    async def picky(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "Bearer new":
            return await gives({})(request)
        path.write_text("new")
        return await refuses(401, "Unauthorized")(request)

    server.says(picky)
    async with Client(server.endpoint(login=Login(token_file=str(path))), timeouts=SHORT) as client:
        await client.version()
        assert len(server.requests) == 2


def plugin(folder: Path, **status: str) -> ExecPlugin:
    """A plugin that gives its n-th run's token as `token-n`, or what it is told to give."""
    document = {
        "apiVersion": ExecPlugin("x").api_version,
        "kind": "ExecCredential",
        "status": status or {"token": "token-@"},
    }
    path = folder / "plugin"
    output, runs = shlex.quote(str(folder / "output")), shlex.quote(str(folder / "runs"))
    (folder / "output").write_text(json.dumps(document))
    path.write_text(f'#!/bin/sh\necho run >> {runs}\nsed "s/@/$(wc -l < {runs})/" {output}\n')
    path.chmod(0o755)
    return ExecPlugin(str(path), interactive_mode="Never")


@pytest.fixture
def old_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins may be run again at once."""
    monkeypatch.setattr("tui.kube.exec_plugin.FRESH_SECONDS", 0.0)


@pytest.mark.usefixtures("old_enough")
async def test_after_a_401_the_plugin_runs_once_more(server: FakeServer, tmp_path: Path) -> None:
    async def picky(request: web.Request) -> web.StreamResponse:
        good = request.headers["Authorization"] == "Bearer token-2"
        return await (gives({}) if good else refuses(401, "Unauthorized"))(request)

    server.says(picky)
    async with Client(server.endpoint(login=Login(exec=plugin(tmp_path))), timeouts=SHORT) as client:
        await client.request("POST", "/x", body={})
        await client.version()
    assert [request.headers["Authorization"] for request in server.requests] == [
        "Bearer token-1",
        "Bearer token-2",
        "Bearer token-2",
    ]


async def test_a_401_for_good_does_not_run_the_plugin_again_and_again(server: FakeServer, tmp_path: Path) -> None:
    server.says(refuses(401, "Unauthorized"))
    async with Client(server.endpoint(login=Login(exec=plugin(tmp_path))), timeouts=SHORT) as client:
        for _ in range(5):
            with pytest.raises(Unauthorized):
                await client.version()
    assert (tmp_path / "runs").read_text().count("run") == 1
    assert len(server.requests) == 5


@pytest.mark.usefixtures("old_enough")
async def test_h09_a_new_pair_means_a_new_connection(tmp_path: Path) -> None:
    async def whoami(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        subject = request.transport.get_extra_info("peercert")["subject"]
        name = next(value for part in subject for key, value in part if key == "commonName")
        return await (gives({"gitVersion": name}) if name == "joe" else refuses(401, "Unauthorized"))(request)

    def pair(name: str) -> dict[str, str]:
        made = AUTHORITY.client(name)
        return {"clientCertificateData": made.certificate.decode(), "clientKeyData": made.key.decode()}

    async with FakeServer(client_authority=AUTHORITY.pem) as server:
        server.says(whoami)
        command = plugin(tmp_path, **pair("jane"))
        async with Client(server.endpoint(login=Login(exec=command)), timeouts=SHORT) as client:
            with pytest.raises(Unauthorized):
                await client.version()
            plugin(tmp_path, **pair("joe"))
            assert await client.version() == "joe"


async def test_a_plugin_that_wants_a_login_is_the_error_of_the_request(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "plugin"
    path.write_text("#!/bin/sh\necho 'session expired, run `tool login --here`' >&2\nexit 1\n")
    path.chmod(0o755)
    login = Login(exec=ExecPlugin(str(path), interactive_mode="Never"))
    async with Client(server.endpoint(login=login), timeouts=SHORT) as client:
        with pytest.raises(NeedsLogin) as caught:
            await client.list(SECRETS)
    assert caught.value.cluster == "fake"
    assert caught.value.command == "tool login --here"
    assert caught.value.hint == "run: tool login --here"


async def test_pages_small_first_then_large(server: FakeServer, client: Client) -> None:
    server.says(gives(listing("a", more="c1+/=")), gives(listing("b", more="c2")), gives(listing("c")))
    pages = [page async for page in client.pages(SECRETS, namespace="ci", labels="a=b,c!=d", fields="type=x")]
    assert [[item["metadata"]["name"] for item in page.items] for page in pages] == [["a"], ["b"], ["c"]]
    assert [page.more for page in pages] == [True, True, False]
    assert pages[-1].resource_version == "10"
    queries = [dict(request.query) for request in server.requests]
    assert [query["limit"] for query in queries] == ["500", "5000", "5000"]
    assert [query.get("continue") for query in queries] == [None, "c1+/=", "c2"]
    assert all(query["labelSelector"] == "a=b,c!=d" and query["fieldSelector"] == "type=x" for query in queries)


async def test_410_in_the_middle_of_a_list_starts_it_over(server: FakeServer, client: Client) -> None:
    server.says(gives(listing("a", more="old")), refuses(410, "Expired"), gives(listing("b", "c")))
    pages = [page async for page in client.pages(SECRETS)]
    assert [page.restarted for page in pages] == [False, True]
    assert "limit" not in server.requests[2].query
    assert "continue" not in server.requests[2].query
    server.says(gives(listing("a", more="old")), refuses(410, "Expired"), gives(listing("b", "c")))
    assert [item["metadata"]["name"] for item in await client.list(SECRETS)] == ["b", "c"]
    server.says(refuses(410, "Expired"))
    with pytest.raises(Gone):
        await client.list(SECRETS)


async def test_lists_of_old_servers_may_have_null_items(server: FakeServer, client: Client) -> None:
    server.says(gives({"metadata": {"resourceVersion": "1"}, "items": None}))
    assert await client.list(CONFIG_MAPS) == []


async def test_lists_decode_into_the_type_that_is_asked_for(server: FakeServer, client: Client) -> None:
    server.says(gives(listing("a", "b")))
    assert [item.metadata.name for item in await client.list(SECRETS, metadata_only=True, type=Named)] == ["a", "b"]
    assert "PartialObjectMetadataList" in server.requests[0].headers["Accept"]


class Meta(msgspec.Struct):
    name: str


class Named(msgspec.Struct):
    metadata: Meta


DISCOVERY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"resources": [{"name": "secrets", "kind": "Secret", "namespaced": True}, {"name": "secrets/status"}]},
    "/apis": {
        "groups": [
            {
                "name": "apps",
                "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                "preferredVersion": {"version": "v1"},
            },
            {"name": "down.example", "versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}},
            {"name": "empty.example", "versions": [{"version": "v1"}]},
        ]
    },
    "/apis/apps/v1": {"resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True}]},
    "/apis/apps/v1beta1": {
        "resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": True},
            {"name": "relics", "kind": "Relic", "namespaced": False},
        ]
    },
    "/apis/empty.example/v1": {"resources": None},
}


async def discovery(request: web.Request) -> web.StreamResponse:
    known = DISCOVERY.get(request.path)
    return await (gives(known) if known is not None else refuses(503, "ServiceUnavailable", "its server is down"))(
        request
    )


async def test_discovery(server: FakeServer, client: Client) -> None:
    server.says(discovery)
    found = await client.discover()
    assert found.serves("", "secrets")
    assert found.serves("apps", "deployments", "v1beta1")
    assert not found.serves("apps", "deployments", "v2")
    assert not found.serves("apps", "nothing")
    assert found.version_of("apps", "deployments") == "v1"
    assert found.version_of("apps", "relics") == "v1beta1"
    assert found.version_of("none", "none") is None
    relics = found.resource("apps", "relics")
    assert relics is not None
    assert (relics.kind, relics.namespaced, relics.path()) == ("Relic", False, "/apis/apps/v1beta1/relics")
    assert found.failed == {"down.example/v1": "its server is down"}


async def test_discovery_of_some_groups_asks_only_for_them(server: FakeServer, client: Client) -> None:
    server.says(discovery)
    found = await client.discover(("apps",))
    assert found.serves("apps", "deployments")
    assert found.versions["down.example"] == ("v1",)
    assert sorted(request.path for request in server.requests) == [
        "/api",
        "/apis",
        "/apis/apps/v1",
        "/apis/apps/v1beta1",
    ]


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


@pytest.mark.usefixtures("old_enough")
async def test_a_new_pair_does_not_break_what_is_on_its_way(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def slow_or_picky(request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            await released.wait()
            return await gives({"slow": True})(request)
        return await (gives({}) if len(server.requests) > 3 else refuses(401, "Unauthorized"))(request)

    async with FakeServer(client_authority=AUTHORITY.pem) as server:
        server.says(slow_or_picky)
        first, second = AUTHORITY.client("jane"), AUTHORITY.client("joe")
        command = plugin(tmp_path, clientCertificateData=first.certificate.decode(), clientKeyData=first.key.decode())
        async with Client(server.endpoint(login=Login(exec=command)), timeouts=SHORT) as client:
            slow = asyncio.create_task(client.request("GET", "/slow", timeout=5))
            while not server.requests:
                await asyncio.sleep(0.01)
            plugin(tmp_path, clientCertificateData=second.certificate.decode(), clientKeyData=second.key.decode())
            with pytest.raises(Unauthorized):
                await client.request("POST", "/x")
            await client.version()
            released.set()
            assert (await slow).body == b'{"slow": true}'
