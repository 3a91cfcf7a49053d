"""Trouble on demand: fault rules and the states of a whole server."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from tests.contract.server import Server
from tests.demo.conftest import enter
from tui.demo.apiserver.faults import Answer, Cut, Delay, Drop, DropWatch, FaultRule, Faults, Hang, ServerState
from tui.demo.fleet import EmbeddedFleet
from tui.demo.running import FleetThread

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
def faults(fleet: EmbeddedFleet, running: FleetThread) -> Iterator[Faults]:
    found = fleet.cluster("tenant-a").faults
    yield found

    async def clear(_: object) -> None:
        found.clear()

    running.call(clear)


@pytest.fixture
def entered(running: FleetThread) -> Iterator[None]:
    yield
    enter(running, "tenant-a", ServerState.NORMAL)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(401, "Unauthorized"), (403, "Forbidden"), (409, "Conflict"), (500, "InternalError"), (503, "ServiceUnavailable")],
)
def test_answers(tenant: Server, faults: Faults, code: int, reason: str) -> None:
    faults.add(FaultRule(Answer(code), times=1))
    tenant.admin.get(NAMESPACES).fails(code, reason)
    tenant.admin.get(NAMESPACES).expect(200)


def test_answer_with_headers(tenant: Server, faults: Faults) -> None:
    faults.add(FaultRule(Answer(429, message="slow down", headers={"Retry-After": "3"}), times=1))
    answer = tenant.admin.get(NAMESPACES)
    assert answer.fails(429, "TooManyRequests", "slow down")["details"]["retryAfterSeconds"] == 3
    assert answer.headers["Retry-After"] == "3"


def test_rules_choose_by_verb_path_and_user(tenant: Server, faults: Faults) -> None:
    faults.add(FaultRule(Answer(500), verb="list", path=r"/secrets$"))
    tenant.admin.get("/api/v1/secrets").fails(500, "InternalError")
    tenant.admin.get("/api/v1/configmaps").expect(200)
    faults.add(FaultRule(Answer(503), user="robin"))
    tenant.as_user("robin").get("/version").fails(503, "ServiceUnavailable")
    tenant.admin.get("/version").expect(200)
    assert [hit[:2] for hit in faults.hits] == [("list", "/api/v1/secrets"), ("get", "/version")]


def test_the_second_request_fails(tenant: Server, faults: Faults) -> None:
    """A rule for one request, behind one that lets the first through."""
    faults.add(FaultRule(Delay(0), times=1))
    faults.add(FaultRule(Answer(500), times=2))
    assert [tenant.admin.get("/version").status for _ in range(3)] == [500, 500, 200]


def test_delay(tenant: Server, faults: Faults) -> None:
    faults.add(FaultRule(Delay(0.15), times=1))
    faults.add(FaultRule(Delay(0.15), times=1))
    start = time.monotonic()
    tenant.admin.get("/version").expect(200)
    assert time.monotonic() - start >= 0.3, "delays add up"


def test_drop(tenant: Server, faults: Faults) -> None:
    faults.add(FaultRule(Drop(), verb="create"))
    with pytest.raises((http.client.HTTPException, OSError)):
        tenant.admin.post(NAMESPACES, {"metadata": {"name": "dropped"}})
    assert tenant.admin.get(f"{NAMESPACES}/dropped").status == 404, "it was dropped before anything was done"


def test_cut_in_the_body(tenant: Server, faults: Faults) -> None:
    faults.add(FaultRule(Cut(30), verb="list", times=1))
    with pytest.raises(http.client.IncompleteRead):
        tenant.admin.get(NAMESPACES)
    tenant.admin.close()
    tenant.admin.get(NAMESPACES).expect(200)


def test_hang_until_the_rule_goes(tenant: Server, faults: Faults, running: FleetThread) -> None:
    rule = faults.add(FaultRule(Hang(), path="/version"))

    async def release(_: object) -> None:
        asyncio.get_running_loop().call_later(0.2, faults.remove, rule)

    running.call(release)
    start = time.monotonic()
    tenant.admin.get("/version").expect(200)
    assert time.monotonic() - start >= 0.15


def test_dropped_watch(tenant: Server, faults: Faults) -> None:
    faults.add(FaultRule(DropWatch(0.1), path="namespaces", times=1))
    tenant.admin.get(NAMESPACES).expect(200)
    start = time.monotonic()
    with tenant.admin.watch(NAMESPACES, timeoutSeconds=30) as watch:
        assert {event["type"] for event in watch.rest()} == {"ADDED"}
    assert 0.05 < time.monotonic() - start < 5, "it begins, and breaks long before its time"


def test_unreachable_and_back(tenant: Server, running: FleetThread, entered: None) -> None:
    tenant.admin.get("/version").expect(200)
    enter(running, "tenant-a", ServerState.UNREACHABLE)
    with pytest.raises(ConnectionError):
        tenant.admin.get("/version")
    enter(running, "tenant-a", ServerState.NORMAL)
    tenant.admin.close()
    tenant.admin.get("/version").expect(200)


def test_locked_out(tenant: Server, running: FleetThread, entered: None) -> None:
    enter(running, "tenant-a", ServerState.LOCKED)
    tenant.admin.get("/version").fails(401, "Unauthorized")


def test_slow(tenant: Server, running: FleetThread, fleet: EmbeddedFleet, entered: None) -> None:
    faults = fleet.cluster("tenant-a").faults
    faults.slow_seconds = 0.2
    enter(running, "tenant-a", ServerState.SLOW)
    start = time.monotonic()
    tenant.admin.get("/version").expect(200)
    assert time.monotonic() - start >= 0.2


def test_hanging_server_answers_when_it_recovers(tenant: Server, running: FleetThread, entered: None) -> None:
    enter(running, "tenant-a", ServerState.HANG)
    timer = threading.Timer(0.2, enter, (running, "tenant-a", ServerState.NORMAL))
    timer.start()
    start = time.monotonic()
    tenant.admin.get("/version").expect(200)
    assert time.monotonic() - start >= 0.15
    timer.join()


def test_broken_clients_leave_no_message(tenant: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever arrives: nothing is written to the terminal, which belongs to the dashboard."""
    address = tenant.server.removeprefix("https://").split(":")
    context = ssl._create_unverified_context()
    for sent in (b"\x00\xff garbage\r\n\r\n", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n"):
        with socket.create_connection((address[0], int(address[1]))) as plain:
            plain.send(sent)
        with context.wrap_socket(socket.create_connection((address[0], int(address[1])))) as wrapped:
            wrapped.send(sent)
            wrapped.settimeout(0.2)
            with contextlib.suppress(OSError):
                wrapped.recv(100)
    tenant.admin.get("/version").expect(200)
    assert capfd.readouterr() == ("", "")
