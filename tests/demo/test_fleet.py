"""The embedded fleet as a whole: start-up, what it shows, what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.contract.server import Server
from tui.demo.apiserver.storage import NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from tui.demo.fleet import EmbeddedFleet, cluster_names, make_folder
from tui.demo.operators.dpf_kinds import REQUESTS
from tui.demo.running import FleetThread
from tui.demo.scenery.population import HOSTILE
from tui.demo.scenery.untidy import READABLE
from tui.issuance.objects import managed
from tui.issuance.trust import handles

NOON = datetime(2031, 5, 1, 12, tzinfo=UTC)
PORTS = 20
"""So many ports a fleet of a few clusters needs at most."""


def test_contexts(fleet: EmbeddedFleet) -> None:
    config = yaml.safe_load(fleet.kubeconfig.read_bytes())
    names = ["harbor", "tenant-a", "tenant-b", "tenant-c", "fjord", "island", "vault"]
    assert [context["name"] for context in config["contexts"]] == names
    assert config["current-context"] == "harbor"


def test_everything_is_private(fleet: EmbeddedFleet) -> None:
    assert fleet.folder is not None
    for path in (fleet.folder, *fleet.folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.name == READABLE:  # left for hygiene to find
            assert mode == 0o644
            continue
        assert not mode & 0o077, f"{path} has mode {mode:o}"
    assert not list(fleet.folder.rglob("serving.pem")), "no server's key stays in a file"


def test_handles_have_the_names_that_kubemint_gives_them(fleet: EmbeddedFleet) -> None:
    """Below the issuance core, the fleet has the rule in words of its own."""
    found = [
        handles.seen_in(obj)
        for cluster in fleet.clusters.values()
        for obj in cluster.storage.list(SECRETS)
        if obj.get("type") == managed.HANDLE_TYPE
    ]
    assert len(found) > 5
    assert any(one.pushes for one in found)
    assert [one.name for one in found if not one.is_as_made] == []


def test_more_clusters() -> None:
    names = cluster_names(30, troubled=False)
    assert len(names) == len(set(names)) == 30
    assert names[0] == "harbor"
    assert names[1:4] == ["tenant-a", "tenant-b", "tenant-c"]
    assert names[26:28] == ["tenant-z", "tenant-aa"]
    assert cluster_names(1, troubled=False) == ["harbor"]


async def test_accounts_are_counted_over_the_fleet() -> None:
    async with EmbeddedFleet(clusters=2, accounts=501, troubled=False, controller=False) as fleet:
        seeded = [
            len(
                [
                    a
                    for a in c.storage.list(SERVICE_ACCOUNTS)
                    if "app.kubernetes.io/name" in a["metadata"].get("labels", {})
                ]
            )
            for c in fleet.clusters.values()
        ]
        assert seeded == [251, 250]


async def test_the_same_fleet_again() -> None:
    """With a fixed clock, seed and ports, names, stamps and identifiers are the same: pictures can be repeated."""
    port = free_ports()
    seen = [await _everything(port) for _ in range(2)]
    assert seen[0] == seen[1]
    assert len(seen[0]) > 60


async def test_no_two_fleets_share_a_uid() -> None:
    """Of one cluster what another one says must not be believed: real ones share none either."""
    one, other = [{thing[3] for thing in await _everything(None)} for _ in range(2)]
    assert len(one) == len(other) > 60
    assert not one & other


async def _everything(port: int | None) -> list[tuple[str, ...]]:
    async with EmbeddedFleet(clusters=3, accounts=20, clock=lambda: NOON, first_port=port) as fleet:
        for cluster in fleet.clusters.values():
            await cluster.settled(30)
        return [
            (c.name, o["kind"], o["metadata"]["name"], o["metadata"]["uid"], o["metadata"]["creationTimestamp"])
            for c in fleet.clusters.values()
            for key in (NAMESPACES, SECRETS, SERVICE_ACCOUNTS, REQUESTS)
            for o in c.storage.list(key)
            if "kubernetes.io/service-account.uid" not in o["metadata"].get("annotations", {})
        ]


def free_ports() -> int:
    """The first of so many free ports as a fleet may need, with its shoots.

    They stay free until they are used: a kernel gives only higher ones to whoever asks for any.
    """
    for first in random.sample(range(15000, 30000, PORTS), 100):
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            for port in range(first, first + PORTS):
                opened.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError("a hundred times one of the ports is taken")


async def test_the_same_tokens_again() -> None:
    """Given the ports as well, fingerprints and so the moments of renewal are alike."""
    seen: list[list[str]] = []
    port = free_ports()
    for _ in range(2):
        async with EmbeddedFleet(clusters=1, troubled=False, clock=lambda: NOON, first_port=port) as fleet:
            notes = [s["metadata"].get("annotations", {}) for s in fleet.cluster("harbor").storage.list(SECRETS)]
            seen.append([note["kubemint.io/fingerprint"] for note in notes if "kubemint.io/fingerprint" in note])
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 8


async def test_a_taken_port_leaves_nothing_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            await EmbeddedFleet(clusters=2, troubled=False, first_port=port - 1, folder=tmp_path).start()
    assert list(tmp_path.iterdir()) == []


async def test_every_state_of_a_request_is_there() -> None:
    async with EmbeddedFleet(clock=lambda: NOON) as fleet:
        harbor = fleet.cluster("harbor")
        await harbor.settled()
        now = NOON.isoformat().replace("+00:00", "Z")
        requests = {r["metadata"]["name"]: r for r in harbor.storage.list(REQUESTS)}
        status = {name: r.get("status", {}) for name, r in requests.items()}
        expired = {n for n, s in status.items() if s.get("expirationTimestamp", now) < now}
        assert expired == {"gateway-east", "vending"}
        assert status["kiosk"] == {}, "pending"
        assert "issuedAt" not in status["gateway-north"], "unreadable"
        assert any(HOSTILE in condition["message"] for condition in status["vending"]["conditions"])
        assert {r["spec"]["type"] for r in requests.values()} == {"kubeconfig", "tokenFile"}
        lost = {c["type"]: c["status"] for c in status["storage-agent"]["conditions"]}
        assert lost["Ready"] == "False", "its cluster is unreachable and its token is due"
        assert requests["dms"]["spec"]["duration"] == "24h"
        granted = datetime.fromisoformat(status["dms"]["expirationTimestamp"]) - datetime.fromisoformat(
            status["dms"]["issuedAt"]
        )
        assert granted.total_seconds() == 3600, "asked for a day, got an hour"


async def test_seeded_tokens_are_real(harbor: Server, fleet: EmbeddedFleet) -> None:
    secret = fleet.cluster("harbor").storage.get(SECRETS, "api-kubeconfig", "payments")
    assert secret is not None
    import base64

    config = yaml.safe_load(base64.b64decode(secret["data"]["kubeconfig"]))
    token = config["users"][0]["user"]["token"]
    harbor.as_token(token).get("/api/v1/nodes").fails(403, "Forbidden", "system:serviceaccount:payments:api")


def test_starts_fast() -> None:
    """Below a second on its own; the limit leaves room for machines that do other things meanwhile."""
    start = time.monotonic()
    with FleetThread():
        assert time.monotonic() - start < 5


def test_login_of_the_vault(fleet: EmbeddedFleet) -> None:
    """The credential plugin fails with the command to run; that command opens the session."""
    config = yaml.safe_load(fleet.kubeconfig.read_bytes())
    (user,) = [user["user"] for user in config["users"] if user["name"] == "vault-admin"]
    command = user["exec"]["command"]
    failed = subprocess.run([command, *user["exec"]["args"]], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert f"run: {command} login" in failed.stderr
    subprocess.run([command, "login"], check=True, capture_output=True)
    try:
        worked = subprocess.run([command, "token"], capture_output=True, text=True, check=True)
        assert yaml.safe_load(worked.stdout)["kind"] == "ExecCredential"
    finally:
        Path(command).with_name("session.json").rename(Path(command).with_name("answer.json"))


def test_nothing_stays_behind(tmp_path: Path) -> None:
    with FleetThread(folder=tmp_path, clusters=1, troubled=False) as thread:
        assert thread.kubeconfig.is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_with_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    out, folder = tmp_path / "kubeconfig", tmp_path / "private"
    folder.mkdir()
    with serving(out, folder) as process:
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert len(list(folder.iterdir())) == 1
        process.send_signal(number)
        assert process.wait(20) == 0
    assert not out.exists()
    assert list(folder.iterdir()) == []


def test_folder_of_a_killed_fleet_is_swept(tmp_path: Path) -> None:
    out, folder = tmp_path / "kubeconfig", tmp_path / "private"
    folder.mkdir()
    with serving(out, folder) as process:
        process.kill()
        process.wait(20)
    (left,) = folder.iterdir()
    mine = make_folder(folder)
    assert not left.exists()
    assert mine.exists()
    assert make_folder(folder) != mine
    assert mine.exists(), "a living fleet's folder stays"
    with serving(out, folder) as process:
        process.terminate()
        assert process.wait(20) == 0, "a kubeconfig that a killed fleet left is replaced"


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "config"
    out.write_text("precious")
    process = serve(out, tmp_path)
    assert process.wait(20) == 1
    assert out.read_text() == "precious"


SCRIPT = """
import asyncio, sys
from pathlib import Path
from tui.demo.running import serve
from tui.demo.scenery.untidy import READABLE
from tui.issuance.objects import managed
from tui.issuance.trust import handles
asyncio.run(serve(
    Path(sys.argv[1]), ready=lambda _: print("ready", flush=True),
    clusters=1, troubled=False, folder=Path(sys.argv[2]),
))
"""


def serve(out: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(out), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def serving(out: Path, folder: Path) -> subprocess.Popen[str]:
    process = serve(out, folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


async def test_ten_thousand_accounts() -> None:
    """Seconds, not minutes; the limit leaves room for machines that do other things meanwhile."""
    start = time.monotonic()
    async with EmbeddedFleet(clusters=2, accounts=10_000, troubled=False) as fleet:
        assert time.monotonic() - start < 15
        assert len(fleet.cluster("harbor").storage.list(SERVICE_ACCOUNTS)) > 5_000
