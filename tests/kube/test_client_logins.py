"""Token files and plugins of a client: when they are read or run again, and what a 401 changes."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import threading
from pathlib import Path

import pytest
from aiohttp import web

from tests.kube.conftest import SHORT
from tests.kube.server import AUTHORITY, FakeServer, gives, refuses
from tui.kube.auth import Authenticator
from tui.kube.client import Client
from tui.kube.endpoint import ExecPlugin, Login
from tui.kube.errors import ConfigError, NeedsLogin, Unauthorized
from tui.kube.exec_plugin import Plugins
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive


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


async def test_a_token_file_that_takes_its_time_holds_nobody_up(server: FakeServer) -> None:
    reading, writing = os.pipe()  # handed over, as `<(command)` is
    ticks = 0
    enough = threading.Event()

    def speak() -> None:
        enough.wait(30)  # where the loop stands still it never is; then the pipe has its writer all the same
        os.write(writing, b"spoken\n")
        os.close(writing)

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            if ticks == 20:
                enough.set()
            await asyncio.sleep(0.01)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    ticking = asyncio.create_task(tick())
    auth = Authenticator(
        server.endpoint(login=Login(token_file=f"/dev/fd/{reading}")), plugins=Plugins(), exec_timeout=5
    )
    identity = await auth.identity()
    ticking.cancel()
    os.close(reading)
    assert identity.authorization == Sensitive("Bearer spoken")
    assert ticks >= 20


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
