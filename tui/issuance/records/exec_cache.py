"""What `kubemint exec-credential` answered before, for as long as it lasts, and whose turn it is to ask the cluster.

kubectl runs the plugin for every single command, so an answer that is still good is given before anything but the
standard library is imported; `tui.__main__` tries this module first. The question is what kubectl asks: the arguments,
the kubeconfig that counts, and the cluster in KUBERNETES_EXEC_INFO. Another question is another file.

One mint serves all who ask the same: whoever finds nothing takes the question's lock, looks again, and only then asks
the cluster. The lock is the kernel's, so that a killed process does not hold it. Whatever is odd in a file is a miss.

A cluster cannot be asked whether an answer still works without being slow, but whoever got it knows: a client asks its
plugin a second time because the server refused the first answer (401). `refused` decides that.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import stat
import sys
import time

from .exec_record import Kept, read_record

TYPE_CHECKING = False  # what type checkers take for `typing.TYPE_CHECKING`, without importing `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

INFO = "KUBERNETES_EXEC_INFO"
VERB = "exec-credential"
VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
PATIENCE = 20.0
"""Seconds in all to wait for whoever is asking the cluster; then one asks oneself, for it may hang."""
SECONDS = 60.0
"""A second question so soon after the answer means that the answer was refused."""
FRESH = 10.0
"""An answer this young, made for the very caller who asks again, is not made again: it would be refused as well."""
_LARGEST = 256 * 1024
_LONGEST_LIST = 64 * 1024
_MOST_LINKS = 40
_TEXTS = ("server", "tls-server-name", "certificate-authority-data", "proxy-url")
_FLAGS = ("insecure-skip-tls-verify", "disable-compression")
_held: dict[str, int] = {}
"""The locks of this process, by path."""
_waited: dict[str, float] = {}
"""Seconds that this process has waited for each: whoever gave up once does not queue again."""


def refused(kept: Kept, caller: str, given_at: float, asked_at: float, now: float, wall: float) -> bool:
    """Whether who asks now got this answer and was refused with it.

    `given_at` is when `caller` last got this very answer (0: never), `asked_at` when it began to ask now, `now` the
    time by the same clock, `wall` by the one that stamped the answer. Seconds all. Whoever asked before it was given
    is one of many at once; who got it fresh and asks again is refused whatever it gets.
    """
    if not caller or given_at <= 0 or asked_at < given_at or now - given_at > SECONDS:
        return False
    return not (kept.minted_for == caller and 0 <= wall - kept.minted_at < FRESH)


class Question:
    """One call of the plugin. `cluster` is empty where kubectl was not told to say which one it is."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], caller: str | None = None) -> None:
        self.version = VERSIONS[0]
        self.cluster: dict[str, Any] = {}
        self.problem = ""
        """Why the question cannot be understood."""
        self.told = bool(environ.get(INFO))
        """Whether a client asks, as opposed to someone by hand."""
        if self.told:
            self.problem = self._read(environ[INFO])
        asked = [list(arguments), environ.get("KUBECONFIG", ""), environ.get("HOME", ""), self.cluster]
        asked += _beside(arguments, environ)
        self.name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        folder = cache_folder(environ)
        self.file = os.path.join(folder, f"{self.name}.json") if folder and is_ours(folder) else ""  # noqa: PTH118 - pathlib costs as much as all the rest
        """Where its answer is kept; empty where its folder is not only the user's."""
        self.caller = _parent() if caller is None else caller
        self.asked_at = _began() if caller is None else _clock()

    def _read(self, said: str) -> str:
        """Take in what kubectl says; gives what is wrong with it. What cannot be read never counts as not said."""
        doubled: list[str] = []

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            names = [name for name, _ in pairs]
            doubled.extend(name for name in names if names.count(name) > 1)
            return dict(pairs)

        try:
            info = json.loads(said, object_pairs_hook=once)
        except (ValueError, RecursionError):
            return f"{INFO} is no ExecCredential"
        if not isinstance(info, dict) or info.get("kind") != "ExecCredential":
            return f"{INFO} is no ExecCredential"
        version = info.get("apiVersion")
        if version not in VERSIONS:
            return f"{INFO} has the apiVersion {str(version)[:80]!r}; known are {' and '.join(VERSIONS)}"
        if doubled:
            return f"{INFO} says {doubled[0][:80]!r} twice, which is ambiguous"
        self.version = version
        spec = info.get("spec")
        cluster = spec.get("cluster") if isinstance(spec, dict) else None
        wrong = "spec" if not isinstance(spec, dict | None) else ""
        if isinstance(cluster, dict):
            wrong = next((key for key in _TEXTS if not isinstance(cluster.get(key), str | None)), wrong)
            wrong = next((key for key in _FLAGS if not isinstance(cluster.get(key), bool | None)), wrong)
            wrong = wrong if isinstance(cluster.get("config"), dict | None) else "config"
            self.cluster = cluster
        elif cluster is not None:
            wrong = "cluster"
        return f"{INFO} has a {wrong} that cannot be read" if wrong else ""

    # The answer of the last time

    def kept(self) -> Kept | None:
        """What was answered last time, where it can be read whole and has not ended."""
        if self.problem or not self.file:
            return None
        try:
            found = read_record(read_own(self.file), self.name)
        except OSError:
            return None
        return found if found is not None and time.time() < found.good_until else None

    def refused(self, kept: Kept) -> bool:
        """Whether whoever asks got this answer already, and was refused with it."""
        return refused(kept, self.caller, self._given_at(kept), self.asked_at, _clock(), time.time())

    def known(self, *, late: bool = False) -> str | None:
        """The answer from the last time as it is to be printed; None where there is none to be given again.

        `late` takes one that is due to be renewed but still works.
        """
        kept = self.kept()
        if kept is None or self.refused(kept) or (not late and time.time() >= kept.renew_at):
            return None
        self.give(kept)
        return document(self.version, kept.status)

    def give(self, kept: Kept) -> None:
        """Remember who got it. Where that cannot be written nothing is known of refusals."""
        if not self.caller or not self.file:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = os.open(self._given, flags, 0o600)
            try:
                if os.fstat(descriptor).st_size > _LONGEST_LIST:
                    os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{self.caller} {kept.fingerprint} {_clock():.6f}\n".encode())
            finally:
                os.close(descriptor)
        except OSError:
            pass

    def _given_at(self, kept: Kept) -> float:
        """When the caller last got this very answer, 0 where never."""
        try:
            lines = b"\n" + read_own(self._given)
            start = lines.rfind(f"\n{self.caller} {kept.fingerprint} ".encode())
            return float(lines[start:].split(b"\n")[1].split()[2]) if start >= 0 else 0.0
        except (OSError, ValueError, IndexError):
            return 0.0

    @property
    def _given(self) -> str:
        return f"{self.file}.given"

    def has_folder(self) -> bool:
        """Whether there is a folder for its answer, made where it was missing, in which no other process writes."""
        return bool(self.file) and _make_folder(os.path.dirname(self.file))  # noqa: PTH120

    # Whose turn it is

    def hold(self, patience: float = PATIENCE) -> bool:
        """Take the turn to ask the cluster, waiting for whoever has it. False where it is not given; all waits of a
        process together are not longer than `PATIENCE`."""
        lock = f"{self.file}.lock"
        if lock in _held:
            return True
        if not self.has_folder():
            return False
        try:
            descriptor = _open_lock(lock)
        except OSError:
            return False
        began = time.monotonic()
        deadline = began + min(patience, PATIENCE - _waited.get(lock, 0.0))
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EINTR) or time.monotonic() >= deadline:
                    os.close(descriptor)
                    _waited[lock] = _waited.get(lock, 0.0) + time.monotonic() - began
                    return False
                time.sleep(0.02)
                continue
            os.utime(descriptor)  # a lock that was not taken for a day is swept
            _held[lock] = descriptor
            return True

    def release(self) -> None:
        """Give the turn back."""
        descriptor = _held.pop(f"{self.file}.lock", None)
        if descriptor is not None:
            os.close(descriptor)


