"""The dashboard over a real embedded fleet that runs in a thread of its own, driven by keys."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, TypeVar

import pytest
from rich.cells import cell_len
from textual import events
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.message_pump import MessagePump
from textual.pilot import Pilot, WaitForScreenTimeout
from textual.screen import Screen
from textual.widget import Widget

from tui.actions.jobs import Job
from tui.app import KubemintApp
from tui.demo.apiserver.faults import FaultRule
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.fleet.rows import CredentialRow, RequestRow
from tui.issuance.model.types import StepStatus
from tui.issuance.records.deliveries import Gate
from tui.issuance.records.entering import Trust
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load
from tui.screens.shell.main import MainScreen
from tui.settings import Loaded
from tui.widgets.job_panel import JobPanel
from tui.widgets.keystrokes import AT_ONCE, Pace
from tui.widgets.table import FleetTable

S = TypeVar("S", bound=Screen[Any])


class Driver:
    """The app and a pilot, with the few things every test says."""

    def __init__(self, app: KubemintApp, pilot: Pilot[Any], demo: FleetThread) -> None:
        self.app = app
        self.pilot = pilot
        self.demo = demo

    async def press(self, *keys: str) -> None:
        """Press keys one after another. (The pilot's own `press` waits for an idle process, which a fleet never is.)"""
        for key in keys:
            name = _NAMES.get(key, key)
            self.app.post_message(events.Key(name, key if len(key) == 1 else _CHARACTERS.get(name)))
            await self.settle()
        await asyncio.sleep(0.02)
        await self.settle()

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def answered(self, key: str, holds: Callable[..., bool]) -> float:
        """Seconds from a key to what it does."""
        begun = perf_counter()
        self.app.post_message(events.Key(key, key if len(key) == 1 else None))
        while not holds():
            assert perf_counter() - begun < 30
            await asyncio.sleep(0)
        return perf_counter() - begun

    async def settle(self) -> None:
        """Wait until every message was handled and drawn, however busy the machine is."""
        for _ in range(8):
            with contextlib.suppress(WaitForScreenTimeout):  # a part that is just being removed never answers
                await self.pilot._wait_for_screen(5)
            await asyncio.sleep(0)
            if not any(map(_waiting, [self.app, *self.app.screen.walk_children(with_self=True)])):
                break
        self.app.screen._on_timer_update()

    async def until(self, holds: Callable[..., object], seconds: float = 30.0) -> None:
        """Wait until something is so, and until the screen says so. (In a loop its lambda has defaults.)"""
        for _ in range(round(seconds / 0.05)):
            if holds():
                return await self.settle()
            await asyncio.sleep(0.05)
            self.app.screen._on_timer_update()
        raise AssertionError("it did not come about in time; the screen says:\n" + self.text())

    async def shows(self, *words: str) -> None:
        """Wait until the terminal shows all these words."""
        for each in words:
            try:
                await self.until(lambda each=each: each in self.text())
            except AssertionError as missing:
                raise AssertionError(f"{each!r}: {missing}") from None

    async def on(self, kind: builtins.type[S]) -> S:  # `type` is what types, here
        """Wait until the uppermost screen is one of this kind, and hand it back."""
        await self.until(lambda: isinstance(self.app.screen, kind))
        screen = self.app.screen
        assert isinstance(screen, kind)
        return screen

    async def closed(self) -> None:
        """Wait until no dialog and no page is open any more."""
        await self.until(lambda: self.app.screen is self.main)

    async def find(self, area: str, words: str) -> None:
        """Go to an area and filter it, all by keys; the cursor is on the first match."""
        await self.press(area, "slash")
        await self.type(words)
        await self.press("enter")

    async def click(self, words: str, *, line: str = "", times: int = 1, within: Widget | None = None) -> None:
        """Click on words that the terminal shows (the first, or the first in a line that holds `line`)."""
        spot = None
        while spot is None or spot != self._spot(words, line, within):  # until they stand still
            await self.until(lambda: self._spot(words, line, within))
            spot = self._spot(words, line, within)
            await asyncio.sleep(0.1)
            await self.settle()
        await self.pilot.click(offset=spot, times=times)
        await self.settle()

    def _spot(self, words: str, line: str = "", within: Widget | None = None) -> tuple[int, int] | None:
        for y, text in enumerate(self.text().splitlines()):
            for found in re.finditer(re.escape(words), text) if line in text else ():
                x = cell_len(text[: found.start()]) + min(len(words) - 1, 1)
                if within is None or within.region.contains(x, y):
                    return x, y
        return None

    async def wheel(self, words: str | tuple[int, int], by: int) -> tuple[int, int]:
        """Turn the wheel where the terminal shows these words, and hand back where: down, or up if `by` is negative."""
        spot = self._spot(words) if isinstance(words, str) else words
        assert spot is not None, words
        turned = events.MouseScrollDown if by > 0 else events.MouseScrollUp
        for _ in range(abs(by)):
            await self.pilot._post_mouse_events([turned], offset=spot)
        await self.settle()
        return spot

    async def clicked(self, words: str, *, line: str = "", times: int = 1) -> Job:
        """Click on words that start a job, and wait for its end."""
        before = len(self.app.session.jobs.all)
        await self.click(words, line=line, times=times)
        return await self.job(before)

    async def job(self, before: int) -> Job:
        """The job that began after `before` jobs, once it has ended."""
        await self.until(lambda: len(self.app.session.jobs.all) > before)
        job = self.app.session.jobs.all[-1]
        await self.until(lambda: not job.running, 60)
        return job

    async def act(self, *keys: str) -> Job:
        """Press keys that start a job, and wait for its end."""
        before = len(self.app.session.jobs.all)
        await self.press(*keys)
        return await self.job(before)

    @property
    def main(self) -> MainScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    @property
    def table(self) -> FleetTable:
        return self.main.pane.table

    @property
    def rows(self) -> list[Any]:
        """What the table shows, in its order."""
        return [self.table.rows[index] for index in range(len(self.table.rows))]

    @property
    def panel(self) -> JobPanel:
        return self.main.query_one(JobPanel)

    def journal(self, action: str) -> list[tuple[str, str, str]]:
        """(address, step, status) of everything journaled for an action."""
        return [
            (entry.address, entry.step, entry.status)
            for entry in self.app.session.engine.state.entries()
            if entry.action == action
        ]

    def text(self) -> str:
        """What the terminal shows, as lines."""
        screen = self.app.screen
        width, height = screen.size
        strips = screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips[:height])[: (width + 1) * height]

    def credential(self, words: str) -> CredentialRow | RequestRow:
        row = self.table.row
        assert isinstance(row, CredentialRow | RequestRow), words
        return row


