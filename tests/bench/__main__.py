"""`python -m tests.bench [--quick] [--accounts N] [--rounds N] [--json FILE] [NAME …]`: each against its neighbour.

start   `kubemint --version` against a bare Python
frame   the first frame, of own clusters and of `--demo`, against an empty Textual app
rows    the first rows, of one cluster, of 14 and of `--demo`, against an empty Textual app's first frame
verbs   small verbs against kubectl: a list, a cluster that is gone, a token for a plugin's caller
list    `kubemint list accounts` over one cluster's service accounts against `kubectl get`
tick    one second of countdowns, the line-API table against a DataTable
idle    many tokens of an hour while nobody does anything, and a key meanwhile, against a hundred of them
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench.idling import idling
from tests.bench.measuring import Measured, command, compare
from tests.bench.opening import KUBEMINT, environment, first_frame, first_rows
from tests.bench.tables import ticks
from tests.bench.verbs import small_verbs
from tui.demo.running import FleetThread


def start(rounds: int, accounts: int) -> list[Measured]:
    environ = dict(os.environ)
    sides = {
        "python -c pass": command((sys.executable, "-c", "pass"), environ),
        "kubemint --version": command((*KUBEMINT, "--version"), environ),
        "kubemint --help": command((*KUBEMINT, "--help"), environ),
    }
    return compare("start", sides, rounds=rounds)


def listing(rounds: int, accounts: int) -> list[Measured]:
    """The fleet serves from a thread of this process: what that costs is the same for all, and in nobody's CPU."""
    kubectl = shutil.which("kubectl")
    with tempfile.TemporaryDirectory() as home, FleetThread(clusters=1, accounts=accounts, troubled=False) as fleet:
        environ = environment(home, fleet.kubeconfig)
        scope = ("--context", "harbor")
        sides = {}
        if kubectl is not None:
            sides["kubectl get -o name"] = command(
                (kubectl, *scope, "get", "serviceaccounts", "-A", "-o", "name"), environ
            )
            sides["kubectl get"] = command((kubectl, *scope, "get", "serviceaccounts", "-A"), environ)
        sides["kubemint list -o name"] = command((*KUBEMINT, "list", "accounts", *scope, "-A", "-o", "name"), environ)
        sides["kubemint list"] = command((*KUBEMINT, "list", "accounts", *scope, "-A"), environ)
        return compare(f"list {accounts} service accounts", sides, rounds=rounds)


def tick(rounds: int, accounts: int) -> list[Measured]:
    return compare(f"one tick over {accounts} rows", ticks(accounts), rounds=min(rounds, 3))


BENCHMARKS = {
    "start": start, "frame": first_frame, "rows": first_rows, "verbs": small_verbs, "list": listing, "tick": tick,
    "idle": idling,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few rounds over few objects: whether it runs, roughly")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there as well, in seconds")
    wanted = parser.parse_args()
    unknown = [name for name in wanted.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    rounds, accounts = (2, min(wanted.accounts, 500)) if wanted.quick else (wanted.rounds, wanted.accounts)
    out = wanted.json.absolute() if wanted.json is not None else None
    os.chdir(Path(__file__).parents[2])
    measured = [line for name in wanted.names or BENCHMARKS for line in BENCHMARKS[name](rounds, accounts)]
    if out is not None:
        out.write_text(json.dumps([line._asdict() for line in measured], indent=1) + "\n")


if __name__ == "__main__":
    main()
