"""One request at work: look at everything it names, decide, make the new credential, prove it, publish it.

    work = await look(clusters, request)
    if work.reason(now):
        await work.account(); await work.bind(…); issued = await work.mint(); await work.prove(issued)
    await work.write(issued or None); await work.publish(issued or None, …)

The engine runs these one by one between its journal entries, the keeper runs them in a row. Until `publish` writes the
Secret nothing that works has been touched; afterwards the old handle may go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from tui.issuance.destinations.proving import Proof, prove
from tui.issuance.errors import IssuanceError, NotProved
from tui.issuance.model.durations import parse_time, rfc3339
from tui.issuance.model.types import Handle, Identity
from tui.issuance.objects import managed
from tui.issuance.objects.token_request import IssuedToken, check_wish, request_token
from tui.issuance.transaction.lease import LONGEST
from tui.issuance.trust import handles
from tui.issuance.trust.vouchers import Word
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import Conflict, Forbidden, KubeError, NotFound
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

from . import conditions, made_in, resources, shown, steps
from .cleanup import Leftover, leftovers_of, replaced_by_change, written
from .kept import Decision, Kept, decide, is_recorded
from .objects import Condition, DPURequest, NamespacedName
from .steps import Account, Issued, Published
from .target import Target, TargetClusters

UNBOUND: Final = "cannot be revoked"
"""In the note about a token that is bound to no handle."""
KEEPER: Final = "keeper-"
"""How the plans of keepers begin, which work under a Lease: whoever has it knows that no other is at work."""
_ENDED: Final = LONGEST
_YOUNG: Final = timedelta(minutes=10)


@dataclass(slots=True)
class RequestWork:
    """A request, and everything it names as it is now."""

    clusters: TargetClusters
    host: Client
    client: Client
    """Enters the target cluster by the DPUCluster's admin kubeconfig."""
    target: Target
    request: DPURequest
    there: Account
    published: Published
    """The Secret that the status names (the spec's, where the status names none)."""
    wanted: Published
    """The Secret that the spec names."""
    kept: Kept = Kept()  # noqa: RUF009 - immutable
    """The token in the published Secret, and what its cluster says of it."""
    account_uid: str = ""
    handle: Handle | None = None
    """What the new token is bound to."""
    binding: Handle | None = None
    """The handle that was asked for and has not been answered for; without a UID."""
    plan: str = ""
    notes: list[str] = field(default_factory=list)
    """What the operator should know, although it is no failure."""

    @property
    def identity(self) -> Identity:
        """Who the spec wants a credential for, in the target as it was found."""
        return Identity(self.target.name, self.request.service_account.namespace, self.request.service_account.name)

    @property
    def endpoint(self) -> Endpoint:
        """The address that is written into the Secret."""
        return steps.endpoint_for(self.request, self.target, self.published)

    def reason(self, now: datetime) -> str:
        """Why a new token is needed, in words; empty where the one that exists is still right."""
        return self.decision(now).mint

    def decision(self, now: datetime) -> Decision:
        """What is to become of the token that is there."""
        return decide(self.request, self.identity, self.there.uid, self.target.uid, self.kept, now)

    def adopted(self) -> IssuedToken:
        """The token in the Secret, which is right and which the request does not know of yet, as one just issued."""
        kept, token = self.kept, self.published.token
        assert token is not None
        assert kept.issued_at is not None
        assert kept.expires_at is not None
        self.handle = kept.handle
        self.account_uid = self.there.uid
        return IssuedToken(
            token=token,
            requested=self.request.wanted,
            granted=kept.expires_at - kept.issued_at,
            issued_at=kept.issued_at,
            expires_at=kept.expires_at,
        )

    def check(self) -> None:
        """Refuse before anything is made what cannot end well: a wrong type or lifetime, a Secret of another client,
        and marks that only their owner may set."""
        if self.request.format is None:
            raise IssuanceError(f"unsupported secret type: {self.request.type}")
        check_wish(self.request.wanted, ())
        steps.check_secret(self.request, self.wanted)

    async def account(self) -> str:
        """Make or refresh the service account; returns its UID. From now on the request has something to clean up."""
        self.request = await steps.add_finalizer(self.host, self.request)
        self.account_uid = await steps.apply_account(self.client, self.request, self.there)
        self.there = Account(self.account_uid)
        return self.account_uid

    async def bind(self, plan: str, issued_by: str, name: str = "") -> Handle | None:
        """Create the handle for the next token; None where there is no right to, and the token will be unbound."""
        namespace, account = self.identity.namespace, self.identity.name
        fresh = handles.new(self.identity, handles.meant_for(self.identity, self.request.uid))
        self.binding = msgspec.structs.replace(fresh, name=name or fresh.name)
        self.plan = plan
        wish = managed.handle_object(
            self.binding,
            account=account,
            account_uid=self.account_uid,
            request=self.request.uid,
            plan=plan,
            issued_by=issued_by,
        )
        try:
            made = await self.client.create(SECRETS, wish, namespace=namespace)
        except Forbidden:
            self.notes.append(f"no right to create Secrets in {namespace} of {self.target.name}: {UNBOUND}")
            self.handle = self.binding = None
        else:
            self._bound(made)
        return self.handle

    async def bind_again(self, plan: str, issued_by: str) -> bool:
        """Use the handle of an earlier try that failed or was killed, where there is one; only under the Lease.

        So tries that fail leave one handle however many they are, and a write of theirs that comes late holds a token
        that lives. From now on the handle is this plan's: whoever made it does not take it back any more.
        """
        recorded = self.request.handle.uid if self.request.handle is not None else ""
        for item in await self._own_handles():  # what is recorded bound a token that was published, whatever lies there
            seen, owners = handles.seen_in(item), item["metadata"].get("ownerReferences") or ()
            if seen.uid == recorded or self._is_accounted(seen.uid) or not seen.plan.startswith(KEEPER) or seen.deleted:
                continue
            if [owner.get("uid") for owner in owners] != [self.account_uid]:
                continue
            notes = {managed.PLAN: plan, managed.ISSUED_BY: issued_by}
            mine = {"metadata": {"uid": seen.uid, "annotations": notes}}
            try:
                made = await self.client.patch(SECRETS, seen.name, mine, namespace=seen.namespace)
            except (Conflict, Forbidden, NotFound):
                continue
            self.plan = plan
            self._bound(made)
            return True
        return False

    def _bound(self, made: Mapping[str, Any]) -> None:
        meta = made["metadata"]
        self.handle = Handle(self.target.name, self.identity.namespace, str(meta["name"]), str(meta["uid"]))
        self.binding = None

    async def unbind(self) -> None:
        """Take the new handle back, and with it the token that will not be used; also one whose answer was lost."""
        handle, self.handle, self.binding = self.handle or self.binding, None, None
        if handle is not None:  # found by its name, and only while it is this plan's
            there = msgspec.structs.replace(handle, uid="")
            await handles.discard(self.clusters, there, self.plan, self.identity.name)

    async def mint(self) -> IssuedToken:
        """Ask for a token of the wanted lifetime, bound to the handle."""
        return await request_token(self.client, self.identity, self.request.wanted, (), self.handle, self.account_uid)

    async def prove(self, issued: IssuedToken) -> Proof:
        """Show that the new token works at the target cluster."""
        return await prove(self.target.endpoint, issued.token, self.identity, (), self.client)

    def data(self, issued: IssuedToken | None) -> dict[str, Sensitive]:
        """What the Secret is to hold: the new token, or the one it has, in the form that the spec wants.

        Raises NotProved where there is neither, and for a token of which it is not established whose it is.
        """
        token = issued.token if issued is not None else self.published.token
        if token is None:
            raise NotProved(f"Secret {self.request.secret} has no token to keep")
        if issued is None and (self.kept.word is not Word.CONFIRMED or self.kept.identity != self.identity):
            raise NotProved(f"the token in the Secret is not confirmed as one of {self.request.service_account}")
        return steps.secret_data(self.request, token, self.endpoint)

    async def write(self, issued: IssuedToken | None) -> Mapping[str, Sensitive]:
        """Write the Secret and read it back, where anything differs; returns what it holds."""
        data = self.data(issued)
        if steps.is_as_wanted(self.wanted, self.request, data):
            return data
        version = await steps.apply_secret(self.host, self.request, data, self.wanted.resource_version)
        self.wanted = replace(self.wanted, exists=True, foreign="", resource_version=version)
        await steps.check_written(self.host, self.request, data)
        return data

    async def publish(self, issued: IssuedToken | None, now: datetime, grace: timedelta) -> None:
        """Record what exists now: leftovers and marks first, so that a crash loses neither; then the status."""
        request = self.request
        replaced = replaced_by_change(
            request, now + grace, self.kept, self.published.uid, new=self.handle, new_token=issued is not None
        )
        if issued is not None and self.kept.lost and self.kept.expires_at is not None:
            self.notes.append(
                "nothing shows of which cluster the replaced token is: where its handle is not found, it is good until "
                f"{rfc3339(self.kept.expires_at)}"
            )
        await self._mark_old([one for one in replaced if one.kind == "account"])
        leftovers = [*leftovers_of(request), *replaced]
        notes: dict[str, str | None] = {resources.LEFTOVERS: written(leftovers)}
        if issued is not None:
            notes |= steps.marks_of(issued, self.handle, self.account_uid, self.target)
        elif request.marks and self.kept.word is Word.CONFIRMED and not self.kept.lost:
            notes[resources.MADE_IN] = made_in.mark(self.target)  # it moved, or an earlier version issued it
        self.request = await steps.annotate(self.host, request, notes)
        stamps = Issued(
            service_account=request.service_account,
            target=request.target,
            secret=request.secret,
            issued_at=issued.issued_at if issued else None,
            expires_at=issued.expires_at if issued else None,
        )
        unchanged = issued is None and stamps.fields() == _named(request)
        state = succeeded(self.request, now)
        self.request = await steps.update_status(self.host, self.request, state, None if unchanged else stamps)

    async def mark(self) -> None:
        """Put the request's UID on an account on which it does not stand yet, as long as something else says whose it
        is: its token, which ends."""
        if self.there.seen is not None and not self.there.seen.made_for:
            with contextlib.suppress(Forbidden):
                await self.account()

    async def _mark_old(self, going: Sequence[Leftover]) -> None:
        """The same of an account that is to go: its token will not be there any more when it does."""
        witness = self.kept.witness(self.kept.home)
        for one in going if witness.account_uid else ():
            with contextlib.suppress(KubeError, IssuanceError):
                _, client = await self.clusters.target(self.request.cluster, self.kept.home)
                await steps.mark_account(client, self.request, one.name, witness, here=self.kept.home is None)

    async def orphans(self, now: datetime, due: datetime) -> list[Leftover]:
        """Handles that someone made for this request and was killed before he recorded them.

        Young ones are left alone, since someone may be at work with them right now: `now` is the time where they are.
        The others may be of the token that was published until a moment ago, so they have their grace too, until `due`.
        """
        target = str(self.request.target) if self.request.target else ""
        found, here = [], tuple(filter(None, (made_in.mark(self.target),)))
        for item in await self._own_handles():
            seen, made = handles.seen_in(item), parse_time(item["metadata"].get("creationTimestamp"))
            young = made is None or made > now - (_ENDED if seen.plan.startswith(KEEPER) else _YOUNG)
            if young or self._is_accounted(seen.uid):
                continue
            name = f"{seen.namespace}/{seen.name}"
            found.append(Leftover(kind="handle", name=name, target=target, uid=seen.uid, due=due, made=here,
                                  target_uid=self.target.uid))  # fmt: skip
        return found

    @property
    def live(self) -> str:
        """The UID of the handle that the token in the Secret is bound to."""
        handle = self.handle or self.kept.handle
        return handle.uid if handle is not None else ""

    def _is_accounted(self, uid: str) -> bool:
        return uid == self.live or any(uid == leftover.uid for leftover in leftovers_of(self.request))

    async def _own_handles(self) -> list[dict[str, Any]]:
        """Those beside the account that were made for this request, as their names confirm."""
        labels = f"{managed.SELECTOR},{managed.ROLE}={managed.Role.HANDLE}"
        try:
            listed = await self.client.list(
                SECRETS, namespace=self.identity.namespace, metadata_only=True, labels=labels
            )
        except Forbidden:
            return []  # who may not look has to leave them; they bind tokens that were never handed out
        seen = ((item, handles.seen_in(item)) for item in listed)
        return [item for item, one in seen if one.is_as_made and handles.made_for(one, self.identity, self.request.uid)]

    async def leftovers(self, left: tuple[Leftover, ...]) -> None:
        """Write down what is still left after a sweep."""
        self.request = await steps.annotate(self.host, self.request, {resources.LEFTOVERS: written(left)})


