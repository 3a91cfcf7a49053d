"""Small verbs, each as a whole process, as multiples of what kubectl takes for the same."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import yaml

from tests.bench.measuring import Measured, command, compare
from tests.bench.opening import KUBEMINT, environment
from tui.demo.running import FleetThread

SCOPE = ("--context", "harbor")


def small_verbs(rounds: int, accounts: int) -> list[Measured]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        print("\nsmall verbs: not measured, there is no kubectl")
        return []
    with tempfile.TemporaryDirectory() as home, FleetThread(clusters=1, accounts=40, troubled=False) as fleet:
        own = environment(home, fleet.kubeconfig)
        lists = {
            "kubectl get serviceaccounts": command((kubectl, *SCOPE, "get", "serviceaccounts", "-A"), own),
            "kubemint list accounts": command((*KUBEMINT, "list", "accounts", *SCOPE, "-A"), own),
        }
        measured = compare("list accounts", lists, rounds=rounds)
        nobody = environment(home, dead(Path(home)))
        lost = {
            "kubectl get nodes": command(("sh", "-c", f"{kubectl} get nodes 2>&1 || true"), nobody),
            "kubemint list clusters": command((*KUBEMINT, "list", "clusters"), nobody),
        }
        measured += compare("a dead cluster", lost, rounds=rounds)
        words, info = plugin(Path(home), fleet, own)
        forget = lambda: shutil.rmtree(f"{home}/cache", ignore_errors=True)  # noqa: E731
        tokens = {
            "kubectl create token": command((kubectl, *SCOPE, "create", "token", "default"), own),
            "kubemint exec-credential": command(words, own | info, before=forget),
        }
        return measured + compare("a token for a plugin's caller, nothing cached", tokens, rounds=rounds)


def dead(folder: Path) -> Path:
    """A kubeconfig whose server refuses every connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    path = folder / "dead.kubeconfig"
    path.write_text(
        json.dumps({
            "clusters": [{"name": "dead", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
            "users": [{"name": "dead", "user": {"token": "none"}}],
            "contexts": [{"name": "dead", "context": {"cluster": "dead", "user": "dead"}}],
            "current-context": "dead",
        })
    )  # fmt: skip
    path.chmod(0o600)
    return path


def plugin(folder: Path, fleet: FleetThread, own: dict[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """How kubectl would run kubemint as the plugin of an account's kubeconfig, and what it would tell it."""
    out = folder / "account.kubeconfig"
    words = ("issue", "default", "-n", "default", *SCOPE, "--exec", "--out", str(out))
    subprocess.run([*KUBEMINT, *words], env=own, check=True, capture_output=True)
    config = yaml.safe_load(out.read_text())
    cluster = config["clusters"][0]["cluster"]
    extensions = cluster.pop("extensions", [])
    exec_ = config["users"][0]["user"]["exec"]
    told = {"interactive": False, "cluster": cluster | {"config": extensions[0]["extension"] if extensions else None}}
    asked = {"kind": "ExecCredential", "apiVersion": exec_["apiVersion"], "spec": told}
    given = {entry["name"]: entry["value"] for entry in exec_.get("env") or []}
    return (*KUBEMINT, *exec_["args"]), given | {"KUBERNETES_EXEC_INFO": json.dumps(asked)}
