"""What `kubemint exec-credential` answered before, for as long as it lasts.

kubectl runs the plugin for every single command, so an answer that is still good is given before anything but the
standard library is imported; `tui.__main__` tries this module first. The question is what kubectl asks: the arguments,
the kubeconfig that counts, and the cluster in KUBERNETES_EXEC_INFO. Another question is another file.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import time

TYPE_CHECKING = False  # what type checkers take for `typing.TYPE_CHECKING`, without importing `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

INFO = "KUBERNETES_EXEC_INFO"
VERB = "exec-credential"
VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_LARGEST = 256 * 1024


class Question:
    """One call of the plugin. `cluster` is empty where kubectl was not told to say which one it is."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self.version = VERSIONS[0]
        self.cluster: dict[str, Any] = {}
        self.problem = ""
        """Why the question cannot be understood."""
        said = environ.get(INFO, "")
        if said:
            self._read(said)
        asked = [list(arguments), environ.get("KUBECONFIG", ""), environ.get("HOME", ""), self.cluster]
        name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        home = environ.get("XDG_CACHE_HOME", "")
        if not home.startswith("/"):  # a relative one is to be ignored, says the specification
            home = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".cache")  # noqa: PTH111, PTH118 - pathlib costs as much as all the rest
        self.file = os.path.join(home, "kubemint", "exec", f"{name}.json")  # noqa: PTH118

    def _read(self, said: str) -> None:
        try:
            info = json.loads(said)
            version, spec = info["apiVersion"], info.get("spec") or {}
            cluster = spec.get("cluster") or {}
        except (ValueError, TypeError, KeyError, AttributeError):
            self.problem = f"{INFO} is no ExecCredential"
            return
        if version not in VERSIONS:
            self.problem = f"{INFO} has the apiVersion {str(version)[:80]!r}; known are {' and '.join(VERSIONS)}"
            return
        self.version = version
        self.cluster = cluster if isinstance(cluster, dict) else {}

    def known(self) -> str | None:
        """The answer from the last time, as it is to be printed; None where there is none that is still good."""
        if self.problem:
            return None
        try:
            record = json.loads(_private(self.file))
            good, status = float(record["goodUntil"]), record["status"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return document(self.version, status) if time.time() < good and isinstance(status, dict) else None


def document(version: str, status: dict[str, Any]) -> str:
    """The ExecCredential that answers in this version of the API."""
    answer = {"apiVersion": version, "kind": "ExecCredential", "spec": {}, "status": status}
    return json.dumps(answer, separators=(",", ":"))


def record(status: dict[str, Any], good_until: float) -> str:
    """What the file of a question holds."""
    return json.dumps({"goodUntil": good_until, "status": status}, separators=(",", ":"))


def answer(arguments: Sequence[str]) -> bool:
    """Print what is known, and say whether that was all. A terminal is never printed to."""
    if sys.stdout is None or sys.stdout.isatty():
        return False
    found = Question(arguments, os.environ).known()
    if found is None:
        return False
    sys.stdout.write(found + "\n")
    sys.stdout.flush()
    return True


def _private(path: str) -> bytes:
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
