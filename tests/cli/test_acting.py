"""issue, rotate, revoke, verify and journal, on an embedded fleet, with kubectl as the one who uses what was made."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import cast

import msgspec
import pytest

from tests.cli.conftest import Result, command, environment, kubemint
from tests.controlplane import RealControlPlane
from tui.headless.acting import Progress, perform
from tui.issuance.engine import Engine
from tui.issuance.errors import UsageError
from tui.issuance.types import Address, Plan

KUBECTL = shutil.which("kubectl")


@pytest.fixture
def robot(served: Path, tmp_path: Path) -> Path:
    """A kubeconfig that was just issued for a new account `robot` in `tenant-a`."""
    path = tmp_path / "robot.kc"
    result = issue(served, "--create", "--out", path)
    assert result.code == 0, result
    assert result.out == f"file:{path}\n"
    return path


def issue(served: Path, *arguments: str | Path, name: str = "robot") -> Result:
    where = ("-n", "default", "--context", "tenant-a", "--kubeconfig", served)
    return kubemint("issue", name, *where, "--duration", "30m", *arguments)


def token_in(path: Path) -> str:
    import yaml

    token = yaml.safe_load(path.read_text())["users"][0]["user"]["token"]
    assert isinstance(token, str)
    return token


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
        [KUBECTL or "kubectl", "--kubeconfig", path, "config", "get-contexts", "-o", "name"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert "mine" in contexts.stdout.split()
    assert len(contexts.stdout.split()) == 2


def test_rotate_then_the_old_one_ends(served: Path, robot: Path) -> None:
    old = token_in(robot)
    result = kubemint("rotate", robot, "--kubeconfig", served, "--grace", "500ms")
    assert (result.code, result.out) == (0, f"file:{robot}\n"), result
    new = token_in(robot)
    assert new != old
    assert kubemint("verify", robot, "--kubeconfig", served).code == 0
    former = robot.with_name("former.token")
    former.write_text(old)
    refused = refused_within_15_s(served, former)
    assert old not in refused.err


def test_no_wait_leaves_the_old_one_to_the_next_run(served: Path, robot: Path) -> None:
    result = kubemint("rotate", f"file:{robot}", "--kubeconfig", served, "--grace", "1s", "--no-wait")
    assert result.code == 0, result
    assert "the next kubemint" in result.err
    steps = [entry["step"] for entry in kubemint("journal", "-o", "json").json["items"]]
    assert not any(step.startswith("revoke") for step in steps)
    kubemint("rotate", f"file:{robot}", "--kubeconfig", served, "--grace", "0s")
    steps = [entry["step"] for entry in kubemint("journal", "-o", "json").json["items"]]
    assert [step.partition(":")[0] for step in steps].count("revoke") == 2, steps


def test_partly_done_is_3_and_each_has_a_result(served: Path, robot: Path) -> None:
    missing = "secret:tenant-a/default/nowhere"
    result = kubemint("rotate", robot, missing, "--kubeconfig", served, "--grace", "0s", "-o", "json")
    assert result.code == 3, result
    assert [(item["address"], item["ok"]) for item in result.json["items"]] == [
        (f"file:{robot}", True),
        (missing, False),
    ]
    assert "not found" in result.json["items"][1]["error"]


def test_rotate_a_dpu_request(served: Path) -> None:
    listed = kubemint("list", "requests", "--kubeconfig", served, "--context", "harbor", "-o", "json").json["items"]
    address = next(
        item["address"] for item in listed if item["state"] in ("valid", "due") and not item["targetCluster"]
    )
    result = kubemint("rotate", address, "--kubeconfig", served, "--grace", "0s", "-o", "json")
    assert result.code == 0, result
    (item,) = result.json["items"]
    assert item["credential"]["state"] == "valid"
    assert kubemint("verify", address, "--kubeconfig", served).code == 0


def test_due_renews_what_is_due_and_only_that(served: Path) -> None:
    scope = ("--kubeconfig", served, "--context", "tenant-b")
    before = kubemint("list", "credentials", *scope, "-o", "json").json["items"]
    due = {
        item["address"]
        for item in before
        if item["state"] in ("due", "expired", "failed") and item["kind"] in ("secret", "request", "file")
    }
    result = kubemint("rotate", "--due", *scope, "--no-wait", "-q")
    assert set(result.out.split()) <= due
    assert result.code in (0, 3), result
    after = {
        item["address"]: item["state"] for item in kubemint("list", "credentials", *scope, "-o", "json").json["items"]
    }
    for address in result.out.split():
        assert after[address] == "valid"


def test_watch_renews_what_is_due_until_it_is_ended() -> None:
    process = subprocess.Popen(
        command("--demo", "--context", "harbor", "rotate", "--due", "--watch", "-n", "monitoring", "--grace", "0s"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    renewed = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, err = process.communicate(timeout=20)
    assert renewed.startswith("secret:harbor/monitoring/"), err
    assert process.returncode == 0, err
    assert "watching; end it with ctrl+c" in err
    assert "Traceback" not in err
    assert renewed not in rest


def test_revoke_asks_where_it_can_and_refuses_where_it_cannot(served: Path, robot: Path) -> None:
    kubemint("revoke", robot, "--kubeconfig", served).failed(2, "no terminal to ask", "--yes")
    assert kubemint("verify", robot, "--kubeconfig", served).code == 0
    for answer, code in {"n": 1, "y": 0}.items():
        assert on_terminal(["revoke", str(robot), "--kubeconfig", str(served)], answer) == code
        done = [
            entry["step"] for entry in kubemint("journal", "-o", "json").json["items"] if entry["action"] == "revoke"
        ]
        assert ("handle" in done) is (answer == "y")


def on_terminal(arguments: list[str], answer: str) -> int:
    """Run with a terminal as stdin and type `answer`; gives the exit code."""
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        command(*arguments), stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    os.close(terminal)
    os.write(controller, answer.encode() + b"\n")
    process.communicate(timeout=30)
    os.close(controller)
    return process.returncode


def test_revoke_with_yes(served: Path, robot: Path) -> None:
    result = kubemint("revoke", robot, "--kubeconfig", served, "--yes")
    assert (result.code, result.out) == (0, f"file:{robot}\n"), result
    steps = [entry["step"] for entry in kubemint("journal", "-o", "json").json["items"] if entry["action"] == "revoke"]
    assert "handle" in steps


def refused_within_15_s(kubeconfig: Path, what: Path, context: str = "tenant-a") -> Result:
    """API servers believe a token that they have just seen for ten seconds more."""
    deadline = time.monotonic() + 15
    while True:
        result = kubemint("verify", what, "--kubeconfig", kubeconfig, "--context", context)
        if result.code != 0:
            result.failed(1, "refused")
            return result
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.parametrize(
    "verb", [("issue", "x", "-n", "default", "--out", "x"), ("rotate", "file:/x"), ("revoke", "file:/x", "--yes")]
)
def test_read_only_refuses_what_changes_something(served: Path, verb: tuple[str, ...]) -> None:
    kubemint("--read-only", "--context", "harbor", "--kubeconfig", served, *verb).failed(2, "--read-only")


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
        ((), "say where to put it"),
        (("--out", "-"), "never written to the terminal"),
        (("--merge", "x", "--type", "token"), "--merge is for kubeconfigs"),
        (("--secret", "robot"), "--secret is NAMESPACE/NAME"),
        (("--out", "x", "--type", "jks"), "'jks'"),
        (("--out", "x", "--duration", "9m"), "10"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_wishes_are_usage_errors(served: Path, arguments: tuple[str, ...], part: str) -> None:
    kubemint(
        "issue", "robot", "-n", "default", "--context", "tenant-a", "--kubeconfig", served, *arguments
    ).failed(2, part)  # fmt: skip


@pytest.mark.parametrize("address", ["nonsense", "secret:a", "secret:/a/b", "shoot:a/b/c"])
def test_what_is_no_address(served: Path, address: str) -> None:
    kubemint("rotate", address, "--kubeconfig", served).failed(2, "an address is KIND:CLUSTER/NAMESPACE/NAME")


def test_rotate_needs_to_know_what(served: Path) -> None:
    kubemint("rotate", "--kubeconfig", served).failed(2, "name credentials, or say --due")
    kubemint("rotate", "--due", "file:/x", "--kubeconfig", served).failed(2, "--due takes no addresses")


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


def test_journal_is_empty_at_first_and_whole_later(served: Path, robot: Path) -> None:
    assert "nothing was done" in kubemint("journal", env={"XDG_STATE_HOME": str(robot.parent / "none")}).err
    whole = kubemint("journal", "--verify")
    assert (whole.code, whole.out) == (0, "")
    assert "the journal is whole" in whole.err
    table = kubemint("journal", "--limit", "3")
    assert len(table.out.splitlines()) == 4
    assert kubemint("journal", "-o", "json", "--limit", "2").json["kind"] == "JournalEntryList"


def test_a_journal_that_somebody_changed_is_noticed(robot: Path, home: Path) -> None:
    import sqlite3

    assert robot.exists()
    with sqlite3.connect(home / ".local/state/kubemint/state.db") as db:
        db.execute("UPDATE journal SET message = 'nothing to see' WHERE seq = 3")
    result = kubemint("journal", "--verify")
    assert result.code == 1
    assert "broken at entry 3" in result.err


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
    kubemint("inspect", tmp_path / "nowhere").failed(1, "cannot read", "nowhere")


@pytest.mark.real
@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_issue_rotate_and_revoke_on_a_real_control_plane(real_cluster: RealControlPlane, tmp_path: Path) -> None:
    path = tmp_path / "robot.kc"
    config = real_cluster.kubeconfig
    where = ("--kubeconfig", config, "--context", "real")
    issued = kubemint("issue", "cli-robot", "-n", "default", *where, "--create", "--duration", "10m", "--out", path)
    assert issued.code == 0, issued
    allowed = subprocess.run(
        [KUBECTL or "", "--kubeconfig", path, "auth", "can-i", "get", "secrets"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert allowed.stdout.strip() == "no"
    old = tmp_path / "former.token"
    old.write_text(token_in(path))
    assert kubemint("rotate", path, *where, "--grace", "0s").code == 0
    assert token_in(path) != old.read_text()
    listed = kubemint("list", "credentials", *where, "-o", "json")
    (mine,) = [item for item in listed.json["items"] if item["address"] == f"file:{path}"]
    assert mine["state"] == "valid"
    assert mine["grantedSeconds"] == 600
    refused_within_15_s(config, old, "real")
    assert kubemint("verify", path, *where).code == 0
    assert kubemint("revoke", path, *where, "--yes").code == 0
    refused_within_15_s(config, path, "real")


def test_verify_says_what_a_path_is_that_is_no_file(tmp_path: Path) -> None:
    """A folder or a pipe is not taken for a mistyped address."""
    os.mkfifo(tmp_path / "pipe")
    kubemint("verify", tmp_path / "pipe").failed(1, "is not a regular file")
    kubemint("verify", tmp_path).failed(1, str(tmp_path))


def test_undo_puts_back_what_a_file_still_holds(served: Path, robot: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.write_bytes(robot.read_bytes())
    assert kubemint("undo", robot, "--kubeconfig", served).code == 2, "nothing was rotated"
    kubemint("rotate", robot, "--kubeconfig", served, "--grace", "5m", "--no-wait")
    assert robot.read_bytes() != backup.read_bytes()
    refused = kubemint("undo", robot, "--kubeconfig", served)
    assert refused.code == 2, refused
    assert "--from" in refused.err
    shown = kubemint("undo", robot, "--from", backup, "--kubeconfig", served, "--dry-run", "-o", "json").json
    assert [step["step"] for step in shown["steps"]][:3] == ["intent", "prove", "write:0"]
    result = kubemint("undo", robot, "--from", backup, "--kubeconfig", served, "--grace", "0s")
    assert (result.code, result.out) == (0, f"file:{robot}\n"), result
    assert robot.read_bytes() == backup.read_bytes()
    assert kubemint("verify", robot, "--kubeconfig", served).code == 0


def test_a_dry_run_of_what_is_due_finishes_nothing_that_is_open(served: Path, robot: Path) -> None:
    where = ("--kubeconfig", served, "--context", "tenant-a")
    left = kubemint("rotate", robot, "--kubeconfig", served, "--grace", "0s", "--no-wait")
    assert left.code == 0, left
    before = entries()
    assert not any(entry["step"].startswith("revoke") for entry in before), "the next run is to revoke it"
    shown = kubemint("rotate", "--due", "--dry-run", *where)
    assert shown.code == 0, shown
    assert entries() == before
    assert kubemint("rotate", "--due", "-n", "default", "--read-only", "--dry-run", *where).code == 0
    assert entries() == before


def test_a_dry_run_of_many_shows_what_can_be_done_and_says_what_cannot(served: Path, robot: Path) -> None:
    wrong = "secret:tenant-a/default/nope"
    shown = kubemint("rotate", wrong, robot, "--kubeconfig", served, "--dry-run", "-o", "json")
    assert shown.code == 3, shown
    assert shown.err.startswith(f"kubemint: {wrong}: ")
    assert shown.json["address"] == f"file:{robot}"
    none = kubemint("rotate", wrong, f"{wrong}2", "--kubeconfig", served, "--dry-run")
    assert (none.code, none.out) == (1, "")


def entries() -> list[dict[str, object]]:
    items: list[dict[str, object]] = kubemint("journal", "-o", "json").json["items"]
    return items


async def test_a_mistake_with_one_of_several_costs_the_others_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A loop that runs for months must not end because one credential brings out a mistake of ours."""
    addresses = [Address.parse("secret:harbor/ci/one"), Address.parse("secret:harbor/ci/two")]

    async def plan(_: object, address: Address) -> Plan:
        if address is addresses[0]:
            raise LookupError("hunter2")
        raise UsageError("not today")

    outcomes = await perform(cast("Engine", None), addresses, plan, Progress())
    assert [(one.address, one.ok) for one in outcomes] == [(address, False) for address in addresses]
    assert outcomes[0].error == "an unexpected LookupError in kubemint"
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err
    assert "secret:harbor/ci/two: not today" in said.err


def test_the_journal_goes_to_a_file_as_people_want_it(robot: Path, tmp_path: Path) -> None:
    assert robot.exists()
    everything = kubemint("journal", "-o", "jsonl").out.splitlines()
    some = kubemint("journal", "-o", "jsonl", "--filter", "step:commit").out.splitlines()
    assert 0 < len(some) < len(everything)
    path = tmp_path / "journal.csv"
    written = kubemint("journal", "-o", "csv", "--out", path)
    assert (written.code, written.out) == (0, f"{path}\n"), written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == len(everything) + 1
    kubemint("journal", "-o", "csv", "--out", path).failed(1, "is there already")
    assert kubemint("journal", "-o", "json", "--out", path, "--force").code == 0
    assert msgspec.json.decode(path.read_bytes())["kind"] == "JournalEntryList"
    kubemint("journal", "--out", path).failed(2, "--out goes with")
    kubemint("journal", "-o", "csv", "--force").failed(2, "--force goes with --out")
