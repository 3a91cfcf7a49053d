"""`kubemint demo`: serve the embedded fleet for kubectl, scripts and other kubemints until it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any, Final

import click

from tui.issuance.errors import UsageError

from .exits import say

_MARK: Final = b"# kubemint: embedded fleet\n"


@click.command("demo")
@click.option("--kubeconfig-out", "out", metavar="FILE", required=True, help="Where to write its kubeconfig (0600).")
@click.option("--clusters", type=click.IntRange(1, 60), default=4, show_default=True, help="How many healthy clusters.")
@click.option(
    "--accounts", type=click.IntRange(0, 100_000), default=40, show_default=True, help="Service accounts per cluster."
)
@click.pass_obj
def demo(options: Any, out: str, clusters: int, accounts: int) -> None:
    """Serve the embedded fleet on loopback: API servers with credentials in every state, nothing real.

    Prints "ready" when it serves; ends on ctrl+c or SIGTERM.
    """
    path = Path(out).expanduser().absolute()
    _refuse_foreign(path)
    try:
        asyncio.run(_serve(path, clusters, accounts))
    finally:
        _remove(path)


def _refuse_foreign(path: Path) -> None:
    """A kubeconfig that is not an embedded fleet's is never replaced."""
    with contextlib.suppress(FileNotFoundError):
        with path.open("rb") as stream:
            head = stream.read(len(_MARK))
        if head and head != _MARK:
            raise UsageError(f"{path} exists and is not an embedded fleet's", "choose another file, or remove it")


def _remove(path: Path) -> None:
    """What it leads to is gone."""
    with contextlib.suppress(OSError):
        if path.read_bytes().startswith(_MARK):
            path.unlink()


async def _serve(path: Path, clusters: int, accounts: int) -> None:
    from tui.demo.fleet import EmbeddedFleet
    from tui.issuance.files import write_private
    from tui.kube.sensitive import Sensitive

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with EmbeddedFleet(clusters=clusters, accounts=accounts) as fleet:
        write_private(path, Sensitive(_MARK + fleet.kubeconfig.read_bytes()))
        click.echo("ready")
        say(f"serving the embedded fleet; try: kubectl --kubeconfig {path} get serviceaccounts -A")
        await ended.wait()
