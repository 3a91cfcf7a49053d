"""Delivered clusters on the command line: without a yes they are named and left out, after one they are in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import kubemint
from tests.cli.test_revoking import on_terminal
from tui.kube.entries import TRUST_EXTENSION

CAPI = "harbor/clusters/tenant-a"
DPU = "harbor/dpf-operator-system/tenant-a"
ASKING = "trust: [{context: harbor, allow: [near], ask: true}]\n"


@pytest.fixture
def unvouched(served: Path, tmp_path: Path) -> Path:
    """The same fleet by a kubeconfig that vouches for nobody, without the contexts that are in trouble."""
    config = yaml.safe_load(served.read_text())
    config["contexts"] = [one for one in config["contexts"] if one["name"] in ("harbor", "tenant-a")]
    for entry in config["clusters"]:
        entry["cluster"].pop("extensions", None)
    assert TRUST_EXTENSION not in yaml.safe_dump(config)
    path = tmp_path / "unvouched"
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path


def configure(text: str) -> None:
    """The settings of this test's home."""
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "kubemint" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def left_out(unvouched: Path, name: str) -> str:
    """What is said where this cluster is asked for by name, and is not entered."""
    result = kubemint("list", "accounts", "--kubeconfig", unvouched, "--context", name)
    assert (result.code, result.out) == (1, ""), result
    assert f"{name}: untrusted" in result.err
    return result.err


def authority(unvouched: Path) -> str:
    """What the tenant's authority is known by, as `trust` prints it."""
    shown = kubemint("trust", CAPI, "--kubeconfig", unvouched, "-o", "json")
    return str(shown.json["authority"])


def test_what_leads_to_this_machine_is_refused_and_the_settings_named(unvouched: Path) -> None:
    refused = kubemint("trust", CAPI, "--kubeconfig", unvouched, "--yes")
    assert refused.code == 1
    assert "it is not entered: its server is on this machine or its own link" in refused.err
    assert "config.yaml" in refused.err
    assert kubemint("trust", "--list").out == ""


def test_without_a_yes_verbs_refuse_with_server_authority_source_and_what_to_run(
    unvouched: Path, tmp_path: Path
) -> None:
    configure(ASKING)
    server = next(
        entry["cluster"]["server"]
        for entry in yaml.safe_load(unvouched.read_text())["clusters"]
        if entry["name"] == "tenant-a"
    )
    known = (server, authority(unvouched))
    api, dpu = (*known, "Cluster API's cluster clusters/tenant-a in harbor", f"kubemint trust {CAPI}"), (
        *known, "DPUCluster dpf-operator-system/tenant-a in harbor", f"kubemint trust {DPU}",
    )  # fmt: skip
    where = ("--kubeconfig", unvouched)
    verbs: Sequence[tuple[tuple[str | Path, ...], tuple[str, ...]]] = (
        (("issue", "robot", "-n", "default", "--create", "--context", CAPI, "--out", tmp_path / "x"), api),
        (("issue", "robot", "-n", "default", "--create", "--context", DPU, "--out", tmp_path / "x"), dpu),
        (("rotate", f"secret:{CAPI}/default/x"), api),
        (("can", "default/robot", "--context", CAPI), api),
        (("exec-credential", "--context", CAPI, "-n", "default", "--account", "robot"), api),
        (("tenant", "store", "tenant-a", "-n", "clusters", "--context", "harbor"), api),
        (("tenant", "push", "tenant-a", "-n", "clusters", "--context", "harbor", "--account", "clusters/x"), api),
        (("rotate", "request:harbor/dpf-operator-system/flannel"), dpu),
    )
    for arguments, words in verbs:
        result = kubemint(*arguments, *where)
        assert result.code == 1, result
        for word in ("is not confirmed", *words):
            assert word in result.err, (arguments, word, result.err)
    assert not (tmp_path / "x").exists()
    kept = kubemint("reconcile", "flannel", "-n", "dpf-operator-system", "--take-over", "--context", "harbor", *where)
    assert kept.code == 1, kept
    assert all(word in kept.out + kept.err for word in ("is not confirmed", *dpu)), kept


def test_lists_go_on_without_them_and_say_so(unvouched: Path) -> None:
    configure(ASKING)
    where = ("--kubeconfig", unvouched)
    clusters = kubemint("list", "clusters", *where, "-o", "json").json["items"]
    states = {item["name"]: item for item in clusters}
    assert states[CAPI]["state"] == states[DPU]["state"] == "untrusted"
    assert states[CAPI]["hint"] == f"look at it and confirm it: kubemint trust {CAPI}"
    assert states[CAPI]["deliveredBy"] == {
        "kind": "Cluster API", "cluster": "harbor", "namespace": "clusters", "name": "tenant-a",
    }  # fmt: skip
    assert states["tenant-a"]["state"] == "ready"
    table = kubemint("list", "clusters", *where).out
    line = next(line for line in table.splitlines() if line.startswith(CAPI))
    assert "untrusted" in line
    assert f"kubemint trust {CAPI}" in line
    accounts = kubemint("list", "accounts", *where, "-o", "json", "--wait", "20s")
    assert accounts.code == 0
    assert {item["cluster"] for item in accounts.json["items"]} >= {"harbor", "tenant-a"}
    assert "delivered clusters are left out, not confirmed" in accounts.err
    assert "kubemint trust CLUSTER" in accounts.err
    assert f"{CAPI}: untrusted: entering it is not confirmed" in left_out(unvouched, CAPI)


