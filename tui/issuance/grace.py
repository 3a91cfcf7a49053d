"""Revoking old handles when their grace is over: by a timer here, by the journal's record wherever that is lost."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from tui.kube.errors import APIError, KubeError, NotFound, Unreachable

from . import handles
from .errors import IssuanceError
from .intent import Revocation
from .running import Run, explain
from .types import Address, CredentialKind, Handle, StepStatus
from .work import Context

_PAUSES: Final = (1.0, 4.0, 15.0)
"""The longest seconds between tries while a cluster is away; after the last the journal keeps it for the next start."""
_TICK: Final = 5.0
"""The longest sleep: the wall clock may jump (a suspended laptop), so it is looked at again."""


class Graces:
    """The timers of one engine."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tasks: dict[asyncio.Task[None], Handle] = {}

    def schedule(self, revocation: Revocation, run: Run, step: str) -> None:
        """Revoke when due, and tell whoever watched the run. The journal knows of it already."""
        due = revocation.due.strftime("%H:%M:%S")
        run.tell(run.result(step, StepStatus.RUNNING, f"due at {due} UTC"))
        task = asyncio.create_task(self._wait_and_revoke(revocation, run, step))
        self._tasks[task] = revocation.handle
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def knows(self, handle: Handle) -> bool:
        """Whether a timer for this handle runs here."""
        return handle in self._tasks.values()

    async def settle(self) -> None:
        """Wait for all of them."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def aclose(self) -> None:
        """Stop the timers; what is not revoked yet stays in the journal."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _wait_and_revoke(self, revocation: Revocation, run: Run, step: str) -> None:
        while True:
            left = (revocation.due - self._context.clock()).total_seconds()
            if left <= 0:
                break
            await asyncio.sleep(min(left, _TICK))
        await revoke(self._context, revocation, run, step)


async def revoke(context: Context, revocation: Revocation, run: Run, step: str) -> bool:
    """Revoke one old handle now, patiently; False where it stays for the next start."""
    for pause in (*_PAUSES, None):
        try:
            said = await handles.delete(context.clusters, revocation.handle, revocation.address.kind)
            if revocation.address.kind is CredentialKind.REQUEST:
                await _tidy_request(context, revocation.address)
            done = run.result(step, StepStatus.DONE, f"handle {revocation.handle.name} {said}")
            await run.journal(done, revoked=revocation.handle)
        except (KubeError, IssuanceError) as error:
            if pause is not None and _worth_another_try(error):
                await asyncio.sleep(pause * context.jitter())  # many may have failed at the same moment
                continue
            message, hint = explain(error)
            failed = run.result(
                step,
                StepStatus.FAILED,
                f"the old handle could not be deleted: {message}" + (f" ({hint})" if hint else ""),
            )
            given_up = isinstance(error, handles.NotAHandle)  # it will be none tomorrow either
            with contextlib.suppress(IssuanceError):
                await run.journal(failed, **({"revoked": revocation.handle} if given_up else {}))
            run.tell(failed)
            return False
        run.tell(done)
        return True
    raise AssertionError("the last try returns")


async def _tidy_request(context: Context, address: Address) -> None:
    """A request also says in itself what it has left over, for whoever keeps it; take out what is gone now."""
    from .requesting import sweep_leftovers

    with contextlib.suppress(NotFound):
        await sweep_leftovers(context, address)


def _worth_another_try(error: Exception) -> bool:
    return isinstance(error, Unreachable) or (isinstance(error, APIError) and error.retriable)
