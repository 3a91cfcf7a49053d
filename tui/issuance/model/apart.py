"""Clusters apart: another cluster tells of them, and nobody but a person decides to enter one.

A family reads its objects into `ApartFacts`, and says in one `Apart` what lists, details and whoever enters need.
A family whose line in the registry says `apart` has it in its module `apart`, as `APART`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tui.issuance.model.facts import Section
from tui.issuance.model.types import AccessLevel

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.endpoint import Endpoint
    from tui.kube.resource import Resource


class ApartFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What `host` says of one of them."""

    sort: Apart
    host: str
    namespace: str
    name: str
    ways: tuple[str, ...] = ()
    """The addresses of its API server; none while it is being made."""
    version: str = ""
    message: str = ""
    closed: str = ""
    """Why it cannot be entered now, as what stands behind its name; empty where it can."""
    hint: str = ""
    """What to do then."""
    labels: dict[str, str] = {}
    about: Any = None
    """What else its object says, which only its family reads."""

    @property
    def place(self) -> str:
        """What its host calls it."""
        return f"{self.namespace}/{self.name}"

    @property
    def cluster(self) -> str:
        """What the fleet calls it."""
        return f"{self.host}/{self.namespace}/{self.name}"


class Told(NamedTuple):
    """One kind of objects that tell of them, followed in every cluster of one's own."""

    title: str
    """What people call them, in the plural."""
    resource: Resource
    type: Any
    why: str
    """What the right to list them is for."""
    seen: Callable[[str, str, Any | None], Iterable[tuple[str, ApartFacts | None]]]
    """An object came, changed or went (None) in a host, under its key: the clusters of which something else is said
    now, by the fleet's names."""


class Entered(NamedTuple):
    """What was got to enter one with; it is kept in memory alone."""

    way: Endpoint
    issued_at: datetime
    expires_at: datetime
    granted: timedelta
    says: str


class Apart(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One sort of clusters apart."""

    source: str
    """What a list says that leads to it."""
    json: str
    """The field of a cluster's JSON that has its `record`."""
    told: Callable[[], Sequence[Told]]
    """What to follow for one fleet."""
    words: Callable[[ApartFacts], str]
    """What a filter finds it by, in lines."""
    record: Callable[[ApartFacts], dict[str, Any]]
    details: Callable[[ApartFacts, Callable[[datetime | None], str], Callable[..., Section]], list[Section]]
    """What there is to say about one: called with what says how far away an instant is, and shows conditions."""
    enter: Callable[[Client, ApartFacts, AccessLevel, timedelta], Awaitable[Entered]]
    """Ask its host for a way in that lasts so long. Raises IssuanceError, KubeError."""
    request: Callable[[ApartFacts], str]
    """METHOD and path of what is asked for then."""
    file: str
    """The action that asks for a kubeconfig of one."""
    line: Callable[[ApartFacts], tuple[str, ...]]
    """The command that writes one."""
