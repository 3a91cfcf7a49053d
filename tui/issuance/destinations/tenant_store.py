"""Whether a SecretStore leads into the tenant that is known: whoever may change it would get what is pushed through it.

Its server and authority are held against those of the tenant, wherever External Secrets takes them from, and its
namespace against the one that was chosen. As whom it logs in there is of no account: what arrives is read by others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.objects.external_secrets import STORES, served
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.records.entering import certificates
from tui.kube import shell
from tui.kube.addresses import AddressRefused, server as checked
from tui.kube.delivered import Allow, DeliveredError, differences, read
from tui.kube.endpoint import Endpoint
from tui.kube.errors import Forbidden, KubeError, NotFound
from tui.kube.resource import CONFIG_MAPS, SECRETS
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.kube.client import Client

_AS_IT_IS = Allow(near=True, insecure=True, proxy=True)
"""Of a kubeconfig that a store logs in with: what it says is only compared."""


async def insist(clusters: Clusters, cluster: str, namespace: str, name: str, tenant: str, into: str = "") -> str:
    """Raises UsageError where the store `name` does not lead into `tenant` as it is known, and there to the namespace
    `into` (empty: to any); KubeError, UsageError where it is not known. Returns what another one, or a changed one,
    differs in."""
    host, label = await clusters.client(cluster), f"SecretStore {namespace}/{name} in {cluster}"
    resource = await served(host, STORES)
    try:
        found = await host.get(resource, name, namespace=namespace)
    except NotFound:
        raise UsageError(
            f"there is no {label}", f"make it: {shell.command('kubemint', 'tenant', 'store', name, '-n', namespace)}"
        ) from None
    known = await _known(clusters, tenant, label)
    try:
        way = await _way(host, namespace, found.get("spec"), known)
        why = elsewhere(way, known, into)
    except _Untold as error:
        why = (error.why,)
    if why:
        again = shell.command("kubemint", "tenant", "store", name, "-n", namespace)
        raise UsageError(
            f"{label} does not match {tenant}: {'; '.join(why)}. The token could get elsewhere, so nothing is pushed",
            f"look at it: `{shell.command('kubectl', 'get', 'secretstore', name, '-n', namespace, '-o', 'yaml')}`; "
            f"once it is deleted, `{again}` creates it again; or push without it with --via=direct",
        )
    return f"{found['metadata'].get('uid')} {found['metadata'].get('generation')}"


class _Untold(Exception):
    """It cannot be told where a store leads."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def elsewhere(way: Endpoint, known: Endpoint, into: str) -> tuple[str, ...]:
    """In what the way of a store is another than the known one to its tenant; `way.namespace` is where it writes."""
    said = differences(replace(way, insecure=True) if known.insecure else way, known)
    if into and way.namespace != into:
        said += (f"it writes to the namespace {safe_text(way.namespace)}, not to {into}",)
    return said


async def _known(clusters: Clusters, tenant: str, label: str) -> Endpoint:
    """The way into a tenant, which the operator has or said yes to."""
    try:
        await clusters.client(tenant)  # which finds one that another cluster delivers
        return clusters.endpoint(tenant)
    except (KubeError, IssuanceError) as error:
        error.hint = error.hint or f"{tenant} is not known here, so {label} cannot be checked"
        raise


async def _way(client: Client, namespace: str, spec: Any, known: Endpoint) -> Endpoint:
    """Where a store leads. Raises _Untold, and KubeError where what it refers to cannot be asked for."""
    providers = _part(spec, "provider")
    if set(providers) != {"kubernetes"}:
        raise _Untold(f"it is one of {safe_text(', '.join(map(str, providers))) or 'nothing'}, not of Kubernetes")
    kubernetes = _part(providers, "kubernetes")
    into = str(kubernetes.get("remoteNamespace") or "default")
    if kubernetes.get("authRef"):
        text = await _content(client, namespace, "Secret", _part(kubernetes, "authRef"))
        try:
            return replace(read(text, _AS_IT_IS).endpoint, namespace=into)
        except DeliveredError as error:
            raise _Untold(f"the kubeconfig it logs in with is not understood: {error.message}") from None
    server = _part(kubernetes, "server")
    url = str(server.get("url") or "kubernetes.default")
    try:
        address = checked(url if "://" in url else f"https://{url}", near=True)
    except AddressRefused as error:
        raise _Untold(f"its server {safe_text(url)} {error}") from None
    ca = await _authority(client, namespace, server)
    # What a store cannot say (a proxy, another name of the server) is no difference.
    return replace(known, server=address, ca=ca, insecure=False, namespace=into)


async def _authority(client: Client, namespace: str, server: Mapping[str, Any]) -> bytes | None:
    """The certificates that it trusts; None where it trusts the system's."""
    if server.get("caBundle"):
        pem = _decoded(server["caBundle"])
    elif server.get("caProvider"):
        ca = _part(server, "caProvider")
        pem = await _content(client, namespace, str(ca.get("type") or "Secret"), ca)
    else:
        return None
    try:
        certificates(pem)
    except ValueError as error:
        raise _Untold(f"the authority it trusts cannot be read: {error}") from None
    return pem


async def _content(client: Client, namespace: str, kind: str, reference: Mapping[str, Any]) -> bytes:
    """What a store refers to, beside it."""
    name, key = str(reference.get("name") or ""), str(reference.get("key") or "")
    what = safe_text(f"{kind} {namespace}/{name}, key {key}")
    if reference.get("namespace") not in (None, "", namespace) or not (name and key):
        raise _Untold(f"what it refers to is not beside it, or has no key ({what})")
    try:
        if kind == "ConfigMap":
            found = await client.get(CONFIG_MAPS, name, namespace=namespace)
            text = _part(found, "data").get(key)
            content = text.encode() if isinstance(text, str) else None
        else:
            held = await client.get(SECRETS, name, namespace=namespace, type=SecretObject)
            value = held.values().get(key)
            content = value.reveal_bytes() if value is not None else None
    except NotFound:
        content = None
    except Forbidden:
        raise _Untold(f"you may not read what it refers to ({what})") from None
    if not content:
        raise _Untold(f"what it refers to is not there ({what})")
    return content


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _Untold("the authority it trusts cannot be read: it is not base64") from None


def _part(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}
