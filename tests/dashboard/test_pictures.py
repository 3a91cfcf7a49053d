"""What the screens look like, at three sizes, dark and light: a store filled by hand and a clock that stands still.

`pytest --snapshot-update tests/dashboard/test_pictures.py` takes them anew; look at them before committing them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.dashboard.by_hand import SIZES, Made, app, at_rest, issued, keys, stopped
from tui.actions.exporting import ExportWish
from tui.issuance.destinations.masking import diff
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.material import Foreseen
from tui.issuance.model.types import Action, Plan
from tui.issuance.tokens.copying import ExportPreview
from tui.screens.dialogs.export import ExportScreen
from tui.screens.dialogs.files import ExportJournalScreen

__all__ = ["app", "stopped"]  # fixtures
Compare = Callable[..., bool]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("area", ["overview", "clusters", "accounts", "requests", "credentials", "activity"])
def test_area(snap_compare: Compare, app: Made, area: str, size: tuple[int, int], theme: str) -> None:
    digit = str(["overview", "clusters", "accounts", "requests", "credentials", "activity"].index(area) + 1)
    assert snap_compare(app(theme), terminal_size=size, run_before=keys(digit))


SCREENS = {
    "cluster": ("2", "down", "down", "d"),
    "account": ("3", "d"),
    "request": ("4", "down", "enter"),
    "credential": ("5", "down", "down", "down", "enter"),
    "filter": ("5", "slash", "r", "o", "b"),
    "nothing-found": ("5", "slash", "z", "z", "enter"),
    "marks": ("5", "space", "space"),
    "help": ("5", "question_mark"),
    "drilled": ("2", "down", "enter"),
    "no-answer": ("2", "down", "down", "enter"),
    "failed": ("5", "r"),
    "equivalents": ("5", "down", "down", "down", "dollar_sign"),
    "calendar": ("C", "down"),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("screen", SCREENS)
def test_screen(snap_compare: Compare, app: Made, screen: str, size: tuple[int, int]) -> None:
    assert snap_compare(app("dark"), terminal_size=size, run_before=keys(*SCREENS[screen]))


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_export(snap_compare: Compare, app: Made, size: tuple[int, int], theme: str) -> None:
    """The dialog with what the engine would say of a file that is there already."""
    credential = issued(CredentialKind.SECRET, "harbor", "ci", "runner-kubeconfig").credential
    path = "/home/you/.kube/kubemint/ci-runner.kubeconfig"
    text = 'apiVersion: v1\nkind: Config\nusers:\n- name: runner\n  user:\n    token: "•••••••• 00112233aabbccdd"\n'
    before = text.replace("00112233aabbccdd", "ffeeddccbbaa9988")
    plan = Plan(
        id="plan", action=Action.ISSUE, address=credential.address, steps=(), preview=diff(path, before, text),
        warnings=("the copy ends when secret:harbor/ci/runner-kubeconfig is rotated elsewhere or revoked",),
    )  # fmt: skip
    hint = "keeps mode 0600, and owner you:you"
    found = ExportPreview(plan=plan, foreseen=Foreseen(text=text, exists=True, hint=hint))

    async def look(wish: ExportWish) -> ExportPreview:
        return found

    async def run(pilot: Pilot[Any]) -> None:
        await keys("5")(pilot)
        screen = ExportScreen(credential, folder=Path("/home/you/.kube/kubemint"), clusters=["harbor"], look=look)
        await pilot.app.push_screen(screen)
        while "what changes" not in str(screen.query_one("#yaml", Static).render()):
            await pilot.pause(0.05)
        await at_rest(pilot)

    assert snap_compare(app(theme), terminal_size=size, run_before=run)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_export_journal(snap_compare: Compare, app: Made, size: tuple[int, int]) -> None:
    """The dialog over a journal that was filtered."""

    async def run(pilot: Pilot[Any]) -> None:
        await keys("6")(pilot)
        path = Path("/home/you/.kube/kubemint/journal.jsonl")
        await pilot.app.push_screen(ExportJournalScreen(path, shown=37, text="rotate !prove", limit=2000))
        await at_rest(pilot)

    assert snap_compare(app("light"), terminal_size=size, run_before=run)
