"""Paths that cannot be looked up end no dialog: whoever writes says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Input

from tests.dashboard.test_dialogs import ROK, SOURCES, asked
from tui.actions.lines import Asked
from tui.actions.table import BY_NAME
from tui.fleet.found import Tenant
from tui.issuance import utc_now
from tui.issuance.records.entering import SourceKind
from tui.screens.dialogs.files import SaveFindingsScreen, WriteScreen
from tui.screens.dialogs.form import Form
from tui.screens.dialogs.new_credential import MintScreen, NewCredentialScreen, NewIdentityScreen
from tui.screens.dialogs.new_tenant import TenantPushScreen

TENANTS = [Tenant("harbor", "tenants", "blue", kinds={SourceKind.CLUSTER_API})]


def form(action: str, folder: Path) -> Form[Any]:
    """The form of an action where nothing is chosen and nothing is known."""
    return Form.of(BY_NAME[action], Asked((), folder, (), utc_now()))


@pytest.mark.parametrize("path", ["~nobody-is-called-this/x", "x" * 300, "a\0b"], ids=["home", "long", "null"])
@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda folder: NewCredentialScreen(["harbor"], folder=folder, identity=ROK), "path"),
        (lambda folder: NewIdentityScreen(["harbor"], folder=folder, identity=ROK), "folder"),
        (lambda folder: MintScreen(ROK, SOURCES, folder=folder), "path"),
        (lambda folder: form("new_shoot", folder), "path"),
        (lambda folder: TenantPushScreen(TENANTS, servers={}, identity=ROK), "manifests"),
        (lambda folder: SaveFindingsScreen(folder / "x.json"), "path"),
        (lambda folder: WriteScreen(folder / "x.yaml"), "path"),
    ],
    ids=["credential", "identity", "mint", "shoot", "push", "findings", "snippet"],
)
async def test_a_path_that_cannot_be_looked_up(
    tmp_path: Path, make: Callable[[Path], Screen[Any]], field: str, path: str
) -> None:
    async with asked(make(tmp_path)) as (app, pilot):
        screen = app.screen
        screen.query_one(f"#f-{field}", Input).value = path
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert app.answers == [None]
        assert not screen.is_running
