"""Engines that die: each runs in a process of its own and ends it, with `os._exit`, at a named point of a plan."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.issuance.arena import Arena, Bench
from tui.issuance.model.types import Address, IssueSpec

KILLED = 86
SURVIVED = 0


class Doomed:
    """Starts doomed processes. A fork server that has everything imported makes each cost milliseconds."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            ["tests.issuance.arena", "tui.issuance.tokens.plans", "tui.issuance.tokens.rotating", "tui.kube.transport"]
        )

    def run(
        self,
        arena: Arena,
        work: IssueSpec | Address,
        point: str,
        *,
        revoke: bool = False,
        undo: bool = False,
        unmake: bool = False,
    ) -> int:
        """Issue a spec, or rotate (or revoke) an address, in a process that ends at `point`; its exit code.

        With `undo` it rotates in peace and ends while it undoes that; with `unmake` while it undoes the issue.
        """
        process = self._context.Process(
            target=_die,
            args=(
                arena.side,
                arena.kubeconfig,
                arena.name,
                arena.folder,
                arena.namespace,
                work,
                point,
                None,
                revoke,
                undo,
                unmake,
            ),
        )
        process.start()
        process.join(30)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"the process did not reach {point}")
        return process.exitcode

    def start_held(self, arena: Arena, work: Address, point: str, gate: Path) -> BaseProcess:
        """Execute `work` in a process that waits at `point`, after making `gate`, until `gate` is gone."""
        process = self._context.Process(
            target=_die,
            args=(arena.side, arena.kubeconfig, arena.name, arena.folder, arena.namespace, work, point, gate),
        )
        process.start()
        deadline = time.monotonic() + 30
        while not gate.exists():
            assert process.exitcode is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return process


def _die(
    side: str,
    kubeconfig: Path,
    name: str,
    folder: Path,
    namespace: str,
    work: IssueSpec | Address,
    point: str,
    gate: Path | None = None,
    revoke: bool = False,
    undo: bool = False,
    unmake: bool = False,
) -> None:
    async def main() -> None:
        grace = timedelta(minutes=5) if undo else timedelta(0)
        async with Bench(Arena(side, kubeconfig, name, folder, namespace), grace=grace) as bench:

            def checkpoint(here: str) -> None:
                if here != point:
                    return
                if gate is None:
                    os._exit(KILLED)
                gate.touch()
                while gate.exists():
                    time.sleep(0.01)

            engine = bench.engine
            if undo:
                assert isinstance(work, Address)
                assert (await engine.execute(await engine.plan_rotate(work))).ok
            engine.checkpoint = checkpoint
            if isinstance(work, IssueSpec):
                plan = await engine.plan(work)
            elif undo:
                plan = await engine.plan_undo(work)
            elif unmake:
                plan = await engine.plan_undo(work, unmake=True)
            elif revoke:
                plan = await engine.plan_revoke(work)
            else:
                plan = await engine.plan_rotate(work)
            outcome = await engine.execute(plan)
            assert outcome.ok, outcome
            await engine.settle()

    asyncio.run(main())
