"""Authorities, certificates and keys that change on disk while a client uses them."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest
from aiohttp import web

from tests.certificates import Authority, Pair
from tests.kube.conftest import SHORT
from tests.kube.server import AUTHORITY, TOKEN, FakeServer, gives, refuses
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import TLSFailed, Unauthorized
from tui.kube.kubeconfig import load
from tui.kube.reloading import Reloading
from tui.kube.resolving import in_cluster_endpoint
from tui.kube.sensitive import Sensitive
from tui.kube.small_file import read_small

STRANGER = Authority("stranger")


def depot(folder: Path, port: int = 6443, *, token: str = "", certificate: bool = False) -> Endpoint:
    """The endpoint of a kubeconfig whose authority (and certificate) lie beside it, as a person loads it."""
    user = f"token: {token}" if token else ""
    if certificate:
        user = "client-certificate: clerk.crt, client-key: clerk.key"
    (folder / "config").write_text(
        f"""
clusters: [{{name: depot, cluster: {{server: "https://127.0.0.1:{port}", certificate-authority: ca.crt}}}}]
users: [{{name: clerk, user: {{{user}}}}}]
contexts: [{{name: depot, context: {{cluster: depot, user: clerk}}}}]
"""
    )
    return load(str(folder / "config"), {}).endpoint("depot")


def put(folder: Path, pair: Pair) -> None:
    (folder / "clerk.crt").write_bytes(pair.certificate)
    (folder / "clerk.key").write_bytes(pair.key)


async def test_an_authority_that_was_renewed_on_disk_is_trusted_without_a_restart(
    server: FakeServer, tmp_path: Path
) -> None:
    server.says(gives({"gitVersion": "v1"}))
    (tmp_path / "ca.crt").write_bytes(STRANGER.pem)
    async with Client(depot(tmp_path, server.port, token=TOKEN), timeouts=SHORT) as client:
        with pytest.raises(TLSFailed):
            await client.version()
        with pytest.raises(TLSFailed):  # and nothing else is trusted meanwhile
            await client.version()
        (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
        assert await client.version() == "v1"
        assert client.endpoint.ca == AUTHORITY.pem  # so that kubeconfigs that are made hold it


async def whoami(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    subject = request.transport.get_extra_info("peercert")["subject"]
    name = next(value for part in subject for key, value in part if key == "commonName")
    return await (refuses(401, "Unauthorized") if name == "ended" else gives({"gitVersion": name}))(request)


async def test_a_certificate_that_was_renewed_on_disk_is_shown_after_a_401(tmp_path: Path) -> None:
    async with FakeServer(client_authority=AUTHORITY.pem) as server:
        server.says(whoami)
        (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
        put(tmp_path, AUTHORITY.client("ended"))
        async with Client(depot(tmp_path, server.port, certificate=True), timeouts=SHORT) as client:
            with pytest.raises(Unauthorized):
                await client.version()
            put(tmp_path, AUTHORITY.client("jane"))
            assert await client.version() == "jane"


async def test_the_files_are_looked_at_once_a_minute_and_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = AUTHORITY.client("first"), AUTHORITY.client("second")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    put(tmp_path, first)
    now, reads = [0.0], []

    def counted(path: Path, limit: int) -> bytes:
        reads.append((path.name, threading.current_thread() is threading.main_thread()))
        return read_small(path, limit)

    monkeypatch.setattr("tui.kube.reloading.read_small", counted)
    files = Reloading(depot(tmp_path, certificate=True), clock=lambda: now[0])

    async def shown() -> bytes | None:
        return (await files.current()).login.client_certificate

    put(tmp_path, second)
    now[0] = 59.9
    assert await shown() == first.certificate
    now[0] = 60.0
    assert await shown() == second.certificate
    assert reads == [("ca.crt", False), ("clerk.crt", False), ("clerk.key", False)]
    now[0] = 130.0
    await shown()
    assert len(reads) == 3  # they are the same files: a look is no read


@pytest.mark.parametrize("spoilt", ["half", "missing", "key of another"])
async def test_what_cannot_be_used_changes_nothing(tmp_path: Path, spoilt: str) -> None:
    first, second = AUTHORITY.client("first"), AUTHORITY.client("second")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    put(tmp_path, first)
    now = [0.0]
    files = Reloading(depot(tmp_path, certificate=True), clock=lambda: now[0])
    (tmp_path / "ca.crt").write_bytes(b"")
    if spoilt == "half":
        (tmp_path / "clerk.crt").write_bytes(second.certificate[:100])
    elif spoilt == "missing":
        (tmp_path / "clerk.key").unlink()
    else:
        (tmp_path / "clerk.crt").write_bytes(second.certificate)
    now[0] = 60.0
    held = await files.current()
    assert (held.ca, held.login.client_certificate) == (AUTHORITY.pem, first.certificate)
    put(tmp_path, second)
    (tmp_path / "ca.crt").write_bytes(STRANGER.pem)
    now[0] = 120.0
    held = await files.current()
    assert (held.ca, held.login.client_certificate) == (STRANGER.pem, second.certificate)


async def test_another_authority_or_login_than_the_files_is_never_replaced_by_them(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    put(tmp_path, AUTHORITY.client("clerk"))
    own = depot(tmp_path, certificate=True)
    now = [0.0]
    other = dataclasses.replace(own.with_token(Sensitive(TOKEN)), ca=STRANGER.pem)
    files = Reloading(other, clock=lambda: now[0])
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem + b"\n")
    now[0] = 60.0
    assert await files.current() == other


async def test_in_a_pod_the_mounted_authority_is_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    inside = in_cluster_endpoint({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)
    assert inside is not None
    now = [0.0]
    files = Reloading(inside, clock=lambda: now[0])
    (tmp_path / "ca.crt").write_bytes(STRANGER.pem)
    now[0] = 60.0
    assert (await files.current()).ca == STRANGER.pem
