"""Handles by themselves: whatever token is bound to one, wherever it is kept. There is nothing to do but to end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.issuance.families.base import Family
from tui.issuance.model.types import Address, Credential
from tui.issuance.revoking import seeking
from tui.issuance.transaction.reading import no_token

if TYPE_CHECKING:
    from tui.issuance.model.types import Plan
    from tui.issuance.revoking.found import Found
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.sensitive import Sensitive


class Handles(Family):
    """What is known only by its handle."""

    async def lookup(self, context: Context, address: Address) -> Credential:
        return (await seeking.at_handle(context, address)).credential

    async def material(self, context: Context, address: Address) -> Sensitive:
        raise no_token(address)

    async def token(self, context: Context, address: Address) -> Sensitive | None:
        return None

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        raise no_token(address)

    async def found(self, context: Context, address: Address) -> Found:
        return await seeking.at_handle(context, address)


FAMILY = Handles()
