"""The local state: one SQLite file with the journal, what is open, the exports on this machine, and who is trusted.

`state.db` (0600) lies in a folder of its own (0700). WAL with synchronous FULL: what a call returned from is on the
disk. Everything that belongs together is written in one transaction (`record`), under a lock that other processes
honour too. Calls are short but wait for the disk, so the engine makes them in a thread.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar, cast

import msgspec

from tui.issuance.errors import StateError
from tui.issuance.model.types import Action, Address, Credential, Handle, StepResult

from . import journal_table
from .entering import DeliveredBy, Place, Yes
from .intent import Dead, Export, Intent, Revocation
from .journal import ChainReport, JournalEntry, stamp
from .journal_anchor import Anchor
from .state_file import (
    Damaged,
    WorksUnder,
    alone,
    default_folder,
    made,
    odd_set_aside,
    private_folder,
    refuse_foreign,
    refuse_replaced,
    refuse_unlocked,
    set_aside,
    sqlite_errors,
    standing,
    wrong_kind,
)
from .state_schema import prepare
from .whereabouts import Whereabouts, as_read, stamped

T = TypeVar("T")

KEPT: Final = frozenset({"opened", "exports", "revocations"})
"""What `record` keeps of clusters, beside the journal."""
_LATEST: Final = 100
"""So many entries tell how the last thing that was done to an address ended."""
_FILE: Final = "state.db"
_BUSY_SECONDS: Final = 10.0
_UNREADABLE: Final = "a newer kubemint may have written it; it stays as it is, and the others are used"
_RECORDS: Final[dict[str, tuple[str, type, str]]] = {
    "open_plans": ("intent", Intent, "the plans that are open"),
    "revocations": ("record", Revocation, "the old tokens to revoke"),
    "exports": ("record", Export, "the files on this machine"),
    "secrets": ("record", Export, "the Secrets written here"),
    "dead": ("record", Dead, "the tokens that must not come back"),
    "trusted": ("record", Yes, "the delivered clusters that were said yes to"),
}
"""Where records are kept, what they are, and what people call them."""


def as_destination(kind: type, said: Any) -> Any:
    """What msgspec cannot read by itself: a destination. The list of their sorts is above this room, so it is asked for
    by name."""
    return import_module("tui.issuance.destinations.registry").read(said)


_DECODERS: Final[dict[type, msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(kind, dec_hook=as_destination) for kind in (Intent, Revocation, Export, Dead, Yes)
}
"""Made when this module is imported. msgspec looks into a type the first time it meets it, and where two threads do
that at the same moment the process crashes; records are read in threads."""


def is_begun() -> bool:
    """Whether this machine has a state already."""
    return (default_folder() / _FILE).exists()


class StateStore:
    """One open state folder. Safe to call from several threads and to open in several processes."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, opened: tuple[tuple[int, int], ...]) -> None:
        self.folder = folder
        self.said: list[tuple[str, str]] = []
        """What people are to be told about the file, each with the next step."""
        self.works_under: WorksUnder = {}
        """What is worked on in this process; see `refuse_unlocked`."""
        self._db = connection
        self._opened_files = opened
        self._anchor = Anchor(folder)
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path | None = None, *, afresh: bool = True) -> Self:
        """Open or create the state in folder `path` (default: the XDG state folder's `kubemint`). Raises StateError.

        A damaged file is set aside and a new one begun, which `said` then says, unless `afresh` forbids that.
        """
        folder = path if path is not None else default_folder()
        file = folder / _FILE
        try:
            return cls._opened(folder, file)
        except Damaged:
            if not afresh:
                raise
        with alone(folder):
            try:
                return cls._opened(folder, file)  # another process was faster
            except Damaged as damage:
                said = set_aside(file, damage.message)
            store = cls._opened(folder, file)
        store.said.insert(0, said)
        return store

    @classmethod
    def _opened(cls, folder: Path, file: Path) -> Self:
        try:
            private_folder(folder)
            if kind := wrong_kind(file):
                raise Damaged(f"{file} is {kind} and no state file")
            said = odd_set_aside(file)
            found = made(file)
            refuse_foreign(file, found.st_uid, os.geteuid())
        except OSError as error:
            raise StateError(
                f"cannot open the state in {folder}: {error.strerror or error}",
                "set XDG_STATE_HOME to a folder that can be written",
            ) from None
        connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with sqlite_errors(file):
                prepare(connection, file)
            store = cls(folder, connection, ((found.st_dev, found.st_ino), *standing(file)[1:]))
            store.said += [*said, *store._unreadable()]
        except BaseException:
            connection.close()
            raise
        return store

    def close(self) -> None:
        """Close the database. A closed store cannot be used again."""
        with self._lock:
            self._db.close()

    # What is written

    def append(self, action: Action, address: Address, result: StepResult) -> None:
        """Journal one result that changes nothing else."""
        self.record(action, address, result)

    def record(
        self,
        action: Action,
        address: Address,
        *results: StepResult,
        opened: Intent | None = None,
        closed: str | None = None,
        exports: Iterable[Export] = (),
        forget: Iterable[Address] = (),
        revocations: Iterable[Revocation] = (),
        revoked: Handle | None = None,
        dead: Iterable[Dead] = (),
        at: Mapping[str, Whereabouts] = MappingProxyType({}),
    ) -> None:
        """Journal `results` and change what is known with them, all or nothing.

        `opened` is the plan's intent as it now stands, `closed` the id of a plan that is finished; `exports` (files
        and Secrets) are kept, `forget` are dropped; `revocations` are due later, `revoked` no more; `dead` are the
        long-lived tokens that must never come back. `at` is what the clusters are that these name, as far as known.
        """
        opened = stamped(opened, at) if opened is not None else None
        detail = msgspec.json.encode(opened).decode() if opened is not None else ""
        with self._transaction(address) as db:
            for result in results:
                journal_table.append(db, action, address, result, detail)
            if opened is not None:
                db.execute(
                    "INSERT INTO open_plans VALUES (?, ?, ?) ON CONFLICT (plan) DO UPDATE SET intent = excluded.intent",
                    (opened.plan, stamp(datetime.now(UTC)), detail.encode()),
                )
            if closed is not None:
                db.execute("DELETE FROM open_plans WHERE plan = ?", (closed,))
            for export in exports:
                _keep(db, stamped(export, at))
            keys = [(str(address),) for address in forget]
            db.executemany("DELETE FROM exports WHERE address = ?", keys)
            db.executemany("DELETE FROM secrets WHERE address = ?", keys)
            for one in dead:
                key = str(one.secret)
                row = (key, one.account_uid, one.fingerprint, msgspec.json.encode(one))
                db.execute("INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?)", row)
            for item in (stamped(one, at) for one in revocations):
                handle = item.handle
                db.execute(
                    "INSERT OR REPLACE INTO revocations VALUES (?, ?, ?, ?, ?)",
                    (handle.cluster, handle.namespace, handle.name, stamp(item.due), msgspec.json.encode(item)),
                )
            if revoked is not None:
                db.execute(
                    "DELETE FROM revocations WHERE cluster = ? AND namespace = ? AND name = ?",
                    (revoked.cluster, revoked.namespace, revoked.name),
                )
        if results:
            with self._lock:
                journal_table.anchored(self._db, self._anchor)

    def record_export(self, export: Export) -> None:
        """Keep one export without journaling anything."""
        with self._transaction() as db:
            _keep(db, export)

    def trust(self, yes: Yes) -> None:
        """Remember that the operator said yes to a delivered cluster; of each source the last yes alone counts."""
        by = yes.by
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO trusted VALUES (?, ?, ?, ?, ?)",
                (by.kind.value, by.host, by.namespace, by.name, msgspec.json.encode(yes)),
            )

    def forget_trust(self, by: DeliveredBy) -> None:
        """The operator takes that back."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM trusted WHERE kind = ? AND host = ? AND namespace = ? AND name = ?",
                (by.kind.value, by.host, by.namespace, by.name),
            )

    # What is read

    def trusted(self) -> list[Yes]:
        """Every delivered cluster that the operator said yes to, by the host that delivers it."""
        rows = self._rows("SELECT record FROM trusted ORDER BY host, namespace, name, kind")
        return self._decode_all(rows, Yes)

    def trusted_place(self, by: DeliveredBy) -> Place | None:
        """Where this source led when the operator said yes to it; None where that was not done."""
        rows = self._rows(
            "SELECT record FROM trusted WHERE kind = ? AND host = ? AND namespace = ? AND name = ?",
            (by.kind.value, by.host, by.namespace, by.name),
        )
        yes = self._decode(rows[0][0], Yes) if rows else None
        return yes.place if yes is not None and yes.by == by else None

    def entries(self, limit: int | None = None, plan: str | None = None) -> list[JournalEntry]:
        """The latest `limit` entries (of one plan), oldest first."""
        with self._lock, sqlite_errors(self.folder / _FILE):
            return journal_table.entries(self._db, limit, plan)

    def entries_of(self, address: Address) -> list[JournalEntry]:
        """The latest of what was done to what is at this address, oldest first."""
        with self._lock, sqlite_errors(self.folder / _FILE):
            return journal_table.entries_of(self._db, str(address), _LATEST)

    def verify_chain(self) -> ChainReport:
        """Recompute every hash, and compare the end with where two files last knew it to be."""
        with self._lock, sqlite_errors(self.folder / _FILE):
            return journal_table.verify(self._db, self._anchor)

    def open_plans(self) -> list[Intent]:
        """What was begun and neither finished nor undone, oldest first; another process may be at it right now."""
        rows = self._rows("SELECT intent FROM open_plans ORDER BY since, plan")
        return self._decode_all(rows, Intent)

    def open_plan(self, plan: str) -> Intent | None:
        """The intent of one plan, None where it is closed."""
        rows = self._rows("SELECT intent FROM open_plans WHERE plan = ?", (plan,))
        return self._decode(rows[0][0], Intent) if rows else None

    def revocations(self) -> list[Revocation]:
        """Every handle that is still to be revoked, the earliest first."""
        return self._decode_all(self._rows("SELECT record FROM revocations ORDER BY due"), Revocation)

    def revocation(self, handle: Handle) -> Revocation | None:
        """What is known of one handle that is to be revoked, None where it is not (any more)."""
        rows = self._rows(
            "SELECT record FROM revocations WHERE cluster = ? AND namespace = ? AND name = ?",
            (handle.cluster, handle.namespace, handle.name),
        )
        return self._decode(rows[0][0], Revocation) if rows else None

    def exports(self) -> list[Credential]:
        """The files on this machine that kubemint wrote, as credentials."""
        return [export.known for export in self.export_records()]

    def export_records(self, request: str | None = None) -> list[Export]:
        """The same with the wishes they belong to; of one wish where `request` is given."""
        where, values = ("WHERE request = ?", (request,)) if request is not None else ("", ())
        rows = self._rows(f"SELECT record FROM exports {where} ORDER BY address", values)  # noqa: S608
        return self._decode_all(rows, Export)

    def export_record(self, address: Address) -> Export | None:
        """One export, None where kubemint knows of none there."""
        rows = self._rows("SELECT record FROM exports WHERE address = ?", (str(address),))
        return self._decode(rows[0][0], Export) if rows else None

    def written(self, address: Address) -> Export | None:
        """What kubemint on this machine wrote into a Secret, None where it knows of none there."""
        rows = self._rows("SELECT record FROM secrets WHERE address = ?", (str(address),))
        return self._decode(rows[0][0], Export) if rows else None

    def written_secrets(self) -> list[Export]:
        """Every Secret that kubemint on this machine wrote, as it wrote it."""
        return self._decode_all(self._rows("SELECT record FROM secrets ORDER BY address"), Export)

    def dead(self) -> list[Dead]:
        """The long-lived tokens that kubemint on this machine has ended."""
        return self._decode_all(self._rows("SELECT record FROM dead ORDER BY address"), Dead)

    # How

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock, sqlite_errors(self.folder / _FILE):
            return self._db.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self, address: Address | None = None) -> Iterator[sqlite3.Connection]:
        with self._lock, sqlite_errors(self.folder / _FILE):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                refuse_replaced(self.folder / _FILE, self._opened_files)
                refuse_unlocked(address, self.works_under)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _decode_all(self, rows: Iterable[tuple[Any, ...]], kind: type[T]) -> list[T]:
        """Every record that can be read. One that cannot must not keep all others from their work; `said` says so."""
        found = []
        for row in rows:
            with contextlib.suppress(StateError):
                found.append(self._decode(row[0], kind))
        return found

    def _unreadable(self) -> list[tuple[str, str]]:
        said = []
        for table, (column, kind, what) in _RECORDS.items():
            rows = self._rows(f"SELECT {column} FROM {table}")  # noqa: S608
            if lost := len(rows) - len(self._decode_all(rows, kind)):
                said.append((f"{self.folder / _FILE} holds {lost} of {what} that cannot be read", _UNREADABLE))
        return said

    def _decode(self, record: Any, kind: type[T]) -> T:
        try:
            return cast("T", as_read(_DECODERS[kind].decode(record)))
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise StateError(
                f"{self.folder / _FILE} holds a record that cannot be read: {error}", _UNREADABLE
            ) from None


def _keep(db: sqlite3.Connection, export: Export) -> None:
    key, record = str(export.credential.address), msgspec.json.encode(export)
    if export.credential.address.kind.traits.marked:
        db.execute("INSERT OR REPLACE INTO secrets VALUES (?, ?)", (key, record))
    else:
        db.execute("INSERT OR REPLACE INTO exports VALUES (?, ?, ?)", (key, export.request, record))
