"""Proving that material works, and saying in words why it does not."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What an API server says of a credential right now."""

    ok: bool
    method: str
    """SelfSubjectReview, TokenReview or GET; empty where no server could be asked."""
    username: str
    checked_at: datetime
    message: str = ""
    hint: str = ""
