"""A client certificate as it is wished for, and what of that is refused before any server is asked.

A person has no `Identity`, and what is kept of a wish needs one: journal, intents and records hold it as three words,
without a tag, so a second type there could not be told from it, and a kubemint of before could not read what is open.
`own` says truly who it is; the `stand_in` only names things.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import quote

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.durations import whole_seconds
from tui.issuance.model.types import Destination, Identity, IssueSpec

MASTERS: Final = "system:masters"
SYSTEM: Final = "system:"
LONGEST_NAME: Final = 64
"""What X.509 gives a common name, and an organization."""
SHORTEST: Final = 600
LONGEST: Final = (1 << 31) - 1
_NOBODY: Final = "user:"
"""In the place of a namespace, where the words of a service account are expected: no namespace is called so."""


class Key(StrEnum):
    """What sort of key is made."""

    EC = "ec"
    """EC P-256."""
    RSA = "rsa"
    """RSA 3072."""


class CertificateWish(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: a kubeconfig with a client certificate for `user` and `groups`, in every one of `destinations`."""

    user: str
    cluster: str
    destinations: tuple[Destination, ...]
    groups: tuple[str, ...] = ()
    duration: timedelta | None = None
    """None asks for the signer's usual lifetime, which is a year by default."""
    key: Key = Key.EC
    wait: timedelta = timedelta(minutes=10)
    """How long an approver may take; never longer than the work around it may."""

    @property
    def speaks_for(self) -> str:
        """User and groups, in words."""
        return f"{self.user} ({', '.join(self.groups)})" if self.groups else self.user

    def waiting(self, wait: timedelta) -> CertificateWish:
        """The same, where an approver may take so long."""
        return msgspec.structs.replace(self, wait=wait)

    @property
    def spec(self) -> IssueSpec:
        """The same as journal and records keep wishes."""
        return IssueSpec(
            identity=stand_in(self.cluster, self.user),
            destinations=self.destinations,
            format=Format.CERTIFICATE,
            duration=self.duration,
            own={"user": (self.user,), "groups": self.groups, "key": (self.key.value,)},
        )


def stand_in(cluster: str, user: str) -> Identity:
    """The user where the words of a service account are expected; it only serves to name things."""
    return Identity(cluster, _NOBODY, quote(user, safe=" @:.,;=+~*()!"))


def is_one(spec: IssueSpec) -> bool:
    """Whether a wish that was kept is one of this family's."""
    return spec.format is Format.CERTIFICATE and bool(spec.own.get("user"))


def of_spec(spec: IssueSpec) -> CertificateWish:
    """The wish that was kept. Raises UsageError for one that says too little."""
    user, groups, key = (spec.own.get(name, ()) for name in ("user", "groups", "key"))
    if len(user) != 1:
        raise UsageError("its record does not say for whom it is", "issue it again")
    return CertificateWish(
        user=user[0],
        groups=tuple(groups),
        cluster=spec.identity.cluster,
        destinations=spec.destinations,
        duration=spec.duration,
        key=Key(key[0]) if key and key[0] in set(Key) else Key.EC,
    )


def a_user(name: str) -> str:
    """Raises UsageError for a name that a certificate cannot have, or that is not a person's."""
    _check_name(name, "the user")
    if name.startswith(SYSTEM):
        raise UsageError(
            f"users called {SYSTEM}… are Kubernetes' own: no other user may be called {name}",
            "for a service account issue a token; people get a name of their own",
        )
    return name


def some_groups(names: Sequence[str]) -> tuple[str, ...]:
    """The same for groups."""
    for name in names:
        _check_name(name, "a group")
    if len(set(names)) != len(names):
        raise UsageError("a group is named twice")
    if MASTERS in names:
        raise UsageError(
            f"{MASTERS} may do everything, whatever RBAC says, and such a certificate cannot be revoked: "
            "API servers refuse it",
            "name a group of your own, and bind it to what it has to do",
        )
    return tuple(names)


def check(wish: CertificateWish) -> None:
    """Refuse here, in words, what servers refuse, and who must never be handed out. Raises UsageError."""
    a_user(wish.user)
    some_groups(wish.groups)
    if wish.duration is None:
        return
    seconds = whole_seconds(wish.duration)
    if seconds < SHORTEST:
        raise UsageError(
            f"spec.expirationSeconds: {seconds} is less than 600 seconds (10 minutes)", "request 10m or more"
        )
    if seconds > LONGEST:
        raise UsageError(f"spec.expirationSeconds: {seconds} is more than {LONGEST}", "ask for less")


def _check_name(name: str, what: str) -> None:
    if not name or name != name.strip() or not name.isprintable():
        raise UsageError(f"{name!r} is not a name" if name else f"{what} has no name")
    if len(name) > LONGEST_NAME or len(name.encode()) > LONGEST_NAME:
        raise UsageError(
            f"{name[:20]}… is longer than {LONGEST_NAME} characters, which is all a certificate has room for"
        )
