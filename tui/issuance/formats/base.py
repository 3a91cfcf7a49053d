"""What a format is: how material is written down, read back, and what of the way to a cluster it cannot carry.

A format knows nothing of credentials. It gets a token, the way to an API server, and for whom that is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from tui.issuance.errors import UsageError
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.kube.delivered import Allow, Delivered
    from tui.kube.endpoint import Endpoint


class Owner(Protocol):
    """For whom something is written down: a service account."""

    @property
    def namespace(self) -> str: ...

    @property
    def name(self) -> str: ...


class Rules(ABC):
    """Everything that is true of one format."""

    name: ClassVar[str]
    """What people, marks and DPF's `spec.type` call it."""
    keys: ClassVar[tuple[str, ...]]
    """The keys it has in a Secret's data."""
    suffix: ClassVar[str]
    """What the name of its files ends with."""
    says_where: ClassVar[bool] = False
    """Whether it says which cluster it is for."""
    merges: ClassVar[bool] = False
    """Whether it can be put into a kubeconfig beside others."""
    certificate: ClassVar[bool] = False
    """Whether what lets people in is a client certificate: it speaks for a user and no account, and nobody can revoke
    it."""
    chosen: ClassVar[bool] = True
    """Whether people choose it; else it is what one flow writes, and nothing else."""

    @abstractmethod
    def render(self, token: Sensitive, endpoint: Endpoint, owner: Owner) -> dict[str, Sensitive]:
        """The data of a Secret: everything that `owner` needs to enter `endpoint` with `token`. Raises UsageError."""

    @abstractmethod
    def token_of(self, data: Mapping[str, Sensitive]) -> Sensitive | None:
        """The token inside of what `render` made, None where there is none that can be found."""

    def losses(self, endpoint: Endpoint) -> tuple[str, ...]:
        """What it cannot carry of the way to this cluster, in words, for a plan's warnings."""
        return ()

    def as_file(self, data: Mapping[str, Sensitive]) -> Sensitive:
        """What `render` or a Secret holds, as the content of one file."""
        return data[self.keys[0]]

    def from_file(self, content: Sensitive) -> dict[str, Sensitive]:
        """What `as_file` wrote, as the data it was made of. Never raises."""
        return {self.keys[0]: content}

    def render_file(self, token: Sensitive, endpoint: Endpoint | None, owner: Owner) -> Sensitive:
        """The content of a file; of one that does not say where it leads, `endpoint` may be None. Raises UsageError."""
        assert endpoint is not None or not self.says_where
        return self.as_file(self.render(token, cast("Endpoint", endpoint), owner))

    def taken_apart(self, data: Mapping[str, Sensitive], allow: Allow) -> Delivered:
        """Where what a Secret or a file holds leads, and with what.

        Raises DeliveredError for what is not to be used, UsageError where the format does not say where it leads.
        """
        if not self.says_where:
            raise UsageError(f"the format {self.name} does not say which cluster it is for")
        missing = next((key for key in self.keys if key not in data), "")
        if missing:
            from tui.kube.delivered import DeliveredError

            raise DeliveredError(missing, "is missing")
        return self._way(data, allow)

    def _way(self, data: Mapping[str, Sensitive], allow: Allow) -> Delivered:
        """The same, once it is there. Of every format that `says_where`."""
        raise NotImplementedError(self.name)


def bare(token: Sensitive) -> Sensitive:
    """The token without the line break or blanks that others may have put around it."""
    text = token.reveal_bytes()
    stripped = text.strip()
    return token if stripped == text else Sensitive(stripped)


def token_under(key: str, data: Mapping[str, Sensitive]) -> Sensitive | None:
    """The token that lies bare under a key, None where it is not there or is no text."""
    found = data.get(key)
    return bare(found) if found and found.reveal_bytes().isascii() else None
