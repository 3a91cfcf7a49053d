"""Fifteen journeys through the dashboard, on the embedded fleet and by keys alone: `uv run poe journeys`.

Prints for each how many keys it takes and how many seconds, and where it ends. A journey that comes to a dead end (what
it is for does not show, or the main screen cannot be reached again) says so, and the script fails. What is pasted
counts as one key, as a terminal sends it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

from textual import events
from textual.message import Message

from tests.dashboard.conftest import Driver, done
from tests.dashboard.forms import choose, fill, to
from tests.dashboard.held import accepted
from tui.app import KubemintApp
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load
from tui.screens.dialogs.choosing import EnteringScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.export import ExportScreen
from tui.screens.dialogs.new_credential import NewCredentialScreen
from tui.screens.dialogs.new_request import NewRequestScreen
from tui.screens.dialogs.new_tenant import TenantPushScreen
from tui.screens.pages.found import FoundScreen
from tui.screens.pages.lineage import LineageScreen
from tui.screens.pages.page import Page
from tui.screens.pages.powers import PowersScreen
from tui.widgets.keystrokes import AT_ONCE

MOST_FOR_A_LEAK: Final = 6
FRONTEND: Final = Address(CredentialKind.SECRET, "tenant-a", "web", "frontend-kubeconfig")
PROMETHEUS: Final = Address(CredentialKind.SECRET, "tenant-a", "monitoring", "prometheus-kubeconfig")


class Traveller(Driver):
    """A driver that counts keys and pastes."""

    def __init__(self, driver: Driver, folder: Path) -> None:
        super().__init__(driver.app, driver.pilot, driver.demo)
        self.folder = folder
        self.sent: list[Message] = []
        post = self.app.post_message

        def counting(message: Message) -> bool:
            # what nobody takes comes back to the application: that is the same key
            if isinstance(message, events.Key | events.Paste) and not any(message is one for one in self.sent):
                self.sent.append(message)
            return post(message)

        self.app.post_message = counting  # type: ignore[method-assign]

    @property
    def keys(self) -> int:
        """How many came so far."""
        return len(self.sent)

    async def paste(self, text: str) -> FoundScreen:
        """Paste it into a list, and wait until it is known whose it is."""
        self.app.post_message(events.Paste(text))
        page = await self.on(FoundScreen)
        await self.until(lambda: not page.loading_says and len(page.items))
        return page

    async def works(self, *keys: str) -> None:
        """Press keys that start a job; all of it has to work."""
        job = await self.act(*keys)
        assert done(job), "; ".join(f"{task.message} {task.hint}" for task in job.tasks if task.message)

    async def token(self, address: Address) -> str:
        """What somebody found in a log."""
        kubeconfig = (await self.app.session.engine.material(address)).reveal()
        return kubeconfig.partition("token: ")[2].split()[0].strip("\"'")

    async def loaded(self, kind: type[Page[Any]]) -> None:
        page = await self.on(kind)
        await self.until(lambda: len(page.items) and not page.loading_says)


async def what_ends_next(here: Traveller) -> None:
    await here.press("1")
    await here.shows("LEFT", "STATE")
    assert len(here.table.rows)


async def what_is_expired_there(here: Traveller) -> None:
    await here.press("colon", *"ctx tenant-a", "enter", "slash", *"state:expired", "enter")
    assert len(here.rows)
    assert {row.cluster for row in here.rows} == {"tenant-a"}


async def create_and_use(here: Traveller) -> None:
    await here.find("3", "spark tenant-a")
    await here.press("n", "c")
    await here.on(NewCredentialScreen)
    await here.works("ctrl+s")
    (file,) = (here.folder / "exports").iterdir()
    token = file.read_text().partition("token: ")[2].split()[0].strip("\"'")
    assert await accepted(here, "tenant-a", token)


async def rotate_and_prove_the_old_dead(here: Traveller) -> None:
    old = await here.token(FRONTEND)
    await here.find("5", "frontend-kubeconfig")
    await here.works("r")
    page = await here.paste(old)
    for _ in range(40):  # its grace period is a second here
        job = await here.act("v")
        if not done(job):
            break
        await asyncio.sleep(0.5)
    assert not done(job), "the server takes it yet"
    assert page.items[0].owner == "web/frontend"


async def export_and_merge(here: Traveller) -> None:
    config = here.folder / "config"
    config.write_text("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n")
    await here.find("5", "frontend-kubeconfig")
    await here.press("e")
    screen = await here.on(ExportScreen)
    options = [str(text) for text, value in screen.query_one("#f-kept")._options]  # type: ignore[attr-defined]
    await choose(here, "f-kept", next(text for text in options if "existing kubeconfig" in text))
    await fill(here, "f-path", str(config))
    await here.shows("managed-by: kubemint")
    await here.works("ctrl+s")
    assert "- name: frontend" in config.read_text()


async def undo(here: Traveller) -> None:
    await here.find("5", "frontend-kubeconfig")
    old = await here.token(FRONTEND)
    await here.works("r")
    await here.press("escape")
    await here.press("u")
    if isinstance(here.app.screen, ConfirmScreen):
        await here.works("ctrl+s")
    await here.until(lambda: here.app.session.jobs.all[-1].verb == "undo" and not here.app.session.jobs.all[-1].running)
    assert await here.token(FRONTEND) == old


async def rotate_twenty(here: Traveller) -> None:
    await here.press("5", "slash", *"kind:secret state:valid", "enter", "M", "r")
    await here.on(ConfirmScreen)
    job = await here.act("ctrl+s")
    assert len(job.tasks) >= 20, len(job.tasks)


async def filter_four_ways(here: Traveller) -> None:
    await here.press("5")
    everything = len(here.rows)
    for text in ("web", "!web", "~frntnd", "kind:secret"):
        await here.press("slash", *text, "enter")
        assert 0 < len(here.rows) < everything, text
        await here.press("escape")


async def who_uses_it(here: Traveller) -> None:
    await here.find("5", "frontend-kubeconfig")
    await here.press("l")
    await here.loaded(LineageScreen)
    await here.shows("Pod web/frontend")


async def what_can_it_do(here: Traveller) -> None:
    await here.find("5", "frontend-kubeconfig")
    await here.press("w")
    await here.loaded(PowersScreen)


async def a_colleagues_file(here: Traveller) -> None:
    page = await here.paste((await here.app.session.engine.material(FRONTEND)).reveal())
    assert page.items[0].owner == "web/frontend"
    await here.shows("tenant-a")


async def a_request(here: Traveller) -> None:
    await here.find("4", "hbn")
    await here.press("n", "d")
    await here.on(NewRequestScreen)
    await here.type("winch")
    await fill(here, "f-service_account", "winch")
    await here.works("ctrl+s")


async def a_shoot(here: Traveller) -> None:
    await here.find("2", "meadow")
    await here.press("enter")
    await here.on(EnteringScreen)
    await here.works("v")


async def a_tenant(here: Traveller) -> None:
    await here.press("n", "p")
    await here.on(TenantPushScreen)
    await choose(here, "f-tenant", "tenant-a  of harbor/clusters")
    await fill(here, "f-account", "clusters/barge")
    await to(here, "f-create")
    await here.press("space")
    await fill(here, "f-secret", "kube-system/direct")
    await here.works("ctrl+s")


async def a_leaked_token(here: Traveller) -> None:
    token = await here.token(PROMETHEUS)
    await here.paste(token)
    await here.press("ctrl+d")
    await here.on(ConfirmScreen)
    await here.works("ctrl+s")
    assert not await accepted(here, "tenant-a", token)
    assert here.keys <= MOST_FOR_A_LEAK, here.keys


class Journey(NamedTuple):
    """One of them: what it is for, in which clusters, and for how long old tokens live."""

    name: str
    walk: Callable[[Traveller], Awaitable[None]]
    only: list[str] | None = ["tenant-a"]  # noqa: RUF012 - it is never changed
    grace: float = 1


JOURNEYS: Final = (
    Journey("what ends next", what_ends_next),
    Journey("what is expired in X", what_is_expired_there, ["tenant-a", "tenant-b"]),
    Journey("create and use", create_and_use),
    Journey("rotate and prove the old dead", rotate_and_prove_the_old_dead),
    Journey("export and merge", export_and_merge),
    Journey("undo", undo, grace=300),
    Journey("filter four ways", filter_four_ways),
    Journey("who uses it", who_uses_it),
    Journey("what can it do", what_can_it_do),
    Journey("a colleague's file", a_colleagues_file),
    Journey("a DPU request", a_request, ["harbor", "tenant-a"]),
    Journey("a shoot", a_shoot, ["harbor"]),
    Journey("a tenant", a_tenant, ["harbor", "tenant-a"]),
    Journey("rotate 20", rotate_twenty, None),
    Journey("a leaked token", a_leaked_token, ["tenant-a", "tenant-c"]),
)


class Walked(NamedTuple):
    """What one took; `dead_end` is why it came to nothing."""

    journey: Journey
    keys: int
    seconds: float
    dead_end: str = ""


async def walk(journey: Journey, driver: Driver, folder: Path) -> Walked:
    """Go on it, and back to the main screen."""
    here, begun = Traveller(driver, folder), perf_counter()
    try:
        await journey.walk(here)
        keys, seconds = here.keys, perf_counter() - begun
        for _ in range(6):
            if here.app.screen is here.main:
                break
            await here.press("escape")
        await here.closed()
    except Exception as error:
        return Walked(journey, here.keys, perf_counter() - begun, str(error) or type(error).__name__)
    return Walked(journey, keys, seconds)


@asynccontextmanager
async def opened(demo: FleetThread, journey: Journey, folder: Path) -> AsyncIterator[Driver]:
    """The dashboard with a state of its own, as a journey begins."""
    state = StateStore.open(folder / "state")
    fleet = Fleet(load(str(demo.kubeconfig)), state=state, only=journey.only, grace=timedelta(seconds=journey.grace))
    app = KubemintApp(fleet, embedded=True, export_folder=folder / "exports", pace=AT_ONCE)
    async with app.run_test(size=(120, 35), notifications=True) as pilot:
        await fleet.settled(20)
        await pilot.pause(0.2)
        yield Driver(app, pilot, demo)
    state.close()


async def main(words: list[str]) -> int:
    """Those whose name holds a word, else all of them."""
    bad = 0
    chosen = [one for one in JOURNEYS if not words or any(word in one.name for word in words)]
    with FleetThread() as demo:
        print(f"{'journey':<32}{'keys':>5}{'seconds':>9}  ends")
        for journey in chosen:
            with tempfile.TemporaryDirectory() as folder:
                async with opened(demo, journey, Path(folder)) as driver:
                    took = await walk(journey, driver, Path(folder))
            bad += bool(took.dead_end)
            ends = "DEAD END: " + took.dead_end if took.dead_end else "well"
            print(f"{journey.name:<32}{took.keys:>5}{took.seconds:>9.1f}  {ends}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
