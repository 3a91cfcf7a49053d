"""Long campaigns against the real thing, by hand: `python -m tests.faults.campaign merges --rounds 250`.

The test suite runs them short. Each prints what it saw and ends with 1 where anything was lost, torn, orphaned or
refused too often. One subcommand is one function that adds itself to `CAMPAIGNS`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

REFUSED_AT_MOST: Final = 0.01


@dataclass
class Merges:
    """What came of many processes that merged into one kubeconfig."""

    tried: int
    refused: list[str]
    lost: list[str]
    torn: list[str]
    stale: list[str]
    seconds: float
    longest: float
    """Seconds that one merge took at most."""

    def problems(self) -> list[str]:
        """What must not be, in words."""
        found = [f"lost: {name}" for name in self.lost] + [f"torn: {what}" for what in self.torn]
        found += [f"left behind: {name}" for name in self.stale]
        if len(self.refused) > REFUSED_AT_MOST * self.tried:
            found.append(f"{len(self.refused)} of {self.tried} refused, such as: {self.refused[0]}")
        return found

    def __str__(self) -> str:
        took = f"{self.tried} merges in {self.seconds:.1f} s, the longest took {self.longest:.2f} s"
        counts = f"{len(self.lost)} lost, {len(self.torn)} torn, {len(self.refused)} refused, {len(self.stale)} left"
        return f"{took}: {counts}"


def merges(folder: Path, *, processes: int = 8, rounds: int = 250) -> Merges:
    """`processes` that each merge, replace and take out `rounds` entries of one kubeconfig, as fast as they can."""
    from tui.kube.kubeconfig import load

    path = folder / "config"
    start = time.monotonic()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tui.issuance.destinations.kubeconfig_file", "tui.issuance.formats"])
    with context.Pool(processes) as pool:
        done = pool.starmap(_merge_many, [(path, number, rounds) for number in range(processes)])
    refused = [reason for one in done for reason in one.refused]
    torn = [what for one in done for what in one.torn]
    try:
        there = set(load(str(path)).contexts)
    except Exception as error:
        there, torn = set(), [*torn, str(error)]
    return Merges(
        tried=processes * rounds,
        refused=refused,
        lost=sorted({name for one in done for name in one.written} - there),
        torn=torn,
        stale=sorted(entry.name for entry in folder.iterdir() if entry != path),
        seconds=time.monotonic() - start,
        longest=max(one.longest for one in done),
    )


@dataclass
class _Merged:
    written: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    longest: float = 0.0


_KEPT: Final = 20
"""Entries that one process keeps in the file; it replaces them in turn, so that the file does not grow for ever."""


def _merge_many(path: Path, number: int, rounds: int) -> _Merged:
    from tui.issuance.destinations.kubeconfig_file import merge, token_for
    from tui.issuance.errors import IssuanceError
    from tui.issuance.formats.kubeconfig import kubeconfig
    from tui.issuance.model.types import Identity
    from tui.kube.endpoint import Endpoint
    from tui.kube.errors import KubeError
    from tui.kube.sensitive import Sensitive

    done, endpoint = _Merged(), Endpoint("test", "https://127.0.0.1:6443")
    for turn in range(rounds):
        name, request = f"robot-{number}-{turn % _KEPT}", f"r{number}-{turn % _KEPT}"
        token = Sensitive(f"token-{number}-{turn}")
        began = time.monotonic()
        try:
            merge(path, kubeconfig(token, endpoint, Identity("test", "default", name)), request)
        except IssuanceError as error:
            done.refused.append(error.message)
        except KubeError as error:
            done.torn.append(str(error))
        else:
            done.written.append(name)
            try:
                if token_for(path, request) != token:  # whoever else writes keeps what is ours
                    done.torn.append(f"{name} does not hold its token")
            except (IssuanceError, KubeError) as error:
                done.torn.append(str(error))
        done.longest = max(done.longest, time.monotonic() - began)
    return done


def _merges(arguments: argparse.Namespace) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        found = merges(Path(folder), processes=arguments.processes, rounds=arguments.rounds)
    print(found)
    return found.problems()


def _merges_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=250)


def _rotators(arguments: argparse.Namespace) -> list[str]:
    from tests.faults.race import RACES, on_a_fleet

    found = []
    for name in arguments.race or RACES:
        began = time.monotonic()
        tally = on_a_fleet(name, arguments.rounds)
        print(f"{name}: {tally} ({time.monotonic() - began:.0f} s)", flush=True)
        found += [f"{name}: {problem}" for problem in tally.problems()]
    return found


def _rotators_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--race", action="append", help="which one; all of them where none is named")


def _kills(arguments: argparse.Namespace) -> list[str]:
    from tests.faults.killing import kills
    from tui.demo.running import FleetThread

    with tempfile.TemporaryDirectory() as folder, FleetThread(clusters=1, accounts=0, troubled=False) as fleet:
        found = kills(Path(folder), fleet, number=arguments.number, operators=arguments.operators, seed=arguments.seed)
    print(found)
    return found.problems()


def _kills_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--number", type=int, default=500)
    parser.add_argument("--operators", type=int, default=3)
    parser.add_argument("--seed", type=int, default=8)


@dataclass(frozen=True)
class Campaign:
    """One subcommand: what it is for, its options, and how it is run; it gives what must not be, in words."""

    about: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], list[str]]


CAMPAIGNS: Final[dict[str, Campaign]] = {
    "merges": Campaign("Many processes merge into one kubeconfig.", _merges_options, _merges),
    "kills": Campaign("Commands are killed at random moments.", _kills_options, _kills),
    "rotators": Campaign("Two processes rotate one file, or one Secret, at once.", _rotators_options, _rotators),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="campaign", description="Long campaigns against the real thing.")
    chosen = parser.add_subparsers(required=True, dest="name")
    for name, campaign in CAMPAIGNS.items():
        campaign.options(chosen.add_parser(name, help=campaign.about))
    arguments = parser.parse_args()
    problems = CAMPAIGNS[arguments.name].run(arguments)
    for problem in problems[:50]:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
