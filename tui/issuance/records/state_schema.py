"""The tables of the state's file, version by version, and opening a file so that it has them."""

from __future__ import annotations

import contextlib
import sqlite3
from functools import lru_cache
from pathlib import Path
from typing import Final

from tui.issuance.errors import StateError

from . import journal_table
from .journal import GENESIS
from .journal_anchor import Anchor
from .state_file import Damaged, check, columns

_SCHEMA: Final = """
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, plan TEXT NOT NULL, action TEXT NOT NULL, address TEXT NOT NULL,
  step TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE INDEX journal_plan ON journal (plan);
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL);
CREATE TABLE open_plans (plan TEXT PRIMARY KEY, since TEXT NOT NULL, intent BLOB NOT NULL);
CREATE TABLE revocations (
  cluster TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, due TEXT NOT NULL, record BLOB NOT NULL,
  PRIMARY KEY (cluster, namespace, name)
);
CREATE TABLE exports (address TEXT PRIMARY KEY, request TEXT NOT NULL, record BLOB NOT NULL);
"""
_TRUSTED: Final = """
CREATE TABLE trusted (
  kind TEXT NOT NULL, host TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, record BLOB NOT NULL,
  PRIMARY KEY (kind, host, namespace, name)
);
"""
_WRITTEN: Final = """
CREATE TABLE secrets (address TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE dead (address TEXT NOT NULL, account_uid TEXT NOT NULL, fingerprint TEXT NOT NULL, record BLOB NOT NULL,
  PRIMARY KEY (address, account_uid, fingerprint)
);
"""
_META: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_STEPS: Final = (_SCHEMA, _TRUSTED, _WRITTEN, _META)
"""What makes each version of the schema from the one before it; a step is only ever added at the end."""
SCHEMA_VERSION: Final = len(_STEPS)
SYNCHRONOUS: Final = "FULL"
"""What a call returned from is on the disk, also after a power cut."""


def prepare(db: sqlite3.Connection, file: Path) -> None:
    """Make the tables, or those that are new. Raises StateError for a newer file, Damaged for what is none."""
    db.text_factory = _text
    _look(db, file)  # before anything is written: what is damaged, or a newer kubemint's, stays byte for byte
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    db.execute("BEGIN IMMEDIATE")  # two processes may start at once; one of them makes the tables
    try:
        version = _look(db, file)
        for statement in (statement for step in _STEPS[version:] for statement in step.split(";\n")):
            db.execute(statement)
        if version == 0:
            db.execute("INSERT INTO head VALUES (1, 0, ?)", (GENESIS,))
        if version <= _STEPS.index(_META):
            journal_table.begin(db, Anchor(file.parent))
        if version < SCHEMA_VERSION:
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _look(db: sqlite3.Connection, file: Path) -> int:
    """The version of the schema. Raises StateError for one that is newer, Damaged for what is no state file."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise StateError(
            f"{file} was written by a newer kubemint (schema {version}, this one knows {SCHEMA_VERSION})",
            "update kubemint, or set XDG_STATE_HOME to another folder",
        )
    if version < 0:
        raise Damaged(f"{file} is not a usable state file: its version is {version}")
    if version:
        check(db, file, _expected(version))
    return version


@lru_cache(maxsize=len(_STEPS))
def _expected(version: int) -> dict[str, set[str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as reference:
        for step in _STEPS[:version]:
            reference.executescript(step)
        return columns(reference)


def _text(data: bytes) -> str:
    """Text is never a reason to fail: where a byte of the journal was changed, its chain says so."""
    return data.decode("utf-8", "replace")
