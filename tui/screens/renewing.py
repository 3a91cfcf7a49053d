"""The renewal loop of the dashboard: the core decides what is due and when, and jobs do it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from textual.worker import Worker

from tui.actions import jobs
from tui.actions.jobs import Task
from tui.actions.rotating import ROTATE
from tui.fleet.renewal_leases import RenewalLeases
from tui.fleet.renewing import watched, why_not_asked
from tui.fleet.rows import CredentialRow
from tui.issuance import Action, Address, Credential, LoopLook, Outcome, RenewalLoop, Watched, human_left, renews

from .session import Session


@dataclass(frozen=True, slots=True)
class LoopWish:
    """What the loop is to keep: these, or everything; and whether also what DPF's controller renews."""

    only: frozenset[Address] | None = None
    take_over: bool = False


class Host(Protocol):
    """What runs workers; the application does."""

    def run_worker(
        self, work: Awaitable[None], *, group: str, exclusive: bool, exit_on_error: bool
    ) -> Worker[None]: ...


class Renewing:
    """Off until the user switches it on; then one loop for everything it keeps."""

    def __init__(self, session: Session, host: Host) -> None:
        self._session = session
        self._host = host
        self._loop: RenewalLoop | None = None
        self._worker: Worker[None] | None = None
        self._ended = asyncio.Event()

    @property
    def on(self) -> bool:
        return self._loop is not None

    @property
    def look(self) -> LoopLook:
        """What the loop last found."""
        return self._loop.last if self._loop is not None else LoopLook()

    def candidates(self, wish: LoopWish) -> LoopLook:
        """What a loop with this wish would find now."""
        return self._made(wish).look()

    def start(self, wish: LoopWish) -> None:
        """Switch it on."""
        self.off()
        fleet = self._session.fleet
        assert fleet is not None
        loop = self._loop = self._made(wish)
        leases = RenewalLeases(fleet.client, self._session.engine.state.export_record, changed=loop.wake, needed=False)
        loop.claim = leases.claim
        self._ended = asyncio.Event()
        self._worker = self._host.run_worker(
            _run(loop, leases, self._ended), group="renewal-loop", exclusive=True, exit_on_error=False
        )

    def off(self) -> None:
        """Begin nothing more. Jobs that run are finished."""
        if self._worker is not None:
            self._worker.cancel()
        self._loop = self._worker = None

    async def aclose(self) -> None:
        """Switch it off and wait until its Leases are given back."""
        if self._worker is not None:
            self.off()
            await self._ended.wait()

    def wake(self) -> None:
        """The fleet changed."""
        if self._loop is not None:
            self._loop.wake()

    def keeps(self, credential: Credential) -> str:
        """What the loop says of one credential; empty where it is off, or not asked to keep it."""
        loop, address = self._loop, credential.address
        if loop is None or not renews(credential, {}) or (loop.only is not None and address not in loop.only):
            return ""
        why = loop.last.left.get(address)
        return f"left alone: {why}" if why else "renews it when it is due"

    def said(self, now: datetime) -> str:
        """How it stands, for the header; empty while it is off."""
        if self._loop is None:
            return ""
        look = self._loop.last
        parts = [f"{look.watched} watched"]
        if look.due:
            parts.append(f"{len(look.due)} due now")
        elif look.next_at is not None and look.next_at > now:
            parts.append(f"next in {human_left(look.next_at - now)}")
        if look.left:
            parts.append(f"{len(look.left)} left alone")
        if look.failing:
            parts.append(f"{look.failing} failing")
        return ", ".join(parts)

    def _made(self, wish: LoopWish) -> RenewalLoop:
        session = self._session
        return RenewalLoop(
            source=self._source,
            renew=self._renew,
            renewed_by=None if wish.take_over else session.engine.renewed_by,
            revoked=session.engine.revoked,
            read=session.engine.lookup,
            only=wish.only,
            clock=session.clock,
        )

    def _source(self) -> list[Watched]:
        session = self._session
        rows: list[CredentialRow] = list(session.store.credentials.values())
        if session.fleet is None:
            return []
        return list(
            watched(
                rows,
                session.fleet,
                clock=session.clock,
                read_only=session.read_only_in,
                cannot=lambda cluster: why_not_asked(session.store.clusters.get(cluster)),
                undone=session.undone,
            )
        )

    async def _renew(self, addresses: Sequence[Address]) -> list[Outcome]:
        tasks = [jobs.task(self._session, ROTATE, address) for address in addresses]
        job = self._session.jobs.begin("renew", tasks, quiet=True)
        await job.over.wait()
        return [_outcome(address, task) for address, task in zip(addresses, tasks, strict=True)]


async def _run(loop: RenewalLoop, leases: RenewalLeases, ended: asyncio.Event) -> None:
    """Until it is cancelled; then other loops may have the clusters at once."""
    try:
        await loop.run()
    finally:
        await leases.aclose()
        ended.set()


def _outcome(address: Address, task: Task) -> Outcome:
    """How a task ended; one that could not even be planned is a failure too."""
    return task.outcome or Outcome(
        plan="", action=Action.ROTATE, address=address, ok=False, results=(), error=task.message, hint=task.hint
    )
