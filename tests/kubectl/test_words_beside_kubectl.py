"""The same words, the same verdict: the deadline flag and the current context, typed to kubectl and to kubemint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import kubemint
from tui.kube.kubeconfig import load

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not in PATH")


def kubectl(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kubectl", *words], capture_output=True, text=True, timeout=60, check=False)


def kubeconfig(path: Path, current: str, *names: str) -> Path:
    """A kubeconfig of contexts that lead to nobody."""
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": current, "users": [{"name": "u", "user": {}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in names],
    }))  # fmt: skip
    return path


@pytest.mark.parametrize("said", ["5", "5s", "1m30s", "1.5s", "0", "0s", "250ms", "soon", "-5", "5 s", "5x", "s"])
def test_request_timeout(tmp_path: Path, said: str) -> None:
    path = kubeconfig(tmp_path / "config", "a", "a")
    theirs = kubectl("--kubeconfig", path, f"--request-timeout={said}", "get", "--raw", "/version")
    ours = kubemint("list", "accounts", "--kubeconfig", path, f"--request-timeout={said}", "--wait", "100ms")
    refused = "invalid timeout value" in theirs.stderr.lower()
    assert refused == ("not a duration" in ours.err), (theirs, ours)


def test_days_are_more_than_kubectl_reads(tmp_path: Path) -> None:
    """On purpose: wherever kubemint reads a length of time, it reads days and weeks."""
    path = kubeconfig(tmp_path / "config", "a", "a")
    theirs = kubectl("--kubeconfig", path, "--request-timeout=1d", "get", "--raw", "/version")
    assert "invalid timeout value" in theirs.stderr.lower()
    ours = kubemint("list", "accounts", "--kubeconfig", path, "--request-timeout=1d", "--wait", "100ms")
    assert "not a duration" not in ours.err


@pytest.mark.parametrize("name", ["a", "b", "nowhere", "with space", "it;$(touch ran)"])
@pytest.mark.parametrize("listed", ["one", "both", "second has it"])
def test_the_current_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, listed: str) -> None:
    """By use-context and by `config use`, over one file and over a list of two: the same files say the same after."""
    after = {}
    for who in ("kubectl", "kubemint"):
        (folder := tmp_path / who).mkdir()
        first = kubeconfig(folder / "first", "" if listed == "second has it" else "a", "a", "with space")
        second = kubeconfig(folder / "second", "a" if listed != "one" else "", "b", "it;$(touch ran)")
        files = [first] if listed == "one" else [first, second]
        monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, files)))
        if who == "kubectl":
            code = kubectl("config", "use-context", name).returncode
        else:
            code = kubemint("config", "use", name, "--force").code
        after[who] = (code == 0, [load(str(file)).current_context for file in (first, second)])
    assert after["kubectl"] == after["kubemint"]
