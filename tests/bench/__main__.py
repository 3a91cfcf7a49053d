"""`python -m tests.bench [--accounts N] [--rounds N] [NAME …]`: start, list and tick, each against its neighbour.

start   `kubemint --version` against a bare Python
list    `kubemint list accounts` over one cluster's service accounts against `kubectl get`
tick    one second of countdowns, the line-API table against a DataTable
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench.measuring import command, compare
from tests.bench.tables import ticks
from tui.demo.running import FleetThread

KUBEMINT = (sys.executable, "-m", "tui")


def start(rounds: int, accounts: int) -> None:
    environ = dict(os.environ)
    compare(
        "start",
        {
            "python -c pass": command((sys.executable, "-c", "pass"), environ),
            "kubemint --version": command((*KUBEMINT, "--version"), environ),
            "kubemint --help": command((*KUBEMINT, "--help"), environ),
        },
        rounds=rounds,
    )


def listing(rounds: int, accounts: int) -> None:
    """The fleet serves from a thread of this process: what that costs is the same for all, and in nobody's CPU."""
    kubectl = shutil.which("kubectl")
    with tempfile.TemporaryDirectory() as home, FleetThread(clusters=1, accounts=accounts, troubled=False) as fleet:
        environ = {**os.environ, "HOME": home, "XDG_STATE_HOME": f"{home}/state", "KUBECONFIG": str(fleet.kubeconfig)}
        scope = ("--context", "harbor")
        sides = {}
        if kubectl is not None:
            sides["kubectl get -o name"] = command(
                (kubectl, *scope, "get", "serviceaccounts", "-A", "-o", "name"), environ
            )
            sides["kubectl get"] = command((kubectl, *scope, "get", "serviceaccounts", "-A"), environ)
        sides["kubemint list -o name"] = command((*KUBEMINT, "list", "accounts", *scope, "-A", "-o", "name"), environ)
        sides["kubemint list"] = command((*KUBEMINT, "list", "accounts", *scope, "-A"), environ)
        compare(f"list {accounts} service accounts", sides, rounds=rounds)


def tick(rounds: int, accounts: int) -> None:
    compare(f"one tick over {accounts} rows", ticks(accounts), rounds=min(rounds, 3))


BENCHMARKS = {"start": start, "list": listing, "tick": tick}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    unknown = [name for name in wanted.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    os.chdir(Path(__file__).parents[2])
    for name in wanted.names or BENCHMARKS:
        BENCHMARKS[name](wanted.rounds, wanted.accounts)


if __name__ == "__main__":
    main()
