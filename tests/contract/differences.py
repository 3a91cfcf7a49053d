"""What the sides of the contract do differently, each with its reason: the only place where a check may ask.

Two sorts. `SINCE` is what changed between Kubernetes releases: it follows the version a server says it has, so the
old embedded cluster must behave like the real old one, and the new one like a new one. `ONLY_REAL` is what the binaries
at hand do and the embedded fleet, with reason, does not.
"""

from __future__ import annotations

from typing import Final

SINCE: Final[dict[str, tuple[tuple[int, int], str]]] = {
    "no-auto-token-secrets": ((1, 24), "accounts no longer get a token Secret unasked"),
    "self-subject-review": ((1, 28), "authentication.k8s.io/v1 SelfSubjectReview is served"),
    "token-ids": ((1, 30), "bound tokens carry jti, and reviews show it as credential-id"),
    "node-bound-tokens": ((1, 31), "boundObjectRef may name a Node"),
    "extends-for-the-api-only": ((1, 24), "a pod's token that is for others too is not extended to a year"),
    "account-before-body": (
        (1, 29),
        "TokenRequest looks the account up first, then validates the body",
    ),
    "new-invalidation-text": ((1, 29), "TokenReview says `service account token has been invalidated`"),
    "uid-precondition-in-patch": (
        (1, 21),
        "a patch that carries another uid is a conflict instead of an invalid object",
    ),
    "field-validation": (
        (1, 27),
        "unknown fields are answered with warnings, or refused where fieldValidation says so",
    ),
    "namespace-label": ((1, 21), "every namespace carries the label kubernetes.io/metadata.name"),
    "lengths-in-bytes": ((1, 33), "what is too long is `no more than N bytes` and `may not be more than N bytes`"),
    "snapshots": ((1, 34), "the watch cache reads the next page of a list whose moment etcd has just forgotten"),
    "no-secrets-of-accounts": ((1, 35), "tables of accounts have no column SECRETS"),
    "plain-zero-version": ((1, 35), "an update without version says `Invalid value: 0`, no longer `0x0`"),
    "constrained-impersonation": (
        (1, 36),
        "who may not impersonate is told of `impersonate-on:MODE:VERB` and what was asked for, not of the user",
    ),
    "subresource-in-managed-fields": ((1, 22), "managedFields entries name the subresource that was written through"),
}

# What one side has and the other, by choice or by accident, has not.
ONLY_REAL: Final[dict[str, str]] = {
    "empty strings are null": "a 1.20 that was rebuilt with a Go newer than its own (1.15) takes an empty string in a "
    "typed field of a custom object for null, and refuses it; the embedded fleet takes it as official builds do",
}


def has(version: tuple[int, int], behaviour: str) -> bool:
    """Whether a server of this version behaves as the newer ones do."""
    return version >= SINCE[behaviour][0]


def empty_strings_are_null(side: str, version: tuple[int, int], go: tuple[int, int]) -> bool:
    """Whether this is one of those rebuilt servers."""
    return side == "real" and version < (1, 22) and go > (1, 15)
