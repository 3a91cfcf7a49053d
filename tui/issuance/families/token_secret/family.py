"""Long-lived token Secrets, which are their own handles, and the identities that are made with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.issuance.families.base import Family, Wish
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential
from tui.kube.errors import NotFound

from . import identity_work, rotation as legacy_rotation, self_issue
from .identity import IdentityWish, SelfWish
from .revoking import prepare_token_secret

if TYPE_CHECKING:
    from tui.issuance.model.types import Plan
    from tui.issuance.records.intent import Intent
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.sensitive import Sensitive


class TokenSecrets(Family):
    """A Secret of type kubernetes.io/service-account-token."""

    def began(self, intent: Intent) -> bool:
        return intent.address.kind is CredentialKind.LEGACY

    async def lookup(self, context: Context, address: Address) -> Credential:
        return (await legacy_rotation.look_at(context, address)).credential

    async def material(self, context: Context, address: Address) -> Sensitive:
        return await self.token(context, address)

    async def token(self, context: Context, address: Address) -> Sensitive:
        held = (await legacy_rotation.look_at(context, address)).token
        if held is None:
            raise NotFound(
                404,
                "NotFound",
                f"the Secret {address.namespace}/{address.name} holds no token yet",
                cluster=address.cluster,
            )
        return held

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        if isinstance(wish, SelfWish):
            return await self_issue.prepare_self_issue(context, wish, **said)
        assert isinstance(wish, IdentityWish)
        return await identity_work.prepare_identity(context, wish, **said)

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        return await legacy_rotation.prepare_legacy_rotation(context, address, revive=revive)

    async def revoke(self, context: Context, address: Address, *, wait: bool, whole: bool) -> tuple[Plan, Transaction]:
        return await prepare_token_secret(context, address, wait=wait, whole=whole)

    async def as_left(self, context: Context, intent: Intent) -> Transaction:
        if intent.spec.create_account:
            return identity_work.as_left(context, intent)
        return legacy_rotation.as_left(context, intent)


FAMILY = TokenSecrets()
