"""Undoing the rotation of a DPUServiceCredentialRequest: the same steps, with the request's own records kept in step.

A request says in itself which handles may go, so that any kubemint can remove them. Before the old token is written
back, its handle is taken off that list, or another one's sweep would end it in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import IssuanceError, StepFailed, UsageError
from tui.issuance.model.cluster_time import ahead, now_at
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Address, Handle, Plan, StepInfo
from tui.issuance.records.intent import Intent, Revocation
from tui.issuance.transaction.minting import issued_again
from tui.issuance.transaction.shared_steps import prove_step
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.undo_intent import undo_intent, undo_warnings
from tui.issuance.transaction.work import Context
from tui.issuance.users.grace_length import Length
from tui.issuance.users.secret_users import secrets_of_request

from . import DPU_REQUESTS, made_in
from .cleanup import Leftover, leftovers_of
from .requesting import RequestRotation, as_planned, looked_at, spec_of
from .shown import of_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.issuance.transaction.running import Note
    from tui.kube.sensitive import Sensitive


@dataclass(kw_only=True)
class RequestUndo(RequestRotation):
    """One undo of what a request keeps."""

    opening = "Journal what is intended, and keep the old handle"
    already = "the Secret holds the old token already"
    writes = "Write the old one back to the Secret {}"
    replaced = "newer"

    def _minting(self) -> tuple[Step, ...]:
        keep = StepInfo(
            id="keep", title="Take the old handle off what the request lets go", verb="patch",
            resource=DPU_REQUESTS.name, **self._itself,
        )  # fmt: skip
        proof = prove_step(self.work.identity.cluster, "Prove that the old one still works")
        return (Step(info=keep, do=self._keep_old, undo=self._let_go), Step(info=proof, do=self._prove))

    async def open(self, note: Note) -> None:
        note.record = {"opened": self.intent, "revoked": self.intent.handle}

    async def close(self, note: Note, failure: StepFailed | None) -> str:
        """The old handle is left to the end of its grace again."""
        note.record = {"revocations": [self.intent.undoes]}
        return await super().close(note, failure)

    def undone(self, said: Sequence[str]) -> str:
        return "the newer one stays in use"

    async def _let_go(self, _note: Note, _failure: StepFailed | None) -> str:
        assert self.intent.undoes is not None
        if not self._old_is_left_over():
            await self.work.leftovers((*leftovers_of(self.work.request), self._leftover(self.intent.undoes)))
        return ""

    async def _keep_old(self, _note: Note) -> None:
        handle = self._old
        left = leftovers_of(self.work.request)
        await self.work.leftovers(tuple(one for one in left if (one.kind, one.uid) != ("handle", handle.uid)))

    def _old_is_left_over(self) -> bool:
        return any((one.kind, one.uid) == ("handle", self._old.uid) for one in leftovers_of(self.work.request))

    def _leftover(self, undoes: Revocation) -> Leftover:
        target = self.work.request.status_target
        name = f"{self._old.namespace}/{self._old.name}"
        return Leftover(
            kind="handle",
            name=name,
            target=str(target) if target else "",
            uid=self._old.uid,
            due=undoes.due + ahead(self.work.host),
            made=tuple(filter(None, (made_in.mark(self.work.target),))),
            target_uid=self.work.target.uid,
        )

    @property
    def _old(self) -> Handle:
        if self.intent.handle is None:
            raise IssuanceError("the intent names no handle")
        return self.intent.handle


async def prepare_request_undo(
    context: Context, address: Address, revocation: Revocation, token: Sensitive, sight: Sight
) -> tuple[Plan, RequestUndo]:
    """The plan for putting the old token back into the Secret of a request. Raises UsageError, KubeError."""
    work = await sight.see(str(address), lambda: looked_at(context, address), as_planned)
    request, old = work.request, revocation.old
    assert old is not None
    if request.deleted_at is not None:
        raise UsageError(f"{address} is being deleted")
    work.check()
    same = (request.status_service_account, request.status_target, request.status_secret) == (
        request.service_account, request.target, request.secret,
    )  # fmt: skip
    if not same or old.identity != work.identity:
        raise UsageError(f"{address} wants something else since its last rotation", "rotate it instead")
    now = now_at(work.client, context.clock)
    newer = (await of_request(context, request, work.published, now)).credential
    intent = undo_intent(address, revocation, request.uid, (newer,), old)
    lasts = await context.length(secrets_of_request(request), intent.old) if intent.old_handles else Length()
    undo = RequestUndo(
        context=context,
        work=work,
        intent=msgspec.structs.replace(intent, spec=spec_of(request), grace=lasts.journaled),
        sight=sight,
    )
    undo.issued, work.handle = issued_again(intent, token), intent.handle
    return undo.planned(undo_warnings(intent, now, [], lasts), lasts=lasts), undo


async def as_left(context: Context, intent: Intent) -> RequestRotation:
    """What a dead process began, with the request as it is now."""
    work = await looked_at(context, intent.address)
    work.handle, work.account_uid = intent.handle, work.there.uid
    kind = RequestRotation if intent.undoes is None else RequestUndo
    return kind(context=context, work=work, intent=intent)
