"""The journal's entries and the hash chain that shows whether anybody changed or removed one.

Each entry's hash covers the hash before it and the entry's own fields as canonical JSON, so a change anywhere breaks
every hash after it. An entry never holds material: what it says of a credential is its address, times and fingerprint.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from tui.kube.sensitive import MASK

_TOKEN: Final = re.compile(r"(?:eyJ|ZXlK)[A-Za-z0-9_\-+/=]{8,}(?:\.[A-Za-z0-9_\-]+)*|-----BEGIN [^-]*PRIVATE KEY.*")
GENESIS: Final = "0" * 64
"""The hash before the first entry."""


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was intended, done, failed, skipped or undone."""

    seq: int
    at: datetime
    plan: str
    action: str
    address: str
    step: str
    status: str
    message: str
    hash: str


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the journal is whole. `broken_at` is the first entry that does not fit, 0 where all do.

    `head` is the hash of the newest entry, where there is a chain up to it.
    """

    ok: bool
    entries: int
    broken_at: int = 0
    message: str = ""
    head: str = ""
    unanchored: int = 0
    """How many of the newest entries the second file does not know yet: a process was killed just then."""


def chain_hash(
    previous: str, *, at: str, plan: str, action: str, address: str, step: str, status: str, message: str, detail: str
) -> str:
    """The hash of an entry that follows one with hash `previous`. `at` is the time exactly as it is stored."""
    body = msgspec.json.encode(
        {"action": action, "address": address, "at": at, "detail": detail, "message": message, "plan": plan,
         "status": status, "step": step},
        order="sorted",
    )  # fmt: skip
    return hashlib.sha256(previous.encode() + b"\n" + body).hexdigest()


def stamp(at: datetime) -> str:
    """A time as the journal stores it: RFC 3339, UTC, microseconds, always the same length so that text sorts."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def unstamp(text: str) -> datetime:
    """The time that `stamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def scrub(text: str) -> str:
    """`text` without anything that looks like a JSON web token or a private key.

    Nothing should put one there; a server's message, which is journaled, might.
    """
    return _TOKEN.sub(MASK, text)
