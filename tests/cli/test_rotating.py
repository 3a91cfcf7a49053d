"""`kubemint rotate` and `kubemint undo`: named credentials, what is due, and what one of them replaced."""

from __future__ import annotations

import signal
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.cli.conftest import command, environment, issue, journal_entries, kubemint, refused_within_15_s, token_in
from tui.fleet.fleet import Fleet
from tui.fleet.rows import ClusterRow, Reach
from tui.headless.rotating import _Clusters
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import parse


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
    assert "the next run of kubemint" in result.err
    steps = [entry["step"] for entry in journal_entries()]
    assert not any(step.startswith("revoke") for step in steps)
    kubemint("rotate", f"file:{robot}", "--kubeconfig", served, "--grace", "0s")
    steps = [entry["step"] for entry in journal_entries()]
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


def test_what_was_revoked_stays_so_without_a_word(served: Path, robot: Path) -> None:
    known = ("--kubeconfig", served)
    assert kubemint("revoke", robot, *known, "--yes", "-q").code == 0
    kubemint("rotate", robot, *known).failed(2, "was revoked", "with --yes")
    kubemint("rotate", robot, *known, "--dry-run").failed(2, "was revoked")
    kubemint("rotate", "--due", "--yes", *known).failed(2, "--yes is for named credentials")
    assert kubemint("rotate", robot, *known, "--yes", "--grace", "0s", "-q").code == 0
    assert kubemint("verify", robot, *known).code == 0


def test_a_live_credential_is_not_issued_over_without_a_word(served: Path, robot: Path) -> None:
    where = ("robot", "-n", "default", "--context", "tenant-a", "--kubeconfig", served, "--out", robot)
    before = robot.read_bytes()
    kubemint("issue", *where).failed(
        2, "is a live credential of robot (namespace default, cluster tenant-a), valid for", "kubemint rotate"
    )
    assert robot.read_bytes() == before
    assert kubemint("issue", *where, "--replace", "--grace", "0s", "-q").code == 0
    assert robot.read_bytes() != before
    assert kubemint("revoke", robot, "--kubeconfig", served, "--yes", "-q").code == 0
    assert kubemint("issue", *where, "-q").code == 0, "a dead one is nobody's"


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
    assert "watching; stop with ctrl+c" in err
    assert "Traceback" not in err
    assert renewed not in rest


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


def test_undo_takes_an_issued_secret_away_again(served: Path, tmp_path: Path) -> None:
    """Only where that is said: who types `undo` may mean a rotation."""
    address, copy = "secret:tenant-a/default/unmade", tmp_path / "copy"
    assert issue(served, "--secret", "default/unmade", "--create", name="unmade").code == 0
    kubemint("export", address, "--out", copy, "--kubeconfig", served)
    kubemint("undo", address, "--kubeconfig", served).failed(2, "is also in file:", "kubemint revoke")
    assert issue(served, "--secret", "default/unmade-2", name="unmade").code == 0
    kubemint("undo", f"{address}-2", "--kubeconfig", served).failed(2, "was issued and not rotated since", "--yes")
    shown = kubemint("undo", f"{address}-2", "--yes", "--kubeconfig", served, "--dry-run", "-o", "json").json
    assert [step["step"] for step in shown["steps"]] == ["intent", "handle", "secret:0"]
    result = kubemint("undo", f"{address}-2", "--yes", "--kubeconfig", served, "-o", "json")
    assert (result.code, result.json["items"][0]["action"]) == (0, "undo"), result
    kubemint("inspect", f"{address}-2", "--kubeconfig", served).failed(1, "not found")
    kubemint("undo", f"{address}-2", "--yes", "--kubeconfig", served).failed(1, "not found")


def test_a_dry_run_of_what_is_due_finishes_nothing_that_is_open(served: Path, robot: Path) -> None:
    where = ("--kubeconfig", served, "--context", "tenant-a")
    left = kubemint("rotate", robot, "--kubeconfig", served, "--grace", "0s", "--no-wait")
    assert left.code == 0, left
    before = journal_entries()
    assert not any(entry["step"].startswith("revoke") for entry in before), "the next run is to revoke it"
    shown = kubemint("rotate", "--due", "--dry-run", *where)
    assert shown.code == 0, shown
    assert journal_entries() == before
    assert kubemint("rotate", "--due", "-n", "default", "--read-only", "--dry-run", *where).code == 0
    assert journal_entries() == before


def test_a_dry_run_of_many_shows_what_can_be_done_and_says_what_cannot(served: Path, robot: Path) -> None:
    wrong = "secret:tenant-a/default/nope"
    shown = kubemint("rotate", wrong, robot, "--kubeconfig", served, "--dry-run", "-o", "json")
    assert shown.code == 3, shown
    assert shown.err.startswith(f"kubemint: {wrong}: ")
    assert shown.json["address"] == f"file:{robot}"
    none = kubemint("rotate", wrong, f"{wrong}2", "--kubeconfig", served, "--dry-run")
    assert (none.code, none.out) == (1, "")


@pytest.mark.parametrize("address", ["nonsense", "secret:a", "secret:/a/b", "shoot:a/b/c"])
def test_what_is_no_address(served: Path, address: str) -> None:
    kubemint("rotate", address, "--kubeconfig", served).failed(2, "an address is KIND:CLUSTER/NAMESPACE/NAME")


