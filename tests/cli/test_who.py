"""`kubemint who`: who else could become an account, as a table, as JSON and by templates; gaps end with code 3."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import kubemint

RUNNER = "ci/runner"
"""Bound to ClusterRole edit in its namespace."""
BOT = "ci/release-bot"
"""Bound to cluster-admin."""


def test_the_built_in_edit_acts_as_every_account_of_its_namespace(served: Path) -> None:
    where = ("--kubeconfig", served, "--context", "harbor")
    result = kubemint("who", BOT, *where, "-o", "json")
    assert result.code == 0, result
    said = json.loads(result.out)
    assert (said["kind"], said["subject"]) == ("Becomers", "system:serviceaccount:ci:release-bot")
    assert said["notKnown"] == []
    runner = {item["way"]: item for item in said["items"] if item["subject"].get("name") == "runner"}
    assert {"impersonate", "mint"} & set(runner)
    for item in runner.values():
        assert item["subject"] == {"kind": "ServiceAccount", "name": "runner", "namespace": "ci"}
        assert item["through"] == ["RoleBinding ci/runner → ClusterRole edit"]
        assert (item["confirmed"], item["strong"]) == (True, False)
    assert runner["impersonate"]["severity"] == "high"
    assert not any(item["subject"].get("name") == "release-bot" for item in said["items"])

    table = kubemint("who", BOT, *where)
    assert table.code == 0
    assert table.out.splitlines()[0].split()[:3] == ["SEVERITY", "WHO", "BY"]
    assert table.out.splitlines()[1].startswith("high       ServiceAccount ci/runner")
    assert "other authorizers" in table.err
    names = kubemint("who", BOT, *where, "-o", "jsonpath={.items[*].way}")
    assert "everything" in names.out.split()


def test_an_address_speaks_for_its_account(served: Path) -> None:
    listed = kubemint("list", "credentials", "--kubeconfig", served, "--context", "harbor", "-o", "json")
    kept = [item for item in json.loads(listed.out)["items"] if item["address"].startswith(("legacy:", "secret:"))]
    result = kubemint("who", kept[0]["address"], "--kubeconfig", served, "-o", "json")
    said = json.loads(result.out)
    assert said["cluster"] == "harbor"
    identity = kept[0]["identity"]
    assert said["subject"] == f"system:serviceaccount:{identity['namespace']}:{identity['name']}"


def test_a_slip_of_the_hand_is_said_to_be_one(served: Path) -> None:
    result = kubemint("who", "nosuch", "--kubeconfig", served)
    assert (result.code, result.out) == (2, ""), result
