"""Revoking old handles when their grace is over: by a timer here, by the journal's record wherever that is lost.

The record decides, and it is looked at under the lock of the credential: whoever takes it out (an undo) keeps the
handle, and a timer that comes too late finds nothing to do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import FORGOTTEN, GIVEN_UP, ChangedMeanwhile, IssuanceError, UsageError, explain
from tui.issuance.model.types import Address, Handle, StepResult, StepStatus
from tui.issuance.objects.deleting import NotGone
from tui.issuance.records.grace_time import due_here, left
from tui.issuance.records.intent import Revocation
from tui.issuance.records.locks import Locks
from tui.issuance.records.state_file import StateGone
from tui.issuance.trust import handles, whose
from tui.kube import limits
from tui.kube.errors import APIError, Denied, Forbidden, KubeError, OutOfTime, ReadOnly, Unreachable

from . import dead_tokens, ending
from .running import Run
from .work import Context

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive

_PAUSES: Final = (1.0, 4.0, 15.0)
"""The longest seconds between tries while a cluster is away; after the last the journal keeps it for the next start."""
_TICK: Final = 5.0
"""The longest sleep: the wall clock may jump (a suspended laptop), so it is looked at again."""
_BUSY: Final = 0.5
"""Seconds until a credential that another process works on is tried again."""


@dataclass(slots=True, eq=False)
class Grace:
    """One old handle and what is kept of it until it goes."""

    revocation: Revocation
    token: Sensitive | None
    """The old token, in this process alone: what an undo puts back."""
    look: asyncio.Event = field(default_factory=asyncio.Event)


class Graces:
    """The timers of one engine."""

    def __init__(self, context: Context, locks: Locks) -> None:
        self._context = context
        self._locks = locks
        self._tasks: dict[asyncio.Task[None], Grace] = {}
        self._left: dict[str, dict[Handle, str]] = {}
        """By plan: the old handles that were to go and are there still, and why."""

    @property
    def running(self) -> list[Revocation]:
        """The revocations that wait for their time here."""
        return [grace.revocation for grace in self._tasks.values()]

    def schedule(self, revocation: Revocation, run: Run, step: str, token: Sensitive | None = None) -> None:
        """Revoke when due, and tell whoever watched the run. The journal knows of it already."""
        due = due_here(revocation, self._context.clock).strftime("%H:%M:%S")
        run.report(run.result(step, StepStatus.RUNNING, f"due at {due} UTC"))
        grace = Grace(revocation, token)
        task = asyncio.create_task(self._wait_and_revoke(grace, run, step))
        self._tasks[task] = grace
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def knows(self, handle: Handle) -> bool:
        """Whether a timer for this handle runs here."""
        return any(grace.revocation.handle == handle for grace in self._tasks.values())

    def token(self, handle: Handle) -> Sensitive | None:
        """The token bound to an old handle, where this process replaced it and its grace still runs."""
        found = (grace.token for grace in self._tasks.values() if grace.revocation.handle == handle)
        return next((token for token in found if token is not None), None)

    def until(self, revocation: Revocation) -> datetime:
        """When it is due, by what this machine's clock says now."""
        return due_here(revocation, self._context.clock)

    def left_of(self, plan: str, late: str = "") -> tuple[str, ...]:
        """What this plan was to end and has not, in words; with `late` also what waits for its end still."""
        waiting = [one.handle.name for one in self.running if late and one.plan == plan]
        said = [f"the old token still works, its handle {name} is not deleted yet: {late}" for name in waiting]
        return (*self._left.get(plan, {}).values(), *said)

    def look_again(self) -> None:
        """An undo or a revocation took a record out: the timers look whether theirs is still there."""
        for grace in self._tasks.values():
            grace.look.set()

    async def settle(self) -> None:
        """Wait for all of them. Whoever waits no longer ends none of them."""
        while self._tasks:
            done, _ = await asyncio.wait(self._tasks)
            for task in done:
                task.result()

    async def aclose(self) -> None:
        """Stop the timers; what is not revoked yet stays in the journal."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _wait_and_revoke(self, grace: Grace, run: Run, step: str) -> None:
        with limits.apart():  # whoever began this has its own time, which is long over by then
            await self._in_time(grace, run, step)

    async def _in_time(self, grace: Grace, run: Run, step: str) -> None:
        revocation, said = grace.revocation, ""
        while (now := left(revocation, await self._context.moment(revocation.handle.cluster))).time:
            if now.words not in ("", said):
                said = now.words
                run.report(run.result(step, StepStatus.RUNNING, said))
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: of a cancellation that comes together with the event it makes nothing.
                async with asyncio.timeout(min(now.time.total_seconds(), _TICK)):
                    await grace.look.wait()
            if grace.look.is_set():
                grace.look.clear()
                with await _locked(self._locks, grace.revocation.address):
                    if not await _recorded(self._context, grace.revocation):
                        run.report(run.result(step, StepStatus.SKIPPED, _KEPT))
                        return
        if await revoke(self._context, self._locks, revocation, run, step, token=grace.token):
            self._left.get(revocation.plan, {}).pop(revocation.handle, None)
        else:
            self._left.setdefault(revocation.plan, {})[revocation.handle] = run.results[-1].message


_KEPT: Final = "nothing is left to do: it was revoked meanwhile, or is in use again"


async def revoke(
    context: Context,
    locks: Locks,
    revocation: Revocation,
    run: Run,
    step: str,
    *,
    token: Sensitive | None = None,
    tidy: Callable[[str], Awaitable[None]] | None = None,
) -> bool:
    """Revoke one old handle now, patiently; False where it stays for the next start.

    The server is asked whether it refuses the old `token`, where it is at hand. `tidy` comes after the handle, is
    told what became of that, and comes before the journal is told that all is done.
    """
    with limits.within(limits.REVOKING):
        return await _revoke(context, locks, revocation, run, step, token, tidy)


async def _revoke(
    context: Context,
    locks: Locks,
    revocation: Revocation,
    run: Run,
    step: str,
    token: Sensitive | None,
    tidy: Callable[[str], Awaitable[None]] | None,
) -> bool:
    failures: list[KubeError | IssuanceError] = []
    done: StepResult | None = None
    for pause in (*_PAUSES, None):
        try:
            with await _locked(locks, revocation.address):
                journaled = await asyncio.to_thread(context.state.revocation, revocation.handle)
                if journaled is None:
                    run.report(run.result(step, StepStatus.SKIPPED, _KEPT))
                    return True
                revocation = msgspec.structs.replace(revocation, at=journaled.at)
                family = await context.families.of(revocation.address)
                where = "" if revocation.ending else await family.in_use_again(context, revocation)
                if where:
                    kept = run.result(step, StepStatus.FAILED, _put_back(where))
                    await run.journal(kept)  # and not forgotten: it ends once it lies there no more
                    run.report(kept)
                    return False
                said, gone = await end(context, revocation, token, tidy)
                done = run.result(step, StepStatus.DONE, f"handle {revocation.handle.name} {said}")
                await run.journal(done, **gone)
        except (KubeError, IssuanceError) as error:
            failures.append(error)
            if pause is not None and _worth_another_try(error):
                # Many may have failed at the same moment.
                await asyncio.sleep(min(pause * context.jitter(), limits.left() or 0.0))
                continue
            message, hint = explain(error)
            so_far = f"{done.message}, which could not be journaled" if done is not None else not_ended(failures)
            known = f"{so_far}: {message}" + (f" ({hint})" if hint else "")
            given_up = isinstance(error, handles.NotAHandle) and error.for_good
            failed = run.result(step, StepStatus.FAILED, f"{known}; {GIVEN_UP}" if given_up else known)
            try:
                await run.journal(failed, **({"revoked": revocation.handle} if given_up else {}))
            except StateGone:
                failed = run.result(step, StepStatus.FAILED, f"{known}; {FORGOTTEN}")
            except IssuanceError:
                pass
            run.report(failed)
            return False
        run.report(done)
        return True
    raise AssertionError("the last try returns")


async def end(
    context: Context,
    revocation: Revocation,
    token: Sensitive | None = None,
    tidy: Callable[[str], Awaitable[None]] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Delete the handle that an open revocation names: how that went, and what the journal is to be told with it.

    The lock of its credential is held. Raises KubeError, NotAHandle, NotGone, AnotherCluster where it did not end.
    """
    verdict = await whose.of_revocation(context, revocation)
    wanted = handles.journaled(revocation)
    if revocation.trial and not wanted.handle.uid:  # whoever was making it did not live to learn its UID
        said = await handles.discard(context.clusters, wanted.handle, revocation.plan, wanted.account)
    else:
        said = await handles.delete(context.clusters, wanted)
    if handles.is_absent(said) or said == handles.NEVER:
        whose.refuse_absent(context, revocation, verdict)
    if token is not None and revocation.old is not None:
        said = ending.words(said, await ending.ask(context, revocation.old, token))
    if tidy is not None:
        await tidy(said)
    await (await context.families.of(revocation.address)).tidy(context, revocation)
    handle, fingerprint = revocation.handle, revocation.fingerprint
    gone = dead_tokens.ended(handle, fingerprint, context.clock(), revocation.account_uid, revocation.address)
    return said, {"revoked": handle, **gone}


