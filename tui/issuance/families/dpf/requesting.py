"""The engine's side of DPUServiceCredentialRequests: the same eight steps, with the request's own rules in `dpf`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec

from tui.issuance.destinations.fence import fence, unsure
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import ChangedMeanwhile, IssuanceError, StepFailed, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.cluster_time import now_at
from tui.issuance.model.durations import rfc3339
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Credential, Handle, IssueSpec, Plan, StepInfo
from tui.issuance.records.intent import Intent, granted, new_id
from tui.issuance.transaction.minting import CANNOT_REVOKE, Minting, issued_again
from tui.issuance.transaction.replacing import refuse_revoked
from tui.issuance.transaction.shared_steps import COMMIT, account_step, mint_steps
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Context, Finished
from tui.issuance.trust import handles, vouching
from tui.issuance.trust.vouchers import Verdict, is_cut_short
from tui.issuance.users.grace_length import Length
from tui.issuance.users.secret_users import secrets_of_request
from tui.kube.sensitive import Sensitive

from . import DPURequest, credential_of, made_in
from .aside import left_to
from .cleanup import leftovers_of, sweep, written as leftovers_text
from .renewal_work import RequestWork, look
from .resources import DPU_REQUESTS, FINGERPRINT, LEFTOVERS
from .shown import of_request
from .steps import annotate, check_written, fetch, look_secret

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note


@dataclass(kw_only=True)
class RequestRotation(Minting):
    """One rotation (or first issue) of what a request keeps."""

    already: ClassVar[str] = "the Secret holds the new token already"
    writes: ClassVar[str] = "Apply the Secret {}"

    work: RequestWork

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.intent.address,)

    @property
    def fallback(self) -> Credential | None:
        return next(iter(self.intent.old), None)

    @property
    def steps(self) -> tuple[Step, ...]:
        return (self.opened(), *self._minting(), self._written, *self._publishing())

    def finished(self) -> Finished:
        now, request = now_at(self.work.client, self.context.clock), self.work.request
        return Finished(credential_of(request.cluster, request, now), self._revocations, self._tokens_replaced())

    def hints(self) -> list[str]:
        return self.work.notes

    async def find(self, note: Note) -> tuple[Step, ...] | None:
        """Proved again, written anew and finished where the Secret holds the new token, undone where it does not."""
        work, intent = self.work, self.intent
        token = await published(self.context, work.request, intent.fingerprint)
        if token is None and intent.fingerprint and work.wanted.ours:
            # The last write of the dead may be on its way still.
            await fence(work.host, work.request.secret.namespace, work.request.secret.name)
            token = await published(self.context, work.request, intent.fingerprint)
        note.message = f"the Secret holds the {'new' if token is not None else 'old'} token"
        if token is None:
            return None
        self.issued = issued_again(intent, token)
        work.check()
        *_, proof = self._minting()
        over = intent.ended(await self.context.now(work.identity.cluster))
        return (*(() if over else (proof,)), self._written, *self._publishing())

    @property
    def _written(self) -> Step:
        title = self.writes.format(self.work.request.secret)
        write = StepInfo(id="write:0", title=title, verb="patch", resource="secrets", **self._secret)
        return Step(info=write, do=self._write, undo=self._not_landed)

    def _minting(self) -> tuple[Step, ...]:
        identity, handle = self.work.identity, self.intent.handle
        account = msgspec.structs.replace(
            account_step(identity), title=f"Apply the service account {identity.name}", verb="patch"
        )
        bind, token, proof = mint_steps(identity, handle.name if handle is not None else "")
        return (
            Step(info=account, do=self._account),
            Step(info=bind, do=self._bind, undo=self.discard_handle),
            Step(info=token, do=self._token),
            Step(info=proof, do=self._prove),
        )

    def _publishing(self) -> tuple[Step, ...]:
        """The Secret holds the new token; say so in the request, commit, and leave the old handle to its grace."""
        check = StepInfo(id="check:0", title="Read it back and compare", verb="get", resource="secrets", **self._secret)
        status = StepInfo(
            id="status", title="Update the status of the request", verb="patch",
            resource=f"dpuservicecredentialrequests/status.{DPU_REQUESTS.group}", **self._itself,
        )  # fmt: skip
        goes_on = "kubemint finishes{} the rest when it starts next"
        unknown = f"what the Secret holds now is not known; {goes_on.format(' or undoes')}"
        works = f"the new token is published and works; {goes_on.format('')}"
        return (
            Step(info=check, do=self._check, kept=unknown),
            Step(info=status, do=self._status, kept=works),
            Step(info=COMMIT, do=self._commit, final=True, kept=works),
        )

    @property
    def _itself(self) -> dict[str, str]:
        request = self.work.request
        return {"cluster": request.cluster, "namespace": request.namespace, "name": request.name}

    @property
    def _secret(self) -> dict[str, str]:
        request = self.work.request
        return {"cluster": request.cluster, "namespace": request.secret.namespace, "name": request.secret.name}

    async def _account(self, _note: Note) -> None:
        await self.work.account()

    async def _bind(self, note: Note) -> None:
        name = self.intent.handle.name if self.intent.handle is not None else ""
        handle = await self.work.bind(self.intent.plan, self.context.owner, name)
        self.intent = msgspec.structs.replace(self.intent, handle=handle)
        if handle is None:
            note.skip("no right to create Secrets there; the token is not bound")
            note.hint(f"this credential {CANNOT_REVOKE}")
        await self.open(note)

    async def _token(self, note: Note) -> None:
        self.issued = await self.work.mint()
        note.message = granted(self.issued)
        self.intent = self.intent.learned(self.issued.fingerprint, self.issued)
        await self.open(note)

    async def _prove(self, note: Note) -> None:
        proof = await self.work.prove(self.token)
        note.message = f"{proof.method} says {proof.username}"

    async def _write(self, _note: Note) -> None:
        await self._unchanged()
        await self.work.write(self.issued)

    async def _not_landed(self, _note: Note, failure: StepFailed | None) -> str:
        """Nothing is taken back where the Secret holds what was written, or may hold it in a moment."""
        in_flight = failure is not None and failure.step == "write:0" and unsure(failure.__cause__)
        if in_flight and self.work.wanted.ours:  # after this nothing more comes: not even what is on its way
            where = self.work.request.secret
            await fence(self.work.host, where.namespace, where.name)
        if await published(self.context, self.work.request, self.intent.fingerprint) is not None:
            raise IssuanceError(self.already)
        if in_flight and not self.work.wanted.exists:
            raise IssuanceError("the server did not answer, and may still write the Secret")
        return ""

    async def _check(self, _note: Note) -> None:
        await check_written(self.work.host, self.work.request, self.work.data(self.issued))

    async def _status(self, note: Note) -> None:
        if self.work.request.marks.get(FINGERPRINT) == self.token.fingerprint:
            note.skip("the request says so already")  # saying it twice would make the new handle an old one
            return
        grace = self.intent.lasting(self.context.grace)
        await self.work.publish(self.token, now_at(self.work.host, self.context.clock), grace)

    async def _commit(self, note: Note) -> None:
        note.record = {"closed": self.intent.plan, "revocations": await self.revocations(note)}

    def _tokens_replaced(self) -> dict[Handle, Sensitive]:
        """What the Secret held when it was looked at, for as long as an undo may need it."""
        token = self.work.published.token
        return {
            old.handle: token
            for old in self.intent.old
            if token is not None and old.handle is not None and token.fingerprint == old.fingerprint
        }

    async def _unchanged(self) -> None:
        """Nothing else renewed it since it was looked at."""
        request = self.work.request
        now = await fetch(self.work.host, request.cluster, request.namespace, request.name)
        if (now.expires_at, now.marks, now.generation) != (request.expires_at, request.marks, request.generation):
            raise ChangedMeanwhile(
                f"{self.intent.address} was changed by another client since it was read",
                "look at it again, then retry",
            )


async def prepare_rotation(context: Context, address: Address, *, revive: bool = False) -> tuple[Plan, RequestRotation]:
    """The plan for a new token in the Secret of a request, whether or not DPF's controller runs.

    Raises UsageError (Unasked for what was revoked, without `revive`), KubeError.
    """
    sight = Sight()
    work = await sight.see(str(address), lambda: looked_at(context, address), as_planned)
    request = work.request
    if request.deleted_at is not None:
        raise UsageError(f"{address} is being deleted")
    work.check()
    old: list[Credential] = []
    foreign = ""
    now = now_at(work.client, context.clock)
    if not revive:  # by the token that lies there, wherever it is of; marks say it last
        kept, marks = work.kept, credential_of(request.cluster, request, now)
        handle = kept.handle or request.handle
        if made_in.why_away(request, kept, work.target):
            handle = None  # what is not there says nothing of where it was made
        marks = msgspec.structs.replace(marks, handle=handle)
        await refuse_revoked(context, marks, sight, refused=is_cut_short(kept, Verdict(ok=True), now))
    if request.expires_at is not None:
        vouched = await of_request(context, request, work.published, now)
        old = [vouched.credential]
        if not vouched.verdict.ok and (request.handle is not None or vouched.facts.handle is not None):
            foreign = f"the old token is not revoked: {vouched.verdict.why}"
    intent = Intent(
        plan=new_id(),
        action=Action.ROTATE,
        address=address,
        request=request.uid,
        spec=spec_of(request),
        handle=handles.new(work.identity, handles.meant_for(work.identity, request.uid)),
        old=tuple(old),
    )
    copies = await asyncio.to_thread(context.state.export_records)
    warnings = tuple(
        f"the copy {copy.credential.address.name} stops working; export it again afterwards"
        for copy in copies
        if copy.source == address
    )
    ends = old[0].expires_at if old and old[0].handle is None else None
    if not foreign and ends is not None and ends > now:
        warnings += (f"the old token has no handle: it stays valid until {rfc3339(ends)}",)
    if foreign:
        warnings += (foreign,)
    lasts = await context.length(secrets_of_request(request), intent.old) if intent.old_handles else Length()
    intent = msgspec.structs.replace(intent, grace=lasts.journaled)
    rotation = RequestRotation(context=context, work=work, intent=intent, sight=sight)
    return rotation.planned(warnings + lasts.warnings, lasts=lasts), rotation


async def looked_at(context: Context, address: Address) -> RequestWork:
    """A request and everything that it names, as it is now. Raises KubeError."""
    host = await context.clusters.client(address.cluster)
    request = await fetch(host, address.cluster, address.namespace, address.name)
    return await look(context.clusters, request)


def as_planned(work: RequestWork) -> object:
    """What a plan for a request rests on: what is wanted, what was issued, and who and what it is issued for."""
    request = work.request
    token = work.published.token
    issued = (request.expires_at, tuple(sorted(request.marks.items())), token.fingerprint if token else "")
    gone = request.deleted_at is not None
    return request.uid, request.generation, gone, issued, work.there.uid, work.target.uid, work.wanted.exists


async def controller_at(context: Context, address: Address) -> str:
    """What shows that DPF's controller renews this very request; empty where nothing does."""
    host = await context.clusters.client(address.cluster)
    request = await host.get(DPU_REQUESTS, address.name, namespace=address.namespace)
    found = await left_to(host, address.cluster, request, (), now_at(host, context.clock))
    return f"DPF's controller renews it: {found}" if found else ""