def test_rotate_needs_to_know_what(served: Path) -> None:
    kubemint("rotate", "--kubeconfig", served).failed(2, "name credentials, or pass --due")
    kubemint("rotate", "--due", "file:/x", "--kubeconfig", served).failed(2, "--due takes no addresses")


def test_due_takes_the_words_for_all_of_it(served: Path) -> None:
    """As lists do: -A and --all-contexts say what is so without them; a part and all of it exclude each other."""
    where = ("--kubeconfig", served, "--dry-run", "-o", "json")
    plain = kubemint("rotate", "--due", *where)
    whole = kubemint("rotate", "--due", "-A", "--all-contexts", *where)
    assert "items" in whole.json or "address" in whole.json, whole
    assert whole.code == plain.code
    kubemint("rotate", "--due", "-A", "-n", "x", *where).failed(2, "-n and -A cannot be used together")
    both = ("--all-contexts", "--context", "harbor")
    kubemint("rotate", "--due", *both, *where).failed(2, "--context and --all-contexts cannot be used together")
    for word in (("-A",), ("--all-contexts",), ("-n", "x")):
        kubemint("rotate", "file:/x", *word, *where).failed(2, f"{word[0]} needs --due")


def with_a_dead_cluster(served: Path, folder: Path) -> Path:
    """The management cluster and one tenant, where nobody listens and nobody vouches for what is delivered."""
    config = yaml.safe_load(served.read_text())
    config["contexts"] = [one for one in config["contexts"] if one["name"] in ("harbor", "tenant-a")]
    for one in config["clusters"]:
        one["cluster"].pop("extensions", None)
        if one["name"] == "tenant-a":
            one["cluster"]["server"] = "https://127.0.0.1:1"
    path = folder / "dead"
    path.write_text(yaml.safe_dump(config))
    return path


def test_watch_names_a_cluster_that_is_away_and_what_is_not_renewed(served: Path, robot: Path, tmp_path: Path) -> None:
    dead = with_a_dead_cluster(served, tmp_path)
    process = subprocess.Popen(
        command("rotate", "--due", "--watch", "-n", "default", "--kubeconfig", dead, "--grace", "0s"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert process.stderr is not None
    said, left = "", f"left alone: file:{robot}: its cluster does not answer"
    while not ("tenant-a: unreachable" in said and left in said):
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGTERM)
    said += process.communicate(timeout=20)[1]
    assert process.returncode == 0, said
    (named,) = [line for line in said.splitlines() if "tenant-a: unreachable" in line]
    assert f"not renewed meanwhile: file:{robot}" in named


def test_what_is_due_in_a_cluster_that_cannot_be_entered_is_said(served: Path, tmp_path: Path) -> None:
    dead = with_a_dead_cluster(served, tmp_path)
    result = kubemint("rotate", "--due", "--kubeconfig", dead, "--context", "harbor", "--take-over", "--dry-run")
    left = "left alone: request:harbor/edge/gateway-west: entering its cluster is not confirmed, although it is due"
    assert left in result.err


def test_a_cluster_is_named_once_and_again_when_that_changes(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(parse(b""), state=None)
    told = _Clusters(fleet, ())

    def now(reach: Reach, message: str = "", **fields: Any) -> str:
        fleet.store.put(ClusterRow(name="tenant", reach=reach, message=message, **fields))
        told.look()
        return capsys.readouterr().err

    assert now(Reach.CONNECTING) == ""
    assert now(Reach.READY) == ""
    gone = now(Reach.UNREACHABLE, "connection refused", hint="check the address")
    assert gone == (
        "kubemint: tenant: unreachable: connection refused; nothing in it is renewed\n  check the address\n"
    )
    assert now(Reach.UNREACHABLE, "no answer") == ""
    assert now(Reach.CONNECTING) == ""
    assert now(Reach.UNREACHABLE, "no answer") == ""
    assert "tenant: needs login: " in now(Reach.NEEDS_LOGIN, "the session is over")
    assert now(Reach.SLOW) == "tenant answers again\n"
    assert now(Reach.READY) == ""
    assert "tenant: untrusted: not confirmed" in now(Reach.UNTRUSTED, "not confirmed")
    assert "tenant: unusable: " in now(Reach.UNUSABLE)
    assert "tenant: TLS failed: " in now(Reach.TLS_FAILED)


def test_what_is_due_and_stuck_is_no_success(served: Path, robot: Path, tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    with closing(StateStore.open()) as state:
        export = state.export_record(Address(CredentialKind.FILE, "", "", str(robot)))
        assert export is not None
        ended = msgspec.structs.replace(export.credential, expires_at=past, rotate_at=past)
        state.record_export(msgspec.structs.replace(export, credential=ended))
    dead = with_a_dead_cluster(served, tmp_path)
    result = kubemint("rotate", "--due", "-n", "default", "--kubeconfig", dead, "--no-wait")
    assert result.code in (1, 3), result
    assert f"left alone: file:{robot}: its cluster does not answer, although it is due" in result.err
    assert "nothing is due" not in result.err
