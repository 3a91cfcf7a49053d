"""What was meant when a key was pressed or a question was answered: one row as it was seen, and no other one.

An address says where a credential lies, and not which one: minutes later another may lie there. Whatever is planned
anew from an address after the user was asked is held against what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.fleet.rows import RequestRow, Row
from tui.issuance import Address, Identity

from .fitting import credential_of

if TYPE_CHECKING:
    from tui.issuance import Credential

    from .action import AnyAction, Host


@dataclass(frozen=True, slots=True)
class Meant:
    """One thing to do: to which row, as it was seen. A handle has no row."""

    action: AnyAction
    wish: Any
    row: Row | None = None
    words: Mapping[str, Any] = field(default_factory=dict)
    """What was said beside the wish (`force`)."""

    @property
    def address(self) -> Address | None:
        """Where it lies."""
        return address_in(self.wish)

    @property
    def seen(self) -> Credential | None:
        """The credential that was seen, where one was and something comes of this."""
        return credential_of(self.row) if self.counts else None

    @property
    def counts(self) -> bool:
        """Whether it matters which one it is: something is changed, or handed out."""
        return self.action.mutates or self.action.writes or self.action.only_shows


def address_in(wish: object) -> Address | None:
    """The address of what exists and is wished something for; None where it is for nothing that exists."""
    address = wish if isinstance(wish, Address) else getattr(wish, "address", None)
    return address if isinstance(address, Address) else None


def waits_for(host: Host, wish: object) -> str:
    """The cluster that is asked about what is wished for; for a file the one that it speaks to. Empty: not known."""
    address = address_in(wish)
    if address is None:
        identity = getattr(wish, "identity", None)
        return str(getattr(identity if isinstance(identity, Identity) else wish, "cluster", ""))
    row = host.store.credentials.get(str(address)) if not address.cluster else None
    identity = row.credential.identity if row is not None else None
    return address.cluster or (identity.cluster if identity is not None else "")


def another(seen: Credential | None, now: Credential | None) -> bool:
    """Whether another credential lies there than was seen: by its fingerprint, its handle and its account, as far as
    both are known."""
    if seen is None or now is None:
        return False
    pairs = (
        (seen.fingerprint, now.fingerprint),
        (_handle(seen), _handle(now)),
        (_account(seen), _account(now)),
    )
    return any(before and by_now and before != by_now for before, by_now in pairs)


def _account(credential: Credential) -> tuple[str, str] | None:
    """Whose it is, however its cluster is called."""
    identity = credential.identity
    return (identity.namespace, identity.name) if identity is not None else None


def _handle(credential: Credential) -> tuple[str, str, str] | None:
    """What ends it, however its cluster is called: of one name in two clusters the UID differs."""
    handle = credential.handle
    return (handle.namespace, handle.name, handle.uid) if handle is not None else None


def another_row(before: Row | None, now: Row | None) -> bool:
    """The same of rows: a request that was made anew is another one as well."""
    if isinstance(before, RequestRow) and isinstance(now, RequestRow) and before.created_at != now.created_at:
        return True
    return another(credential_of(before), credential_of(now))


def refusal(address: Address) -> tuple[str, str]:
    """What is said where another one lies there, and what to do."""
    return (
        f"{address} is not the one that was shown any more; nothing was done",
        "look at its row, and press the key again",
    )
