"""The names that completion offers: what a list or a dashboard saw last, in the cache folder, never any material.

Read where a shell waits at a key press: only what every interpreter has is imported for that. It is a cache: whatever
is wrong with it, it is as good as empty. Names are forgotten a week after they were seen last, and there are no more
than so many of them.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tui.issuance import RequestRow

    from .rows import AccountRow, CredentialRow
    from .store import FleetChange, FleetStore

    Rows = tuple[list[AccountRow], list[CredentialRow], list[RequestRow]]

SORTS: Final = ("addresses", "namespaces", "accounts", "secrets")
"""Accounts and Secrets as NAMESPACE/NAME."""
LASTS: Final = 7 * 86400
MOST: Final = 20_000
_FIRST, _EVERY = 30.0, 600.0
_LONGEST: Final = 512
_LARGEST: Final = 8 * 1024 * 1024
Known = dict[str, dict[str, dict[str, float]]]
"""By cluster (empty: this machine) and sort each name, with when it was seen last."""


def folder() -> str:
    """Where it lies; empty where there is no place for it."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # noqa: PTH117 - as everywhere here: pathlib is slow to come
        home = os.path.expanduser("~")  # noqa: PTH111
        base = os.path.join(home, ".cache") if os.path.isabs(home) else ""  # noqa: PTH117, PTH118
    return os.path.join(base, "kubemint") if base else ""  # noqa: PTH118


def read_json(name: str) -> Any:
    """One file of the cache; None where it is not there, not ours alone, or not what it should be."""
    if not (where := folder()):
        return None
    try:
        held = os.open(os.path.join(where, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # noqa: PTH118
    except OSError:
        return None
    with os.fdopen(held, "rb") as file:
        facts = os.fstat(held)
        ours = stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077
        try:
            return json.load(file) if ours and facts.st_size <= _LARGEST else None
        except (ValueError, OSError, RecursionError):
            return None


def write_json(name: str, value: object) -> None:
    """Keep it (0600), whole or not at all; what cannot be kept is done without. It is no state of anything."""
    import tempfile

    if not (where := folder()):
        return
    try:
        os.makedirs(where, 0o700, exist_ok=True)  # noqa: PTH103
        held, fresh = tempfile.mkstemp(dir=where, prefix=f".{name}.")
        try:
            with os.fdopen(held, "w") as file:
                json.dump(value, file, separators=(",", ":"))
            os.replace(fresh, os.path.join(where, name))  # noqa: PTH105, PTH118
        except BaseException:
            os.unlink(fresh)  # noqa: PTH108
            raise
    except OSError:
        pass


def read() -> Known:
    """What is known and not too old."""
    return _kept(read_json(_FILE), time.time())


def keep(store: FleetStore) -> None:
    """Add what a fleet holds to what is known."""
    add(rows_of(store))


def add(rows: Rows) -> None:
    """The same with what was taken from a fleet before; beside the loop, where there is one."""
    known, now = read(), time.time()
    for cluster, sort, name in seen(rows):
        if name and len(name) <= _LONGEST:
            known.setdefault(cluster, {}).setdefault(sort, {})[name] = now
    newest = sorted(
        ((at, cluster, sort, name) for cluster, sort, name, at in _each(known)), key=lambda one: one[0], reverse=True
    )
    kept: Known = {}
    for at, cluster, sort, name in newest[:MOST]:
        kept.setdefault(cluster, {}).setdefault(sort, {})[name] = round(at)
    write_json(_FILE, kept)


def keep_on(store: FleetStore, *, first: float = _FIRST, every: float = _EVERY) -> None:
    """The same again and again, as long as it changes: half a minute after the start, then every ten minutes.

    Rows do not change: only taking them is done where the fleet lives, the rest in a thread of its own.
    """
    import threading

    due = time.monotonic() + first

    def changed(change: FleetChange) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + every
            threading.Thread(target=add, args=(rows_of(store),), name="known names").start()

    store.subscribe(changed)


def rows_of(store: FleetStore) -> Rows:
    """The rows whose names are offered, as they are now."""
    return list(store.accounts.values()), list(store.credentials.values()), list(store.requests.values())


def seen(rows: Rows) -> Iterator[tuple[str, str, str]]:
    """Cluster, sort and name of everything that completion offers."""
    accounts, credentials, requests = rows
    for account in accounts:
        who = account.identity
        yield who.cluster, "namespaces", who.namespace
        yield who.cluster, "accounts", f"{who.namespace}/{who.name}"
    for row in credentials:
        address, where = row.credential.address, row.credential.address.cluster
        yield where, "addresses", str(address)
        if address.namespace:
            yield where, "namespaces", address.namespace
        if address.kind.value == "secret":
            yield where, "secrets", f"{address.namespace}/{address.name}"
    for request in requests:
        yield request.cluster, "namespaces", request.namespace


_FILE: Final = "names.json"


def _kept(held: object, now: float) -> Known:
    kept: Known = {}
    for cluster, sort, name, at in _each(held):
        if now - LASTS < at <= now + 60:
            kept.setdefault(cluster, {}).setdefault(sort, {})[name] = at
    return kept


def _each(held: object) -> Iterator[tuple[str, str, str, float]]:
    for cluster, sorts in held.items() if isinstance(held, dict) else ():
        for sort, names in sorts.items() if isinstance(sorts, dict) else ():
            for name, at in names.items() if sort in SORTS and isinstance(names, dict) else ():
                if isinstance(at, int | float):
                    yield cluster, sort, name, at
