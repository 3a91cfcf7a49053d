"""What a loop answers while it runs: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever keeps it alive."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import click

from tui.issuance import UsageError

from .printing import say

if TYPE_CHECKING:
    from aiohttp import web

F = TypeVar("F", bound=Callable[..., object])
LOOPBACK: Final = "127.0.0.1"
STALE: Final = 120.0
"""Seconds without a look after which the loop counts as stuck; it looks every thirty at least."""
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_HIGHEST: Final = 65535


def bind_option(command: F) -> F:
    """Adds `--metrics-bind-address`, called as controllers call it."""
    said = (
        "With --watch: serve /metrics, /healthz and /readyz there. A port alone is on this machine only, :PORT on "
        "every address."
    )
    return click.option("--metrics-bind-address", "bind", metavar="[HOST:]PORT", default="", help=said)(command)


def bound_to(text: str) -> tuple[str, int]:
    """Host and port of such an address; no host is every one. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST):
        raise UsageError(f"--metrics-bind-address: {text!r} has no port", "write PORT, HOST:PORT or :PORT")
    if host and host != "localhost":
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise UsageError(f"--metrics-bind-address: {host!r} is no address", "write an IP address") from None
    return (host if colon else LOOPBACK), int(port)


class Health:
    """Whether the loop is alive, and whether it has begun; told by the loop itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beaten = clock()
        self.ready = False
        self.looked_at: float | None = None

    def beat(self) -> None:
        """The loop has just looked."""
        self._beaten = self._clock()
        self.ready = True
        self.looked_at = time.time()

    @property
    def stuck(self) -> float | None:
        """For how many seconds it has not looked, where that is too long."""
        silent = self._clock() - self._beaten
        return silent if silent > STALE else None


@contextlib.asynccontextmanager
async def serving(text: str, health: Health, written: Callable[[], Callable[[], bytes]]) -> AsyncIterator[None]:
    """Answers at this address (nowhere where it is empty) for as long as the block runs.

    `written` reads off how things stand and gives what writes it down, which is called in a thread. Raises UsageError
    where the address cannot be had.
    """
    if not text:
        yield
        return
    from aiohttp import web

    host, port = bound_to(text)

    async def metrics(_request: web.Request) -> web.Response:
        body = await asyncio.to_thread(written())
        return web.Response(body=body, headers={"Content-Type": _TEXT})

    async def healthz(_request: web.Request) -> web.Response:
        if (silent := health.stuck) is not None:
            return web.Response(status=503, text=f"the loop has not looked for {silent:.0f} s\n")
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n") if health.ready else web.Response(status=503, text="the loop has not begun\n")

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host or None, port)
        try:
            await site.start()
        except OSError as error:
            said = (error.strerror or str(error)).lower()
            raise UsageError(f"--metrics-bind-address: {text} cannot be had: {said}", "name another port") from None
        where = next((f"{a[0]}:{a[1]}" for a in runner.addresses), text)
        say(f"metrics at http://{where}/metrics")
        yield
    finally:
        await runner.cleanup()
