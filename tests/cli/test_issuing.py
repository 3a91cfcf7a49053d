"""`kubemint issue` on an embedded fleet, with kubectl as the one who uses what was made."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import issue, kubemint, token_in

KUBECTL = shutil.which("kubectl")


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_kubectl_works_as_the_account_and_nothing_more(robot: Path) -> None:
    assert KUBECTL is not None
    me = subprocess.run(
        [KUBECTL, "--kubeconfig", robot, "auth", "whoami", "-o", "json"], capture_output=True, timeout=30, check=True
    )
    user = msgspec.json.decode(me.stdout)["status"]["userInfo"]["username"]
    assert user == "system:serviceaccount:default:robot"
    secrets = subprocess.run(
        [KUBECTL, "--kubeconfig", robot, "get", "secrets"], capture_output=True, text=True, timeout=30, check=False
    )
    assert secrets.returncode != 0
    assert "forbidden" in secrets.stderr.lower()


def test_the_file_is_private_and_its_token_is_printed_nowhere(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "robot.kc"
    result = issue(served, "--create", "--out", path, "-o", "json")
    assert result.code == 0, result
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = token_in(path)
    assert token not in result.out + result.err
    (item,) = result.json["items"]
    assert item["ok"] is True
    assert item["credential"]["state"] == "valid"
    assert item["credential"]["grantedSeconds"] == 1800
    assert [step["status"] for step in item["steps"]] == ["done"] * len(item["steps"])
    journal = kubemint("journal", "-o", "json")
    assert token not in journal.out
    assert {entry["address"] for entry in journal.json["items"]} == {f"file:{path}"}


def test_days_and_weeks_are_asked_for_in_seconds(served: Path, tmp_path: Path) -> None:
    result = issue(served, "--create", "--duration", "2w", "--out", tmp_path / "long.kc", "-o", "json", name="weeks")
    assert result.code == 0, result
    assert result.json["items"][0]["credential"]["requestedSeconds"] == 14 * 86400
    listed = kubemint("list", "credentials", "--kubeconfig", served, "--expiring", "30d", "--wait", "30s", "-o", "name")
    assert listed.code == 4, listed
    assert f"file:{tmp_path / 'long.kc'}" in listed.out


def test_progress_goes_to_stderr_and_quiet_means_quiet(served: Path, tmp_path: Path) -> None:
    loud = issue(served, "--create", "--out", tmp_path / "a.kc")
    assert "Request the token" in loud.err
    quiet = issue(served, "--create", "--out", tmp_path / "b.kc", "-q")
    assert (quiet.out, quiet.err) == (f"file:{tmp_path / 'b.kc'}\n", "")


def test_a_dry_run_says_what_it_would_do_and_does_nothing(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "robot.kc"
    result = issue(served, "--create", "--out", path, "--dry-run", name="dry")
    assert result.code == 0, result
    assert "create serviceaccounts/token" in result.out
    assert not path.exists()
    as_json = issue(served, "--create", "--out", path, "--dry-run", "-o", "json", name="dry")
    assert as_json.json["kind"] == "Plan"
    assert {step["verb"] for step in as_json.json["steps"]} >= {"create"}
    accounts = kubemint(
        "list", "accounts", "--kubeconfig", served, "--context", "tenant-a", "-n", "default", "-o", "name"
    )
    assert "tenant-a/default/dry" not in accounts.out.splitlines()
    assert kubemint("journal").out == ""


def test_a_secret_and_a_token_file(served: Path) -> None:
    result = issue(served, "--create", "--secret", "default/robot-token-file", "--type", "tokenFile")
    assert (result.code, result.out) == (0, "secret:tenant-a/default/robot-token-file\n"), result
    verified = kubemint("verify", "secret:tenant-a/default/robot-token-file", "--kubeconfig", served)
    assert verified.code == 0
    assert verified.out == "accepted as system:serviceaccount:default:robot (SelfSubjectReview)\n"


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_merge_keeps_what_was_there(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("apiVersion: v1\nkind: Config\ncontexts:\n- name: mine\n  context: {cluster: c, user: u}\n")
    before = path.read_text()
    planned = issue(served, "--create", "--merge", path, "--dry-run")
    assert planned.code == 0, planned
    assert any(line.startswith("+") for line in planned.out.splitlines()), planned.out  # the diff, before it is done
    assert path.read_text() == before
    result = issue(served, "--create", "--merge", path)
    assert result.code == 0, result
    contexts = subprocess.run(
        [KUBECTL or "", "--kubeconfig", path, "config", "get-contexts", "-o", "name"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert "mine" in contexts.stdout.split()
    assert len(contexts.stdout.split()) == 2


def test_missing_namespace(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.kc"
    where = ("--context", "tenant-a", "--kubeconfig", served, "--out", path, "--create")
    kubemint("issue", "x", *where).failed(2, "'--namespace'")
    result = kubemint("issue", "x", "-n", "nowhere", *where)
    assert result.code == 1, result
    assert any("nowhere" in line for line in result.err.splitlines() if line.startswith("kubemint: "))
    assert not path.exists()


def test_missing_account_without_create(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.kc"
    result = issue(served, "--out", path, name="nobody-there")
    result.failed(2, "nobody-there", "--create")
    assert not path.exists()


def test_a_destination_that_cannot_be_written(served: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    result = issue(served, "--create", "--out", blocked / "robot.kc")
    assert result.code == 1, result
    assert any(line.startswith("kubemint: ") and "robot.kc" in line for line in result.err.splitlines())
    assert blocked.read_text() == "in the way"


@pytest.mark.parametrize("way", ["--out", "--merge"])
def test_links_without_an_end_are_refused_before_a_token_is_issued(served: Path, tmp_path: Path, way: str) -> None:
    link = tmp_path / "a.kc"
    link.symlink_to("b.kc")
    (tmp_path / "b.kc").symlink_to("a.kc")
    issue(served, "--create", way, link, name="looping").failed(1, str(link), "links")
    assert kubemint("journal").out == ""


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "name a destination"),
        (("--out", "-"), "never written to the terminal"),
        (("--merge", "x", "--type", "token"), "--type: only a kubeconfig can go into a kubeconfig"),
        (("--secret", "robot"), "--secret: write namespace/name"),
        (("--out", "x", "--type", "jks"), "'jks'"),
        (("--out", "x", "--duration", "9m"), "10"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_wishes_are_usage_errors(served: Path, arguments: tuple[str, ...], part: str) -> None:
    kubemint(
        "issue", "robot", "-n", "default", "--context", "tenant-a", "--kubeconfig", served, *arguments
    ).failed(2, part)  # fmt: skip


@pytest.mark.parametrize("more", [(), ("--exec",)])
def test_a_node_is_refused_with_what_binds_to_one(served: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    out = tmp_path / "x"
    asked = ("issue", "robot", "-n", "ci", "--context", "tenant-a", "--bound-node", "n1", *more)
    kubemint(*asked, "--out", out, "--kubeconfig", served).failed(
        2, "bound to its handle", "create token ACCOUNT --bound-node NODE"
    )
    assert not out.exists()
