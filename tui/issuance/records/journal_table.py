"""The journal in the database: entries are added at its end, read, and looked over from the first to the last."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from tui.issuance.model.types import Action, Address, StepResult
from tui.kube.text import safe_text

from .journal import GENESIS, ChainReport, JournalEntry, chain_hash, scrub, stamp, unstamp
from .journal_anchor import Anchor, Mark, judge


def begin(db: sqlite3.Connection, anchor: Anchor) -> None:
    """Give the journal its identity and its first mark, inside of the transaction that makes or renews the tables."""
    first = db.execute("SELECT hash FROM journal WHERE seq = 1").fetchone()
    # One that was there before has the same identity however often this is begun.
    journal = first[0][:32] if first is not None else secrets.token_hex(16)
    db.execute("INSERT INTO meta VALUES ('journal', ?)", (journal,))
    anchor.begin(journal, *head(db))


def head(db: sqlite3.Connection) -> tuple[int, str]:
    """How many entries there are, and the hash of the last. A row that someone removed is what the entries say."""
    found = db.execute("SELECT seq, hash FROM head").fetchone()
    if found is None or not isinstance(found[0], int):
        found = db.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone() or (0, GENESIS)
    return int(found[0]), str(found[1])


def append(db: sqlite3.Connection, action: Action, address: Address, result: StepResult, detail: str) -> None:
    """One more entry, inside of a transaction."""
    seq, previous = head(db)
    fields = {
        "at": stamp(result.at),
        "plan": result.plan,
        "action": action.value,
        "address": str(address),
        "step": result.step,
        "status": result.status.value,
        "message": scrub(safe_text(result.message, 1000)),
        "detail": detail,
    }
    digest = chain_hash(previous, **fields)
    db.execute(
        "INSERT INTO journal VALUES (:seq, :at, :plan, :action, :address, :step, :status, :message, :detail, :hash)",
        {"seq": seq + 1, "hash": digest, **fields},
    )
    db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", (seq + 1, digest))


def anchored(db: sqlite3.Connection, anchor: Anchor) -> None:
    """After the transaction: tell the second file how far the journal is."""
    with suppress(sqlite3.Error):  # what was to be written is written
        anchor.advance(_identity(db), *head(db), lambda seq: _hash(db, seq))


def entries(db: sqlite3.Connection, limit: int | None, plan: str | None) -> list[JournalEntry]:
    """The latest `limit` entries (of one plan), oldest first."""
    return _latest(db, *(("WHERE plan = ?", [plan]) if plan is not None else ("", [])), limit)


def entries_of(db: sqlite3.Connection, address: str, limit: int) -> list[JournalEntry]:
    """The latest `limit` entries of one address, oldest first."""
    return _latest(db, "WHERE address = ?", [address], limit)


def _latest(db: sqlite3.Connection, where: str, values: list[str], limit: int | None) -> list[JournalEntry]:
    rows = db.execute(
        f"SELECT seq, at, plan, action, address, step, status, message, hash FROM journal {where} "  # noqa: S608
        "ORDER BY seq DESC LIMIT ?",
        (*values, -1 if limit is None else limit),
    ).fetchall()
    return [_entry(row) for row in reversed(rows)]


def verify(db: sqlite3.Connection, anchor: Anchor) -> ChainReport:
    """Recompute every hash, and compare the end with where two files last knew it to be."""
    marks = anchor.marks()  # first: whoever writes meanwhile then only makes the journal longer than it says
    db.execute("BEGIN")
    try:
        return _verify(db, marks)
    finally:
        db.execute("COMMIT")


def _verify(db: sqlite3.Connection, marks: Sequence[Mark] | None) -> ChainReport:
    previous, expected, last = GENESIS, 0, head(db)
    cursor = db.execute(
        "SELECT seq, at, plan, action, address, step, status, message, detail, hash FROM journal ORDER BY seq"
    )
    for seq, at, plan, action, address, step, status, message, detail, found in cursor:
        expected += 1
        previous = chain_hash(
            previous, at=at, plan=plan, action=action, address=address, step=step, status=status,
            message=message, detail=detail,
        )  # fmt: skip
        if seq != expected or previous != found:
            what = f"entry {expected} is missing" if seq != expected else f"entry {seq} was changed"
            return ChainReport(ok=False, entries=expected, broken_at=min(seq, expected), message=what)
    if last != (expected, previous):
        what = f"cut: the newest of {last[0]} entries are gone"
        return ChainReport(ok=False, entries=expected, broken_at=expected + 1, message=what)
    said = judge(marks, _identity(db), expected, lambda seq: _hash(db, seq))
    return ChainReport(
        ok=not said.message, entries=expected, broken_at=said.broken_at, message=said.message, head=previous,
        unanchored=said.unanchored,
    )  # fmt: skip


def left_behind(marks: Sequence[Mark] | None) -> str:
    """What is wrong where there is no database at all; empty where there never was a journal."""
    gone = sum(mark.entries for mark in marks or ())
    return f"cut: the journal with {gone} entries was removed or moved away" if gone else ""


def _identity(db: sqlite3.Connection) -> str:
    found = db.execute("SELECT value FROM meta WHERE name = 'journal'").fetchone()
    return str(found[0]) if found is not None else ""


def _hash(db: sqlite3.Connection, seq: int) -> str:
    found = db.execute("SELECT hash FROM journal WHERE seq = ?", (seq,)).fetchone()
    return str(found[0]) if found is not None else ""


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    seq, said, plan, action, address, step, status, message, digest = row
    try:
        at = unstamp(said)
    except (ValueError, TypeError):  # another client changed it, which the chain says; the entry is shown all the same
        at = datetime.fromtimestamp(0, UTC)
    return JournalEntry(
        seq=seq, at=at, plan=plan, action=action, address=address, step=step, status=status,
        message=message, hash=digest,
    )  # fmt: skip