def answer(arguments: Sequence[str]) -> bool:
    """Print what is known, and say whether that was all. If not it is this process's turn. A terminal gets nothing."""
    if sys.stdout is None or sys.stdout.isatty():
        return False
    question = Question(arguments, os.environ)
    found = question.known()
    if found is None and question.kept() is not None and not question.hold(0):
        found = question.known(late=True)  # another process is renewing it
    if found is None and question.hold():
        found = question.known()
    if found is None:
        return False
    question.release()
    sys.stdout.write(found + "\n")
    sys.stdout.flush()
    return True


def document(version: str, status: dict[str, Any]) -> str:
    """The ExecCredential that answers in this version of the API."""
    body = {"apiVersion": version, "kind": "ExecCredential", "spec": {}, "status": status}
    return json.dumps(body, separators=(",", ":"))


def cache_folder(environ: Mapping[str, str]) -> str:
    """Where answers are kept; empty where that is not known, which is no reason not to answer."""
    home = environ.get("XDG_CACHE_HOME", "")
    if not home.startswith("/"):  # a relative one is to be ignored, says the specification
        above = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
        home = os.path.join(above, ".cache") if above.startswith("/") else ""  # noqa: PTH118
    return os.path.join(home, "kubemint", "exec") if home else ""  # noqa: PTH118


