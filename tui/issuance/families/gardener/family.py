"""Kubeconfigs of Gardener shoots that kubemint wrote: client certificates, which end by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.issuance.destinations.shoot import ShootPlace
from tui.issuance.errors import UsageError
from tui.issuance.families.base import Wish
from tui.issuance.families.files import Files
from tui.issuance.formats import Format
from tui.issuance.model.material import WayIn
from tui.issuance.model.types import Action, Address, Credential, ShootWish
from tui.issuance.tokens.plain import PlainShootWish
from tui.issuance.transaction.reading import export_record, normal

from . import garden, in_process, shoot_issue, static_token
from .plain import prepare_for_shoot

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.model.types import Plan
    from tui.issuance.records.intent import Export, Intent
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint, ExecPlugin, Login


class Shoots(Files):
    """A kubeconfig of a shoot, in a file of its own."""

    def keeps(self, record: Export) -> bool:
        return record.credential.shoot is not None

    def began(self, intent: Intent) -> bool:
        return intent.shoot is not None

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        credential = (await export_record(context, address)).credential
        assert credential.shoot is not None
        return ShootPlace(credential.shoot, credential.address.name, context.state), Format.KUBECONFIG

    async def way_in(self, context: Context, address: Address) -> WayIn:
        return WayIn(static_token.way_in(context, address, await self.material(context, address)))

    async def logs_in(self, context: Context, plugin: ExecPlugin, endpoint: Endpoint) -> Login | None:
        return await in_process.login(context, plugin, endpoint)

    def asked_for(self, plugin: ExecPlugin) -> str:
        return in_process.asked_for(plugin)

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        if isinstance(wish, PlainShootWish):
            said.pop("replace", None)  # nothing in it lives
            return await prepare_for_shoot(context, wish, **said)
        assert isinstance(wish, ShootWish)
        return await shoot_issue.prepare_shoot(context, wish, **said)

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        wish = await shoot_issue.wish_at(context, normal(address))
        return await shoot_issue.prepare_shoot(context, wish, Action.ROTATE)

    def refuse_going_back(self, credential: Credential) -> None:
        raise UsageError(
            f"{credential.address} is a client certificate: nothing revokes the old one, and nothing brings it back",
            "every copy of the old kubeconfig works until its certificate expires",
        )

    async def as_left(self, context: Context, intent: Intent) -> Transaction:
        return shoot_issue.as_left(context, intent)

    async def servers(self, context: Context, credential: Credential) -> set[str] | None:
        return await garden.servers_of(context, credential)


FAMILY = Shoots()
