"""What every screen can do with a cluster that another one delivers: show what that is, and enter it after a yes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tui.fleet.rows import SHOOT, ClusterRow
from tui.issuance.errors import IssuanceError
from tui.kube.errors import KubeError

if TYPE_CHECKING:
    from tui.issuance.entering import Delivery

    from .working import WorkingScreen


def trust(screen: WorkingScreen) -> None:
    """Ask whether the cluster at the cursor is entered; nothing is sent there before the answer."""
    from .trust import TrustScreen

    rows, fleet = screen.chosen(), screen.session.fleet
    row = rows[0] if len(rows) == 1 else None
    if not isinstance(row, ClusterRow) or fleet is None:
        return

    def answered(delivery: Delivery | None) -> None:
        if delivery is not None:
            screen.run_worker(_enter(screen, delivery), group="trust", exit_on_error=False)

    screen.app.push_screen(TrustScreen(row.name, partial(fleet.delivery, row.name), _own(screen)), answered)


async def _enter(screen: WorkingScreen, delivery: Delivery) -> None:
    fleet = screen.session.fleet
    assert fleet is not None
    try:
        await fleet.trust(delivery)
    except (IssuanceError, KubeError) as error:
        screen.failed(error)
        return
    screen.notify(f"{delivery.by.cluster} is entered from now on", markup=False, timeout=4)


def _own(screen: WorkingScreen) -> dict[str, str]:
    """The servers of one's own clusters, by name."""
    rows = screen.session.store.clusters.values()
    return {row.name: row.server for row in rows if row.delivered is None and row.source != SHOOT and row.server}
