"""Counts, sizes and times in words."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from tui.kube.amounts import about, count, number, size


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567"), (-1000, "-1 000")],
)
def test_numbers(amount: int, said: str) -> None:
    assert number(amount) == said


@pytest.mark.parametrize(("amount", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12_000, "12 000 files")])
def test_counts(amount: int, said: str) -> None:
    assert count(amount, "file") == said


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (1, "1 byte"), (1023, "1023 bytes"), (1024, "1 KiB"), (64 * 1024, "64 KiB"), (1536 * 1024, "1.5 MiB"),
        (16 * 1024 * 1024, "16 MiB"), (1023 * 1024, "1023 KiB"),
    ],
)  # fmt: skip
def test_sizes(amount: int, said: str) -> None:
    assert size(amount) == said.replace("1023 bytes", "1 023 bytes")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "a moment"), (41, "41 seconds"), (-41, "41 seconds"), (3700, "an hour"), (86400, "a day"),
     (201 * 86400, "201 days"), (401 * 86400, "1 year, 36 days")],
)  # fmt: skip
def test_times(seconds: float, said: str) -> None:
    assert about(timedelta(seconds=seconds)) == said


def test_the_words_are_loaded_when_they_are_needed() -> None:
    code = "import sys, tui.app, tui.kube.amounts; sys.exit('humanize' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
