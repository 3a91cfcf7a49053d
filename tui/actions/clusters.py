"""Clusters themselves: saying yes to one that another one delivers, entering one apart, and connecting anew."""

from __future__ import annotations

from typing import Final

import msgspec

from tui.fleet.moments import stamp
from tui.fleet.query import cluster_of
from tui.fleet.rows import ClusterRow
from tui.issuance import AccessLevel, Address, Field

from . import fitting as fit
from .action import Action, Answer, Host
from .lines import Asked, Line


class Entry(msgspec.Struct, frozen=True):
    """A cluster apart to enter, by its row's name, and how much may be done there."""

    name: str
    level: AccessLevel


async def _connect(host: Host, entry: Entry) -> Answer:
    assert host.fleet is not None
    row = await host.fleet.enter(entry.name, entry.level)
    if not row.answers:
        return Answer(row.message, row.hint, ok=False)
    login = host.store.credentials.get(str(Address.login(entry.name)))
    if login is None:
        return Answer("")
    until = stamp(login.credential.expires_at)
    return Answer(f"{login.credential.message}, until {until}, then renewed; enter shows what is there")


async def _disconnect(host: Host, name: str) -> Answer:
    assert host.fleet is not None
    await host.fleet.leave(name)
    return Answer("disconnected; its certificate was dropped here and expires")


def _request(asked: Asked) -> list[Line]:
    """What is asked of its host; the certificate stays in memory."""
    row = asked.rows[0]
    if not isinstance(row, ClusterRow) or row.apart is None:
        return []
    return [Line(request=row.apart.sort.request(row.apart), cluster=row.apart.host)]


def _reconnect(asked: Asked) -> list[Line]:
    """The first thing that a connection asks."""
    name = cluster_of(asked.rows[0])
    if name not in asked.contexts:
        return [Line(request="GET /version", cluster=name)]
    return [Line(("kubectl", "get", "--raw", "/version", "--context", name))]


TRUST: Final = Action[str](
    name="trust", title="Confirm a delivered cluster", says="see its server, CA and source, then connect",
    key="Y", label="confirm", footer=True, words=("trust",), mutates=True, fits=fit.UNTRUSTED,
    of=lambda row: cluster_of(row) or None, verb=("trust",),
    fields=(Field(id="cluster", metavar="CLUSTER", missing="say which"),),
)  # fmt: skip
RECONNECT: Final = Action[str](
    name="reconnect", title="Reconnect", says="reconnect to this cluster now",
    key="R", footer=True, fits=fit.CLUSTERS,
    command=_reconnect,
)  # fmt: skip
CONNECT: Final = Action[Entry](
    name="connect", title="Connect to the cluster", says="with a certificate that is kept in memory",
    fits=fit.APART, run=_connect, title_of=lambda entry: f"{entry.name} as {entry.level.value}", command=_request,
)  # fmt: skip
DISCONNECT: Final = Action[str](
    name="disconnect", title="Disconnect from the cluster", says="and forget its certificate", fits=fit.ENTERED,
    of=lambda row: row.name if isinstance(row, ClusterRow) else None, run=_disconnect,
)  # fmt: skip
