"""A server that answers with more than anybody asked for: memory, time and everybody's event loop stay bounded."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.kube.server import FakeServer, Handler, event, gives, listing, thing, watches
from tui.fleet.reach import Timing
from tui.fleet.rows import AccountRow
from tui.fleet.store import FleetStore
from tui.fleet.watching import Follower, Watched
from tui.issuance.model.types import Identity
from tui.kube import transport
from tui.kube.bodies import TooLarge, Unasked, packing, whole
from tui.kube.client import Client, Timeouts
from tui.kube.delivered import Allow, read
from tui.kube.errors import KubeError, ProtocolError, TimedOut
from tui.kube.kubeconfig import parse
from tui.kube.limits import DELIVERED, OWN, Ledger, sizes_for, values_in
from tui.kube.resource import SERVICE_ACCOUNTS

MIB = 1024 * 1024
STALL = 0.5
"""Seconds that the loop may stand still, on a machine that is busy with other tests; today it was 16."""


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as made:
        yield made


@contextlib.contextmanager
def bounded(memory: int) -> Iterator[None]:
    """At most so many bytes more, and the loop goes on."""
    tracemalloc.start()
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            gaps.append(time.monotonic() - before)

    ticking = asyncio.get_running_loop().create_task(tick())
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        ticking.cancel()
    assert peak < memory, f"{peak / MIB:.0f} MiB"
    assert max(gaps, default=0) < STALL


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server counts as one beyond this machine, which may pack what it says."""
    monkeypatch.setattr(transport, "is_loopback", lambda host: False)


def packed(data: bytes, encoding: str = "gzip") -> Handler:
    """An answer packed whether anybody asked or not."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(body=data, headers={"Content-Type": "application/json", "Content-Encoding": encoding})

    return handler


def bomb(unit: bytes, size: int) -> bytes:
    """A list of so many bytes once it is unpacked, made without ever holding it."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b'{"metadata":{},"items":[' + unit)]
    block = (b"," + unit) * (MIB // (len(unit) + 1))
    parts += [packer.compress(block) for _ in range(size // MIB)]
    return b"".join([*parts, packer.compress(b"]}"), packer.flush()])


def floods(block: bytes) -> Handler:
    """An answer without an end."""

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        await answer.write(b'{"metadata":{},"items":["')
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(block)
                await asyncio.sleep(0)  # writing into a TLS connection that closes neither waits nor fails
        return answer

    return handler


async def see_a_change(client: Client) -> None:
    async for _ in client.watch(SERVICE_ACCOUNTS, resource_version="1"):
        raise AssertionError("it is no change")


async def ask(server: FakeServer, *, delivered: bool) -> None:
    async with Client(server.endpoint(delivered=delivered)) as client:
        await client.list(SERVICE_ACCOUNTS, metadata_only=True)


async def test_a_small_packed_answer_of_a_tenant_does_not_become_a_large_one(server: FakeServer) -> None:
    """29 KB took 1.5 GB and 16 s of the loop, 233 KB took 11 GB."""
    data = bomb(b"{}", 30 * MIB)
    assert len(data) < 64 * 1024
    server.says(packed(data))
    with bounded(16 * MIB), pytest.raises(ProtocolError, match="packed in a way that was not requested"):
        await ask(server, delivered=True)
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("unit", "said"), [(b"{}", "more than 4000000 values"), (b'"' + b"x" * 100_000 + b'"', "larger than 64 MiB")]
)
async def test_a_small_packed_answer_of_ones_own_cluster_ends_at_a_limit(
    server: FakeServer, far: None, unit: bytes, said: str
) -> None:
    server.says(packed(bomb(unit, 240 * MIB)))
    with bounded(160 * MIB), pytest.raises(ProtocolError, match=said):
        await ask(server, delivered=False)
    assert server.requests[0].headers["Accept-Encoding"] == "gzip"


async def test_what_ones_own_server_packs_honestly_is_read(server: FakeServer, far: None) -> None:
    one = gzip.compress(json.dumps(listing("a", "b")).encode())
    server.says(packed(one), packed(one[:-9] + one[-9:]))
    async with Client(server.endpoint()) as client:
        assert [item["metadata"]["name"] for item in await client.list(SERVICE_ACCOUNTS)] == ["a", "b"]


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "gzip, gzip", "x-gzip", "compress"])
async def test_no_packing_but_the_one_asked_for_is_unpacked(server: FakeServer, far: None, encoding: str) -> None:
    server.says(packed(gzip.compress(b"{}"), encoding))
    with pytest.raises(ProtocolError, match="not requested"):
        await ask(server, delivered=False)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no gzip at all", "cannot be unpacked"),
        (gzip.compress(b'{"items": []}', mtime=0)[:-4], "cannot be unpacked"),
        (gzip.compress(b"", mtime=0) * 5000, "too many pieces"),
    ],
)
async def test_what_is_packed_badly_is_an_error_of_the_server(
    server: FakeServer, far: None, data: bytes, said: str
) -> None:
    server.says(packed(data))
    with pytest.raises(ProtocolError, match=said):
        await ask(server, delivered=False)


