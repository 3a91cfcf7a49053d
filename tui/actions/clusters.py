"""Clusters themselves: saying yes to one that another one delivers, and connecting anew."""

from __future__ import annotations

from typing import Final

from tui.fleet.query import cluster_of
from tui.issuance import Field

from . import fitting as fit
from .action import Action
from .lines import Asked, Line


def _reconnect(asked: Asked) -> list[Line]:
    """The first thing that a connection asks."""
    name = cluster_of(asked.rows[0])
    if name not in asked.contexts:
        return [Line(request="GET /version", cluster=name)]
    return [Line(("kubectl", "get", "--raw", "/version", "--context", name))]


TRUST: Final = Action[str](
    name="trust", title="Confirm a delivered cluster", says="see its server, authority and source, then enter it",
    key="Y", label="confirm", footer=True, words=("trust",), mutates=True, fits=fit.UNTRUSTED,
    of=lambda row: cluster_of(row) or None, verb=("trust",),
    fields=(Field(id="cluster", metavar="CLUSTER", missing="say which"),),
)  # fmt: skip
RECONNECT: Final = Action[str](
    name="reconnect", title="Reconnect", says="reconnect to this cluster now",
    key="R", footer=True, fits=fit.CLUSTERS,
    command=_reconnect,
)  # fmt: skip
