"""`kubemint verify` and `kubemint inspect`: what a cluster says of a credential, and what it says itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import kubemint, token_in


def test_verify_a_kubeconfig_from_stdin(robot: Path) -> None:
    result = kubemint("verify", "-", "-o", "json", stdin=robot.read_text())
    assert result.code == 0, result
    assert result.json["username"] == "system:serviceaccount:default:robot"


def test_verify_runs_no_plugin_of_a_foreign_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    path.write_text(
        "clusters:\n- name: c\n  cluster: {server: 'https://127.0.0.1:1'}\n"
        "contexts:\n- name: c\n  context: {cluster: c, user: u}\ncurrent-context: c\n"
        "users:\n- name: u\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"
        f"      command: touch\n      args: [{tmp_path / 'ran'}]\n      interactiveMode: Never\n"
    )
    result = kubemint("verify", path)
    assert result.code in (1, 2), result
    assert result.err.startswith("kubemint: ")
    assert not (tmp_path / "ran").exists()


def test_verify_a_bare_token_needs_to_know_where(served: Path, robot: Path) -> None:
    bare = robot.with_name("robot.token")
    bare.write_text(token_in(robot))
    kubemint("verify", bare, "--kubeconfig", served).failed(2, "bare token", "--context")
    assert kubemint("verify", bare, "--kubeconfig", served, "--context", "tenant-a").code == 0


def test_verify_says_what_a_path_is_that_is_no_file(tmp_path: Path) -> None:
    """A folder or a pipe is not taken for a mistyped address."""
    os.mkfifo(tmp_path / "pipe")
    kubemint("verify", tmp_path / "pipe").failed(1, "is not a regular file")
    kubemint("verify", tmp_path).failed(1, str(tmp_path))


def test_inspect_a_kubeconfig_tells_everything_but_the_token(robot: Path) -> None:
    table = kubemint("inspect", robot)
    assert table.code == 0, table
    assert "system:serviceaccount:default:robot" in table.out
    assert token_in(robot) not in table.out
    data = kubemint("inspect", robot, "-o", "json")
    assert data.json["kind"] == "Inspection"
    assert data.json["type"] == "kubeconfig"
    assert data.json["expiresAt"].endswith("Z")
    (token,) = [item for item in data.json["items"] if item["kind"] == "token"]
    assert token["claims"]["serviceAccount"] == "robot"
    assert token_in(robot) not in data.out


def test_inspect_a_token_from_stdin(robot: Path) -> None:
    result = kubemint("inspect", "-", "-o", "json", stdin=token_in(robot) + "\n")
    assert result.code == 0, result
    assert result.json["type"] == "token"


@pytest.mark.parametrize("content", ["", "hello", "\x00\x01"])
def test_inspect_what_is_nothing_known(content: str) -> None:
    result = kubemint("inspect", "-", stdin=content)
    assert result.code in (1, 2)
    result.failed(result.code)


def test_inspect_a_file_that_is_not_there(tmp_path: Path) -> None:
    kubemint("inspect", tmp_path / "nowhere").failed(2, "nowhere is neither a file nor an address")


@pytest.mark.parametrize("verb", ["verify", "inspect"])
def test_an_address_is_never_a_file_of_that_name(
    served: Path, robot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Whoever may write into the working folder would choose what is looked at, and called good."""
    planted = tmp_path / "anybodys" / "secret:tenant-a" / "default"
    planted.mkdir(parents=True)
    shutil.copyfile(robot, planted / "nothing")
    monkeypatch.chdir(tmp_path / "anybodys")
    result = kubemint(verb, "secret:tenant-a/default/nothing", "--kubeconfig", served)
    assert result.code == 1, result
    assert "nothing" in result.err
