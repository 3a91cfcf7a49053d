"""Kubeconfigs without a secret in them, which a plugin answers for: nothing is issued, renewed or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.issuance.families.base import Family, Wish
from tui.issuance.tokens.plain import PlainWish

from .accounts import prepare_for_account

if TYPE_CHECKING:
    from tui.issuance.model.types import Plan
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context


class Plugins(Family):
    """The file is forgotten once it is written: what it leads to is what counts."""

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        assert isinstance(wish, PlainWish)
        return await prepare_for_account(context, wish, **said)


FAMILY = Plugins()