async def sweep_leftovers(context: Context, address: Address, *, gone: Handle | None = None) -> tuple[str, ...]:
    """Remove what the request has written down as superfluous and due, and forget what is gone; says what went.

    `gone` was revoked just now: it need not be due by the cluster's clock, of which we know the second at best.
    """
    host = await context.clusters.client(address.cluster)
    request = await fetch(host, address.cluster, address.namespace, address.name)
    written = leftovers_of(request)
    if not written:
        return ()
    now = now_at(host, context.clock)
    due = [
        msgspec.structs.replace(one, due=min(one.due, now)) if gone is not None and one.uid == gone.uid else one
        for one in written
    ]
    there = await look_secret(host, request, request.status_secret or request.secret)
    live = vouching.unasked(there.token if there.ours else None, "").handle
    swept = await sweep(context.clusters, request, due, now, live.uid if live is not None else "")
    if len(swept.left) != len(written):
        await annotate(host, request, {LEFTOVERS: leftovers_text(swept.left)})
    return swept.notes + swept.errors


def spec_of(request: DPURequest) -> IssueSpec:
    """The wish as the journal keeps it."""
    return IssueSpec(
        identity=request.identity,
        destinations=(SecretDestination(request.cluster, request.secret.namespace, request.secret.name),),
        format=request.format or Format.KUBECONFIG,
        duration=request.wanted,
    )


async def published(context: Context, request: DPURequest, fingerprint: str) -> Sensitive | None:
    """The token in the request's Secret, where it has this fingerprint."""
    if not fingerprint:
        return None
    host = await context.clusters.client(request.cluster)
    there = await look_secret(host, request, request.secret)
    return there.token if there.token is not None and there.token.fingerprint == fingerprint else None