async def look(clusters: TargetClusters, request: DPURequest) -> RequestWork:
    """Look at everything that the request names. Raises where it cannot be kept: unknown target, something in use."""
    host = await clusters.client(request.cluster)
    target, client = await clusters.target(request.cluster, request.target)
    there = await steps.look_account(client, request)
    wanted = await steps.look_secret(host, request, request.secret)
    before = request.status_secret or request.secret
    published = wanted if before == request.secret else await steps.look_secret(host, request, before)
    if not published.ours:  # whatever it holds is not this request's token
        published = replace(published, token=None, endpoint=None, leads=None)
    work = RequestWork(clusters, host, client, target, request, there, published, wanted, account_uid=there.uid)
    work.kept = await _kept(work)
    steps.check_account(request, there, work.kept.witness(request.target))
    return work


async def _kept(work: RequestWork) -> Kept:
    """The token that is published. Its cluster is asked only where it may stay, or what it is for is to go."""
    request = work.request
    kept = await shown.kept_in(work.clusters, request, work.published)
    goes = kept.identity is not None and kept.identity != work.identity
    if not goes and (kept.account_uid != work.there.uid or not work.there.uid):
        return kept
    handle = kept.handle
    if not goes and handle is not None and not is_recorded(request, kept):
        gone = {leftover.uid for leftover in leftovers_of(request)}
        seen = None
        with contextlib.suppress(Forbidden):  # who may not look does not know
            seen = await handles.look(work.client, handle.namespace, handle.name)
        ours = seen is not None and seen.uid == handle.uid and _is_for(seen, work.identity, request)
        kept = msgspec.structs.replace(kept, ours=ours and handle.uid not in gone)
    return await shown.confirm(work.clusters, request, work.published, kept)


