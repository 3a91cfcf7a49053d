"""What can be done about time: let a loop renew, be left alone by alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.kube.text import safe_text

from .describe import title_of

if TYPE_CHECKING:
    from .renewing import LoopWish
    from .snooze import Rest
    from .working import WorkingScreen


def renewal_loop(screen: WorkingScreen) -> None:
    """Off where it is on; else ask what it is to keep."""
    from .loop_dialog import LoopScreen

    renewing = screen.kubemint.renewing
    if renewing.on:
        renewing.off()
        screen.notify("the renewal loop is off; what it has begun is finished", markup=False, timeout=4)
        return
    marked = screen.chosen_addresses() if len(screen.chosen()) > 1 else []

    def chosen(wish: LoopWish | None) -> None:
        if wish is not None:
            renewing.start(wish)
            screen.done_with_marks()

    screen.app.push_screen(LoopScreen(screen.session, marked), chosen)


def snooze(screen: WorkingScreen) -> None:
    """No alerts of the chosen ones for a while."""
    from .snooze import SnoozeScreen

    alerting, addresses, rows = screen.kubemint.alerting, screen.chosen_addresses(), screen.chosen()
    if not addresses:
        return

    def chosen(rest: Rest | None) -> None:
        if rest is None:
            return
        for address in addresses:
            if rest.over:
                alerting.wake(address)
            else:
                alerting.snooze(address, rest.lasts)
        screen.done_with_marks()

    what = safe_text(title_of(rows[0]), 40) if len(rows) == 1 else f"{len(addresses)} credentials"
    snoozed = any(alerting.alerts.is_snoozed(address) for address in addresses)
    screen.app.push_screen(SnoozeScreen(what, snoozed=snoozed), chosen)
