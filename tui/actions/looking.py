"""What only looks: it changes nothing, and asks a cluster at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.fleet.names import short_address
from tui.issuance.types import Address

from . import fitting as fit
from .action import Action, Answer, Needs
from .lines import each

if TYPE_CHECKING:
    from .action import Host


async def _verify(host: Host, address: Address) -> Answer:
    row = host.store.credentials.get(str(address))
    found = await host.engine.verify(address)
    if found.ok and row is not None:
        host.store.handles.accepted(row.credential)
    said = found.message or ("accepted" if found.ok else "refused")
    who = f" as {found.username}" if found.username and found.username not in said else ""
    by = f" ({found.method})" if found.method else ""
    return Answer(f"{said}{who}{by}", found.hint, ok=found.ok)


VERIFY: Final = Action[Address](
    name="verify", title="Verify", says="ask the cluster whether it is accepted",
    key="v", footer=True, needs=Needs.SOME, fits=fit.VERIFIABLE,
    of=fit.address_of, title_of=lambda address: short_address(str(address)), run=_verify,
    command=each("verify"),
)  # fmt: skip
