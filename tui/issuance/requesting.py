"""The engine's side of DPUServiceCredentialRequests: the same eight steps, with the request's own rules in `dpf`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import msgspec

from tui.kube.errors import TimedOut
from tui.kube.sensitive import Sensitive

from . import handles, vouching
from .cluster_time import now_at
from .destinations.fence import fence, unsure
from .dpf import DPURequest, credential_of
from .dpf.aside import left_to
from .dpf.cleanup import leftovers_of, sweep
from .dpf.cleanup import written as leftovers_text
from .dpf.conditions import rfc3339
from .dpf.renewal_work import RequestWork, look
from .dpf.resources import DPU_REQUESTS, FINGERPRINT, LEFTOVERS
from .dpf.steps import annotate, check_written, fetch, look_secret
from .durations import format_duration
from .errors import ChangedMeanwhile, IssuanceError, UsageError
from .formats import Format
from .grace_length import Length
from .intent import Intent, new_id
from .issuing import CANNOT_REVOKE
from .running import Run, StepFailed
from .secret_users import secrets_of_request
from .shared_steps import COMMIT, INTENT, mint_steps, revoke_step
from .sight import Sight
from .token_request import IssuedToken
from .types import Action, Address, Credential, Handle, IssueSpec, Plan, SecretDestination, Step, StepStatus
from .work import Context, Finished


@dataclass(slots=True)
class RequestRotation:
    """One rotation (or first issue) of what a request keeps."""

    context: Context
    work: RequestWork
    intent: Intent
    sight: Sight = field(default_factory=Sight)
    handle_may_come: bool = False
    """Whether the server was asked for the handle and has not answered: it may create it in a moment."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.intent.address,)

    @property
    def fallback(self) -> Credential | None:
        return next(iter(self.intent.old), None)

    async def run(self, run: Run) -> Finished:
        work = self.work
        try:
            async with run.step("intent") as note:
                note.record = {"opened": self.intent}
            async with run.step("account"):
                await work.account()
            async with run.step("handle") as note:
                await self._bind(run)
                if work.handle is None:
                    note.skip("no right to create Secrets there; the token is not bound")
                note.record = {"opened": self.intent}
            async with run.step("token") as note:
                issued = await work.mint()
                note.message = f"granted {format_duration(issued.granted)}"
                if issued.shortened and issued.requested is not None:
                    note.message += f", asked {format_duration(issued.requested)}"
                self._learn(issued)
                note.record = {"opened": self.intent}
            async with run.step("prove") as note:
                proof = await work.prove(issued)
                note.message = f"{proof.method} says {proof.username}"
            async with run.step("write:0"):
                await self._unchanged()
                await work.write(issued)
        except StepFailed as failure:
            if failure.step != "intent":  # before that nothing was done
                in_flight = failure.step == "write:0" and unsure(failure.__cause__)
                self.handle_may_come = failure.step == "handle" and isinstance(failure.__cause__, TimedOut)
                await self.undo(run, in_flight=in_flight)
            raise
        return await self.finish(run, issued)

    async def finish(self, run: Run, issued: IssuedToken) -> Finished:
        """The Secret holds the new token; say so in the request, commit, and leave the old handle to its grace."""
        context, grace = self.context, self.intent.lasting(self.context.grace)
        try:
            async with run.step("check:0"):
                await check_written(self.work.host, self.work.request, self.work.data(issued))
            async with run.step("status") as note:
                if self.work.request.marks.get(FINGERPRINT) == issued.fingerprint:
                    note.skip("the request says so already")  # saying it twice would make the new handle an old one
                else:
                    await self.work.publish(issued, now_at(self.work.host, context.clock), grace)
            revocations = self.intent.revocations(await context.moment(self.work.identity.cluster), grace)
            async with run.step("commit") as note:
                note.record = {"closed": self.intent.plan, "revocations": revocations}
        except StepFailed as failure:
            unsure = failure.step.startswith("check")
            said = "what the Secret holds now is not known" if unsure else "the new token is published and works"
            rest = "finishes or undoes" if unsure else "finishes"
            run.hints.append(f"{said}; kubemint {rest} the rest when it starts next")
            raise
        run.hints += self.work.notes
        now = now_at(self.work.client, context.clock)
        return Finished(credential_of(self.work.request.cluster, self.work.request, now), revocations, self._replaced())

    def _replaced(self) -> dict[Handle, Sensitive]:
        """What the Secret held when it was looked at, for as long as somebody may want to go back to it."""
        token = self.work.published.token
        return {
            old.handle: token
            for old in self.intent.old
            if token is not None and old.handle is not None and token.fingerprint == old.fingerprint
        }

    async def undo(self, run: Run, *, in_flight: bool = False) -> None:
        """Take the new handle back, unless its token is what the Secret holds, or may hold in a moment."""
        with contextlib.suppress(StepFailed):
            async with run.step("undo") as note:
                if await self._landed(in_flight):
                    raise IssuanceError("the Secret holds the new token already")
                if in_flight and not self.work.wanted.exists:
                    raise IssuanceError("the server did not answer, and may still write the Secret")
                said = "nothing had been made"
                if self.intent.handle is not None:
                    account, plan = self.work.identity.name, self.intent.plan
                    said = f"handle {await handles.discard(self.context.clusters, self.intent.handle, plan, account)}"
                if self.handle_may_come and said.endswith(handles.NEVER):
                    raise IssuanceError("the server did not answer, and may still create the handle")
                note.status, note.message = StepStatus.UNDONE, f"as it was before ({said})"
                note.record = {"closed": self.intent.plan}
            return
        run.hints.append("what is left over is cleaned up when kubemint starts next")

    async def _landed(self, in_flight: bool) -> bool:
        """Whether the Secret holds what was written, after which nothing more comes: not even what is on its way."""
        if in_flight and self.work.wanted.ours:
            where = self.work.request.secret
            await fence(self.work.host, where.namespace, where.name)
        return await published(self.context, self.work.request, self.intent.fingerprint) is not None

    async def _bind(self, run: Run) -> None:
        name = self.intent.handle.name if self.intent.handle is not None else ""
        handle = await self.work.bind(self.intent.plan, self.context.owner, name)
        self.intent = msgspec.structs.replace(self.intent, handle=handle)
        if handle is None:
            run.hints.append(f"this credential {CANNOT_REVOKE}")

    def _learn(self, issued: IssuedToken) -> None:
        self.intent = msgspec.structs.replace(
            self.intent,
            fingerprint=issued.fingerprint,
            requested=issued.requested,
            granted=issued.granted,
            issued_at=issued.issued_at,
            expires_at=issued.expires_at,
        )

    async def _unchanged(self) -> None:
        """Nobody else renewed it since it was looked at."""
        request = self.work.request
        now = await fetch(self.work.host, request.cluster, request.namespace, request.name)
        if (now.expires_at, now.marks, now.generation) != (request.expires_at, request.marks, request.generation):
            raise ChangedMeanwhile(
                f"{self.intent.address} was changed by somebody else since it was looked at",
                "look again, then decide anew",
            )


