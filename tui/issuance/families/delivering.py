"""Where clusters are delivered: objects of one cluster that lead to another.

A family whose line in the registry says `delivers` has its own in its module `source`, as `SOURCES`. What is read there
is hostile: `find` gives it as `Delivered`, and the gate alone says whether anybody enters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui.issuance.records.deliveries import Delivered
from tui.issuance.records.entering import SourceKind
from tui.kube.errors import ConfigError

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.resource import Resource


class NotDelivered(ConfigError):
    """No object of this sort leads to a cluster of that name; another sort may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterSource:
    """One sort of objects that lead to clusters. Where two lead to one of the same name, the first counts."""

    kind: SourceKind
    title: str
    """What people call the objects, in the plural."""
    resource: Resource
    find: Callable[[Client, str, str, str, str | None], Awaitable[Delivered]]
    """What is delivered about one, read anew: called with the host's client, its name, the namespace and name of the
    cluster, and the `way` that its object says where that is known: who may watch may not be allowed to get.

    Raises NotDelivered, ConfigError with what is missing, Unusable, KubeError.
    """
    type: Any = dict
    """As what each object is decoded: `metadata` with `name` and `namespace`, and what the functions here need."""
    metadata_only: bool = False
    labels: str = ""
    optional: bool = False
    """Whether people miss nothing that they asked for where it cannot be listed."""
    reads: str = ""
    """What the right to read the Secrets is for that its objects name, where they name some."""
    builtin: bool = False
    """Whether every server has it, so that it need not be asked."""
    called: Callable[[str, Any | None], str | None] = lambda name, obj: name
    """The cluster that an object of this name leads to, and with this content where that is known; None for none."""
    way: Callable[[Any], str]
    """What is another one where the way in changed."""
    says: Callable[[Any], tuple[str, str]] = lambda obj: ("", "")
    """Its phase, and what else it says of the cluster."""
