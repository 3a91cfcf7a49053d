"""Creating a DPUServiceCredentialRequest, and ending the token of one that is bound to no handle."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from tui.kube.errors import APIError, Conflict, NotFound
from tui.kube.resource import SERVICE_ACCOUNTS

from . import ending
from .cluster_time import now_at
from .dpf import DPU_REQUESTS, DPURequest, DPURequestDraft, credential_of, manifest, validate
from .dpf.renewal_work import RequestWork, look
from .dpf.steps import fetch, look_account
from .errors import ChangedMeanwhile, IssuanceError, UsageError
from .intent import Intent, new_id
from .kinds import CredentialKind
from .requesting import as_planned, looked_at, spec_of
from .running import Run, StepFailed
from .sight import Sight
from .types import Action, Address, Credential, Plan, Step, StepStatus
from .work import Context, Finished

if TYPE_CHECKING:
    from tui.kube.client import Client


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """One new request."""

    context: Context
    draft: DPURequestDraft
    sight: Sight = field(default_factory=Sight)
    """Nothing: whether it is there already the server says when it is made."""

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
    """The only way to end a token that is bound to nothing: a new UID for its account, which ends all its tokens.

    Between its end and its new beginning there is no account: the journal knows, so that the next start makes it.
    """

    context: Context
    work: RequestWork
    credential: Credential
    intent: Intent
    sight: Sight
    wait: bool = False
    """Whether to wait until the server refuses its token."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.credential.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.credential

    async def run(self, run: Run) -> Finished:
        async with run.step("intent") as note:
            note.record = {"opened": self.intent}
        token = await ending.at_hand(self.context, self.credential)
        try:
            async with run.step("delete") as note:
                said = await _end_account(self.work.client, self.intent)
                answer = await ending.ask(self.context, self.credential, token)
                note.message = ending.words(said, answer)
            async with run.step("account") as note:
                self.work.there = await look_account(self.work.client, self.work.request)
                await _make_account(self.work, self.intent)
                note.record = {"closed": self.intent.plan}
        except StepFailed as failure:
            await self._give_up(run, failure)
            raise
        run.hints.append("the request has no working token now; rotate it to issue a new one")
        if self.wait:
            answer = await ending.wait(run, self.context, self.credential, token)
        return Finished(ending.over(self.credential, answer, "its account was made anew"))

    async def _give_up(self, run: Run, failure: StepFailed) -> None:
        """What was refused was not done. Anything else may have been: the next start goes on with it."""
        error = failure.__cause__
        if failure.step == "delete" and isinstance(error, APIError) and not error.retriable:
            with contextlib.suppress(StepFailed):
                async with run.step("undo") as note:
                    note.status, note.message = StepStatus.UNDONE, "as it was before (the account stays)"
                    note.record = {"closed": self.intent.plan}
                return
        run.hints.append("kubemint makes the account anew when it starts next")


async def finish_recreation(context: Context, intent: Intent, run: Run) -> Finished:
    """What a dead process began: the old account goes if it is still there, and a new one comes if none did."""
    identity, address = intent.spec.identity, intent.address
    async with run.step("find") as note:
        host = await context.clusters.client(address.cluster)
        note.message = await _end_account(await context.clusters.client(identity.cluster), intent)
        try:
            request = await fetch(host, address.cluster, address.namespace, address.name)
        except NotFound:
            request = None
    async with run.step("commit") as note:
        note.record = {"closed": intent.plan}
        if request is None or request.deleted_at is not None or request.identity != identity:
            note.skip("the request does not want this account any more")
        else:
            work = await look(context.clusters, request)
            await _make_account(work, intent)
    return Finished(None)


async def _end_account(client: Client, intent: Intent) -> str:
    """Delete that very account, and with it every token it has; says how it went."""
    identity = intent.spec.identity
    try:
        await client.delete(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace, uid=intent.ends)
    except NotFound:
        return "was gone already"
    except Conflict:
        return "was gone already; another account has its name now"
    return "deleted; servers that saw a token of it just before may accept it for 10 s more"


async def _make_account(work: RequestWork, intent: Intent) -> None:
    """Make the account of the request, or refresh the one that somebody has made since."""
    if work.there.uid == intent.ends:
        raise IssuanceError(
            f"the service account {intent.spec.identity} is still being deleted: something holds it back",
            "see its finalizers",
        )
    await work.account()


async def prepare_recreation(
    context: Context, request: DPURequest, *, wait: bool = False
) -> tuple[Plan, RecreateAccount]:
    """The plan for ending a token without a handle, with what else that ends; with `wait` until it is refused.

    Raises UsageError, KubeError.
    """
    sight = Sight()
    again = partial(looked_at, context, request.address)
    work = await sight.see(str(request.address), again, as_planned)
    if not work.there.uid:
        raise UsageError(f"the service account {request.service_account} is gone, and its tokens with it")
    identity = work.identity
    where = {"cluster": identity.cluster, "namespace": identity.namespace, "name": identity.name}
    intent = Intent(
        plan=new_id(),
        action=Action.REVOKE,
        address=request.address,
        request=request.uid,
        spec=msgspec.structs.replace(spec_of(request), identity=identity),
        ends=work.there.uid,
    )
    plan = Plan(
        id=intent.plan,
        action=intent.action,
        address=request.address,
        steps=(
            Step(id="intent", title="Journal what is intended"),
            Step(id="delete", title="Delete the service account", verb="delete", resource="serviceaccounts", **where),
            Step(id="account", title="Create it again", verb="create", resource="serviceaccounts", **where),
            *((ending.STEP,) if wait else ()),
        ),
        warnings=(
            f"its token is bound to no handle: every token of {identity} ends, whoever uses it",
            "running pods of that account lose access until their tokens are renewed",
        ),
    )
    credential = credential_of(request.cluster, request, now_at(work.client, context.clock))
    return plan, RecreateAccount(context, work, credential, intent, sight, wait)


def _address(draft: DPURequestDraft) -> Address:
    return Address(CredentialKind.REQUEST, draft.cluster, draft.namespace, draft.name)
