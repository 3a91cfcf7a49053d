"""What an API server of a given version can and does: the differences between 1.20 and today that kubemint meets."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Features:
    """Each field is one behaviour. `Features.of(version)` is the usual way to get one."""

    auto_token_secrets: bool
    """Every new account gets a token Secret (before 1.24)."""
    labels_namespaces: bool
    """Every namespace carries a label with its name (1.21)."""
    self_subject_review: bool
    """`SelfSubjectReview` v1 is served (1.28)."""
    token_ids: bool
    """Tokens carry `jti`, reviews show it (1.30)."""
    node_bound_tokens: bool
    """`boundObjectRef` may name a Node (1.31)."""
    account_before_body: bool
    """TokenRequest looks the account up before it validates the body, compares the body's own metadata with it, and
    warns when it shortens a lifetime."""
    extends_api_audiences_only: bool
    """The year-long extension of pod tokens is kept to the API server's own audiences."""
    tracks_legacy_tokens: bool
    """Legacy tokens get a last-used label and can be invalidated by another (1.26)."""
    rejects_future_tokens: bool
    """A token issued more than the leeway in the future is refused, and so is one with a foreign key identifier."""
    invalidated_text: str
    """What a token review says of a token whose account or bound object is gone."""

    @classmethod
    def of(cls, version: str) -> Features:
        """The features of `v1.20.2` and the like; raises ValueError for what is no version."""
        match = _VERSION.match(version)
        if match is None:
            raise ValueError(f"{version!r} is not a Kubernetes version such as v1.34.1")
        minor = int(match[2])
        return cls(
            auto_token_secrets=minor < 24,
            labels_namespaces=minor >= 21,
            self_subject_review=minor >= 28,
            token_ids=minor >= 30,
            node_bound_tokens=minor >= 31,
            account_before_body=minor >= 29,
            extends_api_audiences_only=minor >= 24,
            tracks_legacy_tokens=minor >= 26,
            rejects_future_tokens=minor >= 29,
            invalidated_text="Token has been invalidated"
            if minor < 29
            else "service account token has been invalidated",
        )
