"""Where the binaries of a real control plane are, looked up as envtest does it, and how old they are."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ETCD: Final = "etcd"
API_SERVER: Final = "kube-apiserver"
CONTROLLER_MANAGER: Final = "kube-controller-manager"
BINARIES: Final = (ETCD, API_SERVER, CONTROLLER_MANAGER)


class MissingBinaries(Exception):
    """One of the binaries is not there; the message names every path that was looked at."""


def find_binary(name: str, environ: Mapping[str, str] | None = None) -> tuple[Path | None, list[str]]:
    """The binary as envtest looks it up, and the places that were looked at."""
    env = os.environ if environ is None else environ
    variable = "TEST_ASSET_" + name.upper().replace("-", "_")
    looked: list[str] = []
    candidates: list[Path] = []
    if value := env.get(variable):
        candidates.append(Path(value))
    else:
        looked.append(f"${variable} (not set)")
    if folder := env.get("KUBEBUILDER_ASSETS"):
        candidates.append(Path(folder) / name)
    else:
        looked.append("$KUBEBUILDER_ASSETS (not set)")
    candidates.append(Path("/usr/local/kubebuilder/bin") / name)
    for path in candidates:
        if os.access(path, os.X_OK) and path.is_file():
            return path, looked
        looked.append(str(path))
    return None, looked


@functools.cache
def binary_version(path: Path) -> tuple[int, int]:
    """Major and minor of a Kubernetes binary, from its `--version`."""
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    match = re.search(r"v(\d+)\.(\d+)", text)
    if match is None:
        raise RuntimeError(f"cannot read a version from {text!r}")
    return int(match[1]), int(match[2])
