"""The places a credential is kept in: looked at before, written once, read back, and put back where a plan fails.

A place remembers the version it saw when it was looked at (a Secret's resourceVersion, a file's hash) and refuses to
write over anything else. What it replaced stays in memory until the plan is over, to be restored if need be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from .types import Address, Credential, FileDestination, Format, IssueSpec, SecretDestination

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive

    from .clusters import Clusters
    from .state import StateStore
    from .token_request import IssuedToken


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a place holds now. `credential` is None where it is not ours (or nothing is there)."""

    exists: bool
    credential: Credential | None = None
    request: str = ""
    warning: str = ""
    """Something the operator should know before it is replaced."""


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a place needs to write new material down."""

    issued: IssuedToken
    credential: Credential
    """The credential with this place's own address."""
    endpoint: Endpoint
    request: str
    copies: int = 0


class Place(Protocol):
    """One destination at work."""

    address: Address
    cluster: str
    """Where it is written to, empty for this machine."""
    label: str

    async def look(self) -> Held:
        """See what is there and remember its version. Raises UsageError where it must not be touched."""
        ...

    async def write(self, writing: Writing) -> str:
        """Replace what was seen by the new material, at once. Returns what to say about it."""
        ...

    async def check(self, writing: Writing) -> None:
        """Read it back and compare. Raises ChangedMeanwhile where it is not what was written."""
        ...

    async def restore(self) -> bool:
        """Put back what `write` replaced. False where nothing had been written."""
        ...

    async def token(self, form: Format) -> Sensitive | None:
        """The token that is there now, None where there is none."""
        ...

    async def material(self, form: Format) -> Sensitive:
        """What is there now, as people export it: the kubeconfig, the four values, or the token."""
        ...


def place_for(destination: FileDestination | SecretDestination, clusters: Clusters, state: StateStore) -> Place:
    """The place that a destination names."""
    if isinstance(destination, FileDestination):
        from .file_place import FilePlace

        return FilePlace(destination, state)
    from .secret_place import SecretPlace

    return SecretPlace(destination, clusters)


def places_for(spec: IssueSpec, clusters: Clusters, state: StateStore) -> list[Place]:
    """The places of a wish, in its order."""
    return [place_for(destination, clusters, state) for destination in spec.destinations]
