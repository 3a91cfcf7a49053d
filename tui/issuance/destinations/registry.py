"""The sorts of destinations, one line each: what is kept where, how it is asked for, and what a record names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.types import Address, Destination, Identity, IssueSpec

from .place import Need, Place, PlaceWay

if TYPE_CHECKING:
    from tui.issuance.formats import Format
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.records.state import StateStore

DESTINATIONS: Final[tuple[str, ...]] = (
    ".in_file",
    ".in_secret",
)
"""By the names of their modules, in the order in which forms offer them."""


def sorts() -> list[type[Destination]]:
    """Each sort's struct."""
    return [import_module(name, __package__).DESTINATION for name in DESTINATIONS]


def ways() -> list[PlaceWay]:
    """Every way of asking for one; the first is the usual one."""
    return [way for sort in sorts() for way in sort.ways()]


def read(said: Mapping[str, Any]) -> Destination:
    """One as a record says it. Raises ValueError for what is of no sort that is known here."""
    for sort in sorts():
        if sort.tag() == said.get("type"):
            return msgspec.convert(said, sort)
    raise ValueError(f"there is no destination of the sort {said.get('type')!r}")


def destination_at(address: Address, identity: Identity) -> Destination:
    """The one that an address names. Raises UsageError where that is of no sort."""
    for sort in sorts():
        if (found := sort.at(address, identity)) is not None:
            return found
    raise UsageError(f"{address} is of a kind that this kubemint does not know", "was it written by another version?")


def place_for(
    destination: Destination,
    identity: Identity,
    clusters: Clusters,
    state: StateStore,
    *,
    force: bool = False,
    form: Format | None = None,
) -> Place:
    """The place that a destination names, for a credential of `identity`.

    With `force` something may be replaced there that kubemint did not write.
    """
    return destination.place(Need(identity, clusters, state, force, form))


def places_for(
    spec: IssueSpec, clusters: Clusters, state: StateStore, request: str = "", *, force: bool = False
) -> list[Place]:
    """The places of a wish, in its order."""
    places = [
        place_for(destination, spec.identity, clusters, state, force=force, form=spec.format)
        for destination in spec.destinations
    ]
    for place in places:
        place.request = request
    return places


for _sort in sorts():
    msgspec.json.Decoder(_sort)  # msgspec looks into a type once, and not in two threads at the same time