def test_a_yes_is_remembered_listed_and_taken_back(unvouched: Path) -> None:
    configure(ASKING)
    where = ("--kubeconfig", unvouched)
    shown = kubemint("trust", CAPI, *where)
    assert shown.code == 2
    assert "there is no terminal to confirm on" in shown.err
    for word in ("Cluster API's cluster clusters/tenant-a in harbor", "https://127.0.0.1", "your context tenant-a"):
        assert word in shown.out
    assert authority(unvouched) in shown.out
    assert kubemint("trust", "--list").out == ""

    said = kubemint("trust", CAPI, "--yes", *where)
    assert said.code == 0, said
    listed = kubemint("trust", "--list", "-o", "json").json
    assert listed["kind"] == "TrustList"
    assert [(item["cluster"], item["authority"]) for item in listed["items"]] == [(CAPI, authority(unvouched))]
    accounts = kubemint("list", "accounts", *where, "--context", CAPI, "-o", "json")
    assert accounts.code == 0, accounts
    assert {item["cluster"] for item in accounts.json["items"]} == {CAPI}
    left_out(unvouched, DPU)

    assert kubemint("trust", "--forget", CAPI).code == 0
    left_out(unvouched, CAPI)
    kubemint("trust", "--forget", CAPI).failed(1, f"{CAPI} is not confirmed")


def test_on_a_terminal_it_asks_and_no_is_the_default(unvouched: Path) -> None:
    configure(ASKING)
    arguments = ["trust", CAPI, "--kubeconfig", str(unvouched)]
    assert on_terminal(arguments, "\n") == 1
    assert kubemint("trust", "--list").out == ""


def test_settings_trust_a_source_and_its_namespaces(unvouched: Path) -> None:
    where = ("--kubeconfig", unvouched)
    configure("trust: [{source: clusterapi, context: harbor, namespaces: [clus*], allow: [near]}]\n")
    assert kubemint("list", "accounts", *where, "--context", CAPI).code == 0
    left_out(unvouched, DPU)
    configure("trust: [{source: clusterapi, context: harbor, namespaces: [clus*], alow: [near]}]\n")
    assert kubemint("list", "accounts", *where, "--context", CAPI).code == 1


def test_the_environment_trusts_everything(unvouched: Path) -> None:
    env = {"KUBEMINT_TRUST_DELIVERED": "true"}
    for name in (CAPI, DPU):
        assert kubemint("list", "accounts", "--kubeconfig", unvouched, "--context", name, env=env).code == 0


def test_the_kubeconfig_of_an_embedded_fleet_vouches_for_what_is_delivered_in_it(served: Path) -> None:
    assert kubemint("list", "accounts", "--kubeconfig", served, "--context", CAPI).code == 0
    said = kubemint("trust", CAPI, "--kubeconfig", served)
    assert said.code == 0, said
    assert "is connected without asking" in said.err


def test_a_state_that_cannot_be_read_has_said_no_yes(unvouched: Path) -> None:
    configure(ASKING)
    assert kubemint("trust", CAPI, "--yes", "--kubeconfig", unvouched).code == 0
    state = Path(os.environ["XDG_STATE_HOME"]) / "kubemint" / "state.db"
    state.write_bytes(b"\xff" * 8192)
    for file in state.parent.glob("state.db-*"):
        file.unlink()
    result = kubemint("list", "accounts", "--kubeconfig", unvouched, "--context", CAPI)
    assert result.code == 1
    assert "is not confirmed" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trust",), "name a cluster, or pass --list"),
        (("trust", "--list", CAPI), "--list takes no cluster"),
        (("trust", "--list", "--yes"), "--list only prints"),
        (("trust", CAPI, "--yes", "--forget"), "cannot be used together"),
        (("trust", "tenant-a"), "one of your own contexts"),
        (("trust", "nobody/x/y"), "no cluster is called 'nobody'"),
        (("trust", "nobody"), "is not a delivered cluster"),
    ],
)
def test_wrong_usage_is_said_in_a_line(served: Path, arguments: tuple[str, ...], words: str) -> None:
    kubemint(*arguments, "--kubeconfig", served).failed(2, words)


def test_read_only_says_no_yes(unvouched: Path) -> None:
    configure(ASKING)
    result = kubemint("trust", CAPI, "--yes", "--read-only", "--kubeconfig", unvouched)
    assert result.code == 2
    assert "--read-only forbids" in result.err
    assert kubemint("trust", "--list").out == ""
