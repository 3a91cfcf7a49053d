"""Measuring two sides against each other: turn by turn, medians, and the ratio that survives a change of machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took: seconds on the clock, and seconds of CPU."""

    wall: float
    cpu: float


Side = Callable[[], Cost]


class Measured(NamedTuple):
    """One line of the table: what a side took, in seconds, and how many times what the first side took."""

    benchmark: str
    side: str
    wall: float
    p95: float
    cpu: float
    wall_ratio: float
    cpu_ratio: float
    rounds: int


def command(words: Sequence[str], environ: Mapping[str, str], *, before: Callable[[], object] | None = None) -> Side:
    """A whole process, from its start to its end; `before` is called first, and not measured.

    Raises where the process fails: what did not work is not measured.
    """

    def run() -> Cost:
        if before is not None:
            before()
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


def compare(title: str, sides: Mapping[str, Side], *, rounds: int) -> list[Measured]:
    """Every side's medians and its ratio to the first one, printed too. They take turns, after one warming run each."""
    for side in sides.values():
        side()
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            costs[name].append(side())
    print(f"\n{title}")
    widest = max(map(len, sides))
    measured: list[Measured] = []
    for name, runs in costs.items():
        walls = sorted(run.wall for run in runs)
        wall, cpu = median(walls), median(run.cpu for run in runs)
        first = measured[0] if measured else None
        line = Measured(
            title, name, wall, walls[ceil(0.95 * len(walls)) - 1], cpu,
            wall / first.wall if first else 1.0, cpu / max(first.cpu, 1e-9) if first else 1.0, rounds,
        )  # fmt: skip
        measured.append(line)
        took = f"{wall * 1000:8.1f} ms (p95 {line.p95 * 1000:8.1f})  {cpu * 1000:8.1f} ms CPU"
        print(f"  {name:{widest}}  {took}   x {line.wall_ratio:5.2f} wall  x {line.cpu_ratio:5.2f} CPU")
    sys.stdout.flush()
    return measured
