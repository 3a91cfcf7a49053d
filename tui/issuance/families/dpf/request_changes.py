"""Creating a DPUServiceCredentialRequest, and ending the token of one that is bound to no handle."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.errors import ChangedMeanwhile, IssuanceError, StepFailed, UsageError
from tui.issuance.model.cluster_time import now_at
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Credential, Plan, StepInfo
from tui.issuance.objects.deleting import delete
from tui.issuance.records.intent import Intent, new_id
from tui.issuance.transaction import ending
from tui.issuance.transaction.step import Journaled, Step, Transaction
from tui.issuance.transaction.work import Context, Finished
from tui.kube.answers import insist_gone
from tui.kube.errors import APIError, Conflict, NotFound
from tui.kube.resource import SERVICE_ACCOUNTS

from . import DPU_REQUESTS, DPURequest, DPURequestDraft, credential_of, manifest, validate
from .renewal_work import RequestWork, look
from .requesting import as_planned, looked_at, spec_of
from .shown import of_request
from .steps import check_account, fetch, look_account

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.issuance.transaction.running import Note


@dataclass
class CreateRequest(Transaction):
    """One new request."""

    context: Context
    draft: DPURequestDraft
    sight: Sight = field(default_factory=Sight)
    """Nothing: whether it is there already the server says when it is made."""
    _made: Credential | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (_address(self.draft),)

    @property
    def steps(self) -> tuple[Step, ...]:
        draft = self.draft
        info = StepInfo(
            id="create", title=f"Create the request {draft.namespace}/{draft.name}", verb="create",
            resource=DPU_REQUESTS.name, cluster=draft.cluster, namespace=draft.namespace, name=draft.name,
        )  # fmt: skip
        return (Step(info=info, do=self._create),)

    def finished(self) -> Finished:
        return Finished(self._made)

    async def _create(self, note: Note) -> None:
        draft, client = self.draft, await self.context.clusters.client(self.draft.cluster)
        try:
            made: dict[str, Any] = await client.create(DPU_REQUESTS, manifest(draft), namespace=draft.namespace)
        except Conflict as error:
            raise ChangedMeanwhile(
                f"{draft.namespace}/{draft.name} exists already in {draft.cluster}", "choose another name"
            ) from error
        except NotFound as error:
            raise IssuanceError(error.message, error.hint or "is DPF installed there?") from error
        note.message = "created; DPF's controller issues it, or rotate it to issue it now"
        self._made = credential_of(draft.cluster, made, now_at(client, self.context.clock))


async def prepare_creation(context: Context, draft: DPURequestDraft) -> tuple[Plan, CreateRequest]:
    """The plan for a new request; UsageError with everything that is wrong with the draft."""
    context.clusters.endpoint(draft.cluster)
    problems = validate(draft)
    if problems:
        raise UsageError("; ".join(map(str, problems)))
    work = CreateRequest(context, draft)
    return work.plan(new_id(), Action.ISSUE, _address(draft)), work


@dataclass(kw_only=True)
class RecreateAccount(Journaled):
    """The only way to end a token that is bound to nothing: a new UID for its account, which ends all its tokens.

    Between its end and its new beginning there is no account: the journal knows, so that the next start makes it.
    """

    context: Context
    intent: Intent
    work: RequestWork | None = None
    """The request as it was planned; None for a start after a crash, which looks at it anew."""
    credential: Credential | None = None
    sight: Sight = field(default_factory=Sight)
    wait: bool = False
    """Whether to wait until the server refuses its token."""
    _end: ending.End = field(default_factory=ending.End, init=False)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.intent.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.credential

    @property
    def steps(self) -> tuple[Step, ...]:
        where = {
            "resource": "serviceaccounts", "cluster": self.intent.spec.identity.cluster,
            "namespace": self.intent.spec.identity.namespace, "name": self.intent.spec.identity.name,
        }  # fmt: skip
        delete = StepInfo(id="delete", title="Delete the service account", verb="delete", **where)
        account = StepInfo(id="account", title="Create it again", verb="create", **where)
        later = "kubemint creates the account again when it starts next"
        steps = (
            self.opened(),
            Step(info=delete, do=self._delete, whole=True, kept=lambda failure: "" if _refused(failure) else later),
            Step(info=account, do=self._account, final=True, kept=later),
        )
        return (*steps, self._end.step(self.context)) if self.wait else steps

    def finished(self) -> Finished:
        if self.credential is None:
            return Finished(None)
        return Finished(ending.over(self.credential, self._end.answer, "its account was created again"))

    def hints(self) -> tuple[str, ...]:
        return ("the request has no working token now; rotate it to issue a new one",) if self.credential else ()

    def undone(self, said: Sequence[str]) -> str:
        return "as it was before (the account stays)"

    async def find(self, note: Note) -> tuple[Step, ...]:
        """The old account goes if it is still there, and a new one comes if none did."""
        note.message = await self._end_account()
        info = StepInfo(id="commit", title="Create the account again")
        return (Step(info=info, do=self._account_if_wanted),)

    async def _delete(self, note: Note) -> None:
        assert self.credential is not None
        self._end.credential = self.credential
        self._end.token = await ending.at_hand(self.context, self.credential)
        note.message = await self._end.describe(self.context, await self._end_account())

    async def _account(self, note: Note) -> None:
        assert self.work is not None
        self.work.there = await look_account(self.work.client, self.work.request)
        await self._make_account(self.work)
        note.record = {"closed": self.intent.plan}

    async def _account_if_wanted(self, note: Note) -> None:
        address = self.intent.address
        host = await self.context.clusters.client(address.cluster)
        note.record = {"closed": self.intent.plan}
        try:
            request = await fetch(host, address.cluster, address.namespace, address.name)
        except NotFound as error:
            insist_gone(error)
            request = None
        if request is None or request.deleted_at is not None or request.identity != self.intent.spec.identity:
            note.skip("the request does not want this account any more")
        else:
            await self._make_account(await look(self.context.clusters, request))

    async def _end_account(self) -> str:
        """Delete that very account, and with it every token it has; says how it went."""
        identity = self.intent.spec.identity
        client = await self.context.clusters.client(identity.cluster)
        ended = await delete(
            client, SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace, uid=self.intent.ends
        )
        if ended.is_held:
            return f"{ended}; its tokens are refused within 60 s"
        cached = "; servers that saw a token of it just before may accept it for 10 s more" if ended.was_there else ""
        return f"{ended}{cached}"

    async def _make_account(self, work: RequestWork) -> None:
        """Make the account of the request, or refresh the one that someone has made since."""
        if work.there.uid == self.intent.ends:
            raise IssuanceError(
                f"the service account {self.intent.spec.identity.said} is still being deleted: something holds it back",
                "see its finalizers",
            )
        check_account(work.request, work.there, work.kept.witness(work.request.target))
        await work.account()


def _refused(failure: StepFailed) -> bool:
    """Whether the server refused it, so that nothing was done. Anything else may have been."""
    error = failure.__cause__
    return isinstance(error, APIError) and not error.retriable


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
    vouched = await of_request(context, request, work.published, now_at(work.client, context.clock))
    credential = vouched.credential
    if vouched.at.unknown:  # no server is asked about its token then
        credential = msgspec.structs.replace(credential, identity=None)
    intent = Intent(
        plan=new_id(),
        action=Action.REVOKE,
        address=request.address,
        request=request.uid,
        spec=msgspec.structs.replace(spec_of(request), identity=identity),
        ends=work.there.uid,
    )
    warnings = (
        f"its token is bound to no handle: this ends every token of {identity.said}, also those in use",
        "running pods of that account lose access until their tokens are renewed",
    )
    end = RecreateAccount(
        context=context,
        intent=intent,
        work=work,
        credential=credential,
        sight=sight,
        wait=wait,
    )
    return end.planned(warnings), end


def _address(draft: DPURequestDraft) -> Address:
    return Address(CredentialKind.REQUEST, draft.cluster, draft.namespace, draft.name)
