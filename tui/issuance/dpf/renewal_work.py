"""One request at work: look at everything it names, decide, make the new credential, prove it, publish it.

    work = await look(clusters, request)
    if work.reason(now):
        await work.account(); await work.handle(…); issued = await work.mint(); await work.prove(issued)
    await work.publish(issued or None, …)

The engine runs these one by one between its journal entries, the keeper runs them in a row. Until `publish` writes the
Secret nothing that works has been touched; afterwards the old handle may go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from tui.issuance import managed
from tui.issuance.durations import parse_duration
from tui.issuance.errors import IssuanceError, NotProved
from tui.issuance.proving import Proof, prove
from tui.issuance.renewal import needs_refresh, same_wish, spread
from tui.issuance.token_request import IssuedToken, check_wish, request_token
from tui.issuance.types import Handle, Identity
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import Conflict, Forbidden, NotFound
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

from . import conditions, resources, steps
from .cleanup import Leftover, claim, leftovers_of, replaced_by_change, written
from .objects import Condition, DPURequest, NamespacedName
from .steps import Account, Issued, Published
from .target import Target, TargetClusters

UNBOUND: Final = "cannot be revoked"
"""In the note about a token that is bound to no handle."""
_SECOND: Final = timedelta(seconds=1)
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
    account_uid: str = ""
    handle: Handle | None = None
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
        request, marks = self.request, self.request.marks
        if request.status_service_account is None or request.expires_at is None:
            return "nothing was issued yet"
        if request.status_service_account != request.service_account:
            return f"the service account changed from {request.status_service_account} to {request.service_account}"
        if request.status_target != request.target:
            return "the target cluster changed"
        if request.issued_at is None or request.issued_at >= request.expires_at:
            return "when the token was issued is not known"
        if not self.there.uid:
            return "its service account was deleted"
        for mark, uid, what in (
            (resources.ACCOUNT_UID, self.there.uid, "service account"),
            (resources.TARGET_UID, self.target.uid, "target cluster"),
        ):
            if marks.get(mark, uid) != uid:
                return f"its {what} was deleted and created again"
        if self.published.token is None:
            return "the Secret is gone or holds no token"
        if marks.get(resources.FINGERPRINT, self.published.token.fingerprint) != self.published.token.fingerprint:
            return "the Secret holds another token"
        if not self._lifetime_as_wanted(request.expires_at - request.issued_at):
            return "the wanted lifetime changed"
        jitter = spread(f"{request.uid}{request.expires_at.isoformat()}")
        return "it is due" if needs_refresh(now, request.issued_at, request.expires_at, jitter) else ""

    def _lifetime_as_wanted(self, granted: timedelta) -> bool:
        """Compared with what was asked for, where that is known: a server that gives less is not asked again."""
        wanted, marks = self.request.wanted, self.request.marks
        if marks:
            asked = marks.get(resources.REQUESTED)
            return same_wish(parse_duration(asked) if asked else None, wanted)
        return wanted is None or granted // _SECOND == wanted // _SECOND

    def check(self) -> None:
        """Refuse before anything is made what cannot end well: a wrong type or lifetime, a Secret of somebody else,
        and marks that only their owner may set."""
        if self.request.format is None:
            raise IssuanceError(f"unsupported secret type: {self.request.type}")
        check_wish(self.request.wanted, ())
        steps.check_secret(self.request, self.wanted)

    async def account(self) -> str:
        """Make or refresh the service account; returns its UID. From now on the request has something to clean up."""
        self.request = await steps.add_finalizer(self.host, self.request)
        self.account_uid = await steps.apply_account(self.client, self.request, self.there)
        self.there = Account(self.account_uid, ours=True)
        return self.account_uid

    async def bind(self, plan: str, issued_by: str, name: str = "") -> Handle | None:
        """Create the handle for the next token; None where there is no right to, and the token will be unbound."""
        namespace, account = self.identity.namespace, self.identity.name
        wish = managed.handle_object(
            Handle(self.target.name, namespace, name or managed.handle_name(account), ""),
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
            self.handle = None
        else:
            meta = made["metadata"]
            self.handle = Handle(self.target.name, namespace, str(meta["name"]), str(meta["uid"]))
        return self.handle

    async def unbind(self) -> None:
        """Take the new handle back, and with it the token that nobody will use."""
        handle, self.handle = self.handle, None
        if handle is not None:
            try:
                await self.client.delete(SECRETS, handle.name, namespace=handle.namespace, uid=handle.uid)
            except (NotFound, Conflict):
                return  # gone already

    async def mint(self) -> IssuedToken:
        """Ask for a token of the wanted lifetime, bound to the handle."""
        return await request_token(self.client, self.identity, self.request.wanted, (), self.handle)

    async def prove(self, issued: IssuedToken) -> Proof:
        """Show that the new token works at the target cluster."""
        return await prove(self.target.endpoint, issued.token, self.identity, (), self.client)

    def data(self, issued: IssuedToken | None) -> dict[str, Sensitive]:
        """What the Secret is to hold: the new token, or the one it has, in the form that the spec wants.

        Raises NotProved where there is neither.
        """
        token = issued.token if issued is not None else self.published.token
        if token is None:
            raise NotProved(f"Secret {self.request.secret} has no token to keep")
        return steps.secret_data(self.request, token, self.endpoint)

    async def write(self, issued: IssuedToken | None) -> Mapping[str, Sensitive]:
        """Write the Secret and read it back, where anything differs; returns what it holds."""
        data = self.data(issued)
        if steps.is_as_wanted(self.wanted, self.request, data):
            return data
        version = await steps.apply_secret(self.host, self.request, data, self.wanted.resource_version)
        self.wanted = replace(self.wanted, exists=True, ours=True, resource_version=version)
        await steps.check_written(self.host, self.request, data)
        return data

    async def publish(self, issued: IssuedToken | None, now: datetime, grace: timedelta) -> None:
        """Record what exists now: leftovers and marks first, so that a crash loses neither; then the status."""
        request = self.request
        replaced = replaced_by_change(request, now + grace, new_token=issued is not None)
        await claim(self.clusters, request, replaced)
        leftovers = [*leftovers_of(request), *replaced]
        notes: dict[str, str | None] = {resources.LEFTOVERS: written(leftovers)}
        if issued is not None:
            notes |= steps.marks_of(issued, self.handle, self.account_uid, self.target)
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

    async def orphans(self, now: datetime, due: datetime) -> list[Leftover]:
        """Handles that somebody made for this request and was killed before he recorded them.

        Young ones are left alone, since somebody may be at work with them right now: `now` is the time where they are.
        The others may be of the token that was published until a moment ago, so they have their grace too, until `due`.
        """
        current, known = self.request.handle, {leftover.name for leftover in leftovers_of(self.request)}
        found = []
        for item in await self._own_handles():
            meta = item.get("metadata") or {}
            name = f"{meta.get('namespace')}/{meta.get('name')}"
            if name in known or (current is not None and name == f"{current.namespace}/{current.name}"):
                continue
            made = datetime.fromisoformat(str(meta.get("creationTimestamp")))
            if made < now - _YOUNG:
                target = str(self.request.target) if self.request.target else ""
                found.append(Leftover(kind="handle", name=name, target=target, uid=str(meta.get("uid")), due=due))
        return found

    async def _own_handles(self) -> list[dict[str, Any]]:
        labels = f"{managed.SELECTOR},{managed.ROLE}={managed.Role.HANDLE}"
        try:
            listed = await self.client.list(
                SECRETS, namespace=self.identity.namespace, metadata_only=True, labels=labels
            )
        except Forbidden:
            return []  # who may not look has to leave them; they bind tokens that nobody has
        return [item for item in listed if managed.request_of(item) == self.request.uid]

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
        published = replace(published, token=None, endpoint=None)
    return RequestWork(clusters, host, client, target, request, there, published, wanted, account_uid=there.uid)


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

    Of the other condition is said what was `seen`; nothing where nobody came to look.
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
