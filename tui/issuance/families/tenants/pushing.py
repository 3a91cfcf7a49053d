"""Pushing again: the source of a PushSecret is renewed where that is kubemint's to do, then carried over at once.

The operator does not watch the source, so whoever renews it has to announce that: a new annotation on the PushSecret
makes it push. That touches nothing that its owner wrote, and so may be done to PushSecrets of others too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tui.issuance.destinations.tenant import PUSH
from tui.issuance.destinations.tenant_store import insist
from tui.issuance.errors import IssuanceError, StepFailed, UsageError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.names import random_suffix
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Credential, Plan, StepInfo
from tui.issuance.objects import capi, managed, token_secret
from tui.issuance.objects.external_secrets import PUSH_SECRETS, PUSHED, STORES, ready, served
from tui.issuance.records.intent import new_id
from tui.issuance.tokens.rotating import prepare_any
from tui.issuance.transaction.step import Journaled, Step, Transaction
from tui.issuance.transaction.work import Context, Finished
from tui.issuance.users.external_views import PushView, push_view
from tui.kube import limits
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.issuance.records.intent import Intent
    from tui.issuance.transaction.running import Note

WAIT: Final = timedelta(seconds=90)
_PATIENCE: Final = timedelta(seconds=6)
"""How long a failure may stand after the touch: before that it may still be the one from before."""
_PAUSE: Final = 0.3
_DPF_NAME: Final = "svc.dpu.nvidia.com/credential-request-name"
_DPF_NAMESPACE: Final = "svc.dpu.nvidia.com/credential-request-namespace"


async def prepare_push_again(context: Context, cluster: str, namespace: str, name: str) -> tuple[Plan, Transaction]:
    """The plan for one PushSecret. Reads only. Raises UsageError, KubeError."""
    client = await context.clusters.client(cluster)
    resource = await served(client, PUSH_SECRETS)
    push = await client.get(resource, name, namespace=namespace)
    view = push_view(push)
    await _insist_on_stores(context, cluster, namespace, view)
    if view.keeps and view.synced:
        raise UsageError(
            f"PushSecret {namespace}/{name} {view.never}: a new credential would not arrive, and the old one would end",
            "set its updatePolicy to Replace, or take away what it pushed first",
        )
    if not view.source:
        raise UsageError(
            f"PushSecret {namespace}/{name} takes from no Secret by name",
            "its selector or generator decides; kubemint renews only Secrets that are named",
        )
    try:
        source = await client.get_metadata(SECRETS, view.source, namespace=namespace)
    except NotFound as error:
        error.hint = f"PushSecret {name} takes from it; make the source, or delete the PushSecret"
        raise
    found = await _as_it_is(context, _source(cluster, source["metadata"], name), f"{namespace}/{view.source}")
    told = replace(context, announced=frozenset({name}))
    plan, work = await prepare_any(told, found.address) if found.address is not None else (None, None)
    if plan is not None and work is not None and found.announces:
        return plan, work  # and it waits until it has arrived, and proves that
    again = PushAgain(context, cluster, namespace, name, resource, work)
    if plan is not None and work is not None:
        return msgspec.structs.replace(plan, steps=(*(step.info for step in again.steps), *work.later)), again
    at = Address.secret(cluster, namespace, view.source)
    return again.plan(new_id(), Action.ROTATE, at, warnings=(found.why,)), again


async def as_left(context: Context, intent: Intent) -> PushAgain:
    """What a dead process began: the source's own, with what is to be told before the old one's grace begins."""
    cluster, namespace, name = intent.told
    plain = msgspec.structs.replace(intent, told=())
    source = await context.families.of_intent(plain).as_left(context, plain)
    resource = await served(await context.clusters.client(cluster), PUSH_SECRETS)
    return PushAgain(context, cluster, namespace, name, resource, source)


async def _insist_on_stores(context: Context, cluster: str, namespace: str, view: PushView) -> None:
    """Raises UsageError where a store that is called like a tenant does not lead into that as it is known. One that is
    called otherwise leads where its owner wants. KubeError."""
    for ref in view.stores:
        tenant = capi.cluster_name(cluster, namespace, ref.name)
        try:
            await context.clusters.client(tenant)
            context.clusters.endpoint(tenant)
        except (KubeError, IssuanceError):
            continue  # no tenant is known by that name
        if ref.kind == STORES.kind:
            await insist(context.clusters, cluster, namespace, ref.name, tenant)


class _Source(NamedTuple):
    """What a PushSecret takes from."""

    address: Address | None
    """What to renew; None where nothing can be."""
    announces: bool = False
    """Whether renewing it announces the push by itself, as of what `tenant push` made."""
    why: str = ""
    """Why nothing can be renewed."""


def _source(cluster: str, metadata: Mapping[str, Any], push: str) -> _Source:
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    namespace, name = metadata["namespace"], metadata["name"]
    if managed.is_managed(metadata, managed.Role.CREDENTIAL):
        ours = f'"{push}"' in notes.get(PUSH, "")
        return _Source(Address.secret(cluster, namespace, name), announces=ours)
    if labels.get(_DPF_NAME) and labels.get(_DPF_NAMESPACE):
        return _Source(Address(CredentialKind.REQUEST, cluster, labels[_DPF_NAMESPACE], labels[_DPF_NAME]))
    if token_secret.read(metadata) is not None:
        return _Source(
            None,
            why=f"Secret {name} holds a token that never expires and is not renewed: a new one is a new Secret, which "
            f"PushSecret {push} would have to name; it is only pushed again",
        )
    return _Source(None, why=f"kubemint does not keep Secret {name}: it is not renewed, only pushed again")


async def _as_it_is(context: Context, found: _Source, secret: str) -> _Source:
    """The same, where the labels of the Secret name a request only if that request keeps this very Secret."""
    address = found.address
    if address is None or not address.kind.traits.wished:
        return found
    try:
        namespace, name, _ = await (await context.families.of(address)).used_from(context, address)
    except NotFound:
        pass
    else:
        if f"{namespace}/{name}" == secret:
            return found
    said = f"the labels of Secret {secret} name the request {address}, which does not keep it: it is only pushed again"
    return _Source(None, why=said)


@dataclass
class PushAgain(Transaction):
    """Renew the source, if it is known how; announce that; wait for the operator's word; let the old one go then."""

    context: Context
    cluster: str
    namespace: str
    name: str
    resource: Resource
    source: Transaction | None
    sight: Sight = field(init=False)
    _before: str = ""
    _touched: bool = False

    def __post_init__(self) -> None:
        self.sight = self.source.sight if self.source is not None else Sight()
        if isinstance(self.source, Journaled):  # so that a start after a crash announces it too
            told = (self.cluster, self.namespace, self.name)
            self.source.intent = msgspec.structs.replace(self.source.intent, told=told)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self.source.addresses if self.source is not None else ()

    @property
    def fallback(self) -> Credential | None:
        return self.source.fallback if self.source is not None else None

    @property
    def steps(self) -> tuple[Step, ...]:
        return self._announced(self.source.steps if self.source is not None else ())

    def _announced(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """With what comes once the source is renewed, before the old one is left to its grace. Where that is taken
        back, so is what was announced."""
        last = next((number for number, step in enumerate(steps) if step.final), len(steps))
        first = next((number for number, step in enumerate(steps) if step.info.id.startswith("write:")), last)
        before = [self._retold(step) if number == first else step for number, step in enumerate(steps[:last])]
        own = [replace(step, kept=before[-1].kept) if before else step for step in self._own]
        return (*before, *own, *steps[last:])

    def _retold(self, step: Step) -> Step:
        async def undo(note: Note, failure: StepFailed | None) -> str:
            said = [await step.undo(note, failure) if step.undo is not None else ""]
            if self._touched:
                try:
                    await self._touch(note)
                except (KubeError, IssuanceError) as error:
                    said.append(f"PushSecret {self.name} was not told of it: {error.message}")
            return "; ".join(filter(None, said))

        return replace(step, undo=undo)

    async def find(self, note: Note) -> Sequence[Step] | None:
        steps = await self.source.find(note) if self.source is not None else None
        return self._announced(steps) if steps is not None else None

    @property
    def _own(self) -> tuple[Step, ...]:
        at = {"cluster": self.cluster, "namespace": self.namespace, "resource": self.resource.name, "name": self.name}
        touch = StepInfo(id="touch", title=f"Announce it: PushSecret {self.name}", verb="patch", **at)
        arrive = StepInfo(id="arrive", title="Wait until External Secrets has pushed it", verb="get", **at)
        return (Step(info=touch, do=self._touch), Step(info=arrive, do=self._arrive))

    def undone(self, said: Sequence[str]) -> str:
        return self.source.undone(said) if self.source is not None else super().undone(said)

    def hints(self) -> Sequence[str]:
        return self.source.hints() if self.source is not None else ()

    def finished(self) -> Finished:
        return self.source.finished() if self.source is not None else Finished(None)

    async def _touch(self, _note: Note) -> None:
        client = await self.context.clusters.client(self.cluster)
        now = await client.get(self.resource, self.name, namespace=self.namespace)
        await _insist_on_stores(self.context, self.cluster, self.namespace, push_view(now))
        patch = {"metadata": {"annotations": {PUSHED: f"again-{random_suffix()}"}}}
        self._before, self._touched = _mark(now), True
        await client.patch(self.resource, self.name, patch, namespace=self.namespace)

    async def _arrive(self, note: Note) -> None:
        note.message = await self._arrived(self._before)

    async def _arrived(self, before: str) -> str:
        """The operator's word that it pushed what is there now. Raises with its word where that is another."""
        client = await self.context.clusters.client(self.cluster)
        loop = asyncio.get_running_loop()
        began, wait = loop.time(), timedelta(seconds=limits.patience(WAIT.total_seconds()))
        while True:
            found = await client.get(self.resource, self.name, namespace=self.namespace)
            status, said = ready(found)
            waited = timedelta(seconds=loop.time() - began)
            if status == "True" and _mark(found) != before:
                return said
            if status == "False" and waited > _PATIENCE:
                raise IssuanceError(f"External Secrets could not push it: {said}", "the last good copy stays there")
            if waited > wait:
                raise IssuanceError(
                    f"External Secrets has not pushed it within {wait.total_seconds():g} s",
                    "does the operator run, and is it the one that the store names?",
                )
            await asyncio.sleep(_PAUSE)


def _mark(push: Mapping[str, Any]) -> str:
    """What changes with every push."""
    status = push.get("status") or {}
    return f"{status.get('syncedResourceVersion', '')} {status.get('refreshTime', '')}"
