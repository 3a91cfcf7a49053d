"""The local state: one SQLite file with the journal, what is open, and the exports on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from .journal import ChainReport, JournalEntry
from .types import Address, Credential


class StateStore:
    """`state.db` (0600) in a folder of its own (0700). WAL, synchronous FULL: what returned is on the disk."""

    @classmethod
    def open(cls, path: Path | None = None) -> Self:
        """Open or create the state in folder `path` (default: the XDG state folder's `kubemint`)."""
        raise NotImplementedError

    def entries(self, limit: int | None = None, plan: str | None = None) -> list[JournalEntry]:
        """The latest `limit` entries (of one plan), oldest first."""
        raise NotImplementedError

    def verify_chain(self) -> ChainReport:
        """Recompute every hash."""
        raise NotImplementedError

    def exports(self) -> list[Credential]:
        """The files on this machine that kubemint wrote, as credentials."""
        raise NotImplementedError

    def forget_export(self, address: Address) -> None:
        """Drop the record of an export; the file itself is left alone."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the database."""
        raise NotImplementedError
