"""The embedded fleet: API servers in this process, over HTTPS on loopback."""

from .apiserver.faults import Answer, Cut, Delay, Drop, DropWatch, FaultRule, Hang, ServerState
from .cluster import EmbeddedCluster
from .fleet import EmbeddedFleet

__all__ = [
    "Answer",
    "Cut",
    "Delay",
    "Drop",
    "DropWatch",
    "EmbeddedCluster",
    "EmbeddedFleet",
    "FaultRule",
    "Hang",
    "ServerState",
]
