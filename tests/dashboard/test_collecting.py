"""Garbage is collected where nobody's keys wait: what stays is taken out as a fleet grows, all of it in quiet times."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tui.screens.shell.collecting import Collecting


class Fleet:
    rows = 0
    now = 0.0


@pytest.fixture
def collecting() -> Iterator[tuple[Collecting, Fleet]]:
    fleet, before = Fleet(), gc.get_threshold()
    found = Collecting(lambda: fleet.rows, lambda: fleet.now)
    found.begin()
    yield found, fleet
    found.end()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_what_came_is_taken_out_once_it_is_much(collecting: tuple[Collecting, Fleet]) -> None:
    it, fleet = collecting
    frozen = gc.get_freeze_count()
    kept: list[list[int]] = [[] for _ in range(5000)]
    it.look()
    assert gc.get_freeze_count() == frozen
    fleet.rows = 5000
    it.look()
    assert gc.get_freeze_count() >= frozen + len(kept)


class Ring:
    def __init__(self) -> None:
        self.me = self


def test_everything_is_looked_through_in_quiet_times_alone(collecting: tuple[Collecting, Fleet]) -> None:
    it, fleet = collecting
    gc.disable()
    try:
        ring = Ring()
        fleet.rows = 5000
        it.look()
        del ring
        fleet.now = 599.0
        it.touched()
        fleet.now = 601.0
        it.look()
        assert _rings() == 1, "somebody is typing"
        fleet.now = 632.0
        it.look()
        assert _rings() == 0
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()


def _rings() -> int:
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    found = sum(isinstance(one, Ring) for one in gc.get_objects())
    if frozen:
        gc.freeze()
    return found
