"""Which requests carry a credential that another client keeps: a push has no material of its own, but a source.

The two are found in any order, and either may change; whoever puts rows asks here what else has to change with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from tui.issuance import Address, Credential, CredentialKind

from .rows import CredentialRow, RequestRow

Place = tuple[str, str]
"""A cluster, and `namespace/name` of a Secret in it."""


class Links:
    """Knows, for each Secret, the requests that take from it."""

    def __init__(self) -> None:
        self._takers: defaultdict[Place, set[str]] = defaultdict(set)

    def linked(
        self, row: RequestRow, credentials: Mapping[str, CredentialRow], requests: Mapping[str, RequestRow]
    ) -> RequestRow:
        """The row with the credential that its source holds, if it has a source and that is known."""
        place = _source(row)
        if place is None:
            return row
        self._takers[place].add(row.key)
        found = self._held(place, credentials, requests)
        return row if found is None else msgspec.structs.replace(row, credential=found)

    def follow(self, credential: Credential, requests: Mapping[str, RequestRow], *, gone: bool) -> Iterable[RequestRow]:
        """The requests that carry this credential, as they are now that it changed or went."""
        if not self._takers:
            return ()
        takers = self._takers.get(_place(credential), ())
        held = None if gone else credential
        return [msgspec.structs.replace(requests[key], credential=held) for key in takers if key in requests]

    def forget(self, row: RequestRow) -> None:
        """This request is no longer there."""
        place = _source(row)
        if place is not None:
            self._takers[place].discard(row.key)
            if not self._takers[place]:
                del self._takers[place]

    @staticmethod
    def _held(
        place: Place, credentials: Mapping[str, CredentialRow], requests: Mapping[str, RequestRow]
    ) -> Credential | None:
        cluster, secret = place
        namespace, _, name = secret.partition("/")
        for kind in (kind for kind in CredentialKind if kind.traits.is_secret):
            row = credentials.get(str(Address(kind, cluster, namespace, name)))
            if row is not None:
                return row.credential
        keepers = (
            request.credential
            for request in requests.values()
            if request.kind.address is not None and request.cluster == cluster and request.secret == secret
        )
        return next(keepers, None)


def _source(row: RequestRow) -> Place | None:
    return (row.cluster, row.secret) if row.kind.carries and row.secret else None


def _place(credential: Credential) -> Place:
    return credential.address.cluster, credential.kept_in.removeprefix("Secret ")
