"""Tenants: a SecretStore that leads into one, and a credential of the management cluster that lies in one.

The store is what a Kyverno policy would generate from Cluster API's kubeconfig Secret. The push is an issue like every
other (`destinations.tenant` says how it is written), with the account's rights made before it where that was asked for.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.destinations.tenant import LONGEST_WAIT
from tui.issuance.errors import StepFailed, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.durations import format_duration
from tui.issuance.model.names import check_names
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, IssueSpec, Plan, StepInfo
from tui.issuance.objects import capi, managed
from tui.issuance.objects.deleting import End, delete
from tui.issuance.objects.external_secrets import (
    AUTH_LABELS,
    CA,
    CERT,
    CERT_KEY,
    REMOTE_NAMESPACE,
    STORES,
    auth_name,
    secret_store,
    served,
)
from tui.issuance.records.intent import new_id
from tui.issuance.tokens.plans import prepare_issue
from tui.issuance.tokens.tenant_rights import Rights
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.work import Context
from tui.kube.client import Client
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS, Resource
from tui.kube.sensitive import Sensitive

from .manifests import gap_of
from .target_check import Standing, check_target
from .wish import DEFAULT_LIFETIME, TenantPush

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.issuance.transaction.running import Note
    from tui.kube.endpoint import Endpoint


async def prepare_push(context: Context, wish: TenantPush, *, replace: bool = False) -> tuple[Plan, Transaction]:
    """The plan for a push: rights where they are asked for, then issue, write into the tenant, prove from there.

    Raises UsageError (Unasked for a push over a live one without `replace`), KubeError.
    """
    if wish.external_secrets and wish.remote_namespace != REMOTE_NAMESPACE:
        raise UsageError(
            f"the tenant's SecretStore writes to {REMOTE_NAMESPACE} alone",
            "choose a Secret there, or push with --via=direct",
            field="remote_namespace",
        )
    if wish.wait > LONGEST_WAIT:
        raise UsageError(
            f"it may take at most {format_duration(LONGEST_WAIT)} to arrive",
            "choose a shorter time with --wait",
            field="wait",
        )
    check_names(wish.remote_namespace, wish.remote_secret, "Secret")
    spec = IssueSpec(
        identity=wish.identity,
        destinations=(wish.destination,),
        format=Format.SERVICE_ACCOUNT,
        duration=wish.duration,
        create_account=wish.create_account,
    )
    rights = Rights(wish.identity, wish.reads) if wish.reads else None
    plan, work = await prepare_issue(context, spec, replace=replace, rights=rights)
    if rights is not None:
        await rights.look(await context.clusters.client(wish.identity.cluster))
    gap = gap_of(wish, DEFAULT_LIFETIME)
    return msgspec.structs.replace(plan, warnings=(*plan.warnings, gap)) if gap else plan, work


@dataclass(frozen=True, slots=True)
class TenantStore:
    """The Secret and the SecretStore for one cluster of Cluster API, as they are to be."""

    host: str
    namespace: str
    cluster: str
    resource: Resource
    endpoint: Endpoint

    @property
    def address(self) -> Address:
        """What the engine calls the Secret that the store logs in with."""
        return Address.secret(self.host, self.namespace, auth_name(self.cluster))

    def store(self) -> dict[str, Any]:
        """The SecretStore."""
        return secret_store(self.resource, self.cluster, self.namespace, self.endpoint.server)

    def auth(self, *, masked: bool = False) -> dict[str, Any]:
        """The Secret it logs in with; `masked` for people to read."""
        login = self.endpoint.login
        values = {
            CA: Sensitive(self.endpoint.ca or b""),
            CERT: Sensitive(login.client_certificate or b""),
            CERT_KEY: login.client_key or Sensitive(b""),
        }
        data: dict[str, Any] = {
            key: "***" if masked else Sensitive(base64.b64encode(value.reveal_bytes())) for key, value in values.items()
        }
        labels = {managed.MANAGED_BY: managed.MANAGER, **AUTH_LABELS}
        metadata = {"name": auth_name(self.cluster), "namespace": self.namespace, "labels": labels}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}

    def manifests(self) -> list[dict[str, Any]]:
        """Both objects, with the material masked."""
        return [self.auth(masked=True), self.store()]


async def find_store(context: Context, host: str, namespace: str, cluster: str) -> TenantStore:
    """What the store of this cluster is to be, where the gate lets it in: others are to send secrets there.

    Raises UsageError where its kubeconfig has no client certificate.
    """
    check_names(namespace, auth_name(cluster), "Secret")
    client = await context.clusters.client(host)
    resource = await served(client, STORES)
    found = await capi.find(client, host, namespace, cluster)
    endpoint = found.endpoint
    where = f"the kubeconfig of {namespace}/{cluster}"
    if endpoint.login.client_certificate is None or endpoint.login.client_key is None:
        raise UsageError(
            f"{where} has no client certificate to log in with",
            "managed providers give a plugin or a short token instead, which External Secrets cannot use",
        )
    if not endpoint.ca:
        raise UsageError(f"{where} has no certificate authority", "the SecretStore needs it to trust the server")
    await context.clusters.gate.admit(found)
    return TenantStore(host, namespace, cluster, resource, endpoint)


async def prepare_store(context: Context, host: str, namespace: str, cluster: str) -> tuple[Plan, Transaction]:
    """The plan for making, or bringing up to date, the Secret and the SecretStore of one cluster.

    Raises UsageError for what others made, KubeError.
    """
    wanted = await find_store(context, host, namespace, cluster)
    client, sight = await context.clusters.client(host), Sight()
    for resource, name in ((SECRETS, auth_name(cluster)), (wanted.resource, cluster)):
        where = f"{resource.kind} {namespace}/{name}"
        found = await sight.see(where, partial(_metadata, client, resource, namespace, name), _whose)
        if found is not None and not managed.is_managed(found):
            raise UsageError(
                f"{resource.kind} {namespace}/{name} is already in use: kubemint does not manage it",
                "something else (a Kyverno policy?) manages it; kubemint never takes over what others made",
            )
    warnings = [
        f"the Secret holds the tenant's admin certificate: anyone who reads Secrets in {namespace} owns the tenant"
    ]
    async with Client(wanted.endpoint) as tenant:
        verdict = await check_target(tenant, REMOTE_NAMESPACE)
    if verdict.standing is not Standing.READY:
        warnings.append(f"as External Secrets will see it, {cluster} is {verdict.standing}: {verdict.message}")
    work = StoreWork(context, wanted, sight)
    return work.plan(new_id(), Action.ISSUE, wanted.address, warnings=warnings), work


async def _metadata(client: Client, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
    try:
        return await client.get_metadata(resource, name, namespace=namespace)
    except NotFound:
        return None


def _whose(found: dict[str, Any] | None) -> object:
    return found and (found["metadata"].get("uid"), managed.is_managed(found))


@dataclass
class StoreWork(Transaction):
    """Both objects, each in one apply. Without the second the first goes again, unless it was there before."""

    context: Context
    wanted: TenantStore
    sight: Sight
    _made: str = ""
    """The UID of the Secret, where it was not there before."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.wanted.address,)

    @property
    def steps(self) -> tuple[Step, ...]:
        wanted = self.wanted
        at = {"cluster": wanted.host, "namespace": wanted.namespace, "verb": "patch"}
        name, cluster = auth_name(wanted.cluster), wanted.cluster
        auth = StepInfo(id="auth", title=f"Write the Secret {name}", resource="secrets", name=name, **at)
        kind = wanted.resource.name
        store = StepInfo(id="store", title=f"Write the SecretStore {cluster}", resource=kind, name=cluster, **at)
        return (Step(info=auth, do=self._auth, undo=self._discard_auth, whole=True), Step(info=store, do=self._store))

    def undone(self, said: Sequence[str]) -> str:
        return "; ".join(said) or "the Secret stays updated"

    async def _auth(self, note: Note) -> None:
        wanted = self.wanted
        client, name = await self.context.clusters.client(wanted.host), auth_name(wanted.cluster)
        existed = await _metadata(client, SECRETS, wanted.namespace, name) is not None
        made = await client.apply(SECRETS, name, wanted.auth(), namespace=wanted.namespace)
        self._made = "" if existed else str(made["metadata"]["uid"])
        note.message = "updated" if existed else "created"

    async def _store(self, note: Note) -> None:
        wanted = self.wanted
        client = await self.context.clusters.client(wanted.host)
        await client.apply(wanted.resource, wanted.cluster, wanted.store(), namespace=wanted.namespace)
        note.message = f"as {wanted.resource.api_version}"

    async def _discard_auth(self, _note: Note, _failure: StepFailed | None) -> str:
        if not self._made:
            return ""
        client, name = await self.context.clusters.client(self.wanted.host), auth_name(self.wanted.cluster)
        ended = await delete(client, SECRETS, name, namespace=self.wanted.namespace, uid=self._made)
        return f"the Secret {name} " + ("is removed again" if ended.end is End.DELETED else str(ended))
