"""Running the steps of a plan: one result per step, to whoever watches and to the journal, and errors as one line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from tui.issuance.errors import IssuanceError, StepFailed, blamed, explain
from tui.issuance.model.types import Credential, Outcome, Plan, StepInfo, StepResult, StepStatus
from tui.issuance.records.journal import scrub
from tui.issuance.records.state import KEPT, StateStore
from tui.issuance.records.whereabouts import Whereabouts
from tui.kube import limits
from tui.kube.text import safe_text
from tui.kube.warnings import hearing

UNDO: Final = "undo"
"""The step of every plan that takes back what came before it; it has some time of its own."""
OnStep = Callable[[StepResult], None]
Stamps = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Whereabouts]]]
"""What the clusters are that the records name which the journal is to be told; see `whose`."""


class Note:
    """What a running step wants to say when it is done, and what the journal must keep with it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.message = ""
        self.status = StepStatus.DONE
        self.record: dict[str, Any] = {}
        self.warnings: list[str] = []
        """What servers warned of meanwhile."""

    @property
    def text(self) -> str:
        """The message, and what servers warned of."""
        return "; ".join([*([self.message] if self.message else []), *(f"warning: {one}" for one in self.warnings)])

    def hint(self, text: str) -> None:
        """Say something that stays to be known or done, whatever comes."""
        self.run.hints.append(text)

    def skip(self, message: str) -> None:
        """The step turned out not to be needed, or not to be possible; the plan goes on."""
        self.status, self.message = StepStatus.SKIPPED, message


class Run:
    """One execution of one plan. `checkpoint` is called around every step, so that tests can end the process there."""

    def __init__(
        self,
        plan: Plan,
        state: StateStore,
        clock: Callable[[], datetime],
        on_step: OnStep | None,
        checkpoint: Callable[[str], None],
        stamps: Stamps | None = None,
    ) -> None:
        self.plan = plan
        self.state = state
        self.clock = clock
        self.results: list[StepResult] = []
        self.hints: list[str] = []
        self.left: list[str] = []
        """What could not be done although the plan goes on; see `Outcome.left`."""
        self._on_step = on_step
        self._stamps = stamps
        self._checkpoint = checkpoint
        self._warned: set[str] = set()
        self._titles = {step.id: step.title for step in plan.steps}

    def lengthen(self, grace: timedelta, reasons: Sequence[str], later: Sequence[StepInfo]) -> None:
        """What is replaced works longer than was planned; `later` is what comes after by itself, as it is called."""
        steps = {step.id: step for step in self.plan.steps} | {step.id: step for step in later}
        self.plan = msgspec.structs.replace(
            self.plan, grace=grace, grace_for=tuple(reasons), steps=tuple(steps.values())
        )
        self._titles |= {step.id: step.title for step in later}

    def result(self, step: str, status: StepStatus, message: str = "") -> StepResult:
        """A result of this plan, now."""
        return StepResult(
            plan=self.plan.id,
            step=step,
            title=safe_text(self._titles.get(step, step)),
            status=status,
            at=self.clock(),
            message=scrub(safe_text(message, 1000)),
        )

    def report(self, result: StepResult) -> None:
        """Keep a result and show it. RUNNING is only shown: it is not how anything ended."""
        if result.status is not StepStatus.RUNNING:
            self.results.append(result)
        if self._on_step is not None:
            self._on_step(result)

    @contextlib.asynccontextmanager
    async def step(self, step: str) -> AsyncIterator[Note]:
        """Run one step: shown when it begins, journaled and shown when it ends. Raises StepFailed where it fails."""
        self.report(self.result(step, StepStatus.RUNNING))
        self._checkpoint(f"before:{step}")
        note = Note(self)

        def warned(text: str) -> None:
            if text not in self._warned:  # each of them once
                self._warned.add(text)
                note.warnings.append(text)

        try:
            with hearing(warned), limits.to_undo() if step == UNDO else contextlib.nullcontext():
                yield note
            self._checkpoint(f"unrecorded:{step}")
            done = self.result(step, note.status, note.text)
            await self.journal(done, **note.record)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever breaks, the plan must be undone like any other failure
            message, hint = explain(error)
            failed = self.result(step, StepStatus.FAILED, message)
            with contextlib.suppress(IssuanceError):  # the disk may be what failed; the outcome still says so
                await self.journal(failed)
            self.report(failed)
            raise StepFailed(step, message, hint, blamed(error)) from error
        self.report(done)
        self._checkpoint(f"after:{step}")

    async def journal(self, *results: StepResult, **changes: Any) -> None:
        """Write to the journal, off the event loop: it waits for the disk. Records are stamped with what their clusters
        are."""
        if self._stamps is not None and KEPT & changes.keys():
            changes["at"] = await self._stamps(changes)
        await asyncio.to_thread(self.state.record, self.plan.action, self.plan.address, *results, **changes)

    def outcome(self, *, credential: Credential | None, failure: StepFailed | None = None) -> Outcome:
        """How it all ended."""
        hints = [failure.hint] if failure and failure.hint else []
        return Outcome(
            plan=self.plan.id,
            action=self.plan.action,
            address=self.plan.address,
            ok=failure is None,
            results=tuple(self.results),
            credential=credential,
            error=failure.message if failure else "",
            hint="; ".join(dict.fromkeys(hints + self.hints)),
            left=tuple(self.left),
            grace=self.plan.grace,
            grace_for=self.plan.grace_for,
            blames=failure.blames if failure else "",
        )