@pytest.mark.parametrize(("delivered", "said"), [(True, "larger than 4 MiB"), (False, "larger than 64 MiB")])
async def test_an_answer_without_an_end_is_given_up(server: FakeServer, delivered: bool, said: str) -> None:
    server.says(floods(b"x" * MIB))
    with bounded(sizes_for(delivered=delivered).page * 2), pytest.raises(ProtocolError, match=said):
        await ask(server, delivered=delivered)


async def test_a_single_object_may_be_less_than_a_page(server: FakeServer) -> None:
    server.says(floods(b"x" * MIB))
    async with Client(server.endpoint(delivered=True)) as client:
        with pytest.raises(ProtocolError, match="larger than 2 MiB"):
            await client.get(SERVICE_ACCOUNTS, "a", namespace="b")


async def test_a_refusal_has_the_same_limit(server: FakeServer) -> None:
    server.says(gives(b'{"kind":"Status","message":"' + b"x" * (3 * MIB) + b'"}', 403))
    async with Client(server.endpoint(delivered=True)) as client:
        with pytest.raises(ProtocolError, match="larger than 2 MiB"):
            await client.get(SERVICE_ACCOUNTS, "a", namespace="b")


async def test_a_tenant_that_gives_more_objects_than_were_asked_for_is_refused(server: FakeServer) -> None:
    server.says(gives(listing(*map(str, range(DELIVERED.objects + 1)))))
    with bounded(32 * MIB), pytest.raises(ProtocolError, match="more than 5000 objects"):
        await ask(server, delivered=True)
    assert server.requests[0].query["limit"] == "250"


async def test_a_list_whose_pages_have_no_end_is_given_up(server: FakeServer) -> None:
    server.says(gives(listing(more="on and on")))
    async with Client(server.endpoint(delivered=True)) as client:
        client.sizes = dataclasses.replace(client.sizes, pages=20)
        with pytest.raises(ProtocolError, match="in more than 20 pages"):
            await client.list(SERVICE_ACCOUNTS)
        client.sizes = dataclasses.replace(client.sizes, kept=4000)
        server.says(gives(listing(*map(str, range(30)), more="on and on")))
        with pytest.raises(ProtocolError, match="larger than"):
            await client.list(SERVICE_ACCOUNTS)


async def test_a_page_of_many_objects_lets_others_have_their_turn(server: FakeServer) -> None:
    item = thing("x" * 40) | {"data": {str(number): "y" * 30 for number in range(100)}}
    body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": [item] * 3000}).encode()
    assert len(body) > 10 * MIB
    server.says(gives(body))
    with bounded(300 * MIB):
        async with Client(server.endpoint()) as client:
            assert len(await client.list(SERVICE_ACCOUNTS)) == 3000


@pytest.mark.parametrize(
    ("line", "said"),
    [(b'{"type":"ADDED","object":{"a":"' + b"x" * (3 * MIB), "larger than 2 MiB"), (b"[" * MIB, "more than 250000")],
)
async def test_a_change_of_a_watch_has_its_limits(server: FakeServer, line: bytes, said: str) -> None:
    server.says(watches(line))
    async with Client(server.endpoint(delivered=True)) as client:
        with pytest.raises(ProtocolError, match=said):
            await see_a_change(client)


async def test_a_packed_watch_is_refused(server: FakeServer, far: None) -> None:
    server.says(packed(gzip.compress(json.dumps(event("ADDED", "a", "1")).encode())))
    async with Client(server.endpoint()) as client:
        with pytest.raises(ProtocolError, match="not requested"):
            await see_a_change(client)
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


async def test_an_answer_that_drips_ends(server: FakeServer) -> None:
    """Each bit comes in time; the whole never does. Five minutes it was."""

    async def drips(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b" ")
                await asyncio.sleep(0.02)
        return answer

    server.says(drips)
    start = time.monotonic()
    async with Client(server.endpoint(), timeouts=Timeouts(connect=0.1, read=0.2)) as client:
        with pytest.raises(TimedOut, match=r"not complete within 0\.5 s"):
            await client.get(SERVICE_ACCOUNTS, "a", namespace="b")

        async def refuses_slowly(request: web.Request) -> web.StreamResponse:
            answer = web.StreamResponse(status=403, headers={"Content-Type": "application/json"})
            await answer.prepare(request)
            with contextlib.suppress(ConnectionError):
                while True:
                    await answer.write(b" ")
                    await asyncio.sleep(0.02)
            return answer

        server.says(refuses_slowly)
        with pytest.raises(TimedOut):
            await see_a_change(client)
    assert time.monotonic() - start < 3