def _waiting(pump: MessagePump) -> bool:
    """Whether a part of the app has a message, or something to do after it, that it has not dealt with."""
    return bool(pump.message_queue_size or pump._next_callbacks)


_NAMES = {
    " ": "space",
    "/": "slash",
    "-": "minus",
    ".": "full_stop",
    "_": "underscore",
    "!": "exclamation_mark",
    ":": "colon",
    "$": "dollar_sign",
}
_CHARACTERS = {"slash": "/", "colon": ":", "space": " ", "question_mark": "?", "minus": "-"}
Open = Callable[..., AbstractAsyncContextManager[Driver]]


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Style sheets are parsed once for all tests, as each app does it for itself: a sixth of what a picture costs."""
    known: dict[object, list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def parsed(sheet: Stylesheet, css: str, **given: Any) -> list[RuleSet]:
        key = (css, *sorted(given.items()), frozenset(sheet._variables.items()))
        if key not in known:
            known[key] = parse(sheet, css, **given)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parsed)
        yield


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """An embedded fleet for each module: some of its credentials end within minutes, and tests change it."""
    with FleetThread() as thread:
        yield thread


@pytest.fixture
def dashboard(demo: FleetThread, tmp_path: Path) -> Iterator[Open]:
    """Opens the dashboard, settled, with a state and an export folder of its own; faults end with the test."""

    @asynccontextmanager
    async def opened(
        *,
        size: tuple[int, int] = (120, 35),
        only: list[str] | None = None,
        read_only: bool = False,
        settle: bool = True,
        grace: float = 1,
        settings: Loaded | None = None,
        embedded: bool = True,
        memory: Path | None = None,
        begin: str = "",
        trust: Trust | None = None,
        pace: Pace = AT_ONCE,
        ticks: Callable[[], float] = monotonic,
    ) -> AsyncIterator[Driver]:
        """With `trust` nobody vouches for what clusters deliver, and this is what settings say of it."""
        state = StateStore.open(tmp_path / "state")
        config = load(str(demo.kubeconfig))
        if trust is not None:
            clusters = {name: replace(entry, vouches=()) for name, entry in config.clusters.items()}
            config = replace(config, clusters=clusters)
        fleet = Fleet(
            config,
            state=state,
            only=only,
            read_only=read_only,
            grace=timedelta(seconds=grace),
            guard=lambda cluster: app.session.why_read_only(cluster),
            gate=None if trust is None else Gate(lambda: trust, state.trusted_place),
        )
        app = KubemintApp(
            fleet,
            embedded=embedded,
            read_only=read_only,
            export_folder=tmp_path / "exports",
            settings=settings,
            memory=memory,
            begin=begin,
            pace=pace,
            ticks=ticks,
        )
        async with app.run_test(size=size, notifications=True) as pilot:
            if settle:
                await fleet.settled(20)
            await pilot.pause(0.2)
            yield Driver(app, pilot, demo)
        state.close()

    yield opened
    clear(demo)


def fault(demo: FleetThread, cluster: str, rule: FaultRule) -> None:
    """Add a fault rule in the fleet's own loop."""

    async def add(fleet: Any) -> None:
        fleet.cluster(cluster).faults.add(rule)

    demo.call(add)


def clear(demo: FleetThread) -> None:
    """Remove every fault rule that a test added."""

    async def work(fleet: Any) -> None:
        for cluster in fleet.clusters.values():
            cluster.faults.clear()

    demo.call(work)


def done(job: Job) -> bool:
    """Whether everything of a job worked."""
    return all(task.status is StepStatus.DONE for task in job.tasks)
