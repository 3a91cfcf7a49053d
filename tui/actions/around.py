"""What forms are told of the fleet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.issuance import ApartFacts, Known

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.fleet.store import FleetStore


class Around(Known):
    """The fleet as it is when it is asked for; without one, what the store has."""

    def __init__(self, store: FleetStore, fleet: Fleet | None) -> None:
        self._store = store
        self._fleet = fleet

    @property
    def apart(self) -> Sequence[ApartFacts]:
        return [row.apart for row in self._store.clusters.values() if row.apart is not None]

    @property
    def kubeconfigs(self) -> Sequence[str]:
        return [] if self._fleet is None else [str(file) for file in self._fleet.config.files]