def _is_for(seen: handles.Seen, identity: Identity, request: DPURequest) -> bool:
    """Whether a handle was made for this request; of one from an earlier version that is its own word."""
    return handles.made_for(seen, identity, request.uid) and not seen.is_changed


def succeeded(request: DPURequest, now: datetime) -> tuple[Condition, ...]:
    """Everything is as wanted."""
    state = conditions.ensure(request.conditions, now)
    for kind in (conditions.ACCOUNT, conditions.SECRET):
        state = conditions.succeeded(state, kind, now, request.generation)
    return conditions.summarize(state, now, request.generation)


def failed(
    request: DPURequest, kind: str, message: str, now: datetime, reason: str = "", seen: RequestWork | None = None
) -> tuple[Condition, ...]:
    """`kind` could not be fulfilled; what worked before is not touched by that.

    Of the other condition is said what was `seen`; nothing where it was not looked at.
    """
    state = conditions.ensure(request.conditions, now)
    if seen is not None:
        for other, there, gone in (
            (conditions.ACCOUNT, bool(seen.there.uid), f"there is no service account {request.service_account}"),
            (conditions.SECRET, seen.published.token is not None, "there is no Secret of it with a token"),
        ):
            if other != kind:
                state = _as_seen(state, other, there, gone, now, request.generation)
    state = conditions.failed(state, kind, message, now, request.generation, reason or conditions.ERROR)
    return conditions.summarize(state, now, request.generation)


def _as_seen(
    state: tuple[Condition, ...], kind: str, there: bool, gone: str, now: datetime, generation: int
) -> tuple[Condition, ...]:
    said = next(condition.status for condition in state if condition.type == kind)
    if kind == conditions.ACCOUNT and there:
        return conditions.succeeded(state, kind, now, generation)
    if not there and said == "True":
        return conditions.failed(state, kind, gone, now, generation, conditions.PENDING)
    return state  # that a Secret is there does not say that it is as wanted


def _named(request: DPURequest) -> dict[str, str | None]:
    def text(name: NamespacedName | None) -> str | None:
        return str(name) if name is not None else None

    return {
        "serviceAccount": text(request.status_service_account),
        "targetCluster": text(request.status_target),
        "secret": text(request.status_secret),
    }
