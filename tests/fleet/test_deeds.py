"""Jobs as rows of Activity."""

from __future__ import annotations

from datetime import UTC, datetime

from tui.fleet.deeds import of_journal
from tui.issuance import JournalEntry

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(seq: int, step: str, status: str, message: str = "") -> JournalEntry:
    return JournalEntry(
        seq=seq, at=AT, plan="p1", action="rotate", address="secret:c/ns/robot", step=step, status=status,
        message=message, hash="",
    )  # fmt: skip


def test_a_filter_that_leaves_failures_out_leaves_out_the_jobs_that_failed() -> None:
    failed = of_journal([entry(1, "token", "done"), entry(2, "write", "failed", "no right")])
    done = of_journal([entry(1, "token", "done"), entry(2, "write", "done")])
    for text, finds_failed, finds_done in (
        ("!failed", False, True),
        ("failed", True, False),
        ("robot !failed", False, True),
        ("write", True, True),
        ("!write", True, True),
        ("", True, True),
    ):
        assert (failed.holds(text), done.holds(text)) == (finds_failed, finds_done), text
