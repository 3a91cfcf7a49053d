"""Who may write a kubeconfig: a queue among kubemints, then kubectl's own lock `FILE.lock`.

kubectl creates the lock file exclusively, fails at once where it exists, and leaves it behind when it is killed. Many
kubemints that poll for one file would starve each other, so they first queue for a lock of the kernel, which ends with
its holder however that ends, and one of them at a time then deals with kubectl. The queue is a file in the state
folder, which nobody else can open: whoever may open a file for reading can hold a lock of it for ever. A lock file that
a kubemint left which has died is removed; kubectl's, which says nothing about its maker, never is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from tui.issuance.errors import FileError, StateError
from tui.issuance.records import lock_file
from tui.issuance.records.leftover_files import noted, state_folder
from tui.issuance.records.lock_file import Holder, Holding
from tui.issuance.records.state_file import private_folder
from tui.kube.amounts import about

from .files import explained, given_up
from .folders import Reached, destination, reached

PATIENCE: Final = timedelta(seconds=60)
"""How long kubemint waits for other kubemints, each of which takes some hundredths of a second."""
FOR_KUBECTL: Final = timedelta(seconds=10)
"""How long for a lock file of which it is not known whether its maker lives; kubectl keeps it for some milliseconds."""
_SHORTEST, _LONGEST = 0.002, 0.03
"""Seconds between two looks, at random in between, so that none is always the last."""
_QUEUES: Final = "queues"
"""The folder of them in the state folder; one file for each kubeconfig, which stays."""


@contextlib.contextmanager
def locked(path: Path, wait: timedelta = PATIENCE) -> Iterator[None]:
    """Keep kubectl and every other kubemint from writing `path`. Raises FileError where someone holds it too long.

    Where `path` is a link, kubectl may know the file by either name, so both are locked, in kubectl's order.
    """
    end = time.monotonic() + wait.total_seconds()
    with contextlib.ExitStack() as held:
        ways: dict[tuple[tuple[int, int], str], Reached] = {}
        with explained(path, "lock"):
            for name in sorted({f"{path.absolute()}.lock", f"{destination(path)}.lock"}):
                way = held.enter_context(reached(name, make=True, follow=False))
                ways.setdefault((_folder(way), way.name), way)  # one lock by two names, where a folder is a link
        for key, way in sorted(ways.items()):
            if not _queue(f"{key}", end, held):
                with explained(way.target, "look at"):
                    found = lock_file.look(Path(way.name), way.folder)
                raise FileError(*_in_the_way(way.target, found))
        for way in ways.values():
            held.enter_context(noted(way.target.parent, lock=way.target, lasting=False))
            with explained(way.target, "create"):
                inode = _take(way, end)
            held.callback(lock_file.withdraw, Path(way.name), inode, way.folder)
        yield


def release_dead(name: Path) -> bool:
    """Remove a lock file whose kubemint has died, so that kubectl is not kept out; False where it is not known yet."""
    try:
        descriptor = os.open(name.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    name = Path(name.name)
    try:
        found = lock_file.look(name, descriptor)
        if found is not None and found.holding is Holding.DEAD:
            return lock_file.withdraw_dead(name, descriptor)
        return found is None or found.owner is None
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _folder(way: Reached) -> tuple[int, int]:
    found = os.fstat(way.folder)
    return found.st_dev, found.st_ino


def _queue(what: str, end: float, held: contextlib.ExitStack) -> bool:
    """Wait for the operator's other kubemints that want the same; False where there is no more time.

    Who cannot keep a file in the state folder, or has no locks there, goes on without: that is only less fair.
    """
    try:
        private_folder(state := state_folder())
        (queues := state / _QUEUES).mkdir(mode=0o700, exist_ok=True)
        name = hashlib.sha256(what.encode()).hexdigest()[:32]
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(queues / name, flags, lock_file.PRIVATE_FILE)
    except (OSError, StateError):
        return True
    held.callback(os.close, descriptor)  # which lets go of the lock
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not _pause(end):
                return False
        except OSError:
            return True
        else:
            return True


def _take(way: Reached, end: float) -> tuple[int, int]:
    """The lock file made, by its device and inode; that of a dead one is removed."""
    name, unsure = Path(way.name), min(end, time.monotonic() + FOR_KUBECTL.total_seconds())
    while True:
        if (inode := lock_file.publish(name, way.folder)) is not None:
            return inode
        found = lock_file.look(name, way.folder)
        if found is None:
            continue
        if found.holding is Holding.DEAD and lock_file.withdraw_dead(name, way.folder):
            continue
        if not _pause(end if found.holding is Holding.ALIVE else unsure):
            raise FileError(*_in_the_way(way.target, found))


def _pause(end: float) -> bool:
    """Wait a moment; False where there is no more time, or whoever wanted this has given up."""
    left = end - time.monotonic()
    if left <= 0 or given_up():
        return False
    time.sleep(min(left, random.uniform(_SHORTEST, _LONGEST)))  # noqa: S311
    return True


def _in_the_way(name: Path, found: Holder | None) -> tuple[str, str]:
    """Who holds a kubeconfig, for how long, and what can be done."""
    if found is None:
        said = f"other kubemints of yours write to {name.with_suffix('')} without a pause"
        return said, "try again when they have ended"
    since = about(max(timedelta(seconds=1), found.age))
    owner = found.owner
    if owner is None:
        said = f"{name} has been there for {since} and does not say whose it is, as kubectl's never does: "
        said += "kubectl is writing the kubeconfig, or was killed while it did"
        return said, f"look for a running kubectl; if there is none, remove {name}"
    if found.holding is Holding.ALIVE:
        said = f"process {owner.process}, another kubemint, has been writing the kubeconfig for {since} ({name})"
        return said, f"wait for it; if it hangs, end process {owner.process}"
    if found.holding is Holding.DEAD:
        said = f"process {owner.process} is gone and left {name} {since} ago, which kubemint could not remove"
        return said, f"remove {name}"
    said = f"process {owner.process} on {owner.host} made {name} {since} ago: it is writing the kubeconfig, or was "
    return said + "killed while it did", f"look there; if it does not run any more, remove {name}"
