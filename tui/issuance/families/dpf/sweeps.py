"""Cleaning up after a request that was kept: what it has written down as left over goes when its grace is over.

Nothing is lost where this process ends before: the request itself says what is left, to whoever keeps it next.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tui.issuance.errors import IssuanceError, explain
from tui.issuance.model.cluster_time import now_at
from tui.issuance.model.types import Address, StepStatus
from tui.issuance.transaction.running import Run
from tui.issuance.transaction.work import Context
from tui.kube import limits
from tui.kube.errors import KubeError, NotFound

from .requesting import sweep_leftovers


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A request that has written down what may go from `due` on, by the clock of its cluster."""

    address: Address
    due: datetime


_TICK: Final = 5.0
"""The longest sleep: the wall clock may jump, so it is looked at again."""


class Sweeps:
    """The timers of one engine."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._left: dict[str, str] = {}
        """By plan: what could not be removed, and why."""

    def schedule(self, sweep: Sweep, run: Run, step: str) -> None:
        """Remove it when it is due, and tell whoever watched the run."""
        run.report(run.result(step, StepStatus.RUNNING, f"due at {sweep.due:%H:%M:%S} UTC"))
        task = asyncio.create_task(self._wait_and_sweep(sweep, run, step))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def left_of(self, plan: str) -> tuple[str, ...]:
        """What this plan was to remove and has not, in words."""
        return (self._left[plan],) if plan in self._left else ()

    async def settle(self) -> None:
        """Wait for all of them."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def aclose(self) -> None:
        """Stop the timers."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_and_sweep(self, sweep: Sweep, run: Run, step: str) -> None:
        with limits.apart():  # whoever began this has its own time, which is long over by then
            await self._wait(sweep)
            with limits.within(limits.REVOKING):
                await self._sweep(sweep, run, step)

    async def _wait(self, sweep: Sweep) -> None:
        while True:
            left = (sweep.due - await self._now(sweep)).total_seconds()
            if left <= 0:
                break
            await asyncio.sleep(min(left, _TICK))

    async def _sweep(self, sweep: Sweep, run: Run, step: str) -> None:
        try:
            notes = await sweep_leftovers(self._context, sweep.address)
            done = run.result(step, StepStatus.DONE, "; ".join(notes) or "was gone already")
        except NotFound as error:
            if error.gone:
                done = run.result(step, StepStatus.DONE, "went with the request")
            else:
                done = run.result(step, StepStatus.FAILED, f"{error.message}; whether the request is gone is not known")
        except (KubeError, IssuanceError) as error:
            message = f"{explain(error)[0]}; the request says what is left: keep it again"
            done = run.result(step, StepStatus.FAILED, message)
            self._left[run.plan.id] = done.message
        with contextlib.suppress(IssuanceError):
            await run.journal(done)
        run.report(done)

    async def _now(self, sweep: Sweep) -> datetime:
        """The time in the request's cluster, by which it says what may go."""
        try:
            client = await self._context.clusters.client(sweep.address.cluster)
        except (KubeError, IssuanceError):
            return self._context.clock()
        return now_at(client, self._context.clock)
