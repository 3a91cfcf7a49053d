"""After a crash: finish what was published, undo what was not, revoke what is due.

What is open in the journal and not locked belongs to a process that died. If any of its places holds the new
token, that token is the one people use: the rest is finished. If none does, its handle is deleted and nothing happened.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

from tui.issuance.destinations.file import is_missing
from tui.issuance.destinations.kubeconfig_lock import release_dead
from tui.issuance.destinations.registry import places_for
from tui.issuance.errors import ChangedMeanwhile, IssuanceError, StepFailed, explain
from tui.issuance.model.types import Action, Address, Outcome, Plan, State, StepInfo, StepStatus
from tui.issuance.records.grace_time import Left, left
from tui.issuance.records.intent import Intent, Revocation
from tui.issuance.records.leftover_files import sweep_noted
from tui.issuance.records.locks import Locks
from tui.issuance.trust.whose import insist_on_plan
from tui.kube.errors import KubeError

from . import ending
from .after_ending import dead, delete_secret, secrets_of
from .grace import Graces, revoke
from .running import OnStep, Run
from .step import FIND
from .work import Context, Finished

_REMEMBERED = timedelta(days=30)
"""How long a file is remembered that is gone and whose token has expired: the disk it lies on may come back."""
_TITLES = {
    FIND: "See how far it came",
    "prove": "Prove what was issued again",
    "commit": "Finish what was published",
    "undo": "Undo what was not",
    "revoke": "Revoke the old one",
}


class Recovery:
    """One look at what is open."""

    def __init__(self, context: Context, locks: Locks, graces: Graces, on_step: OnStep | None) -> None:
        self._context = context
        self._locks = locks
        self._graces = graces
        self._on_step = on_step

    async def run(self) -> list[Outcome]:
        """Everything open, oldest first; then every old handle whose grace is over. Others keep their timers."""
        state = self._context.state
        await asyncio.to_thread(sweep_noted, state.folder, release_dead)
        intents = await asyncio.to_thread(state.open_plans)
        outcomes = await _each([(one.spec.identity.cluster, partial(self._settle, one)) for one in intents])
        over = []
        for revocation in await asyncio.to_thread(state.revocations):
            if self._graces.knows(revocation.handle):
                continue  # this engine's own timer does it
            if revocation.trial and self._locks.held(revocation.watch):
                continue  # it is being shown; whoever shows it ends it
            run = self._begin(revocation.plan, revocation.address)
            if not (await self._left(revocation)).time:
                over.append((revocation.handle.cluster, partial(self._revoke, revocation, run)))
            else:
                self._graces.schedule(revocation, run, "revoke")
        outcomes += await _each(over)
        await asyncio.to_thread(self._forget)
        return outcomes

    async def _left(self, revocation: Revocation) -> Left:
        """How long its grace period still lasts. Where this machine was started since, the cluster's counts as well."""
        cluster, begun = revocation.handle.cluster, revocation.begun
        now = await self._context.moment(cluster)
        if begun is not None and now.skew is None and (not begun.boot or begun.boot != now.boot):
            with contextlib.suppress(KubeError, IssuanceError):  # who does not answer revokes nothing either
                await (await self._context.clusters.client(cluster)).version()
            now = await self._context.moment(cluster)
        return left(revocation, now)

    def _forget(self) -> None:
        """Files that are gone with a token that was revoked, or has been dead for long, need no record any more."""
        state, long_ago = self._context.state, self._context.clock() - _REMEMBERED
        over = []
        for credential in state.exports():
            ended = credential.expires_at is not None and credential.expires_at < long_ago
            if (ended or credential.state is State.REVOKED) and is_missing(credential.address):
                over.append(credential.address)
        if over:
            state.record(Action.RECOVER, over[0], forget=over)

    async def _settle(self, intent: Intent) -> Outcome | None:
        run = self._begin(intent.plan, intent.address)
        try:
            places = places_for(intent.spec, self._context.clusters, self._context.state, intent.request)
            addresses = dict.fromkeys((intent.address, *(place.address for place in places)))
            with self._locks.hold_aside(tuple(addresses)):
                # Read anew under the lock: its owner may have gone on, or have finished it, until a moment ago.
                now = await asyncio.to_thread(self._context.state.open_plan, intent.plan)
                if now is None:
                    return None
                await insist_on_plan(self._context, now)
                work = await self._context.families.of_intent(now).as_left(self._context, now)
                finished = await work.settle(run)
        except ChangedMeanwhile:
            return None  # another process is at it right now
        except StepFailed as failure:
            return run.outcome(credential=None, failure=failure)
        except (KubeError, IssuanceError, OSError) as error:
            return run.outcome(credential=None, failure=StepFailed(FIND, *explain(error)))
        return self._done(run, finished)

    def _done(self, run: Run, finished: Finished) -> Outcome:
        for number, revocation in enumerate(finished.revocations):
            self._graces.schedule(revocation, run, f"revoke:{number}")
        return run.outcome(credential=finished.credential)

    async def _revoke(self, revocation: Revocation, run: Run) -> Outcome:
        """Delete the old handle; of a revocation that died half-way also what it had not come to."""
        records = await asyncio.to_thread(self._context.state.export_records)
        exports = tuple(record for record in records if record.credential.handle == revocation.handle)

        async def tidy(said: str) -> None:
            """The token has ended by then: a place that cannot be reached does not prevent that."""
            known = (*secrets_of(revocation.address, exports), *revocation.secrets)
            for secret in dict.fromkeys(known) if revocation.ending else ():
                try:
                    await delete_secret(self._context, secret, revocation.handle, revocation.fingerprint)
                except (KubeError, IssuanceError) as error:
                    run.left.append(
                        f"{secret} could not be tidied: {explain(error)[0]}; of its token {ending.of_handle(said)}"
                    )

        if not await revoke(self._context, self._locks, revocation, run, "revoke", tidy=tidy):
            return run.outcome(credential=None, failure=StepFailed("revoke", run.results[-1].message, ""))
        ended = run.results[-1]
        held = ending.held_until(ended.message, self._context.clock())
        for export in exports if ended.status is StepStatus.DONE else ():  # else another client did, or uses it again
            await asyncio.to_thread(self._context.state.record_export, dead(export, said=ended.message, held=held))
        return run.outcome(credential=None)

    def _begin(self, plan: str, address: Address) -> Run:
        steps = tuple(StepInfo(id=key, title=title) for key, title in _TITLES.items())
        shown = Plan(id=plan, action=Action.RECOVER, address=address, steps=steps)
        context = self._context
        return Run(shown, context.state, context.clock, self._on_step, lambda _point: None, context.whose.stamps)


async def _each(work: Sequence[tuple[str, Callable[[], Awaitable[Outcome | None]]]]) -> list[Outcome]:
    """What concerns one cluster in its order, the clusters beside each other: one that hangs holds up no other."""
    found: dict[int, Outcome] = {}
    queues: dict[str, list[int]] = {}
    for number, (cluster, _) in enumerate(work):
        queues.setdefault(cluster, []).append(number)

    async def one_by_one(queue: list[int]) -> None:
        for number in queue:
            outcome = await work[number][1]()
            if outcome is not None:
                found[number] = outcome

    for ended in await asyncio.gather(*map(one_by_one, queues.values()), return_exceptions=True):
        if ended is not None:
            raise ended
    return [found[number] for number in sorted(found)]
