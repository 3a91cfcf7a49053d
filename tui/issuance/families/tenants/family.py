"""Tenants: stores that lead into one, and credentials of the management cluster that are pushed there.

What is pushed is a token of a service account in a Secret, and once it is there it is of that family.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.issuance.families.base import Family, Wish

from .planning import prepare_push, prepare_store
from .pushing import as_left, prepare_push_again
from .wish import PushWish, StoreWish, TenantPush

if TYPE_CHECKING:
    from tui.issuance.model.types import Plan
    from tui.issuance.records.intent import Intent
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context


class Tenants(Family):
    """What leads into a tenant."""

    def began(self, intent: Intent) -> bool:
        return bool(intent.told)

    async def as_left(self, context: Context, intent: Intent) -> Transaction:
        return await as_left(context, intent)

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        match wish:
            case TenantPush():
                return await prepare_push(context, wish, **said)
            case StoreWish():
                return await prepare_store(context, wish.host, wish.namespace, wish.cluster)
            case PushWish():
                return await prepare_push_again(context, wish.cluster, wish.namespace, wish.name)
            case _:
                return await super().plan(context, wish, **said)


FAMILY = Tenants()
