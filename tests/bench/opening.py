"""How long it takes until the dashboard stands, and until rows are in it: each a multiple of an empty Textual app."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.bench.measuring import Measured, Side, compare
from tests.bench.terminals import until_seen
from tui.demo.running import FleetThread

EMPTY: Final = """
from textual.app import App
from textual.widgets import Static

class Empty(App[None]):
    def compose(self):
        yield Static("an empty app stands")

Empty().run()
"""
KUBEMINT: Final = (sys.executable, "-m", "tui")
FRAME: Final = r"2 Clusters"
ROWS: Final = r"Credentials [1-9]"
"""What the areas say once one credential is known, which is in the list below then."""


def environment(home: str, kubeconfig: Path | None = None) -> dict[str, str]:
    """A home of its own: nothing is known there of an earlier start."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "XDG_", "TEXTUAL"))}
    own = {"HOME": home, "XDG_STATE_HOME": f"{home}/state", "XDG_CACHE_HOME": f"{home}/cache"}
    return kept | own | ({} if kubeconfig is None else {"KUBECONFIG": str(kubeconfig)})


def empty(environ: Mapping[str, str]) -> Side:
    return until_seen((sys.executable, "-c", EMPTY), environ, "an empty app stands")


def first_frame(rounds: int, accounts: int) -> list[Measured]:
    with tempfile.TemporaryDirectory() as home, FleetThread(clusters=1, accounts=40, troubled=False) as fleet:
        own = environment(home, fleet.kubeconfig)
        sides = {
            "empty Textual app": empty(own),
            "own clusters": until_seen(KUBEMINT, own, FRAME),
            "--demo": until_seen((*KUBEMINT, "--demo"), own, FRAME),
        }
        return compare("first frame", sides, rounds=rounds)


def first_rows(rounds: int, accounts: int) -> list[Measured]:
    """The servers work in this process: what they cost is in the clock, and in nobody's CPU, but for `--demo`."""
    with (
        tempfile.TemporaryDirectory() as home,
        FleetThread(clusters=1, accounts=40, troubled=False) as one,
        FleetThread(clusters=14, accounts=40, troubled=False) as many,
    ):
        own = environment(home, one.kubeconfig)
        sides = {
            "empty Textual app": empty(own),
            "1 cluster": until_seen(KUBEMINT, own, ROWS),
            "14 clusters": until_seen(KUBEMINT, environment(home, many.kubeconfig), ROWS),
            "--demo": until_seen((*KUBEMINT, "--demo"), own, ROWS),
        }
        return compare("first rows", sides, rounds=rounds)
