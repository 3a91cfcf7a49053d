"""Long-lived tokens that kubemint has ended, and that must never come back.

The token controller makes the very same token, byte for byte, of the same Secret name and the same account. So whoever
still has a token that was revoked would be let in again by a Secret that is made anew under its old name. What was
ended is remembered by its fingerprint and by what it is made of, and new token Secrets get names that none had before.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from tui.issuance.errors import UsageError
from tui.issuance.model.types import Address, Handle
from tui.issuance.records.intent import Dead
from tui.issuance.trust.handle_names import is_handle_name

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive

    from .work import Context


def ended(
    handle: Handle, fingerprint: str, now: datetime, account_uid: str = "", kept: Address | None = None
) -> dict[str, list[Dead]]:
    """For the journal, where what was deleted is a token Secret, or the handle of a token that is `kept` where it alone
    says what it is; nothing for the handle of another short-lived token."""
    if is_handle_name(handle.name, None):
        if kept is None or not kept.kind.traits.by_token:
            return {}
        return {"dead": [Dead(secret=kept, account_uid="", fingerprint=fingerprint, handle=handle.uid, at=now)]}
    secret = Address.token_secret(handle.cluster, handle.namespace, handle.name)
    return {"dead": [Dead(secret=secret, account_uid=account_uid, fingerprint=fingerprint, at=now)]}


async def refuse(context: Context, secret: Address, account_uid: str, token: Sensitive | None = None) -> None:
    """Raises UsageError where that token Secret of that account holds, or would get, a token that was ended here."""
    fingerprint = token.fingerprint if token is not None else ""
    for one in await asyncio.to_thread(context.state.dead):
        if one.is_same(secret, account_uid, fingerprint):
            raise UsageError(
                f"the token of Secret {secret.namespace}/{secret.name} in {secret.cluster} was revoked here on "
                f"{one.at:%Y-%m-%d}: this would make the same token valid again, for anyone who has it",
                "choose another name for the token Secret",
            )
