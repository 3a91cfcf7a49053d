"""Gardener's static tokens: found, shown and looked into as what they are; Gardener made them and takes them away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.issuance.errors import UsageError
from tui.issuance.families.base import Family
from tui.issuance.model.material import WayIn
from tui.issuance.model.types import Address, Credential
from tui.issuance.revoking.found import Found
from tui.issuance.trust.handles import Named

from . import garden, static_token

if TYPE_CHECKING:
    from tui.issuance.model.types import Plan
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.sensitive import Sensitive


class StaticTokens(Family):
    """The kubeconfigs with a token that never ends."""

    async def lookup(self, context: Context, address: Address) -> Credential:
        return await static_token.look(context, address)

    async def material(self, context: Context, address: Address) -> Sensitive:
        return await static_token.material(context, address)

    async def token(self, context: Context, address: Address) -> Sensitive | None:
        return static_token.token_in(await static_token.material(context, address))

    async def way_in(self, context: Context, address: Address) -> WayIn:
        return WayIn(static_token.way_in(context, address, await self.material(context, address)))

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        raise UsageError(
            f"{address} is Gardener's and never ends",
            "annotate the shoot with gardener.cloud/operation=rotate-kubeconfig-credentials; "
            "better: `kubemint issue --shoot NS/NAME`, and turn the static token off",
        )

    async def found(self, context: Context, address: Address) -> Found:
        return Found(credential=await self.lookup(context, address), named=Named.BY_TOKEN)

    async def servers(self, context: Context, credential: Credential) -> set[str] | None:
        return await garden.servers_of(context, credential)


FAMILY = StaticTokens()