async def prepare_rotation(context: Context, address: Address) -> tuple[Plan, RequestRotation]:
    """The plan for a new token in the Secret of a request, whether or not DPF's controller runs.

    Raises UsageError, KubeError.
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
    if request.expires_at is not None:
        marks = credential_of(address.cluster, request, now)
        facts, verdict = await vouching.of_request(context, request, marks, work.published.token)
        old = [msgspec.structs.replace(marks, handle=verdict.handle)]
        if not verdict.ok and (marks.handle is not None or facts.handle is not None):
            foreign = f"the old token is not revoked: {verdict.why}"
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
    if not foreign and old and old[0].handle is None and request.expires_at is not None and request.expires_at > now:
        warnings += (f"the old token is bound to nothing: it goes on working until {rfc3339(request.expires_at)}",)
    if foreign:
        warnings += (foreign,)
    lasts = await context.length(secrets_of_request(request), intent.old) if intent.old_handles else Length()
    intent = msgspec.structs.replace(intent, grace=lasts.journaled)
    plan = Plan(
        id=intent.plan,
        action=Action.ROTATE,
        address=address,
        steps=_steps(context, work, intent),
        warnings=warnings + lasts.warnings,
        grace=lasts.grace if intent.old_handles else None,
        grace_for=lasts.reasons,
    )
    return plan, RequestRotation(context, work, intent, sight)


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


def _steps(context: Context, work: RequestWork, intent: Intent) -> tuple[Step, ...]:
    identity, request = work.identity, work.request
    where = {"cluster": identity.cluster, "namespace": identity.namespace}
    secret = {"cluster": request.cluster, "namespace": request.secret.namespace, "name": request.secret.name}
    handle = intent.handle.name if intent.handle is not None else ""
    steps = [
        INTENT,
        Step(
            id="account", title=f"Apply the service account {identity.name}",
            verb="patch", resource="serviceaccounts", name=identity.name, **where,
        ),
        *mint_steps(identity, handle),
        Step(id="write:0", title=f"Apply the Secret {request.secret}", verb="patch", resource="secrets", **secret),
        Step(id="check:0", title="Read it back and compare", verb="get", resource="secrets", **secret),
        Step(
            id="status", title="Update the status of the request",
            verb="patch", resource="dpuservicecredentialrequests/status.svc.dpu.nvidia.com",
            cluster=request.cluster, namespace=request.namespace, name=request.name,
        ),
        COMMIT,
    ]  # fmt: skip
    for number, old in enumerate(intent.old_handles):
        grace = format_duration(intent.lasting(context.grace))
        steps.append(revoke_step(number, old, f"Revoke the old one after {grace}"))
    return tuple(steps)


async def published(context: Context, request: DPURequest, fingerprint: str) -> Sensitive | None:
    """The token in the request's Secret, where it has this fingerprint."""
    if not fingerprint:
        return None
    host = await context.clusters.client(request.cluster)
    there = await look_secret(host, request, request.secret)
    return there.token if there.token is not None and there.token.fingerprint == fingerprint else None
