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

from tui.kube.client import Client
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS, Resource
from tui.kube.sensitive import Sensitive

from . import capi, managed
from .destinations.tenant import LONGEST_WAIT
from .durations import format_duration
from .errors import UsageError
from .external_secrets import (
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
from .formats import Format
from .intent import new_id
from .kinds import CredentialKind
from .names import check_names
from .plans import prepare_issue
from .running import Run, StepFailed
from .sight import Sight
from .target_check import Standing, check_target
from .tenant_manifests import gap_of
from .tenant_rights import Rights
from .tenant_wish import DEFAULT_LIFETIME, TenantPush
from .types import Action, Address, Credential, IssueSpec, Plan, Step
from .work import Context, Finished, Work

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint


async def prepare_push(context: Context, wish: TenantPush, *, replace: bool = False) -> tuple[Plan, Work]:
    """The plan for a push: rights where they are asked for, then issue, write into the tenant, prove from there.

    Raises UsageError (Unasked for a push over a live one without `replace`), KubeError.
    """
    if wish.external_secrets and wish.remote_namespace != REMOTE_NAMESPACE:
        raise UsageError(
            f"the tenant's SecretStore writes to {REMOTE_NAMESPACE} alone",
            "push to a Secret there, or with --via direct",
        )
    if wish.wait > LONGEST_WAIT:
        raise UsageError(f"it may take at most {format_duration(LONGEST_WAIT)} to arrive", "give a shorter --timeout")
    check_names(wish.remote_namespace, wish.remote_secret, "Secret")
    spec = IssueSpec(
        identity=wish.identity,
        destinations=(wish.destination,),
        format=Format.SERVICE_ACCOUNT,
        duration=wish.duration,
        create_account=wish.create_account,
    )
    prepared = await prepare_issue(context, spec, replace=replace)
    plan, work = prepared.plan, prepared.work
    warnings = [*plan.warnings, *filter(None, [gap_of(wish, DEFAULT_LIFETIME)])]
    if not wish.reads:
        return msgspec.structs.replace(plan, warnings=tuple(warnings)), work
    rights = work.rights = Rights(wish.identity, wish.reads)
    await rights.look(await context.clusters.client(wish.identity.cluster))
    work.intent = msgspec.structs.replace(work.intent, reads=wish.reads)
    intent, *others = plan.steps
    steps = (intent, *rights.steps(), *others)
    return msgspec.structs.replace(plan, steps=steps, warnings=tuple(warnings)), work


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
        return Address(CredentialKind.SECRET, self.host, self.namespace, auth_name(self.cluster))

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


async def prepare_store(context: Context, host: str, namespace: str, cluster: str) -> tuple[Plan, Work]:
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
                "somebody else (a Kyverno policy?) keeps it; kubemint never takes over what others made",
            )
    at = {"cluster": host, "namespace": namespace, "verb": "patch"}
    steps = (
        Step(
            id="auth",
            title=f"Write the Secret {auth_name(cluster)}",
            resource="secrets",
            name=auth_name(cluster),
            **at,
        ),
        Step(id="store", title=f"Write the SecretStore {cluster}", resource=wanted.resource.name, name=cluster, **at),
    )
    warnings = [
        f"the Secret holds the tenant's admin certificate: whoever reads Secrets in {namespace} owns the tenant"
    ]
    async with Client(wanted.endpoint) as tenant:
        verdict = await check_target(tenant, REMOTE_NAMESPACE)
    if verdict.standing is not Standing.READY:
        warnings.append(f"as External Secrets will see it, {cluster} is {verdict.standing}: {verdict.message}")
    plan = Plan(id=new_id(), action=Action.ISSUE, address=wanted.address, steps=steps, warnings=tuple(warnings))
    return plan, StoreWork(context, wanted, sight)


async def _metadata(client: Client, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
    try:
        return await client.get_metadata(resource, name, namespace=namespace)
    except NotFound:
        return None


def _whose(found: dict[str, Any] | None) -> object:
    return found and (found["metadata"].get("uid"), managed.is_managed(found))


@dataclass(frozen=True, slots=True)
class StoreWork:
    """Both objects, each in one apply. Without the second the first goes again, unless it was there before."""

    context: Context
    wanted: TenantStore
    sight: Sight

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.wanted.address,)

    @property
    def fallback(self) -> Credential | None:
        return None

    async def run(self, run: Run) -> Finished:
        wanted = self.wanted
        client = await self.context.clusters.client(wanted.host)
        name = auth_name(wanted.cluster)
        existed = True
        async with run.step("auth") as note:
            try:
                await client.get_metadata(SECRETS, name, namespace=wanted.namespace)
            except NotFound:
                existed = False
            made = await client.apply(SECRETS, name, wanted.auth(), namespace=wanted.namespace)
            note.message = "brought up to date" if existed else "created"
        try:
            async with run.step("store") as note:
                await client.apply(wanted.resource, wanted.cluster, wanted.store(), namespace=wanted.namespace)
                note.message = f"as {wanted.resource.api_version}"
        except StepFailed:
            if not existed:
                try:
                    uid = str(made["metadata"]["uid"])
                    await client.delete(SECRETS, name, namespace=wanted.namespace, uid=uid)
                except KubeError as error:
                    run.hints.append(f"its Secret {name} could not be removed again: {error.message}")
            raise
        return Finished(None)
