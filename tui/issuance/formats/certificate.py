"""The kubeconfig with a client certificate and its key in the place of a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui.kube.sensitive import Sensitive

from .base import Owner, Rules
from .kubeconfig import KUBECONFIG_KEY, kubeconfig

if TYPE_CHECKING:
    from tui.kube.delivered import Allow, Delivered
    from tui.kube.endpoint import Endpoint


class Certificate(Rules):
    name = "clientCertificate"
    keys = (KUBECONFIG_KEY,)
    suffix = "kubeconfig"
    says_where = True
    merges = True
    certificate = True
    chosen = False

    def render(self, token: Sensitive, endpoint: Endpoint, owner: Owner) -> dict[str, Sensitive]:
        """Of a token as every kubeconfig; one with a certificate is written whole (`model.material.Document`)."""
        return {KUBECONFIG_KEY: kubeconfig(token, endpoint, owner)}

    def token_of(self, data: Mapping[str, Sensitive]) -> Sensitive | None:
        """The certificate, by which it is told from another: who has that alone does not get in."""
        from tui.kube.delivered import ONLY_LOOKING, DeliveredError

        try:
            login = self.taken_apart(data, ONLY_LOOKING).endpoint.login
        except DeliveredError:
            return None
        return Sensitive(login.client_certificate) if login.client_certificate else login.token

    def _way(self, data: Mapping[str, Sensitive], allow: Allow) -> Delivered:
        from tui.kube import delivered

        return delivered.read(data[KUBECONFIG_KEY].reveal_bytes(), allow)
