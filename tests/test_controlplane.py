"""The control plane helper itself: how it looks binaries up, and that it leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.binaries import BINARIES, MissingBinaries, find_binary
from tests.controlplane import RealControlPlane


def test_binaries_are_looked_up_in_envtests_order(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "etcd").write_text("#!/bin/sh\n")
        (tmp_path / folder / "etcd").chmod(0o755)
    assets = {"KUBEBUILDER_ASSETS": str(tmp_path / "two")}
    assert find_binary("etcd", assets)[0] == tmp_path / "two" / "etcd"
    named = {**assets, "TEST_ASSET_ETCD": str(tmp_path / "one" / "etcd")}
    assert find_binary("etcd", named)[0] == tmp_path / "one" / "etcd"


def test_missing_binaries_are_named_with_every_path(tmp_path: Path) -> None:
    with pytest.raises(MissingBinaries) as caught:
        RealControlPlane(environ={"KUBEBUILDER_ASSETS": str(tmp_path), "TEST_ASSET_ETCD": "/nowhere/etcd"})
    for place in ("/nowhere/etcd", str(tmp_path / "etcd"), str(tmp_path / "kube-apiserver")):
        assert place in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent's life")
def test_nothing_outlives_a_killed_parent() -> None:
    missing = [name for name in BINARIES if find_binary(name)[0] is None]
    if missing:
        pytest.skip(f"no real control plane: no {' and no '.join(missing)}")
    repository = Path(__file__).parent.parent
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.controlplane"], cwd=repository, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    kubeconfig = Path(parent.stdout.readline().strip())
    try:
        assert len(_processes_in(kubeconfig.parent)) == len(BINARIES)
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(timeout=10)
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while left := _processes_in(kubeconfig.parent):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)
    shutil.rmtree(kubeconfig.parent)


def _processes_in(folder: Path) -> list[str]:
    """The processes that work in `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.append(entry.name)
        except OSError:  # it ended while we looked
            continue
    return found
