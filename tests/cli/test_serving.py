"""What a loop answers while it runs: figures, whether it is alive, whether it has begun."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import command, environment, kubemint
from tui.headless.serving import STALE, Health, bound_to, serving
from tui.issuance.errors import UsageError


def answer(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_loop_says_how_it_stands(served: Path) -> None:
    words = ("rotate", "--due", "--watch", "--context", "tenant-a", "--kubeconfig", served)
    process = subprocess.Popen(
        command(*words, "--metrics-bind-address", "0"), stderr=subprocess.PIPE, text=True, env=environment()
    )
    try:
        assert process.stderr is not None
        url = next(
            found[1] for line in process.stderr if (found := re.search(r"metrics at (http://127\.0\.0\.1:\d+)/", line))
        )
        deadline = time.monotonic() + 20
        while answer(f"{url}/readyz")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answer(f"{url}/healthz") == (200, "ok\n")
        code, text = answer(f"{url}/metrics")
        assert code == 200
        assert 'kubemint_cluster_state{cluster="tenant-a",state="ready"} 1.0' in text
        assert "kubemint_loop_watched" in text
        assert "eyJ" not in text, "a token"
        assert answer(f"{url}/")[0] == 404
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode in (0, 143)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("9105", ("127.0.0.1", 9105)),
        (":9105", ("", 9105)),
        ("10.0.0.1:80", ("10.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_a_port_alone_is_on_this_machine_only(text: str, meant: tuple[str, int]) -> None:
    assert bound_to(text) == meant


@pytest.mark.parametrize("text", ["x", "127.0.0.1", "host.example:80", ":", "1:70000", "²"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="--metrics-bind-address"):
        bound_to(text)


def test_wrong_words() -> None:
    kubemint("rotate", "--due", "--metrics-bind-address", "1").failed(2, "needs --watch")
    kubemint("rotate", "--due", "--watch", "--metrics-bind-address", "x").failed(2, "has no port")


def test_a_loop_that_does_not_look_is_not_well() -> None:
    times = iter([0.0, 0.0, STALE, STALE + 1])
    health = Health(lambda: next(times))
    begun = health.ready
    health.beat()
    assert (begun, health.ready) == (False, True)
    assert [health.stuck, health.stuck] == [None, STALE + 1]


async def test_a_port_that_is_taken_is_said() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(server.close)
        with pytest.raises(UsageError, match="cannot be had"):
            await stack.enter_async_context(serving(str(port), Health(), lambda: lambda: b""))
