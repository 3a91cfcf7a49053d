"""Makes the pictures of the README from the embedded fleet: `uv run python screenshots/make.py [FOLDER]`.

The clock stands still while a picture is made and names come from a seed, so that every run shows the same fleet at the
same moments of its life. What is on the pictures went through the dashboard's own keys.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import time_machine
from moving import moving
from textual.pilot import Pilot

from tui.app import KubemintApp
from tui.demo.running import FleetThread
from tui.fleet.fleet import Fleet
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load
from tui.screens.pages.hygiene import HygieneScreen
from tui.widgets.keystrokes import AT_ONCE

CELL = 12.2
"""The width of a character in Textual's pictures."""

Keys = Callable[[Pilot[int]], Awaitable[None]]


class Shot(NamedTuple):
    """One picture: its file's name, the terminal, the theme, and the keys that lead there."""

    name: str
    size: tuple[int, int]
    theme: str
    keys: tuple[str, ...]


RENEWED = "prometheus-token"
"""What is rotated: what comes first in the list has failed."""
SHOTS = (
    Shot("rotate", (120, 35), "dark", ("5", "slash", *RENEWED, "enter", "r", "@job")),
    Shot("credentials-light", (120, 35), "light", ("5", "down", "down", "space", "down", "space")),
    Shot("export", (120, 35), "dark", ("5", "slash", *"ci/runner-kubeconfig", "enter", "e")),
    Shot("request-form", (120, 35), "dark", ("4", "n", "d", *"edge-cache", "tab", "tab", *"edge-cache")),
    Shot("identity", (120, 35), "dark", ("3", "slash", *"harbor", "space", *"runner", "enter", "n", "i")),
    Shot("tenant", (120, 35), "light", ("2", "slash", *"tenant-a", "enter", "n", "p", *"clusters/reader", "tab")),
    Shot("csi", (120, 35), "dark", ("4", "slash", *"secrets-store", "space", *"cluster:harbor", "enter", "n", "k")),
    Shot("shoot", (120, 35), "dark", ("2", "slash", *"meadow", "enter", "n", "g")),
)

TOUR = Shot(
    "tour",
    (120, 35),
    "dark",
    (
        "@picture",  # what expires next
        "left", "left", "enter", "@picture", "escape", "1",  # one bar of the timeline
        "5", "slash", *RENEWED, "enter", "r", "@job", "@picture", "escape", "escape",  # a rotation, step by step
        "slash", *"release-bot", "enter", "l", "@picture", "escape",  # its lineage
        "w", "@picture", "escape", "escape",  # what it can do
        "f", "@findings", "@picture", "escape",  # what is wrong
        "4", "@picture",  # requests of every kind
        "n", "@picture", "escape",  # what can be made
    ),
)  # fmt: skip
"""The keys of the moving picture; each `@picture` is one that it shows."""


async def take(shot: Shot, kubeconfig: Path, folder: Path) -> None:
    """Open the dashboard, press the keys, and write the picture."""
    pictures: list[str] = []
    with tempfile.TemporaryDirectory() as private:
        state = StateStore.open(Path(private) / "state")
        fleet = Fleet(load(str(kubeconfig)), state=state)
        exports = Path("/home/you/.kube/kubemint")
        app = KubemintApp(fleet, embedded=True, theme=shot.theme, export_folder=exports, pace=AT_ONCE)
        async with app.run_test(size=shot.size) as pilot:
            await fleet.settled(15)
            await pilot.pause(1.5)
            for key in shot.keys:
                if key == "@job":
                    await _job_ended(app, pilot)
                elif key == "@findings":
                    await _findings(app, pilot)
                elif key == "@picture":
                    await pilot.pause(2.0)
                    pictures.append(app.export_screenshot(title="kubemint", simplify=False))
                else:
                    await pilot.press(key)
            if not pictures:
                await pilot.pause(0.6)
                pictures.append(app.export_screenshot(title="kubemint", simplify=False))
        state.close()
    drawn = [without_leading_spaces(picture) for picture in pictures]
    file = folder / f"{shot.name}.svg"
    await asyncio.to_thread(file.write_text, moving(drawn) if len(drawn) > 1 else drawn[0], encoding="utf-8")


async def _job_ended(app: KubemintApp, pilot: Pilot[int]) -> None:
    for _ in range(100):
        await pilot.pause(0.1)
        jobs = app.session.jobs.all
        if jobs and not jobs[-1].running:
            return


async def _findings(app: KubemintApp, pilot: Pilot[int]) -> None:
    """Wait for those of the clusters that answer."""
    for _ in range(100):
        await pilot.pause(0.1)
        if isinstance(app.screen, HygieneScreen) and app.screen.items:
            return


def without_leading_spaces(svg: str) -> str:
    """Some viewers swallow the spaces at the beginning of a text and shift the rest; so move the text instead."""

    def moved(match: re.Match[str]) -> str:
        spaces = len(match["spaces"]) // len("&#160;")
        left = float(match["x"]) + spaces * CELL
        length = float(match["length"]) - spaces * CELL
        return f'x="{left:g}"{match["between"]}textLength="{length:g}"{match["rest"]}>'

    return re.sub(
        r'x="(?P<x>[\d.]+)"(?P<between>[^>]*?)textLength="(?P<length>[\d.]+)"(?P<rest>[^>]*)>'
        r"(?P<spaces>(?:&#160;)+)(?=[^<&]|&(?!#160))",
        moved,
        svg,
    )


async def main(folder: Path, shots: Sequence[Shot] = (TOUR, *SHOTS)) -> None:
    """All pictures, each from a fleet of its own, so that none shows what another did."""
    for number, shot in enumerate(shots):
        with time_machine.travel(datetime.now(UTC).replace(microsecond=0), tick=False):
            thread = FleetThread(first_port=16400 + 20 * number)
            await asyncio.to_thread(thread.start)
            try:
                await take(shot, thread.kubeconfig, folder)
            finally:
                await asyncio.to_thread(thread.stop)
        sys.stdout.write(f"{folder / shot.name}.svg\n")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
