"""The shapes of a lineage: the subject it is about, and the tree of nodes that it becomes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Credential, Identity, State


class Part(StrEnum):
    """The branches, in the order they are shown."""

    ACCOUNT = "account"
    RIGHTS = "rights"
    ISSUED = "issued for it"
    REQUESTS = "requests that keep one"
    MACHINE = "on this machine"
    RUNS = "runs as the account"
    """Who has tokens of the account by running as it; none of them is a credential that someone issued."""
    USERS = "uses its credentials"
    """Who reads what was issued for it."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the tree. What it stands for in the fleet, where it stands for something, is in `address`,
    `identity` or `cluster`."""

    kind: str
    """What it is: `RoleBinding`, `Pod`, `managed Secret`, …; for a branch the branch's name."""
    name: str = ""
    note: str = ""
    problem: str = ""
    """Why this part is not known, or not all of it."""
    severity: Severity | None = None
    state: State | None = None
    expires_at: datetime | None = None
    address: Address | None = None
    identity: Identity | None = None
    cluster: str = ""
    here: bool = False
    """Whether it is what the caller asked about."""
    children: tuple[Node, ...] = ()

    @property
    def leaves(self) -> int:
        """How many lines are below it."""
        return sum(1 + child.leaves for child in self.children)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose lineage it is. Logins by certificate or plugin speak for no service account: `identity` is None."""

    cluster: str
    username: str
    groups: tuple[str, ...] = ()
    identity: Identity | None = None
    here: Address | None = None
    """The credential that was asked about, where it was one."""
    note: str = ""


def kept_secret(credential: Credential) -> tuple[str, str, str] | None:
    """The Secret that a credential's material lies in: cluster, namespace and name."""
    address = credential.address
    if address.kind.traits.is_secret:
        return address.cluster, address.namespace, address.name
    kind, _, where = credential.kept_in.partition(" ")
    namespace, slash, name = where.partition("/")
    return (address.cluster, namespace, name) if kind == "Secret" and slash else None
