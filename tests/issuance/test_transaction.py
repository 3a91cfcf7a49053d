"""Transactions by themselves: what is done, taken back and gone on with, whatever the steps are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tui.issuance.errors import IssuanceError, StepFailed
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, StepInfo, StepStatus
from tui.issuance.records.state import StateStore
from tui.issuance.transaction.running import Note, Run
from tui.issuance.transaction.step import Step, Transaction

ADDRESS = Address.parse("file:/a")
NOW = datetime(2030, 1, 2, tzinfo=UTC)


@dataclass
class Trial(Transaction):
    """Steps that write down what happens to them."""

    made: Sequence[Step] = ()
    log: list[str] = field(default_factory=list)
    left: Sequence[Step] | None = None
    sight: Sight = field(default_factory=Sight)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (ADDRESS,)

    @property
    def steps(self) -> Sequence[Step]:
        return self.made

    async def find(self, note: Note) -> Sequence[Step] | None:
        return self.left

    def step(self, name: str, *, fails: bool = False, stuck: bool = False, **fields: object) -> Step:
        async def do(_note: Note) -> None:
            self.log.append(name)
            if fails:
                raise IssuanceError(f"{name} fails")

        async def undo(_note: Note, _failure: StepFailed | None) -> str:
            if stuck:
                raise IssuanceError(f"{name} may still come")
            self.log.append(f"-{name}")
            return f"{name} taken back"

        return Step(info=StepInfo(id=name, title=name), do=do, undo=undo, **fields)  # type: ignore[arg-type]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    store = StateStore.open(tmp_path / "state")
    yield store
    store.close()


def run_of(state: StateStore, trial: Trial) -> Run:
    return Run(trial.plan("p", Action.ISSUE, ADDRESS), state, lambda: NOW, None, lambda _point: None)


async def outcome(state: StateStore, trial: Trial, *, settle: bool = False) -> Run:
    run = run_of(state, trial)
    try:
        await (trial.settle(run) if settle else trial.run(run))
    except StepFailed as failure:
        trial.log.append(f"!{failure.step}")
    return run


async def test_all_steps_are_done_in_order_and_shown_as_planned(state: StateStore) -> None:
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b")]
    run = await outcome(state, trial)
    assert trial.log == ["a", "b"]
    assert [step.id for step in run.plan.steps] == [result.step for result in run.results] == ["a", "b"]
    assert [entry.step for entry in state.entries()] == ["a", "b"]


async def test_what_fails_is_taken_back_with_what_came_before_it_the_latest_first(state: StateStore) -> None:
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b"), trial.step("c", fails=True), trial.step("d")]
    run = await outcome(state, trial)
    assert trial.log == ["a", "b", "c", "-c", "-b", "-a", "!c"]
    assert run.results[-1].status is StepStatus.UNDONE
    assert run.results[-1].message == "as it was before (c taken back; b taken back; a taken back)"


async def test_of_a_step_that_is_whole_nothing_was_done_where_it_fails(state: StateStore) -> None:
    trial = Trial()
    trial.made = [trial.step("a", fails=True, whole=True), trial.step("b")]
    run = await outcome(state, trial)
    assert trial.log == ["a", "!a"]
    assert [result.step for result in run.results] == ["a"]
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b", fails=True, whole=True)]
    await outcome(state, trial)
    assert trial.log == ["a", "b", "-a", "!b"]


async def test_nothing_is_taken_back_before_a_step_that_may_still_come(state: StateStore) -> None:
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b", stuck=True), trial.step("c", fails=True)]
    run = await outcome(state, trial)
    assert trial.log == ["a", "b", "c", "-c", "!c"]
    assert run.results[-1].status is StepStatus.FAILED
    assert run.hints == ["the rest is cleaned up when kubemint starts next"]


async def test_what_is_final_stays_and_what_is_kept_is_left_to_the_next_start(state: StateStore) -> None:
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b", final=True), trial.step("c"), trial.step("d", fails=True)]
    await outcome(state, trial)
    assert trial.log == ["a", "b", "c", "d", "-d", "-c", "!d"]
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b", fails=True, kept="goes on later")]
    run = await outcome(state, trial)
    assert trial.log == ["a", "b", "!b"]
    assert run.hints == ["goes on later"]
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b", fails=True, kept=lambda _failure: "")]
    await outcome(state, trial)
    assert trial.log == ["a", "b", "-b", "-a", "!b"]


async def test_a_start_after_a_crash_does_what_is_left_or_takes_all_back(state: StateStore) -> None:
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b")]
    trial.left = trial.made[1:]
    await outcome(state, trial, settle=True)
    assert trial.log == ["b"]
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b")]
    run = await outcome(state, trial, settle=True)
    assert trial.log == ["-b", "-a"]
    assert [result.step for result in run.results] == ["find", "undo"]


async def test_what_fails_after_a_crash_is_not_taken_back_but_tried_again(state: StateStore) -> None:
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b", fails=True)]
    trial.left = trial.made[1:]
    await outcome(state, trial, settle=True)
    assert trial.log == ["b", "!b"]
    trial = Trial()
    trial.made = [trial.step("a"), trial.step("b", stuck=True)]
    await outcome(state, trial, settle=True)
    assert trial.log == ["!undo"]
