"""What was counted to a cluster before it was known to be another one moves there."""

from __future__ import annotations

import msgspec

from tui.issuance.types import Credential, Identity

from .store import FleetStore


def rename(store: FleetStore, old: str, new: str) -> None:
    """Count the credentials of `old`, and what requests of any cluster issued for its accounts, to `new`."""
    renamed = []
    for row in store.credentials.values():
        identity = row.credential.identity
        if row.cluster == old and identity is not None:
            credential = _moved(row.credential, identity, new)
            renamed.append(msgspec.structs.replace(row, cluster=new, credential=credential))
    store.put(*renamed)
    for request in tuple(store.requests.values()):
        issued = request.credential
        identity = issued.identity if issued is not None else None
        if issued is not None and identity is not None and identity.cluster == old:
            store.put(msgspec.structs.replace(request, credential=_moved(issued, identity, new)))


def _moved(credential: Credential, identity: Identity, new: str) -> Credential:
    return msgspec.structs.replace(credential, identity=msgspec.structs.replace(identity, cluster=new))
