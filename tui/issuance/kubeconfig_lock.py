"""kubectl's own lock around a kubeconfig, `FILE.lock`, taken with patience.

kubectl creates the lock file exclusively, fails at once where it exists, and leaves it behind when it is killed.
kubemint waits a while, then says which file it is and how old. It never removes a lock that kubectl made; one that a
kubemint process recorded itself in, and that has died since, is taken over.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from filelock import SoftFileLock, Timeout

from .countdown import human_left
from .files import FileError, destination, explained, make_private_folder

PATIENCE: Final = timedelta(seconds=5)
_POLL: Final = 0.05


@contextlib.contextmanager
def locked(path: Path, wait: timedelta = PATIENCE) -> Iterator[None]:
    """Keep kubectl and every other kubemint from writing `path`. Raises FileError where somebody holds it too long.

    Where `path` is a link, kubectl may know the file by either name, so both are locked, in kubectl's order.
    """
    with explained(path, "lock"):
        target = destination(path)
        for folder in {path.parent, target.parent}:
            make_private_folder(folder)
    end = time.monotonic() + wait.total_seconds()
    with contextlib.ExitStack() as held:
        for name in sorted({f"{path.absolute()}.lock", f"{target}.lock"}):
            with explained(Path(name), "create"):
                _take(Path(name), max(0.0, end - time.monotonic()), held)
        yield


def _take(name: Path, patience: float, held: contextlib.ExitStack) -> None:
    lock = SoftFileLock(name, mode=0o600)
    try:
        held.enter_context(lock.acquire(timeout=patience, poll_interval=_POLL))
    except Timeout:
        age = timedelta(0)
        with contextlib.suppress(FileNotFoundError):
            age = timedelta(seconds=max(1, int(time.time() - name.lstat().st_mtime)))
    else:
        return
    raise FileError(
        f"{name} has been there for {human_left(age)}: something is writing the kubeconfig, or was killed while it did",
        f"look for a running kubectl or kubemint; if there is none, remove {name}",
    )
