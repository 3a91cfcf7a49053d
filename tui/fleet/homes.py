"""In which cluster a credential is good that lies in an object which leads to one: its handle is looked for there.

Where it lies says nothing of that. The address beside it does, held against the clusters that are known by server and
authority (`trust.showing`): no request is sent for it, and the same clusters give the same answer on every start. A
cluster that becomes known later, or leads elsewhere since, is held against all of them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from tui.issuance import Address, Credential, known_home
from tui.kube.endpoint import Endpoint

from .rows import CredentialRow
from .store import FleetStore


class _Placed(NamedTuple):
    """A credential with the address beside it."""

    leads: Endpoint
    elsewhere: str
    """What its cluster is called where no known one is it."""
    home: str


class Homes:
    """Where the credentials of `store` lead that lie in such objects; `known` gives the ways into clusters."""

    def __init__(self, store: FleetStore, known: Callable[[], Mapping[str, Endpoint]]) -> None:
        self._store = store
        self._known = known
        self._ways: Mapping[str, Endpoint] = known()
        self._placed: dict[Address, _Placed] = {}
        store.handles.lead(self._ways)

    def placed(self, credential: Credential, leads: Endpoint | None) -> Credential:
        """The credential in the cluster that the address beside it leads to."""
        self._placed.pop(credential.address, None)
        if leads is None or credential.identity is None:
            return credential
        elsewhere = credential.identity.cluster
        home = known_home(leads, self._ways, credential.address) or elsewhere
        self._placed[credential.address] = _Placed(leads, elsewhere, home)
        return credential.in_cluster(home)

    def look(self) -> None:
        """Hold all of them against the clusters as they are known now, where any is known otherwise than before."""
        before, self._ways = self._ways, self._known()
        if self._ways == before:
            return
        self._store.handles.lead(self._ways)
        for address, one in tuple(self._placed.items()):
            row = self._store.credentials.get(str(address))
            if row is None:
                del self._placed[address]
                continue
            home = known_home(one.leads, self._ways, address) or one.elsewhere
            if home != one.home:
                self._placed[address] = one._replace(home=home)
                self._store.put(self._moved(row, home))

    def _moved(self, row: CredentialRow, home: str) -> CredentialRow:
        given = self._store.as_given(row)
        return msgspec.structs.replace(given, credential=given.credential.in_cluster(home))
