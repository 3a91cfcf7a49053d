"""What would be done: a plan that is made before anybody says yes, why it cannot be made, and that it is then done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tui.fleet.rows import RequestRow
from tui.issuance import Plan, UsageError, blamed, explain

from .action import Host
from .meant import Meant, another, another_row, refusal
from .spoken import in_dashboard


@dataclass(slots=True)
class Intended:
    """One credential's part of the action: its title, how its plan is made, and what came of that."""

    title: str
    make: Callable[[], Awaitable[Plan]]
    plan: Plan | None = None
    error: str = ""
    hint: str = ""
    blames: str = ""
    """What of the wish is at fault, as the core's `blamed` says it."""
    asks: bool = False
    """Whether nothing is wrong with it, but somebody has to say yes to what would get lost."""
    speaks: Callable[[str], str] = in_dashboard
    """What the core says, in the words of where it is shown."""
    cluster: str = ""
    """Which cluster it waits for, where that is known."""
    meant: Meant | None = None
    """The row that it is for, where it is for one that exists."""

    def take(self) -> Plan | None:
        """The plan that was shown, to be executed: once."""
        plan, self.plan = self.plan, None
        return plan

    async def foresee(self) -> None:
        """Make the plan, which only reads."""
        self.plan, self.error, self.hint, self.blames, self.asks = None, "", "", "", False
        try:
            self.plan = await self.make()
        except Exception as error:  # noqa: BLE001 - hostile objects must not end the dashboard
            self.error, self.hint = map(self.speaks, explain(error))
            self.blames, self.asks = blamed(error), getattr(error, "asks", False)


def bound(
    host: Host,
    make: Callable[..., Awaitable[Plan]],
    shown: Intended | None,
    meant: Meant | None,
    *,
    again: bool = False,
) -> Callable[..., Awaitable[Plan]]:
    """The plan that was shown, once: whatever differs by then the engine sees itself. One that is made anew from an
    address is for the credential that was `meant` only; so is the shown one where it is tried `again`. Raises
    UsageError where that is another one."""

    async def plan(**words: bool) -> Plan:
        ready = shown.take() if shown is not None and not words else None
        if ready is not None and not again:
            return ready
        made = ready or await make(**words)
        row = meant.row if meant is not None else None
        if isinstance(row, RequestRow) and another_row(row, host.store.requests.get(row.key)):
            raise UsageError(*refusal(made.address))
        if meant is not None and meant.seen is not None and (address := meant.address) is not None:
            now = host.engine.about(made)
            if now is None or now.address != address:
                now = await host.engine.lookup(address)
            if another(meant.seen, now):
                raise UsageError(*refusal(address))
        return made

    return plan
