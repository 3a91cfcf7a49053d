"""What every screen can do with Gardener shoots: connect to one, leave it, and get its kubeconfig."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tui.fleet.rows import ClusterRow, CredentialRow
from tui.issuance.types import AccessLevel, ShootWish

from . import replacing, work

if TYPE_CHECKING:
    from tui.issuance.plain import PlainWish

    from .working import WorkingScreen


def connect(screen: WorkingScreen) -> None:
    """Offer what can be done with the shoot at the cursor. One that is being made has only details."""
    from .choose_shoot import ChooseShootScreen

    row = _row(screen)
    if row is None:
        return
    if row.shoot is None or not row.server or screen.session.read_only:
        screen.action_details()
        return

    def chosen(choice: str | None) -> None:
        if choice == "kubeconfig":
            new(screen)
        elif choice:
            task = work.connect_shoot(screen.session, row.name, AccessLevel(choice))
            screen.begin("connect", [task])

    screen.app.push_screen(ChooseShootScreen(row), chosen)


def disconnect(screen: WorkingScreen) -> None:
    """Leave the shoot at the cursor."""
    row = _row(screen)
    if row is not None:
        screen.begin("disconnect", [work.disconnect_shoot(screen.session, row.name)])


def new(screen: WorkingScreen) -> None:
    """Ask for a kubeconfig, of the shoot at the cursor where there is one."""
    from .new_shoot import NewShootScreen

    fleet = screen.session.fleet
    rows = [row for row in screen.session.store.clusters.values() if row.shoot is not None]

    def made(wish: ShootWish | PlainWish | None) -> None:
        if wish is not None:
            engine, task = screen.session.engine, work.issue_shoot(screen.session, wish)
            plan = partial(engine.plan, wish)
            replacing.begin(screen, "issue", wish.path, task, task.title, plan)

    screen.app.push_screen(
        NewShootScreen(
            rows,
            folder=screen.kubemint.export_folder,
            chosen=_name(screen, rows),
            kubeconfigs=tuple(map(str, fleet.config.files)) if fleet is not None else (),
        ),
        made,
    )


def _row(screen: WorkingScreen) -> ClusterRow | None:
    rows = screen.chosen()
    return rows[0] if len(rows) == 1 and isinstance(rows[0], ClusterRow) else None


def _name(screen: WorkingScreen, rows: list[ClusterRow]) -> str:
    """The row of the shoot that is meant: at the cursor, or behind the credential there."""
    chosen = screen.chosen()
    if len(chosen) != 1:
        return ""
    row = chosen[0]
    if isinstance(row, ClusterRow):
        return row.name
    shoot = row.credential.shoot if isinstance(row, CredentialRow) else None
    return next(
        (
            one.name
            for one in rows
            if shoot is not None
            and one.shoot is not None
            and (one.shoot.garden, one.shoot.namespace, one.shoot.name) == (shoot.garden, shoot.namespace, shoot.name)
        ),
        "",
    )
