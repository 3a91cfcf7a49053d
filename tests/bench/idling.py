"""What many short-lived tokens cost while nobody does anything, and how long a key takes meanwhile.

The dashboard over a store of tokens of one hour whose ends are spread over the hour, each with its renewal point: ever
so often one comes into its window, is due, or ends. Beside it the same dashboard over a hundred of them.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from textual import events

from tests.bench.measuring import Cost, Measured, Side, compare
from tui.app import KubemintApp
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.fleet.rows import CredentialRow
from tui.fleet.store import FleetStore
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import rotate_at
from tui.issuance.model.types import Address, Credential, Identity, State
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load

HOUR: Final = timedelta(hours=1)


def token(number: int, count: int, now: datetime) -> CredentialRow:
    """One of `count`, whose ends are spread over the next hour."""
    expires = now + HOUR * (number + 1) / count
    issued = expires - HOUR
    name = f"robot-{number}"
    return CredentialRow(
        cluster="harbor", namespace="default", name=name,
        credential=Credential(
            address=Address(CredentialKind.SECRET, "harbor", "default", name),
            identity=Identity("harbor", "default", name),
            issued_at=issued, expires_at=expires, rotate_at=rotate_at(issued, expires),
            granted=HOUR, requested=HOUR, kept_in=f"Secret default/{name}", state=State.VALID,
        ),
    )  # fmt: skip


async def fill(store: FleetStore, count: int) -> None:
    now = datetime.now(UTC)
    for page in range(0, count, 1000):
        store.put(*(token(number, count, now) for number in range(page, min(page + 1000, count))))
        await asyncio.sleep(0)


async def opened(served: FleetThread, count: int, work: Any) -> Any:
    """The dashboard's list of credentials over `count` of them; gives what `work` makes of the app and the store."""
    with tempfile.TemporaryDirectory() as folder:
        state = StateStore.open(Path(folder) / "state")
        fleet = Fleet(load(str(served.kubeconfig)), state=state)
        app = KubemintApp(fleet, embedded=True, export_folder=Path(folder) / "exports")
        async with app.run_test(size=(120, 35)):
            await fleet.settled(20)
            app.collecting.begin()
            await fill(fleet.store, count)
            app.post_message(events.Key("4", "4"))
            await asyncio.sleep(4)
            found = await work(app, fleet.store)
            app.collecting.end()
        state.close()
        return found


async def keys(app: KubemintApp, seconds: float) -> list[float]:
    """How long each key takes until the list is drawn again, three keys a second."""
    took, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        begun = time.perf_counter()
        drawn = asyncio.Event()
        app.post_message(events.Key("down", None))
        app.call_later(lambda drawn=drawn: app.screen.call_after_refresh(drawn.set))
        await drawn.wait()
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(0.33)
    return sorted(took)


def idling(rounds: int, accounts: int) -> list[Measured]:
    counts, seconds = (100, accounts * 5), 12.0 if rounds > 2 else 2.0
    with FleetThread(clusters=1, accounts=0, troubled=False) as served:

        async def idle(app: KubemintApp, store: FleetStore) -> tuple[float, list[float]]:
            used, begun = time.process_time(), time.perf_counter()
            await asyncio.sleep(seconds)
            cpu = (time.process_time() - used) / (time.perf_counter() - begun)
            return cpu, await keys(app, seconds)

        def side(count: int) -> Side:
            def run() -> Cost:
                cpu, took = asyncio.run(opened(served, count, idle))
                median, late = statistics.median(took), took[int(len(took) * 0.95)]
                print(f"  {count} tokens: {cpu:.1%} of a core, keys {median * 1e3:.1f} ms, p95 {late * 1e3:.1f} ms")
                return Cost(cpu, median)

            return run

        return compare("idle (a second's CPU; a key)", {f"{count} tokens": side(count) for count in counts}, rounds=1)
