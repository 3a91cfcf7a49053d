"""Watches, and lists kept true through everything that interrupts them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web

from tests.kube.server import FakeServer, cuts, drops, event, gives, hangs, listing, refuses, watches
from tui.kube.client import Client, Timeouts
from tui.kube.errors import (
    ConnectionLost,
    Forbidden,
    Gone,
    KubeError,
    NeedsLogin,
    ProtocolError,
    ServerError,
    TimedOut,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from tui.kube.reflector import Backoff, Change, Listing, Lost, Remove, Synced, Upsert, reflect
from tui.kube.resource import CONFIG_MAPS

BOOKMARK = {"type": "BOOKMARK", "object": {"kind": "ConfigMap", "metadata": {"resourceVersion": "99"}}}
EXPIRED = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}


async def watch(client: Client, **given: Any) -> list[tuple[str, str | None, str]]:
    found = client.watch(CONFIG_MAPS, **({"resource_version": "10"} | given))
    return [(e.type, e.object["metadata"]["name"] if e.object else None, e.resource_version) async for e in found]


@pytest.mark.parametrize("pieces", [0, 1, 7])
async def test_events_however_they_are_cut_up(server: FakeServer, client: Client, pieces: int) -> None:
    events = [event("ADDED", "a", "11"), event("MODIFIED", "ä", "12"), b"", BOOKMARK, event("DELETED", "a", "13")]
    server.says(watches(*events, pieces=pieces))
    assert await watch(client, namespace="ci", metadata_only=True, labels="x=y") == [
        ("ADDED", "a", "11"),
        ("MODIFIED", "ä", "12"),
        ("BOOKMARK", None, "99"),
        ("DELETED", "a", "13"),
    ]
    request = server.requests[0]
    assert dict(request.query) == {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": "10",
        "timeoutSeconds": "2",
        "labelSelector": "x=y",
    }
    assert "as=PartialObjectMetadata;" in request.headers["Accept"]


async def test_410_in_a_watch(server: FakeServer, client: Client) -> None:
    server.says(watches(event("ADDED", "a", "11"), EXPIRED))
    found = client.watch(CONFIG_MAPS, resource_version="1")
    assert (await anext(found)).type == "ADDED"
    with pytest.raises(Gone, match="too old"):
        await anext(found)
    server.says(refuses(410, "Expired"))
    with pytest.raises(Gone):
        await watch(client)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refuses(401, "Unauthorized"), Unauthorized),
        (refuses(403, "Forbidden"), Forbidden),
        (refuses(429, "TooManyRequests", Retry_After="1"), TooManyRequests),
        (refuses(500, "InternalError"), ServerError),
        (gives(b"<html>", 200, Content_Type="text/html"), ProtocolError),
        (watches(b"{broken"), ProtocolError),
        (watches({"type": "ADDED", "object": "hunter2"}), ProtocolError),
        (watches({"type": "ERROR", "object": {"code": 500, "message": "etcd"}}), ServerError),
        (watches(event("ADDED", "a", "11"), then="drops"), ConnectionLost),
        (cuts, ConnectionLost),
        (drops, ConnectionLost),
        (hangs, TimedOut),
    ],
)
async def test_how_a_watch_can_fail(server: FakeServer, client: Client, answer: Any, error: type[KubeError]) -> None:
    server.says(answer)
    with pytest.raises(error) as caught:
        await watch(client)
    assert type(caught.value) is error
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_pause_that_an_error_in_a_watch_asks_for_is_known(server: FakeServer, client: Client) -> None:
    busy = {"kind": "Status", "code": 429, "reason": "TooManyRequests", "details": {"retryAfterSeconds": 7}}
    server.says(watches({"type": "ERROR", "object": busy}))
    with pytest.raises(TooManyRequests) as caught:
        await watch(client)
    assert caught.value.retry_after == 7


async def test_403_of_a_watch_names_the_right(server: FakeServer, client: Client) -> None:
    server.says(refuses(403, "Forbidden"))
    with pytest.raises(Forbidden) as caught:
        await watch(client, namespace="ci")
    assert caught.value.hint == "needs: watch configmaps in namespace ci"


async def test_a_watch_that_falls_silent_is_given_up(server: FakeServer) -> None:
    server.says(watches(event("ADDED", "a", "11"), then="stays"))
    async with Client(server.endpoint(), timeouts=Timeouts(connect=1, read=0.2, watch=0.2)) as client:
        with pytest.raises(TimedOut):
            await watch(client)


async def test_watches_take_no_place_of_other_requests(server: FakeServer, client: Client) -> None:
    async def either(request: web.Request) -> web.StreamResponse:
        return await (watches(then="stays") if "watch" in request.query else gives({}))(request)

    server.says(either)
    running = [asyncio.create_task(watch(client)) for _ in range(6)]
    await asyncio.sleep(0.1)
    await asyncio.wait_for(client.version(), 1)
    await client.close()
    for task in running:
        with pytest.raises(Unreachable):
            await task


# reflect()


class Recorder:
    """Runs `reflect` and gives its changes as short text; sleeps are only noted."""

    def __init__(self, client: Client) -> None:
        self.sleeps: list[float] = []
        self.now = 0.0
        backoff = Backoff(jitter=lambda: 1.0, sleep=self._sleep, clock=lambda: self.now)
        self.changes: AsyncGenerator[Change, None] = reflect(client, CONFIG_MAPS, backoff=backoff)

    async def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await asyncio.sleep(0)

    async def take(self, count: int) -> list[str]:
        return [self._text(await asyncio.wait_for(anext(self.changes), 10)) for _ in range(count)]

    def _text(self, change: Change) -> str:
        match change:
            case Listing():
                names = ",".join(item["metadata"]["name"] for item in change.items)
                return f"{'new ' if change.resets else ''}list {names}{' …' if change.more else ''}"
            case Synced():
                return "synced"
            case Upsert():
                return f"+{change.object['metadata']['name']}"
            case Remove():
                return f"-{change.object['metadata']['name']}"
            case Lost():
                return f"lost {type(change.error).__name__} {change.retry_in:g}"


@pytest.fixture
async def recorder(client: Client) -> AsyncIterator[Recorder]:
    made = Recorder(client)
    async with aclosing(made.changes):
        yield made


async def test_list_then_watch(server: FakeServer, recorder: Recorder) -> None:
    server.says(
        gives(listing("a", more="c")),
        gives(listing("b", version="20")),
        watches(event("ADDED", "c", "21"), event("DELETED", "a", "22"), BOOKMARK, then="stays"),
    )
    assert await recorder.take(5) == ["new list a …", "list b", "synced", "+c", "-a"]
    assert server.requests[2].query["resourceVersion"] == "20"


async def test_a_watch_that_ends_is_taken_up_where_it_stopped(server: FakeServer, recorder: Recorder) -> None:
    server.says(
        gives(listing("a")),
        watches(event("ADDED", "b", "11"), BOOKMARK),
        watches(event("ADDED", "c", "100"), then="stays"),
    )
    assert await recorder.take(4) == ["new list a", "synced", "+b", "+c"]
    assert server.requests[2].query["resourceVersion"] == "99"
    assert recorder.sleeps == []


async def test_a_lost_watch_is_taken_up_once_without_a_word(server: FakeServer, recorder: Recorder) -> None:
    server.says(
        gives(listing("a")),
        watches(event("ADDED", "b", "11"), then="drops"),
        watches(event("ADDED", "c", "12"), then="stays"),
    )
    assert await recorder.take(4) == ["new list a", "synced", "+b", "+c"]
    assert server.requests[2].query["resourceVersion"] == "11"


async def test_a_lost_watch_that_stays_lost_is_told_and_listed_again(server: FakeServer, recorder: Recorder) -> None:
    server.says(gives(listing("a")), *[watches(then="drops")] * 2, gives(listing("b")), watches(then="stays"))
    assert await recorder.take(5) == ["new list a", "synced", "lost ConnectionLost 1", "new list b", "synced"]
    assert recorder.sleeps == [1.0]


async def test_a_server_that_restarts(server: FakeServer, recorder: Recorder) -> None:
    server.says(gives(listing("a")), watches(event("ADDED", "b", "11"), then="stays"))
    assert await recorder.take(3) == ["new list a", "synced", "+b"]
    port = server.port
    await server.stop()
    assert (await recorder.take(1))[0] == "lost Unreachable 1"
    server.says(gives(listing("c")), watches(then="stays"))
    await server.start(port)
    assert [change for change in await recorder.take(2) if "lost" not in change] == ["new list c", "synced"]


@pytest.mark.parametrize("how", ["event", "answer"])
async def test_410_in_a_watch_lists_again_at_once(server: FakeServer, recorder: Recorder, how: str) -> None:
    gone = watches(event("ADDED", "b", "11"), EXPIRED) if how == "event" else refuses(410, "Expired")
    first = gone if how == "event" else watches(event("ADDED", "b", "11"))
    answers = [gives(listing("a")), first, *([] if how == "event" else [gone]), gives(listing("a", "b"))]
    if how == "answer":  # the second watch is refused at once, which right after a change is no circle yet
        recorder.now = 0.0
    server.says(*answers, watches(then="stays"))
    changes = await recorder.take(5 if how == "event" else 6)
    assert changes[:3] == ["new list a", "synced", "+b"]
    assert changes[-2:] == ["new list a,b", "synced"]


async def test_410_in_circles_backs_off(server: FakeServer, recorder: Recorder) -> None:
    async def circle(request: web.Request) -> web.StreamResponse:
        return await (refuses(410, "Expired") if "watch" in request.query else gives(listing("a")))(request)

    server.says(circle)
    changes = await recorder.take(12)
    assert changes[2::3] == ["lost Gone 1", "lost Gone 2", "lost Gone 4", "lost Gone 8"]


async def test_410_in_the_middle_of_a_list_resets(server: FakeServer, recorder: Recorder) -> None:
    server.says(gives(listing("a", more="old")), refuses(410, "Expired"), gives(listing("b")), watches(then="stays"))
    assert await recorder.take(3) == ["new list a …", "new list b", "synced"]


async def test_failures_back_off_and_never_end(server: FakeServer, recorder: Recorder) -> None:
    server.says(refuses(503, "ServiceUnavailable"))
    changes = await recorder.take(10)
    assert changes[:8] == [f"lost ServerError {wait}" for wait in (1, 2, 4, 8, 16, 32, 60, 60)]


async def test_what_only_people_can_change_is_asked_less_often(server: FakeServer, recorder: Recorder) -> None:
    server.says(refuses(403, "Forbidden"))
    assert await recorder.take(6) == [f"lost Forbidden {wait}" for wait in (15, 30, 60, 120, 240, 300)]


async def test_a_steady_watch_forgets_old_failures(server: FakeServer, recorder: Recorder) -> None:
    async def later(request: web.Request) -> web.StreamResponse:
        recorder.now += 31
        return await watches(event("ADDED", "b", "11"))(request)

    server.says(
        *[refuses(503, "ServiceUnavailable")] * 3 * 4, gives(listing("a")), later, *[watches(then="drops")] * 2, hangs
    )
    assert await recorder.take(7) == [
        "lost ServerError 1",
        "lost ServerError 2",
        "lost ServerError 4",
        "new list a",
        "synced",
        "+b",
        "lost ConnectionLost 1",
    ]


async def test_watches_that_end_at_once_are_not_asked_a_thousand_times(server: FakeServer, recorder: Recorder) -> None:
    server.says(gives(listing("a")), *[watches()] * 5, watches(event("ADDED", "b", "11"), then="stays"))
    assert await recorder.take(3) == ["new list a", "synced", "+b"]
    assert recorder.sleeps == [1.0] * 5


async def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    backoff = Backoff(jitter=lambda: 0.0)
    assert backoff.after(TooManyRequests(429, retry_after=20)) == 20
    assert backoff.after(Unreachable("x")) == 0.1
    assert backoff.after(NeedsLogin("x")) == 1.5


def test_jitter_spreads_the_waits() -> None:
    random.seed(1)
    waits = {round(Backoff().after(Unreachable("x")), 3) for _ in range(100)}
    assert len(waits) > 50
    assert all(0.1 <= wait <= 1 for wait in waits)


async def test_closing_a_reflector_ends_its_watch(server: FakeServer, client: Client) -> None:
    seen: list[web.Request] = []

    async def open_end(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return await watches(event("ADDED", "b", "11"), then="stays")(request)

    server.says(gives(listing("a")), open_end)
    async with aclosing(Recorder(client).changes) as changes:
        async for change in changes:
            if isinstance(change, Upsert):
                break
    async with asyncio.timeout(30):
        while seen[0].transport is not None and not seen[0].transport.is_closing():
            await asyncio.sleep(0.01)
