"""From the key `r` to the request for a token a reader crosses few modules, and docs/architecture.md names them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.dashboard.conftest import Open, done
from tui.actions.jobs import Jobs
from tui.kube.client import Client

MOST = 6
"""Modules between the one that binds the key and the one that sends the request."""
MAP = Path(__file__).parents[2] / "docs" / "architecture.md"
BINDS, SENDS = "tui/screens/acting/working.py", "tui/kube/client.py"


def walked() -> list[str]:
    """The modules of ours that are being run, from the first to the last, each once."""
    frame: FrameType | None = sys._getframe(1)
    files = []
    while frame is not None:
        name = frame.f_globals["__name__"]
        if name.startswith("tui."):
            files.append(name.replace(".", "/") + ".py")
        frame = frame.f_back
    return list(dict.fromkeys(reversed(files)))


async def test_a_walk_from_r_to_the_api_call_crosses_at_most_six_modules(
    dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    sent: list[str] = []
    add, create = Jobs.add, Client.create

    def adds(self: Jobs, *args: Any, **words: Any) -> Any:
        begun.extend(walked())
        return add(self, *args, **words)

    async def creates(self: Client, *args: Any, **words: Any) -> Any:
        if words.get("subresource") == "token":
            sent.extend(walked())
        return await create(self, *args, **words)

    monkeypatch.setattr(Jobs, "add", adds)
    monkeypatch.setattr(Client, "create", creates)
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "prometheus-kubeconfig")
        assert done(await driver.act("r"))
    walk = list(dict.fromkeys([*begun, *sent]))
    walk = walk[walk.index(BINDS) :]  # before it, the application hands the key to whoever binds it
    assert len(walk) - 1 <= MOST, walk  # without the client, which is not in it yet
    line = re.search(r"In one line: (.+)", MAP.read_text())
    assert line is not None
    assert [f"tui/{path}" for path in re.findall(r"\(\.\./tui/([^)]+)\)", line[1])] == [*walk, SENDS]
