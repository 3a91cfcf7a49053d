"""What Kubernetes accepts as the name of something, said before anything is asked."""

from __future__ import annotations

import re
import secrets
from typing import Final

from tui.issuance.errors import UsageError

ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' own for generated names: no vowels, no look-alikes."""
SUFFIX: Final = 8
"""Characters of a random end."""
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def check_names(namespace: str, name: str, what: str) -> None:
    """The API server's own rules for names, so that a typo costs no round trip.

    Raises UsageError. RFC 1123: a subdomain of at most 253 characters, in a namespace of at most 63.
    """
    check_namespace(namespace, f"the {what}'s namespace")
    if not _SUBDOMAIN.fullmatch(name) or len(name) > 253:
        raise UsageError(
            f"{name!r} cannot be the name of a {what}" if name else f"the {what}'s name is missing",
            "lower-case letters, digits, dashes and dots, at most 253",
        )


def check_namespace(namespace: str, what: str = "the namespace") -> None:
    """The same for a namespace alone. Raises UsageError. RFC 1123: a label of at most 63 characters."""
    if not _LABEL.fullmatch(namespace) or len(namespace) > 63:
        raise UsageError(
            f"{namespace!r} is not a namespace" if namespace else f"{what} is missing",
            "lower-case letters, digits and dashes, at most 63",
        )


def random_suffix() -> str:
    """Eight random characters that may end any Kubernetes name."""
    return "".join(secrets.choice(ALPHABET) for _ in range(SUFFIX))
