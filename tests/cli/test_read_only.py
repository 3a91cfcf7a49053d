"""--read-only over every verb: what writes is refused, in clusters and on this machine; what looks goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.conftest import kubemint
from tui.cli import cli

SECRET = "secret:harbor/payments/api-kubeconfig"
LEGACY = "legacy:harbor/payments/api-token"
ROBOT = ("robot", "-n", "payments")
SHOOT = ("issue", "--shoot", "garden-dev/meadow")

WRITES: dict[str, list[tuple[str, ...]]] = {
    "issue": [
        ("issue", *ROBOT, "--out", "f"),
        ("issue", *ROBOT, "--merge", "f"),
        ("issue", *ROBOT, "--secret", "payments/x"),
        ("issue", *ROBOT, "--exec", "--out", "f"),
        (*SHOOT, "--out", "f"),
        (*SHOOT, "--exec", "--out", "f"),
        (*SHOOT, "--oidc", "--out", "f"),
    ],
    "rotate": [("rotate", SECRET), ("rotate", "--due"), ("rotate", "--due", "--watch")],
    "undo": [("undo", SECRET)],
    "run": [("run", "--account", "payments/robot", "--", "true")],
    "revoke": [("revoke", SECRET, "--yes")],
    "reconcile": [("reconcile", "-A"), ("reconcile", "web", "-n", "dpu")],
    "export": [
        ("export", SECRET, "--out", "f"),
        ("export", SECRET, "--merge", "f"),
        ("export", SECRET, "--secret", "payments/x"),
    ],
    "identity create": [("identity", "create", *ROBOT)],
    "identity token": [("identity", "token", "t", "--out", "f")],
    "identity reactivate": [("identity", "reactivate", LEGACY)],
    "request create": [("request", "create", "r", "-n", "default", "--service-account", "api")],
    "request delete": [("request", "delete", "r", "-n", "default", "--yes")],
    "tenant store": [("tenant", "store", "x", "-n", "default")],
    "tenant push": [("tenant", "push", "x", "-n", "default", "--account", "payments/robot")],
    "csi preview": [
        ("csi", "preview", "d", "--pod", "payments/p"),
        ("csi", "preview", "d", "--pod", "payments/p", "--out", "f"),
    ],
    "journal": [("journal", "-o", "jsonl", "--out", "f")],
    "report": [("report", "--out", "f")],
    "trust": [("trust", "harbor/dpu/x", "--forget")],
    "config use": [("config", "use", "harbor")],
    "config use-context": [("config", "use-context", "harbor")],
    "config merge": [("config", "merge", "g")],
    "config import": [("config", "import", "g")],
    "config unmerge": [("config", "unmerge", "harbor")],
    "exec-credential": [("exec-credential", "-n", "payments", "--account", "api")],
    "demo": [("demo", "--kubeconfig-out", "f")],
}
HABITS = [("create", "token", "api"), ("delete", "cred", SECRET, "--yes")]
"""Words of kubectl that write, which are no verbs of the help."""
LOOKS: dict[str, list[tuple[str, ...]]] = {
    "list": [("list", "credentials"), ("list", "clusters")],
    "verify": [("verify", SECRET)],
    "inspect": [("inspect", SECRET)],
    "can": [("can", SECRET)],
    "who": [("who", SECRET)],
    "snippet": [("snippet", "request:harbor/payments/x")],
    "lineage": [("lineage", SECRET)],
    "hygiene": [("hygiene",)],
    "identity show": [("identity", "show", "api", "-n", "payments")],
    "journal": [("journal",), ("journal", "--verify")],
    "report": [("report",)],
    "trust": [("trust", "--list")],
    "export": [("export", SECRET, "--out", "f", "--dry-run")],
    "csi preview": [("csi", "preview", "d", "--pod", "payments/p", "--dry-run")],
    "config current-context": [("config", "current-context")],
    "config get-contexts": [("config", "get-contexts")],
    "config path": [("config", "path")],
    "config show": [("config", "show")],
    "config schema": [("config", "schema")],
    "config check": [("config", "check")],
    "completion": [("completion", "bash")],
    "rbac": [("rbac", "issue")],
    "manifest loop": [("manifest", "loop")],
}


def verbs(group: click.Group = cli, before: str = "") -> Iterator[str]:
    """Every verb of the program."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from verbs(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_no_verb_is_forgotten() -> None:
    assert set(WRITES) | set(LOOKS) == set(verbs())


@pytest.mark.parametrize("line", [*(line for lines in WRITES.values() for line in lines), *HABITS], ids=" ".join)
@pytest.mark.parametrize("how", ["flag", "environment"])
def test_what_writes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...], how: str
) -> None:
    """Nobody is even asked: there is no cluster behind this kubeconfig."""
    monkeypatch.chdir(tmp_path)
    given = ("--read-only",) if how == "flag" else ()
    env = {"KUBEMINT_READ_ONLY": "1"} if how == "environment" else {}
    where = ("--context", "harbor", "--kubeconfig", str(tmp_path / "none"))
    result = kubemint(*given, *where, *line, env=env)
    result.failed(2, "--read-only" if how == "flag" else "KUBEMINT_READ_ONLY", "forbids that")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", [line for lines in LOOKS.values() for line in lines], ids=" ".join)
def test_what_only_looks_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]) -> None:
    """As far as it gets without a cluster: nobody says that it may not."""
    monkeypatch.chdir(tmp_path)
    result = kubemint("--read-only", "--context", "harbor", "--kubeconfig", tmp_path / "none", *line)
    assert "forbids that" not in result.err, result
    assert "read-only" not in result.err, result
    assert list(tmp_path.iterdir()) == []


def test_contexts_that_are_read_only_are_left_alone_and_files_may_be_written(
    served: Path, tmp_path: Path, home: Path
) -> None:
    """`readOnlyContexts` is about clusters: nothing is changed there and no token asked for; copies may be kept."""
    settings = home / ".config" / "kubemint" / "config.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("readOnlyContexts: [harbor]\n")
    where = ("--context", "harbor", "--kubeconfig", str(served))
    for line in (
        ("issue", *ROBOT, "--create", "--out", "f"),
        ("rotate", SECRET),
        ("revoke", SECRET, "--yes"),
        ("csi", "preview", "secrets-store.csi.k8s.io", "--pod", "payments/vault-api-0"),
        ("exec-credential", "-n", "payments", "--account", "api"),
        ("export", SECRET, "--secret", "payments/x"),
    ):
        result = kubemint(*where, *line)
        assert (result.code, "harbor is read-only" in result.err) == (1, True), (line, result)
    assert kubemint(*where, "export", SECRET, "--out", tmp_path / "copy").code == 0
    assert (tmp_path / "copy").exists()