def not_ended(failures: Sequence[KubeError | IssuanceError]) -> str:
    """What is known of an old token after these failures: an answer that is none may have been to a deletion."""
    refused = (Forbidden, Denied, ReadOnly, handles.NotAHandle)
    if all(isinstance(error, refused) for error in failures):
        return "the old token still works, its handle could not be deleted"
    if all(isinstance(error, UsageError) for error in failures):  # before anything was asked of a server
        return "whether the old token still works could not be checked"
    return "the old token may still work, its handle was not seen to be gone"


async def _locked(locks: Locks, address: Address) -> contextlib.ExitStack:
    """The lock of one credential, waited for while another process works on it."""
    while True:
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locks.hold_aside((address,)))
            except ChangedMeanwhile:
                limits.check()
                await asyncio.sleep(_BUSY)
                continue
            return held.pop_all()


async def _recorded(context: Context, revocation: Revocation) -> bool:
    """Whether it is still to be revoked."""
    return await asyncio.to_thread(context.state.revocation, revocation.handle) is not None


def _put_back(where: str) -> str:
    return (
        f"the old token still works: it was put back into {where} before its grace was over, so it was not "
        "revoked (rotate it again, or revoke it)"
    )


def _worth_another_try(error: Exception) -> bool:
    if isinstance(error, APIError):
        return error.retriable
    return isinstance(error, (Unreachable, NotGone)) and not isinstance(error, OutOfTime)
