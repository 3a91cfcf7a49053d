"""The rules of hygiene, and a finding: one rule that one thing breaks."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

import msgspec

from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Identity


class Fix(StrEnum):
    """What kubemint itself can do about a finding."""

    NONE = ""
    ROTATE = "rotate"
    REVOKE = "revoke"
    REVOKE_HANDLE = "revoke handle"
    CHMOD = "make private"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that should not be."""

    id: str
    severity: Severity
    title: str
    why: str
    """Why it matters, for someone who reads it for the first time."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is, and what to do about it. What it is about in the fleet is in `address`, `identity` or
    `cluster`; what it is about on this machine in `path`."""

    rule: str
    severity: Severity
    subject: str
    """What it is about, for people."""
    message: str
    """The reason, in words."""
    action: str
    """What to do, in words."""
    command: str = ""
    """The command that does it."""
    fix: Fix = Fix.NONE
    address: Address | None = None
    identity: Identity | None = None
    cluster: str = ""
    path: str = ""

    @property
    def key(self) -> str:
        """The same for the same thing at the next look, so that tools can tell what is new."""
        place = str(self.address or self.identity or "")
        text = "\n".join((self.rule, place, self.cluster, self.path, self.subject))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _rule(id: str, severity: Severity, title: str, why: str) -> Rule:  # noqa: A002
    return Rule(id=id, severity=severity, title=title, why=why)


RULES: Final[dict[str, Rule]] = {
    rule.id: rule
    for rule in (
        _rule(
            "admin-token", Severity.HIGH, "Token may do everything",
            "Anyone with a copy owns the cluster. Give the account only rights it uses, and people their own logins.",
        ),
        _rule(
            "endless-token", Severity.HIGH, "Token never expires",
            "A copy of it works forever, wherever it is. Short-lived tokens expire by themselves and cost nothing.",
        ),
        _rule(
            "unused-token", Severity.MEDIUM, "Long-lived token unused",
            "It is not needed, and anyone who finds it can use it.",
        ),
        _rule(
            "invalidated-token", Severity.LOW, "Invalidated token can be revived",
            "It is refused now, but removing one label makes it valid again.",
        ),
        _rule(
            "long-lifetime", Severity.MEDIUM, "Token lives over a day",
            "A leaked token works until it expires; renewal is automatic, so an hour is enough.",
        ),
        _rule(
            "granted-short", Severity.LOW, "Token granted far less than requested",
            "The server caps lifetimes without a warning: clients that rely on the requested time find it expired.",
        ),
        _rule(
            "unbound-token", Severity.LOW, "Token cannot be revoked",
            "It is bound to no object, so only deleting the service account revokes it before it expires.",
        ),
        _rule(
            "lost-handle", Severity.MEDIUM, "Token without a destination",
            "Its destination was deleted or is missing, so no list shows it: anyone with a copy still has access.",
        ),
        _rule(
            "applied-material", Severity.HIGH, "Secret's data in an annotation",
            "kubectl apply keeps a copy of what it sent, data included, where everyone who lists metadata sees it.",
        ),
        _rule(
            "idle-account", Severity.LOW, "Account without users",
            "No pod runs as it, no binding names it and nothing was issued for it: it can only be misused.",
        ),
        _rule(
            "reachable-account", Severity.HIGH, "Weak subject reaches a strong account",
            "Anyone who could become an account has its rights, and may then do everything.",
        ),
        _rule(
            "readable-file", Severity.HIGH, "File readable by others",
            "Everyone who can read it can log in as its owner.",
        ),
        _rule(
            "writable-file", Severity.HIGH, "File others may change",
            "A kubeconfig can name a program to run: anyone who changes it runs programs as its owner.",
        ),
        _rule(
            "insecure-tls", Severity.HIGH, "Server is not checked",
            "Anyone in between can read and change everything, credentials included.",
        ),
        _rule(
            "static-password", Severity.MEDIUM, "Password in a kubeconfig",
            "It never expires, and API servers have not accepted one since 1.19: it only helps an attacker.",
        ),
        _rule(
            "expired-entry", Severity.LOW, "Entry has expired",
            "It does not work any more, and hides the real cause when something fails.",
        ),
        _rule(
            "refused-plugin", Severity.MEDIUM, "Login program is refused",
            "Current clients refuse it, so this entry cannot be used to log in.",
        ),
        _rule(
            "broken-entry", Severity.LOW, "Entry kubectl refuses",
            "It cannot work as it is written.",
        ),
    )
}  # fmt: skip
