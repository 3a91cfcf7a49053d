"""`kubemint manifest loop`: a server accepts what it prints, and the rights in it are enough for the loop."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import command, environment, issue, kubemint, token_in
from tests.cli.test_serving import answer
from tests.controlplane import RealControlPlane
from tui.headless.manifest import NAME, RULES

KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")


def printed(*words: str) -> list[dict[str, Any]]:
    done = kubemint("manifest", "loop", *words)
    assert done.code == 0, done
    return list(yaml.safe_load_all(done.out))


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(one for one in objects if one["kind"] == kind)


def kubectl(config: Path, context: str, *words: str, given: str = "") -> str:
    assert KUBECTL is not None
    done = subprocess.run([KUBECTL, "--kubeconfig", config, "--context", context, *words], input=given,
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_pods_are_restricted() -> None:
    pod = of_kind(printed(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
    }  # fmt: skip
    assert {"livenessProbe", "readinessProbe", "startupProbe", "resources"} <= container.keys()
    assert "privileged" not in str(pod)


def test_its_command_line_is_one() -> None:
    args = of_kind(printed("-n", "ci"), "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    refused = kubemint(*args, "--dry-run=nonsense")
    refused.failed(2, "--dry-run")
    assert args[:5] == ["rotate", "--due", "--watch", "-n", "ci"]


def test_one_namespace_has_roles_only_there_and_for_the_lease() -> None:
    made = printed("-n", "ci", "--in", "tools")
    roles = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in made if one["kind"] == "Role"}
    assert roles == {("ci", f"{NAME}-read"), ("ci", f"{NAME}-rotate"), ("kube-system", NAME)}
    bindings = [one for one in made if one["kind"].endswith("Binding")]
    assert len(bindings) == sum(one["kind"] in ("Role", "ClusterRole") for one in made)
    assert {str(one["subjects"]) for one in bindings} == {
        str([{"kind": "ServiceAccount", "name": NAME, "namespace": "tools"}])
    }
    for one in made:
        assert "*" not in str(one.get("rules")), one


def test_settings_go_with_it_where_they_are_right(tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text("grace: 45s\n")
    made = printed("--settings", str(settings))
    assert of_kind(made, "ConfigMap")["data"] == {"config.yaml": "grace: 45s\n"}
    assert "KUBEMINT_CONFIG" in str(of_kind(made, "Deployment"))
    settings.write_text("grce: 45s\n")
    kubemint("manifest", "loop", "--settings", settings).failed(2, "grce")
    kubemint("manifest", "loop", "--settings", tmp_path / "none").failed(2, "cannot be read")
    kubemint("manifest", "loop", "--image", "a b").failed(2, "--image")
    kubemint("manifest", "loop", "--in", "No").failed(2, "No")


def test_alerts_are_of_metrics_that_there_are() -> None:
    text = (Path(__file__).parents[2] / "tui/fleet/metrics.py").read_text()
    for *_, expression in RULES:
        for metric in re.findall(r"kubemint_\w+", expression):
            suffix = metric.removeprefix("kubemint_loop_")
            assert f'"{metric}"' in text or f'"kubemint_loop_{suffix}"' in text, metric
    made = printed("--monitoring")
    assert [one["kind"] for one in made[-2:]] == ["ServiceMonitor", "PrometheusRule"]
    assert len(of_kind(made, "PrometheusRule")["spec"]["groups"][0]["rules"]) == len(RULES)


@needs_kubectl
def test_a_real_server_accepts_it(real_cluster: RealControlPlane) -> None:
    old = real_cluster.version < (1, 21)
    config = real_cluster.kubeconfig
    kubectl(config, "real", "apply", "-f", "-", given=yaml.safe_dump(of_kind(printed("--in", "loops"), "Namespace")))
    for words in (("--in", "loops"), ("--in", "loops", "-n", "default")):
        made = [one for one in printed(*words) if not (old and one["kind"] == "PodDisruptionBudget")]
        given = "---\n".join(yaml.safe_dump(one) for one in made if one["kind"] != "Namespace")
        said = kubectl(config, "real", "create", "--dry-run=server", "-f", "-", given=given)
        assert said.count("(server dry run)") == len(made) - 1


@needs_kubectl
def test_what_it_gives_is_enough_for_the_loop(served: Path, tmp_path: Path) -> None:
    """As its own account it renews nothing it may not see, takes the Lease, and is refused nothing that it needs."""
    where = ("--kubeconfig", served, "--context", "tenant-a")
    kept = kubemint("issue", "kept", "-n", "default", *where, "--create", "--secret", "default/kept-by-loop")
    assert kept.code == 0, kept
    made = [one for one in printed("-n", "default", "--in", "loops") if "rbac" in one["apiVersion"] or
            one["kind"] in ("Namespace", "ServiceAccount")]  # fmt: skip
    kubectl(served, "tenant-a", "apply", "-f", "-", given="---\n".join(map(yaml.safe_dump, made)))
    config = tmp_path / "loop.kc"
    assert kubemint("issue", NAME, "-n", "loops", *where, "--out", config).code == 0
    args = of_kind(printed("-n", "default"), "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    process = subprocess.Popen(
        command(*args[:-1], "0", "--kubeconfig", config), stderr=subprocess.PIPE, text=True,
        env=environment({"HOME": str(tmp_path / "empty")}),
    )  # fmt: skip
    said = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"metrics at (http://127\.0\.0\.1:\d+)/", line):
                url = found[1]
                break
        deadline = time.monotonic() + 30
        while 'kubemint_lease_held{cluster="' not in (text := answer(f"{url}/metrics")[1]) or "} 1.0" not in next(
            line for line in text.splitlines() if line.startswith("kubemint_lease_held{")
        ):
            assert time.monotonic() < deadline, text
            time.sleep(0.2)
    finally:
        os.kill(process.pid, signal.SIGTERM)
        rest = process.communicate(timeout=20)[1]
    assert "kept-by-loop" in text
    assert token_in(config) not in "".join(said) + rest
    assert "forbidden" not in ("".join(said) + rest).lower(), "".join(said) + rest
    assert issue(served, "--out", tmp_path / "x.kc", name="kept").code == 0
