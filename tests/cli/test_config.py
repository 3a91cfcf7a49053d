"""`kubemint config`, and what the file means for the other commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import kubemint


@pytest.fixture
def file(home: Path) -> Path:
    path = home / ".config" / "kubemint" / "config.yaml"
    path.parent.mkdir(parents=True)
    return path


def test_path_is_in_the_xdg_folder_or_where_the_variable_says(file: Path, tmp_path: Path) -> None:
    assert kubemint("config", "path").out == f"{file}\n"
    assert kubemint("config", "path", env={"KUBEMINT_CONFIG": str(tmp_path / "x")}).out == f"{tmp_path / 'x'}\n"


def test_show_says_what_counts_and_why(file: Path) -> None:
    file.write_text("theme: light\n")
    shown = kubemint("config", "show", "--read-only", env={"KUBEMINT_GRACE": "2m"}).out
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    assert lines["theme"] == ["light", "file", f"{file}:1"]
    assert lines["grace"] == ["2m", "environment", "KUBEMINT_GRACE"]
    assert lines["readOnly"] == ["true", "flag", "--read-only"]
    assert lines["confirm"] == ["destructive", "default"]
    assert kubemint("config", "show", "-o", "json").json["theme"] == "light"


def test_check_names_every_mistake_and_exits_1(file: Path) -> None:
    nothing = kubemint("config", "check")
    assert nothing.code == 0
    assert "does not exist" in nothing.err
    file.write_text("theme: light\ngrace: 30\nkeymap: {rotate: e}\n")
    result = kubemint("config", "check")
    assert result.code == 1
    assert [line.partition(": ")[0] for line in result.out.splitlines()] == [f"{file}:2", f"{file}:3"]
    assert [item["path"] for item in kubemint("config", "check", "-o", "json").json["items"]] == [
        "grace", "keymap.rotate",
    ]  # fmt: skip
    file.write_text("theme: light\n")
    assert kubemint("config", "check").code == 0
    assert kubemint("config", "check", "/nonexistent.yaml").code == 1


def test_schema_is_json(file: Path) -> None:
    schema = json.loads(kubemint("config", "schema").out)
    assert "alerts" in schema["$defs"]["Settings"]["properties"]


def test_a_protected_cluster_is_not_changed_by_any_command(served: Path, file: Path, tmp_path: Path) -> None:
    file.write_text("readOnlyContexts: [harb*]\ngrace: 0s\n")
    out = tmp_path / "x.kubeconfig"
    issue = ("issue", "x", "-n", "default", "--create", "--out", out, "--kubeconfig", served)
    kubemint(*issue, "--context", "harbor").failed(1, "harbor is read-only ('harb*' in readOnlyContexts", f"{file}:1")
    assert not out.exists()
    kubemint("reconcile", "-A", "--take-over", "--context", "harbor", "--kubeconfig", served).failed(
        1, "harbor is read-only"
    )
    assert kubemint("list", "accounts", "--context", "harbor", "--kubeconfig", served).code == 0
    result = kubemint(*issue, "--context", "tenant-a", "-o", "json")
    assert result.code == 0, result
    file.write_text("readOnlyContexts: [tenant-a]\n")
    kubemint("revoke", out, "--yes", "--kubeconfig", served).failed(1, "tenant-a is read-only")
    kubemint("rotate", out, "--kubeconfig", served).failed(1, "tenant-a is read-only")
    file.write_text("readOnly: true\n")
    kubemint("rotate", out, "--kubeconfig", served).failed(2, f"{file}:1 forbids that")
    file.write_text("readOnly: perhaps\n")
    result = kubemint("rotate", out, "--kubeconfig", served)
    assert result.code == 1
    assert "must be true or false" in result.err
    assert "cannot be read" in result.err


def test_the_configured_lifetime_is_asked_for(served: Path, file: Path, tmp_path: Path) -> None:
    file.write_text("lifetime: 2h\n")
    issue = ("issue", "y", "-n", "default", "--create", "--out", tmp_path / "y", "--kubeconfig", served)
    plan = kubemint(*issue, "--context", "tenant-a", "-o", "json").json
    assert "7200" in json.dumps(plan) or "2h" in json.dumps(plan)
