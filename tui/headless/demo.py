"""`kubemint demo`: serve the embedded fleet for kubectl, scripts and other kubemints until it is ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from tui.issuance import UsageError
from tui.kube.home import expanded
from tui.kube.shell import command

from . import printing
from .exits import quiet_logging
from .printing import say
from .session import refuse_read_only

if TYPE_CHECKING:
    from tui.demo.fleet import EmbeddedFleet

    from .options import Options


@click.command("demo")
@click.option("--kubeconfig-out", "out", metavar="FILE", required=True, help="Where to write its kubeconfig (0600).")
@click.option("--clusters", type=click.IntRange(1, 60), default=4, show_default=True, help="How many healthy clusters.")
@click.option(
    "--accounts", type=click.IntRange(0, 100_000), default=40, show_default=True, help="How many service accounts."
)
@click.pass_obj
def demo(options: Options, /, out: str, clusters: int, accounts: int) -> None:
    """Serve the embedded fleet on loopback: API servers with credentials in every state, nothing real.

    Prints "ready" when it serves; stops on ctrl+c or SIGTERM and removes its kubeconfig.
    """
    from tui.demo.running import serve

    refuse_read_only(options, "demo")
    path = expanded(out).absolute()

    def ready(fleet: EmbeddedFleet) -> None:
        printing.line("ready")
        line = command("kubectl", "--kubeconfig", path, "get", "serviceaccounts", "-A")
        say(f"serving {len(fleet.clusters)} clusters; try: {line}")

    quiet_logging()
    taken = False
    try:
        asyncio.run(serve(path, ready=ready, clusters=clusters, accounts=accounts))
    except FileExistsError:
        taken = True
    if taken:
        raise UsageError(f"{path} exists and is not the kubeconfig of an embedded fleet", "name a new file")
