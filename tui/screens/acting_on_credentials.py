"""Issuing a new credential; what a merge changes in somebody's kubeconfig is shown before anything is done."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tui.fleet.query import cluster_of, identity_of
from tui.issuance.destinations.standing import WouldReplace
from tui.issuance.durations import format_duration
from tui.issuance.errors import IssuanceError
from tui.issuance.types import FileDestination
from tui.kube.errors import KubeError

from . import replacing, work
from .intended import Intended

if TYPE_CHECKING:
    from tui.issuance.types import IssueSpec

    from .working import WorkingScreen


def new(screen: WorkingScreen) -> None:
    """Ask for a new credential, filled in from what is chosen, and issue it."""
    from .new_credential import NewCredentialScreen

    session, rows = screen.session, screen.chosen()
    dialog = NewCredentialScreen(
        screen.writable_clusters(cluster_of(rows[0]) if rows else ""),
        identity=identity_of(rows[0]) if len(rows) == 1 else None,
        folder=screen.kubemint.export_folder,
        lifetime=format_duration(session.settings.lifetime),
    )

    def made(spec: IssueSpec) -> None:
        if any(isinstance(place, FileDestination) and place.merge for place in spec.destinations):
            screen.run_worker(_merge(screen, spec), group="preview", exclusive=True, exit_on_error=False)
        else:
            path = next((place.path for place in spec.destinations if isinstance(place, FileDestination)), "")
            plan = partial(session.engine.plan_issue, spec)
            replacing.begin(screen, "issue", path, work.issue(session, spec), work.title_of(spec), plan)

    def intended(spec: IssueSpec) -> Intended:
        return Intended(work.title_of(spec), partial(session.engine.plan_issue, spec))

    screen.ask(dialog, "issue", made, intended)


async def _merge(screen: WorkingScreen, spec: IssueSpec) -> None:
    """Show what a merge changes in somebody's kubeconfig, then ask."""
    from .confirm import ConfirmScreen

    try:
        try:
            plan = await screen.session.engine.plan_issue(spec)
        except WouldReplace:  # a name of many: what that means is among the warnings
            plan = await screen.session.engine.plan_issue(spec, force=True)
    except (IssuanceError, KubeError, OSError) as error:
        screen.failed(error)
        return

    def sure(yes: bool | None) -> None:
        if yes:
            shown = Intended(work.title_of(spec), partial(screen.session.engine.plan_issue, spec), plan)
            screen.begin("issue", [work.as_foreseen(screen.session, shown)], asked=True)

    body = [*(f"! {warning}" for warning in plan.warnings), *plan.preview.splitlines()]
    title = "Change this kubeconfig? Tokens are masked."
    screen.app.push_screen(ConfirmScreen(title, body or ["Nothing else in it changes."], verb="Merge"), sure)
