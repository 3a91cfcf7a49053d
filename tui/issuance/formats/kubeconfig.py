"""The kubeconfig: one cluster, one user, one context; or several ways in with one user, as Gardener writes it.

The bytes are those of DPF's reference controller, except where it loses what is needed to connect: tls-server-name,
proxy-url and the insecure flag stay; and `preferences`, which the settings leave out where it is not DPF's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from tui.kube.sensitive import Sensitive

from .base import Owner, Rules, bare
from .preferences import preferences
from .yaml_text import dump

if TYPE_CHECKING:
    from tui.kube.delivered import Allow, Delivered, Several
    from tui.kube.endpoint import Endpoint

KUBECONFIG_KEY: Final = "kubeconfig"


class Kubeconfig(Rules):
    name = "kubeconfig"
    keys = (KUBECONFIG_KEY,)
    suffix = "kubeconfig"
    says_where = True
    merges = True

    def render(self, token: Sensitive, endpoint: Endpoint, owner: Owner) -> dict[str, Sensitive]:
        return {KUBECONFIG_KEY: kubeconfig(token, endpoint, owner)}

    def token_of(self, data: Mapping[str, Sensitive]) -> Sensitive | None:
        from tui.kube.delivered import ONLY_LOOKING, DeliveredError

        try:
            return self.taken_apart(data, ONLY_LOOKING).token
        except DeliveredError:
            return None

    def _way(self, data: Mapping[str, Sensitive], allow: Allow) -> Delivered:
        from tui.kube import delivered

        return delivered.read(data[KUBECONFIG_KEY].reveal_bytes(), allow)


def kubeconfig(token: Sensitive, endpoint: Endpoint, owner: Owner) -> Sensitive:
    """A kubeconfig with one cluster, one user and one context, as DPF writes it."""
    cluster_name = endpoint.cluster_name or endpoint.name
    document = {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster_entry(endpoint), "name": cluster_name}],
        "contexts": [
            {
                "context": {"cluster": cluster_name, "namespace": owner.namespace, "user": owner.name},
                "name": owner.name,
            }
        ],
        "current-context": owner.name,
        "kind": "Config",
        **preferences(),
        "users": [{"name": owner.name, "user": {"token": bare(token).reveal()}}],
    }
    return Sensitive(dump(document))


def several(ways: Several) -> Sensitive:
    """A kubeconfig with a cluster and a context for each way and one user, as Gardener writes it."""
    login, user = ways.current.endpoint.login, ways.current.user
    entry: dict[str, object] = {}
    if login.client_certificate is not None and login.client_key is not None:
        entry["client-certificate-data"] = base64.b64encode(login.client_certificate).decode()
        entry["client-key-data"] = base64.b64encode(login.client_key.reveal_bytes()).decode()
    if login.token is not None:
        entry["token"] = bare(login.token).reveal()
    endpoints = [way.endpoint for way in ways.ways]
    contexts = [{"context": {"cluster": way.cluster_name, "user": user}, "name": way.name} for way in endpoints]
    clusters = {way.cluster_name: cluster_entry(way) for way in endpoints}
    document = {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster, "name": name} for name, cluster in clusters.items()],
        "contexts": contexts,
        "current-context": ways.current.endpoint.name,
        "kind": "Config",
        **preferences(),
        "users": [{"name": user, "user": entry}],
    }
    return Sensitive(dump(document))


def cluster_entry(endpoint: Endpoint) -> dict[str, object]:
    """The way to an API server as a kubeconfig's `cluster` says it."""
    cluster: dict[str, object] = {}
    if endpoint.ca and not endpoint.insecure:
        cluster["certificate-authority-data"] = base64.b64encode(endpoint.ca).decode()
    if endpoint.disable_compression:
        cluster["disable-compression"] = True
    if endpoint.insecure:
        cluster["insecure-skip-tls-verify"] = True
    if endpoint.proxy_url:
        cluster["proxy-url"] = endpoint.proxy_url
    cluster["server"] = endpoint.server
    if endpoint.tls_server_name:
        cluster["tls-server-name"] = endpoint.tls_server_name
    return cluster
