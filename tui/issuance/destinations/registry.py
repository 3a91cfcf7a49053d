"""Which place a destination is: one line for each sort."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tui.issuance.formats import Format
from tui.issuance.model.types import Destination, FileDestination, Identity, IssueSpec, SecretDestination

from .file import FilePlace
from .merge import MergePlace
from .place import Place
from .secret import SecretPlace
from .tenant import tenant_place

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.records.state import StateStore


@dataclass(frozen=True, slots=True)
class Need:
    """What a place may need beside its destination."""

    identity: Identity
    clusters: Clusters
    state: StateStore
    force: bool
    """A file that kubemint did not write may be replaced."""
    form: Format | None
    """What is to be written, where that is known yet."""


def _file(wanted: FileDestination, need: Need) -> Place:
    if wanted.merge:
        return MergePlace(wanted, need.identity, need.clusters, need.state, force=need.force)
    return FilePlace(wanted, need.identity, need.state, force=need.force)


def _secret(wanted: SecretDestination, need: Need) -> Place:
    if wanted.applied or wanted.push:
        return tenant_place(wanted, need.clusters, need.form)
    return SecretPlace(wanted, need.clusters, need.form)


_PLACES: Final[dict[type, Callable[[Any, Need], Place]]] = {
    FileDestination: _file,
    SecretDestination: _secret,
}


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

    With `force` a file there may be replaced that kubemint did not write.
    """
    return _PLACES[type(destination)](destination, Need(identity, clusters, state, force, form))


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
