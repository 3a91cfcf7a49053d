"""Reading a small file that someone named. It may be anything: a pipe without end, a device, a folder.

Regular files only, so that nothing is waited for. A pipe that this process was started with is read too, as kubectl
does (`--kubeconfig <(command)`, `/dev/stdin`): whoever handed it over writes to it. It is waited for only so long:
what cannot be interrupted must not block whoever looks at a whole fleet.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import Final

PATIENCE: Final = 5.0
"""Seconds that a pipe may take to say all it has to say."""
_PAUSE: Final = 0.02
_CHUNK: Final = 65536
_HANDED: Final = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""How a file is called that whoever started this process opened for it."""


def read_small(path: Path, limit: int, *, patience: float = PATIENCE) -> bytes:
    """Up to `limit` bytes of a regular file, or of a pipe that was handed over. Raises OSError for all else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) and str(path).startswith(_HANDED):
            return _drain(descriptor, limit, patience)
        if not stat.S_ISREG(mode):
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(limit)
    finally:
        os.close(descriptor)


def _drain(pipe: int, limit: int, patience: float) -> bytes:
    """What comes out of a pipe. It ends when its writers have gone."""
    deadline, data = time.monotonic() + patience, b""
    while len(data) < limit:
        try:
            chunk = os.read(pipe, min(_CHUNK, limit - len(data)))
        except BlockingIOError:
            chunk = None
        if chunk:
            data += chunk
        elif chunk == b"" and data:
            break
        elif time.monotonic() > deadline:
            raise TimeoutError(errno.ETIMEDOUT, "No process writes to this pipe")
        else:
            time.sleep(_PAUSE)
    return data