def is_safe(owner: int, mode: int, group: int, me: int, mine: int) -> bool:
    """Whether a folder on the way to ours may be passed: its `owner` is `me` or root, and nobody else can put another
    in the place of what lies in it. `mine` is my own group, which many systems give to me alone."""
    if owner not in (0, me):
        return False
    if mode & stat.S_ISVTX:  # as in /tmp: everybody may write, and nobody rename what is another's
        return True
    return not mode & stat.S_IWOTH and (not mode & stat.S_IWGRP or group == mine)


def is_ours(folder: str) -> bool:
    """Whether all that is there on the way to the folder, links included, is ours or root's, and the folder too."""
    me, mine, links = os.geteuid(), os.getegid(), 0
    at, left = "/", [part for part in folder.split("/") if part][::-1]
    while left:
        part = left.pop()
        here = os.path.dirname(at) if part == ".." else os.path.join(at, part)  # noqa: PTH118, PTH120
        try:
            found = os.lstat(here)
            if stat.S_ISLNK(found.st_mode):
                there = os.readlink(here)  # noqa: PTH115
        except FileNotFoundError:
            return True  # it is made there, for us alone
        except OSError:
            return False
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if found.st_uid not in (0, me) or links > _MOST_LINKS:
                return False
            left += [step for step in there.split("/") if step][::-1]
            at = "/" if there.startswith("/") else at
        elif stat.S_ISDIR(found.st_mode) and is_safe(found.st_uid, found.st_mode, found.st_gid, me, mine):
            at = here
        else:
            return False
    return True


def _open_lock(lock: str) -> int:
    """The lock's file; what lies in its place that is no file of ours is taken away first. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(lock, flags, 0o600)
    except OSError:
        (os.rmdir if os.path.isdir(lock) and not os.path.islink(lock) else os.unlink)(lock)  # noqa: PTH112, PTH114
    return os.open(lock, flags, 0o600)


def _make_folder(folder: str) -> bool:
    """Make it and what is missing above it, for the owner alone; whether it is ours and no one else writes there."""
    missing = []
    while not os.path.isdir(folder):  # noqa: PTH112
        missing.append(folder)
        folder = os.path.dirname(folder)  # noqa: PTH120
    try:
        for folder in reversed(missing):
            try:
                os.mkdir(folder, 0o700)  # noqa: PTH102
            except FileExistsError:
                continue
        found = os.lstat(folder)
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022 and is_ours(folder)


def read_own(path: str) -> bytes:
    """The content of a file that only its owner, who is us, can read. Raises OSError for every other."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        if not ours or found.st_size > _LARGEST:
            raise PermissionError(path)
        return os.read(descriptor, _LARGEST)
    finally:
        os.close(descriptor)


def _beside(arguments: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """The working folder, where a kubeconfig is named that depends on it: in another one it is another cluster's."""
    given = [
        word.partition("=")[2] or " ".join(arguments[index : index + 1])
        for index, word in enumerate(arguments, 1)
        if word.partition("=")[0] == "--kubeconfig"
    ]
    named = [*environ.get("KUBECONFIG", "").split(os.pathsep), *given]
    if all(path.startswith("/") for path in named if path):
        return []
    try:
        return [os.getcwd()]  # noqa: PTH109
    except OSError:
        return [""]


def _parent() -> str:
    """Which process asks: its number and when it began, so that a later one of that number is another."""
    parent = os.getppid()
    return f"{parent}:{_ticks(parent)}" if parent > 0 else ""


def _began() -> float:
    """When this process began, by `_clock`; where the kernel does not say it, now."""
    ticks = _ticks(os.getpid())
    return (ticks + 1) / os.sysconf("SC_CLK_TCK") if ticks else _clock()


def _ticks(process: int) -> int:
    try:
        with open(f"/proc/{process}/stat", "rb") as stream:  # noqa: PTH123
            return int(stream.read(4096).rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def _clock() -> float:
    """Seconds since this machine was started."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
