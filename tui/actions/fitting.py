"""What an action fits: which rows it makes sense for, and what these are in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from tui.fleet.query import identity_of
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, Reach, RequestRow, Row
from tui.issuance import Address, Credential, Format, State
from tui.kube.paths import short_path

if TYPE_CHECKING:
    from tui.fleet.store import FleetStore


class Fits(msgspec.Struct, frozen=True):
    """Called with a row it says whether the action makes sense for it; `suits` is what it looks for."""

    asks: Callable[[Row], bool]
    suits: str

    def __call__(self, row: Row) -> bool:
        return self.asks(row)


def address_of(row: Row) -> Address | None:
    """What the engine knows a row by; None for clusters, accounts, and requests that nothing was issued for."""
    if isinstance(row, CredentialRow):
        return row.credential.address
    if isinstance(row, RequestRow):
        return row.address or (row.credential.address if row.credential is not None else None)  # what it carries
    return None


def addresses_of(rows: Iterable[Row]) -> list[Address]:
    """Those of the rows that the engine knows."""
    return [address for row in rows if (address := address_of(row)) is not None]


def credential_of(row: Row | None) -> Credential | None:
    """What was issued, where a row is or carries one."""
    return row.credential if isinstance(row, CredentialRow | RequestRow) else None


def is_own_token(row: Row) -> bool:
    """Whether a row is a long-lived token that is accepted, so that its account can mint with it."""
    if not isinstance(row, CredentialRow) or row.credential.state is not State.ENDLESS:
        return False
    credential = row.credential
    kind = credential.address.kind
    if credential.identity is None or credential.expires_at is not None:
        return False
    return kind.traits.own_handle or (kind.traits.here and credential.format is Format.TOKEN)


def own_tokens(store: FleetStore, row: Row) -> list[tuple[str, Address]]:
    """The long-lived tokens that an account, or the one that a row holds, can mint with: files before Secrets."""
    if isinstance(row, CredentialRow):
        rows = [row]
    else:
        identity = identity_of(row)
        rows = store.credentials_of(identity) if identity is not None else []
    found = [one.credential for one in rows if is_own_token(one)]
    found.sort(key=lambda credential: not credential.address.here)
    return [(short_path(credential.kept_in), credential.address) for credential in found]


def _has_material(row: Row) -> bool:
    """Whether the engine can read what was issued."""
    if isinstance(row, RequestRow):
        return row.credential is not None
    return isinstance(row, CredentialRow) and not row.credential.address.own


def _can_be_rotated(row: Row) -> bool:
    if isinstance(row, RequestRow):
        return row.address is not None or row.kind.renewing is not None
    return _has_material(row)


def _is_request(row: Row) -> bool:
    address = row.address if isinstance(row, RequestRow) else address_of(row)
    return address is not None and address.kind.traits.wished


def _is_token_file(row: Row) -> bool:
    """Whether pods read it as DPF's tokenFile."""
    if isinstance(row, RequestRow):
        return row.type == Format.TOKEN_FILE
    if not isinstance(row, CredentialRow) or row.credential.format is not Format.TOKEN_FILE:
        return False
    traits = row.credential.address.kind.traits
    return traits.wished or traits.marked


def _is_invalidated(row: Row) -> bool:
    """Whether its cluster refuses a long-lived token because it was not used."""
    return (
        isinstance(row, CredentialRow)
        and row.credential.address.kind.traits.own_handle
        and row.credential.state is State.REVOKED
        and row.credential.ends_by is None  # else it is being deleted
    )


def _has_lineage(row: Row) -> bool:
    """Whether it speaks for an identity whose traces can be followed."""
    if identity_of(row) is not None:
        return True
    return isinstance(row, CredentialRow) and row.credential.address.own


def _has_powers(row: Row) -> bool:
    """Whether it can do anything at all."""
    if isinstance(row, CredentialRow):
        return _has_lineage(row) or row.credential.shoot is not None
    return identity_of(row) is not None


def _has_object(row: Row) -> bool:
    from tui.fleet.objects import has_object  # every kind of object there is: not for a command's start

    return has_object(row)


def _reach(*reaches: Reach) -> Callable[[Row], bool]:
    return lambda row: isinstance(row, ClusterRow) and row.reach in reaches


_IS_APART: Final = _reach(Reach.NOT_CONNECTED)

ANYTHING: Final = Fits(lambda row: True, "other rows")
MATERIAL: Final = Fits(_has_material, "what was issued")
ENDING: Final = Fits(lambda row: credential_of(row) is not None, "what ends")
VERIFIABLE: Final = Fits(lambda row: isinstance(row, CredentialRow) or _has_material(row), "credentials")
ROTATABLE: Final = Fits(_can_be_rotated, "credentials, DPU requests and PushSecrets")
REQUESTS: Final = Fits(_is_request, "DPU requests")
GOING: Final = Fits(
    lambda row: isinstance(row, RequestRow) and row.deleted_at is not None, "a request that is being deleted"
)
TOKEN_FILE: Final = Fits(_is_token_file, "a Secret of type tokenFile")
MINTING: Final = Fits(
    lambda row: isinstance(row, AccountRow) or is_own_token(row), "accounts and their own long-lived tokens"
)
INVALIDATED: Final = Fits(_is_invalidated, "long-lived tokens that their cluster invalidated")
LINEAGE: Final = Fits(_has_lineage, "accounts and their credentials")
POWERS: Final = Fits(_has_powers, "accounts and their credentials")
CLUSTERS: Final = Fits(lambda row: isinstance(row, ClusterRow) and not _IS_APART(row), "clusters")
APART: Final = Fits(_IS_APART, "clusters that are not connected")
ENTERED: Final = Fits(
    lambda row: isinstance(row, ClusterRow) and row.told_only and not _IS_APART(row), "connected clusters"
)
UNTRUSTED: Final = Fits(_reach(Reach.UNTRUSTED), "clusters that wait for your confirmation")
OBJECTS: Final = Fits(_has_object, "what is an object in a cluster")
