"""Deeds: what was done here, one for each job, made of what the journal holds of it or of a job that still runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tui.issuance import JournalEntry, StepStatus

from .journal_filter import found_of_one

_WORST: Final = (StepStatus.FAILED, StepStatus.RUNNING, StepStatus.UNDONE)
"""What one step says of the whole, the strongest first; else it is done."""


@dataclass(frozen=True)
class Deed:
    """One row of Activity. `entries` are its steps in the journal, oldest first; none where nothing is kept of it."""

    key: str
    at: datetime
    action: str
    about: str
    """The credential's address, or how many there are."""
    status: StepStatus
    says: str
    plan: str = ""
    entries: Sequence[JournalEntry] = ()
    job: int = 0
    """The number of its job, where that was begun since the dashboard opened."""
    tasks: int = 1

    def holds(self, text: str) -> bool:
        """Whether a filter finds it, or a step of it."""
        return found_of_one(self.as_entry, self.entries, text)

    @property
    def as_entry(self) -> JournalEntry:
        """All of it as one entry, for the words of filters."""
        return JournalEntry(
            seq=0, at=self.at, plan=self.plan, action=self.action, address=self.about, step="",
            status=self.status.value, message=self.says, hash="",
        )  # fmt: skip


def by_plan(entries: Iterable[JournalEntry]) -> dict[tuple[str, str], list[JournalEntry]]:
    """The entries of each job, by its plan and what was done; what recovers a job is one of its own."""
    groups: defaultdict[tuple[str, str], list[JournalEntry]] = defaultdict(list)
    for entry in entries:
        groups[entry.plan, entry.action].append(entry)
    return dict(groups)


def of_journal(entries: Sequence[JournalEntry]) -> Deed:
    """What the journal says of one job."""
    last, statuses = entries[-1], {entry.status for entry in entries}
    status = next((one for one in _WORST if one.value in statuses), StepStatus.DONE)
    says = [entry.message for entry in entries if entry.message and entry.status == status.value]
    return Deed(
        f"{last.plan}-{last.action}", entries[0].at, last.action, last.address, status,
        says[-1] if says else "", last.plan, tuple(entries),
    )  # fmt: skip


class DeedRows:
    """What a table draws of deeds, in the order given."""

    def __init__(self, deeds: Sequence[Deed]) -> None:
        self._deeds = deeds
        self._at = {deed.key: index for index, deed in enumerate(deeds)}

    def __len__(self) -> int:
        return len(self._deeds)

    def __getitem__(self, index: int, /) -> Deed:
        return self._deeds[index]

    def key_at(self, index: int) -> str:
        return self._deeds[index].key

    def find(self, key: str) -> int | None:
        return self._at.get(key)
