"""Undoing the rotation of a DPUServiceCredentialRequest: the same steps, with the request's own records kept in step.

A request says in itself which handles may go, so that any kubemint can remove them. Before the old token is written
back, its handle is taken off that list, or somebody else's sweep would end it in the middle.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import msgspec

from tui.kube.sensitive import Sensitive

from . import vouching
from .cluster_time import ahead, now_at
from .destinations.fence import fence, unsure
from .dpf import credential_of
from .dpf.cleanup import Leftover, leftovers_of
from .dpf.renewal_work import look
from .dpf.steps import fetch
from .errors import IssuanceError, UsageError
from .grace_length import Length
from .intent import Intent, Revocation
from .issuing import issued_again
from .requesting import RequestRotation, as_planned, looked_at, published, spec_of
from .running import Run, StepFailed
from .secret_users import secrets_of_request
from .shared_steps import prove_step
from .sight import Sight
from .types import Address, Handle, Plan, Step, StepStatus
from .undo_intent import undo_intent, undo_plan
from .work import Context, Finished


@dataclass(slots=True)
class RequestUndo(RequestRotation):
    """One undo of what a request keeps."""

    token: Sensitive | None = None

    async def run(self, run: Run) -> Finished:
        assert self.token is not None
        issued = issued_again(self.intent, self.token)
        self.work.handle = self.intent.handle
        try:
            async with run.step("intent") as note:
                note.record = {"opened": self.intent, "revoked": self.intent.handle}
            async with run.step("keep"):
                await self._keep_old()
            async with run.step("prove") as note:
                proof = await self.work.prove(issued)
                note.message = f"{proof.method} says {proof.username}"
            async with run.step("write:0"):
                await self._unchanged()
                await self.work.write(issued)
        except StepFailed as failure:
            if failure.step != "intent":
                in_flight = failure.step == "write:0" and unsure(failure.__cause__)
                await self.undo(run, in_flight=in_flight)
            raise
        return await self.finish(run, issued)

    async def undo(self, run: Run, *, in_flight: bool = False) -> None:
        """Leave the newer token where it is, and the old handle to the end of its grace."""
        undoes = self.intent.undoes
        assert undoes is not None
        with contextlib.suppress(StepFailed):
            async with run.step("undo") as note:
                if await self._landed(in_flight):
                    raise IssuanceError("the Secret holds the old token already")
                if in_flight and not self.work.wanted.exists:
                    raise IssuanceError("the server did not answer, and may still write the Secret")
                if not self._old_is_left_over():
                    await self.work.leftovers((*leftovers_of(self.work.request), self._leftover(undoes)))
                note.status, note.message = StepStatus.UNDONE, "the newer one stays in use"
                note.record = {"closed": self.intent.plan, "revocations": [undoes]}
            return
        run.hints.append("what is left over is cleaned up when kubemint starts next")

    async def _keep_old(self) -> None:
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
    newer = credential_of(address.cluster, request, now)
    _, verdict = await vouching.of_request(context, request, newer, work.published.token)
    newer = msgspec.structs.replace(newer, handle=verdict.handle)
    intent = undo_intent(address, revocation, request.uid, (newer,), old)
    lasts = await context.length(secrets_of_request(request), intent.old) if intent.old_handles else Length()
    intent = msgspec.structs.replace(intent, spec=spec_of(request), grace=lasts.journaled)
    secret = {"cluster": request.cluster, "namespace": request.secret.namespace, "name": request.secret.name}
    itself = {"cluster": request.cluster, "namespace": request.namespace, "name": request.name}
    steps = [
        Step(id="intent", title="Journal what is intended, and keep the old handle"),
        Step(
            id="keep", title="Take the old handle off what the request lets go", verb="patch",
            resource="dpuservicecredentialrequests.svc.dpu.nvidia.com", **itself,
        ),
        prove_step(work.identity.cluster, "Prove that the old one still works"),
        Step(
            id="write:0", title=f"Write the old one back to the Secret {request.secret}", verb="patch",
            resource="secrets", **secret,
        ),
        Step(id="check:0", title="Read it back and compare", verb="get", resource="secrets", **secret),
        Step(
            id="status", title="Update the status of the request", verb="patch",
            resource="dpuservicecredentialrequests/status.svc.dpu.nvidia.com", **itself,
        ),
    ]  # fmt: skip
    return undo_plan(context, intent, now, steps, [], lasts), RequestUndo(context, work, intent, sight, token=token)


async def finish_or_undo(context: Context, intent: Intent, run: Run) -> Finished:
    """What a dead process began: finished where the Secret holds its token, undone where it does not."""
    address = intent.address
    async with run.step("find") as note:
        host = await context.clusters.client(address.cluster)
        request = await fetch(host, address.cluster, address.namespace, address.name)
        work = await look(context.clusters, request)
        work.handle = intent.handle
        work.account_uid = work.there.uid
        token = await published(context, request, intent.fingerprint)
        if (
            token is None and intent.fingerprint and work.wanted.ours
        ):  # the last write of the dead may be on its way still
            await fence(host, request.secret.namespace, request.secret.name)
            token = await published(context, request, intent.fingerprint)
        note.message = "the Secret holds the new token" if token is not None else "the Secret holds the old token"
    rotation = (RequestRotation if intent.undoes is None else RequestUndo)(context, work, intent)
    if token is None:
        await rotation.undo(run)
        if run.results[-1].status is StepStatus.FAILED:
            raise StepFailed("undo", run.results[-1].message, "kubemint tries again when it starts next")
        return Finished(None)
    return await rotation.finish(run, issued_again(intent, token))
