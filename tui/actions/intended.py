"""What would be done: a plan that is made before anybody says yes, and why it cannot be made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.issuance import Plan, explain

if TYPE_CHECKING:
    from .meant import Meant


@dataclass(slots=True)
class Intended:
    """One credential's part of the action: its title, how its plan is made, and what came of that."""

    title: str
    make: Callable[[], Awaitable[Plan]]
    plan: Plan | None = None
    error: str = ""
    hint: str = ""
    speaks: Callable[[str], str] = str
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
        self.plan, self.error, self.hint = None, "", ""
        try:
            self.plan = await self.make()
        except Exception as error:  # noqa: BLE001 - hostile objects must not end the dashboard
            self.error, self.hint = map(self.speaks, explain(error))
