"""ca.crt, namespace and token: the three keys of a token Secret, as another cluster needs them to come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from tui.kube.sensitive import Sensitive

from .base import Owner, Rules, bare, token_under
from .token import TOKEN_KEY

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint

ROOT_CA_KEY: Final = "ca.crt"
NAMESPACE_KEY: Final = "namespace"


class ServiceAccount(Rules):
    name = "serviceAccount"
    keys = (ROOT_CA_KEY, NAMESPACE_KEY, TOKEN_KEY)
    suffix = "token"
    chosen = False

    def render(self, token: Sensitive, endpoint: Endpoint, owner: Owner) -> dict[str, Sensitive]:
        return {
            ROOT_CA_KEY: Sensitive(endpoint.ca or b""),
            NAMESPACE_KEY: Sensitive(owner.namespace),
            TOKEN_KEY: bare(token),
        }

    def as_file(self, data: Mapping[str, Sensitive]) -> Sensitive:
        return data[TOKEN_KEY]

    def from_file(self, content: Sensitive) -> dict[str, Sensitive]:
        return {TOKEN_KEY: content}

    def token_of(self, data: Mapping[str, Sensitive]) -> Sensitive | None:
        return token_under(TOKEN_KEY, data)

    def losses(self, endpoint: Endpoint) -> tuple[str, ...]:
        said = "ca.crt is empty: the cluster's address is trusted by the system's authorities, or not checked at all"
        return () if endpoint.ca else (said,)
