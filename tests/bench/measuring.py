"""Measuring two sides against each other: turn by turn, medians, and the ratio that survives a change of machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took: seconds on the clock, and seconds of CPU."""

    wall: float
    cpu: float


Side = Callable[[], Cost]


def command(words: Sequence[str], environ: Mapping[str, str]) -> Side:
    """A whole process, from its start to its end. Raises where it fails: what did not work is not measured."""

    def run() -> Cost:
        begun = time.perf_counter()
        with open(os.devnull, "wb") as nowhere:
            process = subprocess.Popen(words, stdout=nowhere, stderr=subprocess.PIPE, env=dict(environ))
            assert process.stderr is not None
            said = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if process.returncode != 0:
            raise RuntimeError(f"{words[0]} ended with {process.returncode}: {said.decode(errors='replace')[-300:]}")
        return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime)

    return run


def compare(title: str, sides: Mapping[str, Side], *, rounds: int) -> None:
    """Print every side's medians and its ratio to the first one. They take turns, after one run each to warm up."""
    for side in sides.values():
        side()
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            costs[name].append(side())
    print(f"\n{title}")
    widest = max(map(len, sides))
    first: Cost | None = None
    for name, runs in costs.items():
        cost = Cost(median(run.wall for run in runs), median(run.cpu for run in runs))
        first = first or cost
        ratios = f"x {cost.wall / first.wall:5.2f} wall  x {cost.cpu / max(first.cpu, 1e-9):5.2f} CPU"
        print(f"  {name:{widest}}  {cost.wall * 1000:8.1f} ms  {cost.cpu * 1000:8.1f} ms CPU   {ratios}")
    sys.stdout.flush()
