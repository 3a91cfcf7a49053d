"""The core as a library: cheap to import, without a screen, and usable in ten lines."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tui.issuance
from tests.issuance.arena import Arena
from tests.kube.kubeconfigs import needs_kubectl
from tui.issuance.errors import UsageError
from tui.issuance.model.clusters import Clusters, KubeconfigClusters

SCRIPT = Path(__file__).with_name("ten_lines.py")
ROOT = Path(__file__).parents[2]


def python(*arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@needs_kubectl
def test_the_ten_lines_issue_a_kubeconfig_that_works(embedded: Arena, tmp_path: Path) -> None:
    """As a user runs it: a process of its own, the kubeconfig by `KUBECONFIG`, the file where it stands."""
    result = python(str(SCRIPT), cwd=tmp_path, KUBECONFIG=str(embedded.kubeconfig))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert re.search(r"^expires 20\d\d-", result.stdout, re.MULTILINE), result.stdout
    made = tmp_path / "robot.kubeconfig"
    assert made.stat().st_mode & 0o777 == 0o600
    who = subprocess.run(
        ["kubectl", "--kubeconfig", made, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert who.stdout == "system:serviceaccount:default:robot", who.stderr


def test_it_is_about_ten_lines() -> None:
    body = SCRIPT.read_text().partition("async def main")[2].partition("\n\n\n")[0]
    assert len(body.strip().splitlines()) <= 11


def test_importing_it_is_cheap_and_brings_no_screen() -> None:
    """What `import tui.issuance` loads, and what using the engine loads."""
    bare = set(python("-c", "import sys, tui.issuance; print(*sys.modules)").stdout.split())
    assert not {"msgspec", "sqlite3", "aiohttp", "yaml", "cryptography", "tui.issuance.engine"} & bare
    heavy = "import sys; from tui.issuance import Engine, KubeconfigClusters, StateStore; print(*sys.modules)"
    loaded = set(python("-c", heavy).stdout.split())
    assert "tui.issuance.engine" in loaded
    assert not {"textual", "rich", "kubernetes", "aiohttp"} & loaded


def test_everything_that_is_exported_is_there() -> None:
    for name in tui.issuance.__all__:
        assert getattr(tui.issuance, name) is not None
    assert set(tui.issuance.__all__) <= set(dir(tui.issuance))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = tui.issuance.nothing  # type: ignore[attr-defined]


def test_what_type_checkers_are_told_is_what_is_imported() -> None:
    """The names stand there twice, since nothing may be imported before it is used."""
    source = ast.parse(Path(tui.issuance.__file__).read_text())
    told: dict[str, str] = {}
    for node in ast.walk(source):
        if isinstance(node, ast.ImportFrom) and node.level:
            told |= {one.asname or one.name: f"tui.issuance.{node.module}.{one.name}" for one in node.names}
    assert set(told) == set(tui.issuance.__all__)
    for name, home in told.items():
        module, _, there = home.rpartition(".")
        assert getattr(tui.issuance, name) is getattr(import_module(module), there), name


async def test_clusters_are_the_contexts_of_a_kubeconfig(embedded: Arena) -> None:
    async with KubeconfigClusters(str(embedded.kubeconfig)) as clusters:
        assert isinstance(clusters, Clusters)
        assert "harbor" in clusters.names()
        assert clusters.current == "harbor"
        assert await clusters.client("harbor") is await clusters.client("harbor")
        assert clusters.endpoint("harbor").server.startswith("https://127.0.0.1:")
        with pytest.raises(UsageError, match="no cluster is called 'harbour'") as near:
            clusters.endpoint("harbour")
        assert near.value.hint == "did you mean 'harbor'?"
        with pytest.raises(UsageError) as far:
            await clusters.client("zzz")
        assert far.value.hint.startswith("known: harbor")
