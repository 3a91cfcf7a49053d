"""Creating a DPUServiceCredentialRequest, and ending the token of one that is bound to no handle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from tui.kube.errors import Conflict, NotFound
from tui.kube.resource import SERVICE_ACCOUNTS

from .cluster_time import now_at
from .dpf import DPU_REQUESTS, DPURequest, DPURequestDraft, credential_of, manifest, validate
from .dpf.renewal_work import RequestWork, look
from .errors import ChangedMeanwhile, IssuanceError, UsageError
from .plans import new_id
from .running import Run
from .types import Action, Address, Credential, CredentialKind, Plan, State, Step
from .work import Context, Finished


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """One new request."""

    context: Context
    draft: DPURequestDraft

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (_address(self.draft),)

    @property
    def fallback(self) -> Credential | None:
        return None

    async def run(self, run: Run) -> Finished:
        draft = self.draft
        async with run.step("create") as note:
            client = await self.context.clusters.client(draft.cluster)
            try:
                made: dict[str, Any] = await client.create(DPU_REQUESTS, manifest(draft), namespace=draft.namespace)
            except Conflict as error:
                raise ChangedMeanwhile(
                    f"{draft.namespace}/{draft.name} exists already in {draft.cluster}", "choose another name"
                ) from error
            except NotFound as error:
                raise IssuanceError(error.message, "is DPF installed there, and does the namespace exist?") from error
            note.message = "created; DPF's controller issues it, or rotate it to issue it now"
        return Finished(credential_of(draft.cluster, made, now_at(client, self.context.clock)))


async def prepare_creation(context: Context, draft: DPURequestDraft) -> tuple[Plan, CreateRequest]:
    """The plan for a new request; UsageError with everything that is wrong with the draft."""
    context.clusters.endpoint(draft.cluster)
    problems = validate(draft)
    if problems:
        raise UsageError("; ".join(map(str, problems)))
    step = Step(
        id="create", title=f"Create the request {draft.namespace}/{draft.name}",
        verb="create", resource=DPU_REQUESTS.name, cluster=draft.cluster, namespace=draft.namespace, name=draft.name,
    )  # fmt: skip
    plan = Plan(id=new_id(), action=Action.ISSUE, address=_address(draft), steps=(step,))
    return plan, CreateRequest(context, draft)


@dataclass(frozen=True, slots=True)
class RecreateAccount:
    """The only way to end a token that is bound to nothing: a new UID for its account, which ends all its tokens."""

    context: Context
    work: RequestWork
    credential: Credential

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.credential.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.credential

    async def run(self, run: Run) -> Finished:
        identity, client = self.work.identity, self.work.client
        async with run.step("delete") as note:
            try:
                await client.delete(
                    SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace, uid=self.work.there.uid
                )
                note.message = "deleted; servers that saw a token of it just before may accept it for 10 s more"
            except NotFound:
                note.message = "was gone already"
        async with run.step("account"):
            self.work.there = type(self.work.there)()
            await self.work.account()
        run.hints.append("the request has no working token now; rotate it to issue a new one")
        return Finished(msgspec.structs.replace(self.credential, state=State.REVOKED, message="revoked"))


async def prepare_recreation(context: Context, request: DPURequest) -> tuple[Plan, RecreateAccount]:
    """The plan for ending a token without a handle, with what else that ends."""
    work = await look(context.clusters, request)
    if not work.there.uid:
        raise UsageError(f"the service account {request.service_account} is gone, and its tokens with it")
    identity = work.identity
    where = {"cluster": identity.cluster, "namespace": identity.namespace, "name": identity.name}
    plan = Plan(
        id=new_id(),
        action=Action.REVOKE,
        address=request.address,
        steps=(
            Step(id="delete", title="Delete the service account", verb="delete", resource="serviceaccounts", **where),
            Step(id="account", title="Create it again", verb="create", resource="serviceaccounts", **where),
        ),
        warnings=(
            f"its token is bound to no handle: every token of {identity} ends, whoever uses it",
            "running pods of that account lose access until their tokens are renewed",
        ),
    )
    return plan, RecreateAccount(context, work, credential_of(request.cluster, request, context.clock()))


def _address(draft: DPURequestDraft) -> Address:
    return Address(CredentialKind.REQUEST, draft.cluster, draft.namespace, draft.name)
