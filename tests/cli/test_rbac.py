"""`kubemint rbac`: what it prints is YAML and JSON that kubectl takes, as narrow as RBAC can say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import kubemint
from tui.issuance.families.rights import RIGHTS, Flow

KUBECTL = shutil.which("kubectl")


KINDS = {
    Flow.READ: ["ClusterRole"],
    Flow.CSI_PREVIEW: ["Role", "ClusterRole"],
    Flow.SHOOT_OIDC: ["Role", "ClusterRole"],  # the garden's presets belong to no namespace
    Flow.DPU_KEEP: ["Role", "Role"],  # the second one in kube-system, for the Lease
}


@pytest.mark.parametrize("flow", Flow)
def test_yaml_and_json_say_the_same(flow: Flow) -> None:
    where = () if flow is Flow.READ else ("-n", "ci", "--account", "robot")
    result = kubemint("rbac", flow, *where)
    assert (result.code, result.err) == (0, ""), result
    documents = list(yaml.safe_load_all(result.out))
    found = kubemint("rbac", flow, *where, "-o", "json").json
    assert documents == (found["items"] if found["kind"] == "List" else [found])
    kinds = [document["kind"] for document in documents]
    assert kinds == KINDS.get(flow, ["Role"])
    assert all(rule["verbs"] and "*" not in str(rule) for document in documents for rule in document["rules"])


def test_names_narrow_down_what_can_be() -> None:
    whole = kubemint("rbac", "issue-secret", "-n", "ci", "--account", "robot", "--secret", "kept", "-o", "json").json
    assert whole["metadata"] == {"name": "kubemint-issue-secret", "namespace": "ci"}
    names = {(rule["resources"][0], *rule["verbs"]): rule.get("resourceNames") for rule in whole["rules"]}
    lists = ("pods", "pushsecrets", "externalsecrets")
    expected: dict[tuple[str, ...], list[str] | None] = {
        ("serviceaccounts", "get"): ["robot"],
        ("serviceaccounts/token", "create"): ["robot"],
        ("secrets", "create", "delete"): None,
        ("secrets", "get", "update"): ["kept"],
    }
    assert names == expected | {(resource, "list"): None for resource in lists}


@pytest.mark.parametrize("flow", Flow)
def test_the_table_says_what_for(flow: Flow) -> None:
    lines = kubemint("rbac", flow, "-o", "table").out.splitlines()
    assert len(lines) == len(RIGHTS[flow]) + 1


def test_what_is_wrong_is_said() -> None:
    kubemint("rbac", "nothing").failed(2, "issue-file")
    kubemint("rbac", "read", "--account", "robot").failed(2, "-n NAMESPACE")
    kubemint("rbac", "revoke", "-n", "Not A Namespace").failed(2, "namespace")


def test_the_help_names_every_flow() -> None:
    text = kubemint("rbac", "--help").out
    assert all(flow.value in text for flow in Flow)


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("flow", Flow)
def test_kubectl_takes_it(served: Path, tmp_path: Path, flow: Flow) -> None:
    assert KUBECTL is not None
    text = kubemint("rbac", flow, *(() if flow is Flow.READ else ("-n", "default"))).out
    path = tmp_path / "role.yaml"
    path.write_text(text)
    done = subprocess.run(
        [KUBECTL, "--kubeconfig", served, "--context", "harbor", "create", "--dry-run=server", "-f", path],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