class Listening:
    """The tasks of a cluster, as a follower sees them."""

    def __init__(self) -> None:
        self.missing = ""
        self.settled = asyncio.Event()

    def kind_settled(self, label: str) -> None:
        self.settled.set()

    def kind_missing(self, label: str, reason: str) -> None:
        self.missing = reason

    def kind_lost(self, label: str, error: KubeError) -> None:
        raise AssertionError(error)


async def test_what_is_kept_of_one_cluster_has_a_limit_and_what_is_too_much_is_left_out(server: FakeServer) -> None:
    def rows(obj: Any) -> list[AccountRow]:
        return [AccountRow(identity=Identity("fake", "default", obj["metadata"]["name"]))]

    flood = watches(*(event("ADDED", f"n{number}", str(number + 2)) for number in range(200)), then="stays")
    server.says(gives(listing("a")), flood)
    store, listening = FleetStore(clock=lambda: None, schedule=lambda: None), Listening()  # type: ignore[arg-type, return-value]
    async with Client(server.endpoint(delivered=True)) as client:
        client.ledger.most = 4000
        follower = Follower(Watched("service accounts", SERVICE_ACCOUNTS, rows), store, listening, namespace=None)
        following = asyncio.create_task(follower.run(client, Timing()))
        async with asyncio.timeout(5):
            while "more than 3.9 KiB to keep" not in listening.missing:
                await asyncio.sleep(0.01)
        following.cancel()
        assert "service accounts are left out" in listening.missing
        assert (len(store.accounts), client.ledger.total) == (0, 0)


def test_the_ledger_counts_what_comes_and_goes() -> None:
    ledger = Ledger(100)
    ledger.keep("a", 60)
    ledger.keep("b", 40)
    with pytest.raises(ProtocolError):
        ledger.keep("b", 1)
    ledger.forget("a")
    ledger.keep("b", 59)
    assert ledger.total == 100
    ledger.keep("b", -100)
    ledger.forget("never seen")
    assert ledger.total == 0


@pytest.mark.parametrize(
    ("encoding", "asked", "expected"),
    [
        (None, True, False),
        ("", False, False),
        (" Identity ", False, False),
        ("gzip", True, True),
        ("GZIP", True, True),
        ("gzip", False, Unasked),
        ("gzip,", True, Unasked),
        ("identity, gzip", True, Unasked),
        ("zstd", True, Unasked),
    ],
)
def test_which_packing_is_unpacked(encoding: str | None, asked: bool, expected: bool | type[Exception]) -> None:
    if isinstance(expected, bool):
        assert packing(encoding, asked=asked) is expected
        return
    with pytest.raises(expected):
        packing(encoding, asked=asked)


class Chunks:
    """A body that arrives in these."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def iter_any(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


@pytest.mark.parametrize(
    ("chunks", "most", "values", "expected"),
    [
        ((b"12345", b"67890"), 10, 0, b"1234567890"),
        ((b"12345", b"678901"), 10, 0, TooLarge),
        ((b"{,[", b",,"), 10, 5, b"{,[,,"),
        ((b"{,[", b",,,"), 10, 5, TooLarge),
        ((), 0, 0, b""),
    ],
)
async def test_a_body_is_measured_as_it_grows(
    chunks: tuple[bytes, ...], most: int, values: int, expected: bytes | type[Exception]
) -> None:
    reading: Callable[[], Awaitable[bytes]] = lambda: whole(Chunks(*chunks), packed=False, most=most, values=values)  # noqa: E731
    if isinstance(expected, bytes):
        assert await reading() == expected
        return
    with pytest.raises(expected):
        await reading()


def test_values_are_counted_where_memory_goes() -> None:
    assert values_in(b'{"a":[1,2,{}]}') == 5
    assert values_in(bytearray(b"")) == 0


def test_a_delivered_cluster_gets_less_than_ones_own_and_is_marked_by_who_reads_it() -> None:
    for field in dataclasses.fields(OWN):
        assert getattr(DELIVERED, field.name) <= getattr(OWN, field.name)
    text = (
        b"apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        b"clusters: [{name: c, cluster: {server: 'https://192.0.2.1'}}]\n"
        b"contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: t}}]\n"
    )
    endpoint = read(text, Allow()).endpoint
    assert endpoint.delivered
    assert Client(endpoint).sizes is DELIVERED
    assert parse(text).endpoint().delivered, "a text from anywhere"
    assert not parse(text, Path("/home/me/.kube/config")).endpoint().delivered
