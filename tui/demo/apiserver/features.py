"""What an API server of a given version can and does: the differences between 1.20 and today that kubemint meets."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, fields
from typing import Any

_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def _since(minor: int) -> Any:
    return field(metadata={"first": minor})


def _before(minor: int) -> Any:
    return field(metadata={"gone": minor})


@dataclass(frozen=True, slots=True)
class Features:
    """Each field is one behaviour, beside it since or before which minor version; `Features.of` is the way to one."""

    auto_token_secrets: bool = _before(24)
    """Every new account gets a token Secret."""
    labels_namespaces: bool = _since(21)
    """Every namespace carries a label with its name."""
    self_subject_review: bool = _since(28)
    """`SelfSubjectReview` v1 is served."""
    token_ids: bool = _since(30)
    """Tokens carry `jti`, reviews show it."""
    node_bound_tokens: bool = _since(31)
    """`boundObjectRef` may name a Node."""
    account_before_body: bool = _since(29)
    """TokenRequest looks the account up before it validates the body, compares the body's own metadata with it, and
    warns when it shortens a lifetime."""
    extends_api_audiences_only: bool = _since(24)
    """The year-long extension of pod tokens is kept to the API server's own audiences."""
    tracks_legacy_tokens: bool = _since(26)
    """Legacy tokens get a last-used label and can be invalidated by another."""
    rejects_future_tokens: bool = _since(29)
    """A token issued more than the leeway in the future is refused, and so is one with a foreign key identifier."""

    serves_snapshots: bool = _since(34)
    """Pages and lists of a moment are read from the watch cache for a while after etcd has forgotten that moment."""
    constrained_impersonation: bool = _since(36)
    """Whoever may not act as somebody is told first of the narrower right, `impersonate-on:MODE:VERB`."""

    @property
    def invalidated_text(self) -> str:
        """What a token review says of a token whose account or bound object is gone."""
        new = self.rejects_future_tokens
        return "service account token has been invalidated" if new else "Token has been invalidated"

    @classmethod
    def of(cls, version: str) -> Features:
        """The features of `v1.20.2` and the like; raises ValueError for what is no version."""
        match = _VERSION.match(version)
        if match is None:
            raise ValueError(f"{version!r} is not a Kubernetes version such as v1.34.1")
        minor, known = int(match[2]), {one.name: one.metadata for one in fields(cls)}
        return cls(
            **{name: said.get("first", 0) <= minor < said.get("gone", sys.maxsize) for name, said in known.items()}
        )
