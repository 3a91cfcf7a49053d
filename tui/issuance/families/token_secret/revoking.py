"""Revoking a long-lived token Secret: it is its own handle, so it is deleted itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from tui.issuance.model.sight import Sight, identifying_facts
from tui.issuance.model.types import Action, Address, Plan
from tui.issuance.records.intent import Revocation
from tui.issuance.revoking import older
from tui.issuance.revoking.plans import what_stays
from tui.issuance.revoking.steps import Revocable
from tui.issuance.transaction import dead_tokens
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Context
from tui.issuance.trust import handles
from tui.issuance.trust.whose import pending_here

from .rotation import copies_of, look_at


async def prepare_token_secret(
    context: Context, address: Address, *, wait: bool, whole: bool = False
) -> tuple[Plan, RevokeLegacy]:
    """The plan for ending it, and the older tokens of its place with `whole`. Raises UsageError, KubeError."""
    sight = Sight()
    found = await sight.see(
        str(address), lambda: look_at(context, address), lambda seen: identifying_facts(seen.credential)
    )
    credential = found.credential
    assert credential.handle is not None
    handle = credential.handle
    exports = tuple(await sight.see("the copies of it", lambda: copies_of(context, address, handle)))
    account = credential.identity.name if credential.identity is not None else ""
    copies = {export.credential.address for export in exports}
    before = older.outliving(await pending_here(context), handle, account, address, copies)
    warnings = ["a Secret created again under the same name would make this very token valid again"]
    told, stay = await what_stays(exports)
    warnings += stay
    warnings += map(older.ends_too if whole else older.lives_on, before)
    work = RevokeLegacy(
        context=context,
        credential=credential,
        handle=handle,
        account_uid=found.account_uid,
        exports=exports,
        sight=sight,
        wait=wait,
        ends=before if whole else (),
        told=told,
        living=() if whole else tuple(map(older.lives_on, before)),
    )
    return work.plan(work.plan_id, Action.REVOKE, address, warnings=warnings), work


@dataclass(kw_only=True)
class RevokeLegacy(Revocable):
    """A token Secret is its own handle."""

    account_uid: str

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.credential.address,)

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.ending("secret", f"Delete the token Secret {self.handle.namespace}/{self.handle.name}")

    @property
    def wanted(self) -> handles.Ending:
        by_token = handles.Named.BY_TOKEN
        return handles.Ending(handle=self.handle, named=by_token, account=self.account, token_secret=True)

    @property
    def due(self) -> Revocation:
        return msgspec.structs.replace(super().due, account_uid=self.account_uid)

    @property
    def over(self) -> dict[str, Any]:
        now, fingerprint = self.context.clock(), self.credential.fingerprint
        return {"revoked": self.handle, **dead_tokens.ended(self.handle, fingerprint, now, self.account_uid)}
