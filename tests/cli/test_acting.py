"""What all verbs that act have in common: read-only, one of several that fails, a life on a real control plane."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest

from tests.cli.conftest import kubemint, refused_within_15_s, token_in
from tests.controlplane import RealControlPlane
from tui.headless.acting import Progress, perform
from tui.issuance.engine import Engine
from tui.issuance.errors import UsageError
from tui.issuance.model.types import Address, Plan

KUBECTL = shutil.which("kubectl")


@pytest.mark.parametrize(
    "verb", [("issue", "x", "-n", "default", "--out", "x"), ("rotate", "file:/x"), ("revoke", "file:/x", "--yes")]
)
def test_read_only_refuses_what_changes_something(served: Path, verb: tuple[str, ...]) -> None:
    kubemint("--read-only", "--context", "harbor", "--kubeconfig", served, *verb).failed(2, "--read-only")


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
