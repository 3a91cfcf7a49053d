"""Two processes that rotate the same credential at the same moment, again and again, and what is left after each round.

Each is a kubemint of its own: its own engine, its own clients. They share the state folder, as two shells of one
operator do, or have one each, as two operators on two machines.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tests.issuance.arena import Arena, Bench, new_arena, token_in
from tui.issuance.errors import ChangedMeanwhile, IssuanceError
from tui.issuance.model.claims import read_token
from tui.issuance.model.types import Address
from tui.kube.errors import KubeError
from tui.kube.sensitive import Sensitive

ROTATED = "rotated"
REFUSED = "refused"


@dataclass
class Tally:
    """What a number of rounds came to."""

    rounds: int = 0
    rotated: int = 0
    refused: int = 0
    orphaned: list[str] = field(default_factory=list)
    """Handles that nobody uses and nobody will revoke."""
    lost: list[str] = field(default_factory=list)
    """Rounds after which what is kept does not let anybody in."""
    other: list[str] = field(default_factory=list)
    """Anything that was neither done nor refused for what somebody else did."""

    def problems(self) -> list[str]:
        """What must not be, in words."""
        found = [f"orphaned: {name}" for name in self.orphaned] + [f"lost: {where}" for where in self.lost]
        return found + [f"neither done nor refused: {what}" for what in self.other]

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds: {self.rotated} rotated, {self.refused} refused, {len(self.orphaned)} orphaned, "
            f"{len(self.lost)} lost, {len(self.other)} other"
        )


RACES: Final = {
    "one file": (True, ("state", "state")),
    "one Secret": (False, ("state", "state")),
    "one Secret, two machines": (False, ("state", "other-state")),
}
"""Whether it is a file, and the state folders of both."""


def on_a_fleet(name: str, rounds: int) -> Tally:
    """One of `RACES` on an embedded fleet of its own."""
    from tui.demo.running import FleetThread

    with tempfile.TemporaryDirectory() as folder, FleetThread(accounts=2) as fleet:
        arena = new_arena("embedded", fleet.kubeconfig, "harbor", Path(folder), fleet)
        return asyncio.run(run(arena, name, rounds))


async def run(arena: Arena, name: str, rounds: int) -> Tally:
    """One of `RACES` from an issue on."""
    file, states = RACES[name]
    async with Bench(arena) as bench:
        issued = await bench.issue(arena.spec(arena.file() if file else arena.secret()))
    return await race(arena, issued.address, rounds, states=states)


async def race(arena: Arena, address: Address, rounds: int, *, states: tuple[str, str] = ("state", "state")) -> Tally:
    """Two processes rotate `address`, which is there already, `rounds` times at once; looked at after each."""
    tally = Tally()
    async with Bench(arena) as judge:
        with _rotators(arena, address, states) as both:
            for number in range(rounds):
                for one in both:
                    one.send(random.random() * 0.1)
                for said in [await asyncio.to_thread(one.recv) for one in both]:
                    tally.rotated += said == ROTATED
                    tally.refused += said == REFUSED
                    if said not in (ROTATED, REFUSED):
                        tally.other.append(f"round {number}: {said}")
                tally.rounds += 1
                await _look(judge, address, tally, number)
    return tally


async def _look(judge: Bench, address: Address, tally: Tally, number: int) -> None:
    token = await _kept(judge, address)
    bound = read_token(token).bound
    handles = await judge.handles()
    if not await judge.works(token) or bound is None or bound.name not in handles:
        tally.lost.append(f"round {number}")
    known = {one.handle.name for one in judge.state.revocations()}
    orphans = [name for name in handles if name not in known and (bound is None or name != bound.name)]
    tally.orphaned += [name for name in orphans if name not in tally.orphaned]


async def _kept(judge: Bench, address: Address) -> Sensitive:
    if address.cluster:
        material = await judge.engine.material(address)
        path = judge.arena.folder / "looked-at.kubeconfig"
        await asyncio.to_thread(path.write_bytes, material.reveal_bytes())
        return token_in(path)
    return token_in(Path(address.name))


@contextmanager
def _rotators(arena: Arena, address: Address, states: tuple[str, str]) -> Iterator[list[Connection[Any, Any]]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.race", "tui.issuance.tokens.rotating", "tui.kube.transport"])
    pipes, processes = [], []
    for state in states:
        here, there = context.Pipe()
        given = (arena.side, arena.kubeconfig, arena.name, arena.folder, arena.namespace)
        process = context.Process(target=_rotate, args=(given, address, state, there), daemon=True)
        process.start()
        pipes.append(here)
        processes.append(process)
    try:
        yield pipes
    finally:
        for pipe, process in zip(pipes, processes, strict=True):
            pipe.close()
            process.join(20)
            if process.exitcode is None:
                process.kill()


def _rotate(given: tuple[Any, ...], address: Address, state: str, pipe: Connection[Any, Any]) -> None:
    async def work() -> None:
        async with Bench(Arena(*given), state=state, patience=20, grace=timedelta(0)) as bench:
            while True:
                try:
                    wait: float = await asyncio.to_thread(pipe.recv)
                except EOFError:
                    return
                await asyncio.sleep(wait)
                pipe.send(await _once(bench, address))

    asyncio.run(work())


async def _once(bench: Bench, address: Address) -> str:
    try:
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(address))
    except ChangedMeanwhile:
        return REFUSED
    except (KubeError, IssuanceError) as error:
        return f"no plan: {error}"
    await bench.engine.settle()
    if outcome.ok:
        return ROTATED
    words = ("by another client", "another process wrote", "it was changed", "another kubemint is working")
    refused = any(said in outcome.error for said in words)
    return REFUSED if refused else outcome.error
