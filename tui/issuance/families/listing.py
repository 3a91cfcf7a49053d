"""In which objects a family's credentials stand, so that a list shows them without knowing the family.

A family whose line in the registry says `lists` has them in its module `listing`, as `LISTINGS`; where it says
`requests` its kinds of requests are there too, as `REQUESTS` (`RequestKind` of `model.requests`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tui.issuance.model.types import Credential

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint
    from tui.kube.resource import Resource


class Listing(NamedTuple):
    """One kind of objects, followed in every cluster."""

    title: str
    """What people call it, in the plural."""
    resource: Resource
    credential: Callable[[str, Any], Credential | None]
    """What an object of a cluster says that it keeps: an index, which nothing is done upon. None: nothing of ours."""
    type: Any = dict
    """As what each is decoded."""
    metadata_only: bool = True
    labels: str = ""
    fields: str = ""
    """Selectors."""
    needs: Resource | None = None
    """It is only looked for where this kind is served."""
    optional: bool = False
    """Whether people miss nothing that they asked for where it cannot be listed."""
    leads: Callable[[Any], Endpoint | None] = lambda _obj: None
    """Where the token in an object is good, by the address that lies beside it. None: as `credential` says it."""
    handles: bool = False
    """Whether each object is what its own token is bound to."""


class NotedMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of ObjectMeta that tells of a credential."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Noted(msgspec.Struct, frozen=True):
    """An object's metadata, where nothing else of it is asked for."""

    metadata: NotedMeta = msgspec.field(default_factory=NotedMeta)
