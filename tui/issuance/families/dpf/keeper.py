"""Keeping a request: what the reference controller's reconcile does, once through to rest, without its nine mistakes.

Called whenever something may have changed and at the time it returned last. It makes before it breaks: the old account,
handle or Secret goes only when the new credential is published and its grace is over. An error becomes a condition
and a retry; what worked before still works.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from tui.issuance.destinations.fence import fence, unsure
from tui.issuance.errors import IssuanceError
from tui.issuance.model.cluster_time import ahead, now_at, utc_now
from tui.issuance.model.durations import format_duration
from tui.issuance.model.renewal import next_wake, spread
from tui.issuance.objects.deleting import End, Ended
from tui.issuance.objects.managed import Reserved
from tui.issuance.objects.token_request import IssuedToken
from tui.issuance.records.entering import NotEntered
from tui.issuance.users.grace_length import GraceWish, lasting
from tui.issuance.users.secret_users import SecretUsers, secrets_of_request
from tui.kube.answers import insist_gone
from tui.kube.client import Client
from tui.kube.errors import Forbidden, KubeError, NotFound

from . import conditions, shown, steps
from .cleanup import Leftover, Swept, begun, everything, leftovers_of, sweep
from .kept import Kept
from .objects import DPURequest
from .renewal_work import KEEPER, RequestWork, failed, look
from .resources import FINALIZER
from .target import TargetClusters

GRACE = timedelta(seconds=30)


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """How a request was left.

    `wake` is when to look again, by this machine's clock; None with an error (back off) or when it is gone.
    """

    request: DPURequest | None
    reason: str = ""
    """Why a new token was issued; empty where the old one was kept."""
    wake: datetime | None = None
    notes: tuple[str, ...] = ()
    grace: timedelta = timedelta(0)
    """How long what it replaced still works."""
    error: str = ""
    hint: str = ""

    @property
    def held(self) -> str:
        """Where it was let go and others still hold it: by what, in words."""
        if self.error or self.request is None or self.request.deleted_at is None:
            return ""
        return f"it {Ended(End.HELD, self.request.finalizers)}"

    @property
    def issued(self) -> bool:
        """Whether a new token was issued and written."""
        return bool(self.reason) and not self.error


class Keeper:
    """Keeps the requests of the clusters it is given. Holds nothing between two calls."""

    def __init__(
        self,
        clusters: TargetClusters,
        *,
        clock: Callable[[], datetime] = utc_now,
        grace: timedelta | GraceWish = GRACE,
        owner: str = "",
    ) -> None:
        self._clusters = clusters
        self._clock = clock
        self._wish = grace if isinstance(grace, GraceWish) else GraceWish(grace)
        self._users = SecretUsers()
        self._owner = owner or socket.gethostname()

    async def reconcile(
        self, cluster: str, namespace: str, name: str, *, renew: str = "", abandon: bool = False
    ) -> Rest:
        """Bring one request to rest.

        `renew` is a reason to issue a new token although none is needed. `abandon` lets a deleted request go although
        its account could not be cleaned up. Raises only where the request itself cannot be read or written (KubeError),
        or was changed meanwhile (ChangedMeanwhile): then look again.
        """
        host = await self._clusters.client(cluster)
        try:
            request = await steps.fetch(host, cluster, namespace, name)
        except NotFound as error:
            insist_gone(error)
            return Rest(request=None)
        if not abandon and (outside := await self._not_entered(request)) is not None:
            return Rest(request=request, error=str(outside), hint=outside.hint)
        if request.deleted_at is not None:
            return await self._delete(request, abandon)
        request = await steps.add_finalizer(host, request)
        # Pending until something was tried: never Ready because it was not looked at yet.
        now = self._now(host)
        pending = conditions.ensure(request.conditions, now)
        if len(pending) > len(request.conditions):
            request = await steps.update_status(host, request, conditions.summarize(pending, now))
        work = None
        try:
            work = await look(self._clusters, request)
            work.check()
            decision = work.decision(self._now(work.client))
            reason = renew or decision.mint
            if not reason and decision.unsure:
                raise IssuanceError(f"the token in the Secret could not be confirmed: {work.kept.note}")
            minted = await self._issue(work) if reason else None
            if not reason:
                await work.mark()
        except (steps.SecretInUse, Reserved) as error:
            return await self._failed(request, conditions.SECRET, error, work)
        except (KubeError, IssuanceError) as error:
            return await self._failed(request, conditions.ACCOUNT, error, work)
        try:
            await work.write(minted)
        except (KubeError, IssuanceError) as error:
            await self._take_back_unless_published(work, minted, error)
            return await self._failed(work.request, conditions.SECRET, error, work)
        now = self._now(host)
        grace = await self._lasts(work, minted)
        await work.publish(minted or (work.adopted() if decision.adopt else None), now, grace)
        orphans = await work.orphans(self._now(work.client), now + grace)
        swept = await self._sweep(work, now, orphans)
        rest = self._rest(work, reason, minted, swept)
        return msgspec.structs.replace(rest, grace=grace if minted is not None else timedelta(0))

    async def _not_entered(self, request: DPURequest) -> NotEntered | None:
        """Why the cluster of a request is not entered. What this machine's operator was not asked yet is nobody else's
        business: then nothing is written, not even that."""
        wanted = (request.target, request.status_target if request.deleted_at is not None else None)
        for target in filter(None, wanted):
            try:
                await self._clusters.target(request.cluster, target)
            except NotEntered as error:
                return error
            except (KubeError, IssuanceError):
                continue  # that is said in a condition
        return None

    async def _issue(self, work: RequestWork) -> IssuedToken:
        await work.account()
        try:
            plan = f"{KEEPER}{secrets.token_hex(4)}"
            if not await work.bind_again(plan, self._owner):
                await work.bind(plan, self._owner)
            issued = await work.mint()
            await work.prove(issued)
        except BaseException:
            await self._take_back(work)
            raise
        if issued.shortened and issued.requested is not None:
            asked, granted = format_duration(issued.requested), format_duration(issued.granted)
            work.notes.append(f"asked {asked}, got {granted}")
        return issued

    async def _lasts(self, work: RequestWork, issued: IssuedToken | None) -> timedelta:
        """How long what is replaced still works, by who uses the Secret; what there is to say of it is noted."""
        request = work.request
        if issued is None or request.expires_at is None:
            return self._wish.asked
        ends = work.kept.expires_at or request.expires_at
        left = ends - self._now(work.client)
        lasts = await self._users.length(self._clusters, self._wish, secrets_of_request(request), left=left, fresh=True)
        work.notes += [text for text in (lasting(lasts.grace, lasts.reasons), *lasts.warnings) if text]
        return lasts.grace

    async def _take_back(self, work: RequestWork) -> None:
        try:
            await work.unbind()
        except (KubeError, IssuanceError) as error:  # the account's owner reference collects it when the account goes
            work.notes.append(f"the unused handle could not be deleted: {error}")

    async def _take_back_unless_published(
        self, work: RequestWork, issued: IssuedToken | None, error: KubeError | IssuanceError
    ) -> None:
        """The answer to a write may be lost although it was done, or will be: what the Secret holds must live.

        Where there was no Secret, one that comes late holds a dead token. Nobody used it yet, and the next look sees
        that its cluster refuses it; one handle more with each try would be worse.
        """
        if issued is None:
            return
        try:
            if unsure(error) and work.wanted.exists:
                await fence(work.host, work.request.secret.namespace, work.request.secret.name)
            there = await steps.look_secret(work.host, work.request, work.request.secret)
        except (KubeError, IssuanceError):
            return  # not known; a handle too many is found later, a dead token at once by those who use it
        if there.token != issued.token:
            await self._take_back(work)

    async def _failed(
        self, request: DPURequest, kind: str, error: KubeError | IssuanceError, work: RequestWork | None
    ) -> Rest:
        """Say what is wrong in a condition. The old credential stays published, and its stamps stay true."""
        host = await self._clusters.client(request.cluster)
        text = str(error)
        request = await steps.update_status(host, request, failed(request, kind, text, self._now(host), seen=work))
        return Rest(request=request, error=text, hint=error.hint)

    async def _sweep(self, work: RequestWork, now: datetime, orphans: list[Leftover]) -> Swept:
        leftovers = leftovers_of(work.request)
        swept = await sweep(self._clusters, work.request, [*leftovers, *orphans], now, work.live, work.kept)
        if swept.left != leftovers:
            await work.leftovers(swept.left)
        return swept

    def _rest(self, work: RequestWork, reason: str, issued: IssuedToken | None, swept: Swept) -> Rest:
        request = work.request
        now = self._now(work.host)
        wakes = [leftover.due - ahead(work.host) for leftover in swept.left if leftover.due > now]
        if request.issued_at is not None and request.expires_at is not None:
            jitter = spread(f"{request.uid}{request.expires_at.isoformat()}")
            wake = next_wake(self._now(work.client), request.issued_at, request.expires_at, jitter)
            wakes.append(wake - ahead(work.client))
        return Rest(
            request=request,
            reason=reason if issued is not None else "",
            wake=min(wakes, default=None),
            notes=(*work.notes, *swept.notes, *swept.errors),
        )

    async def _delete(self, request: DPURequest, abandon: bool) -> Rest:
        """Remove what was made for the request, then let it go. What is in the way is said in a condition."""
        if FINALIZER not in request.finalizers:
            return Rest(request=request)
        host = await self._clusters.client(request.cluster)
        now = self._now(host)
        kept = await self._kept(host, request)
        made = [*everything(request, now, kept), *begun(request, now)]
        made = sorted(dict.fromkeys(made), key=_last_the_secret)
        swept = await sweep(self._clusters, request, made, None, kept=kept)
        if swept.errors and not abandon:
            text = "; ".join(swept.errors)
            state = failed(request, conditions.ACCOUNT, text, now, conditions.AWAITING_DELETION)
            request = await steps.update_status(host, request, state)
            return Rest(
                request=request,
                notes=swept.notes,
                error=text,
                hint="it is tried again; `kubemint reconcile --abandon` gives up and leaves it behind",
            )
        there = await steps.drop_finalizer(host, request)
        warnings = tuple(f"left behind: {error}" for error in swept.errors)
        return Rest(request=there, notes=(*swept.notes, *warnings))

    async def _kept(self, host: Client, request: DPURequest) -> Kept:
        """The token in the Secret of a request that is being deleted: what it says of its account and its handle, and
        what its cluster says of it."""
        try:
            there = await steps.look_secret(host, request, request.status_secret or request.secret)
        except Forbidden:
            return Kept()
        return await shown.confirm(self._clusters, request, there, await shown.kept_in(self._clusters, request, there))

    def _now(self, client: Client) -> datetime:
        """Tokens are stamped and judged by their own cluster, what is written into the request by the one it is in."""
        return now_at(client, self._clock)


def _last_the_secret(leftover: Leftover) -> int:
    return ("handle", "account", "secret").index(leftover.kind)
