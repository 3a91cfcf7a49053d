"""What would be done: a plan that is made before anybody says yes, and why it cannot be made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tui.issuance.errors import IssuanceError
from tui.issuance.running import explain
from tui.issuance.types import Plan
from tui.kube.errors import KubeError


@dataclass(slots=True)
class Intended:
    """One credential's part of the action: its title, how its plan is made, and what came of that."""

    title: str
    make: Callable[[], Awaitable[Plan]]
    plan: Plan | None = None
    error: str = ""
    hint: str = ""

    async def foresee(self) -> None:
        """Make the plan, which only reads."""
        self.plan, self.error, self.hint = None, "", ""
        try:
            self.plan = await self.make()
        except (IssuanceError, KubeError, OSError) as error:
            self.error, self.hint = explain(error)
        except Exception as error:  # noqa: BLE001 - hostile objects must not end the dashboard
            self.error, self.hint = explain(error)
