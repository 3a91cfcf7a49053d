"""The list of all families, and which one an address, a record or a journal entry is of.

A family comes in when it is first asked: one module each that says `FAMILY`.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Final

from tui.issuance.kinds import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui.issuance.intent import Intent
    from tui.issuance.state import StateStore
    from tui.issuance.types import Address

    from .base import Family

MODULES: Final[dict[str, tuple[CredentialKind, ...]]] = {
    "gardener": (),
    "static_token": (CredentialKind.STATIC,),
    "dpf": (CredentialKind.REQUEST,),
    "token_secret": (CredentialKind.LEGACY,),
    "login": (CredentialKind.LOGIN,),
    "handle": (CredentialKind.HANDLE,),
    "service_account": (CredentialKind.SECRET, CredentialKind.FILE),
}
"""By their names, with the kinds of addresses that are theirs, in the order in which they are asked; the last one has
what no other claims."""


class Families:
    """All of them, as one engine asks them. `state` knows the files on this machine."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    async def of(self, address: Address) -> Family:
        """The family of what lies at this address: of a file by its record."""
        if address.here:
            record = await asyncio.to_thread(self._state.export_record, address)
            if record is not None:
                for family in self._all():
                    if family.keeps(record):
                        return family
        return next(self._load(name) for name, kinds in MODULES.items() if address.kind in kinds)

    def of_intent(self, intent: Intent) -> Family:
        """The family of what the journal has open."""
        *families, last = self._all()
        return next((family for family in families if family.began(intent)), last)

    def _all(self) -> Iterator[Family]:
        return map(self._load, MODULES)

    def _load(self, name: str) -> Family:
        family: Family = import_module(f"{__package__}.{name}").FAMILY
        return family
