"""Trying out what a CSI driver is given: which pods to choose from, minting on demand, and ending what can be ended.

    pods = await pods_of(clusters, "harbor", "secrets-store.csi.k8s.io")
    minted = await engine.trials.begin(preview, revocable=True)    # bound to a handle instead of the pod
    await engine.trials.end(minted)                                # deletes the handle, and with it the tokens

Exactly what the kubelet hands over is bound to the pod, and ends with it alone. A trial may be bound to a handle
instead: the same JSON, and it can be revoked.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import IssuanceError, explain
from tui.issuance.model.types import Action, Address, Handle, Plan, StepInfo, StepStatus
from tui.issuance.objects import managed
from tui.issuance.objects.token_request import IssuedToken
from tui.issuance.records.intent import Revocation, new_id
from tui.issuance.records.locks import Locks
from tui.issuance.transaction.grace import revoke
from tui.issuance.transaction.running import Run
from tui.issuance.trust import handles
from tui.kube.errors import BadRequest, Denied, Forbidden, Invalid, NotFound, Unauthorized
from tui.kube.resource import PODS, SECRETS, SERVICE_ACCOUNTS

from . import driver as csi

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.transaction.work import Context
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive

LOOKED_AT: Final = 2000
"""So many pods are looked at at most; any other can be named."""
_REFUSED: Final = (BadRequest, Unauthorized, Forbidden, Denied, NotFound, Invalid)
"""What a server answers that has made nothing."""
_INTENDED: Final = "intent"
_MADE: Final = "handle"
_ENDED: Final = "revoke"
_TITLES: Final = {
    _INTENDED: "Journal the handle of a trial",
    _MADE: "Create the handle",
    _ENDED: "End the handle, and with it the tokens",
}


class MountingPods(msgspec.Struct, frozen=True):
    """Pods that name an inline volume of a driver, as `namespace/name`."""

    names: tuple[str, ...]
    complete: bool
    """Whether every pod of the cluster was looked at."""


@dataclass(frozen=True, slots=True)
class Minted:
    """Tokens by audience, and the handle they end with; None where they end with the pod."""

    tokens: Mapping[str, IssuedToken]
    handle: Handle | None = None

    @property
    def value(self) -> Sensitive:
        """The JSON that the driver finds under the key."""
        return csi.tokens_json(self.tokens)


async def pods_of(clusters: Clusters, cluster: str, driver: str) -> MountingPods:
    """The pods that mount a volume of this driver inline, of the first that the cluster lists."""
    client = await clusters.client(cluster)
    found: list[str] = []
    seen = 0
    async for page in client.pages(PODS, first=500, then=500, type=_Pod):
        seen += len(page.items)
        found += [pod.place for pod in page.items if pod.mounts(driver)]
        if seen >= LOOKED_AT and page.more:
            return MountingPods(tuple(sorted(found)), complete=False)
    return MountingPods(tuple(sorted(found)), complete=True)


async def look(clusters: Clusters, cluster: str, driver: str, namespace: str, pod: str) -> csi.Preview:
    """The driver and the pod as they are now; reads only."""
    return await csi.look(await clusters.client(cluster), cluster, driver, namespace, pod)


@dataclass(slots=True, eq=False)
class _Trial:
    """A handle that is being made, or is there."""

    revocation: Revocation
    run: Run
    held: contextlib.ExitStack


class Trials:
    """What one engine tries out, until it is over; whatever is left ends with the engine.

    The journal knows of a handle before it is made, as of a revocation that is due, so that the next start ends it
    where this process dies. As long as it lives it holds a lock by which every other start sees that.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._locks = Locks(context.state.folder, context.state.works_under)
        self._open: dict[Handle, _Trial] = {}
        """By their handles without the UIDs."""

    async def begin(self, preview: csi.Preview, *, revocable: bool = False) -> Minted:
        """Mint what the driver would be given. What was made is taken back where it fails."""
        identity = preview.identity
        client = await self._context.clusters.client(identity.cluster)
        if not revocable:
            return Minted(await csi.mint(client, preview))
        csi.refuse_invalid(preview.driver)
        account = await client.get_metadata(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
        request = new_id()
        trial = self._trial(handles.new(identity, handles.meant_for(identity, request)), identity.name)
        try:
            handle = await self._make(trial, client, str(account["metadata"]["uid"]), request)
            return Minted(await csi.mint(client, preview, handle), handle)
        except BaseException:
            if trial in self._open.values():
                await self._end(trial)
            raise

    async def end(self, minted: Minted) -> str:
        """End what can be ended; says how that went."""
        if minted.handle is None:
            return "the tokens are bound to the pod: they end with it, or when they expire"
        trial = self._open.get(_bare(minted.handle))
        return "the handle was ended before" if trial is None else await self._end(trial)

    async def keep(self, minted: Minted, where: str) -> None:
        """The tokens are to live on, at the place that these words name: their handle is the operator's from now on."""
        trial = self._open.get(_bare(minted.handle)) if minted.handle is not None else None
        if trial is not None:
            kept = trial.run.result(_ENDED, StepStatus.SKIPPED, f"its tokens are in {where}, and end with it")
            await trial.run.journal(kept, revoked=trial.revocation.handle)
            self._over(trial)

    async def settle(self) -> None:
        """Nothing of it has a time of its own."""

    def left_of(self, plan: str) -> tuple[str, ...]:
        """No plan leaves one behind."""
        return ()

    async def aclose(self) -> None:
        """End all that is left."""
        left = list(self._open.values())
        try:
            await asyncio.gather(*map(self._end, left), return_exceptions=True)
        finally:
            for trial in left:  # what could not be ended in time is for the next start
                self._over(trial)

    def _trial(self, handle: Handle, account: str) -> _Trial:
        context = self._context
        address = Address.handle(handle.cluster, handle.namespace, handle.name)
        revocation = Revocation(
            plan=new_id(), address=address, handle=handle, due=context.clock(), ending=True, account=account, trial=True
        )
        steps = tuple(StepInfo(id=key, title=title) for key, title in _TITLES.items())
        plan = Plan(id=revocation.plan, action=Action.ISSUE, address=address, steps=steps)
        run = Run(plan, context.state, context.clock, None, lambda _point: None, context.whose.stamps)
        held = contextlib.ExitStack()
        held.enter_context(self._locks.hold((revocation.watch,)))
        self._open[handle] = trial = _Trial(revocation, run, held)
        return trial

    async def _make(self, trial: _Trial, client: Client, account_uid: str, request: str) -> Handle:
        revocation, run = trial.revocation, trial.run
        handle = revocation.handle
        await run.journal(run.result(_INTENDED, StepStatus.DONE, "it ends when it is closed"), revocations=[revocation])
        wish = managed.handle_object(
            handle, account=revocation.account, account_uid=account_uid, request=request, plan=revocation.plan,
            issued_by=socket.gethostname(),
        )  # fmt: skip
        try:
            made: dict[str, Any] = await client.create(SECRETS, wish, namespace=handle.namespace)
        except _REFUSED as error:  # nothing was made, and who may not look could never tell
            with contextlib.suppress(IssuanceError):
                await run.journal(run.result(_MADE, StepStatus.FAILED, explain(error)[0]), revoked=handle)
                self._over(trial)
            raise
        handle = msgspec.structs.replace(handle, uid=str(made["metadata"]["uid"]))
        trial.revocation = msgspec.structs.replace(revocation, handle=handle)
        await run.journal(run.result(_MADE, StepStatus.DONE, handle.name), revocations=[trial.revocation])
        return handle

    async def _end(self, trial: _Trial) -> str:
        """Where this is cut short it is still open, for `aclose` or the next start."""
        ended = await revoke(self._context, self._locks, trial.revocation, trial.run, _ENDED)
        self._over(trial)
        said, name = trial.run.results[-1].message, trial.revocation.handle.name
        if not ended:
            return f"{said}; the next start of kubemint tries again"
        return said.replace(f"handle {name} ", "the handle was ", 1)

    def _over(self, trial: _Trial) -> None:
        self._open.pop(_bare(trial.revocation.handle), None)
        trial.held.close()


def _bare(handle: Handle) -> Handle:
    return msgspec.structs.replace(handle, uid="")


class _Csi(msgspec.Struct):
    driver: str = ""


class _Volume(msgspec.Struct):
    csi: _Csi | None = None


class _Spec(msgspec.Struct):
    volumes: list[_Volume] | None = None


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Pod(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)

    @property
    def place(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"

    def mounts(self, driver: str) -> bool:
        return any(volume.csi is not None and volume.csi.driver == driver for volume in self.spec.volumes or ())
