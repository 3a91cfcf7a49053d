"""The bare token, for whoever knows where it leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from .base import Owner, Rules, bare, token_under

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive

TOKEN_KEY: Final = "token"


class Token(Rules):
    name = "token"
    keys = (TOKEN_KEY,)
    suffix = "token"

    def render(self, token: Sensitive, endpoint: Endpoint, owner: Owner) -> dict[str, Sensitive]:
        return {TOKEN_KEY: bare(token)}

    def token_of(self, data: Mapping[str, Sensitive]) -> Sensitive | None:
        return token_under(TOKEN_KEY, data)

    def losses(self, endpoint: Endpoint) -> tuple[str, ...]:
        return ("a bare token does not say which cluster it is for",)
