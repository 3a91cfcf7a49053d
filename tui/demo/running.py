"""Running the embedded fleet beside something else: in a thread with an event loop of its own, or as a program.

The dashboard draws in one loop and the demo's servers work in another, so that neither waits for the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from .fleet import EmbeddedFleet
from .operators.kubeconfigs import MARK, write_private

T = TypeVar("T")

_START = 60.0
_STOP = 10.0


class FleetThread:
    """An embedded fleet in a daemon thread. A context manager; `call` runs something in the fleet's own loop."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Event | None = None
        self._work: asyncio.Task[Any] | None = None
        self._given_up = False
        self._thread = threading.Thread(target=self._main, name="embedded-fleet", daemon=True)
        self.fleet: EmbeddedFleet | None = None
        self.kubeconfig = Path()

    def start(self) -> None:
        """Returns when every port is open; raises what the fleet raised, CancelledError where it was given up."""
        self._thread.start()
        if not self._ready.wait(_START):
            raise TimeoutError("the embedded fleet did not start")
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Closes the ports and removes the folder. May be called twice, and while another thread starts it."""
        self.give_up()
        if self._thread.is_alive():
            self._thread.join(_STOP)

    def give_up(self) -> None:
        """The same from any thread, without waiting for it."""
        self._given_up = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._work is not None and not self._ready.is_set() and self._done is not None and not self._done.is_set():
            self._work.cancel()  # once: it cleans up after itself
        if self._done is not None:
            self._done.set()

    def call(self, work: Callable[[EmbeddedFleet], Awaitable[T]]) -> T:
        """Runs `work(fleet)` in the fleet's loop and waits for its result."""
        if self._loop is None or self.fleet is None:
            raise RuntimeError("the embedded fleet is not running")
        fleet = self.fleet

        async def run() -> T:
            return await work(fleet)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_START)

    def __enter__(self) -> FleetThread:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 (handed to whoever called `start`)
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._done, self._work = asyncio.Event(), asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        if self._given_up:
            raise asyncio.CancelledError
        async with EmbeddedFleet(**self._options) as fleet:
            self.fleet, self.kubeconfig = fleet, fleet.kubeconfig
            self._ready.set()
            await self._done.wait()
        self.fleet = None


async def serve(kubeconfig_out: Path, *, ready: Callable[[EmbeddedFleet], None], **options: Any) -> None:
    """Serves an embedded fleet until SIGINT or SIGTERM; `ready` is called when its kubeconfig has been written.

    `kubeconfig_out` is made with mode 0600 (one that an earlier fleet left is replaced) and removed again at the end.
    Raises FileExistsError where it is somebody else's file.
    """
    _check(kubeconfig_out)
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    try:
        async with EmbeddedFleet(**options) as fleet:
            _publish(fleet.kubeconfig.read_bytes(), kubeconfig_out)
            try:
                ready(fleet)
                await done.wait()
            finally:
                _withdraw(kubeconfig_out)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _publish(config: bytes, out: Path) -> None:
    """Writes beside `out` and renames, so that a reader never sees half a kubeconfig."""
    _check(out)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    write_private(temporary, config)
    temporary.replace(out)


def _check(out: Path) -> None:
    """Refuses a file that no embedded fleet wrote, and a folder that is not there."""
    if out.exists() and not _ours(out):
        raise FileExistsError(f"{out} exists and is not the kubeconfig of an embedded fleet; name a new file")
    if not out.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(out.parent))


def _ours(out: Path) -> bool:
    with out.open("rb") as file:
        return file.read(len(MARK)) == MARK


def _withdraw(out: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if _ours(out):
            out.unlink()
