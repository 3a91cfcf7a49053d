"""`kubemint identity` as people run it: create, show, token, and the manifests for those who may apply them."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.cli.conftest import Result, kubemint
from tests.controlplane import RealControlPlane

KUBECTL = shutil.which("kubectl")
ISTIO = "istio-ingressgateway.istio-system.svc.cluster.local"


def identity(verb: str, name: str | Path, config: Path, *arguments: str | Path, context: str = "tenant-a") -> Result:
    where = () if verb == "token" else ("-n", "default")
    return kubemint("identity", verb, name, *where, "--context", context, "--kubeconfig", config, *arguments)


def test_l01_create_show_and_mint(served: Path, tmp_path: Path) -> None:
    created = identity("create", "rok", served, "--out", tmp_path)
    assert created.code == 0, created
    assert created.out == "legacy:tenant-a/default/rok-token\n"
    assert [line.split()[0] for line in created.err.splitlines()] == ["note", "done", "done", "done", "done"]
    path = tmp_path / "default-rok.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    material = path.read_text()
    assert material == material.strip()
    assert material not in created.out + created.err
    shown = identity("show", "rok", served, "-o", "json")
    assert shown.code == 0, shown
    assert (shown.json["exists"], shown.json["labelled"], shown.json["mintsForItself"]) == (True, True, True)
    newest = shown.json["tokens"][0]
    assert newest["state"] == "never expires"
    assert newest["files"] == [str(path)]
    table = identity("show", "rok", served)
    assert "rok-token: never expires" in table.out
    assert material not in shown.out + table.out
    out = tmp_path / "istio.token"
    minted = identity("token", path, served, "--audience", ISTIO, "--duration", "24h", "--out", out)
    assert minted.code == 0, minted
    again = kubemint(
        "identity", "token", "legacy:tenant-a/default/rok-token", "--out", tmp_path / "t", "--kubeconfig", served, "-q"
    )
    assert again.code == 0, again
    inspected = kubemint("inspect", out, "-o", "json")
    (item,) = inspected.json["items"]
    assert item["claims"]["audiences"] == [ISTIO]
    assert out.read_text() not in minted.out + minted.err


def test_the_cluster_of_a_token_file_is_remembered(served: Path, tmp_path: Path) -> None:
    assert identity("create", "mem", served, "--out", tmp_path).code == 0
    again = kubemint(
        "identity", "token", tmp_path / "default-mem.token", "--out", tmp_path / "t", "--kubeconfig", served, "-q"
    )
    assert again.code == 0, again


def test_the_current_context_is_nobodys_word(served: Path, tmp_path: Path) -> None:
    made = kubemint("identity", "create", "tam", "-n", "default", "--context", "tenant-a", "--kubeconfig", served,
                    "--out", tmp_path, "-q")  # fmt: skip
    assert made.code == 0, made
    whole = yaml.safe_load(served.read_text()) | {"current-context": "tenant-b"}
    config, moved = tmp_path / "config", tmp_path / "moved.token"
    config.write_text(yaml.safe_dump(whole))
    shutil.copy(tmp_path / "default-tam.token", moved)
    minted = ("identity", "token", moved, "--out", tmp_path / "t", "--kubeconfig", config, "-q")
    elsewhere = kubemint(*minted, "--context", "tenant-b")
    elsewhere.failed(2, "which is another cluster")
    unknown = kubemint(*minted, env={"XDG_STATE_HOME": str(tmp_path / "fresh")})
    unknown.failed(2, "--context")
    assert kubemint(*minted).code == 0


def test_rotate_and_revoke_the_token_file(served: Path, tmp_path: Path) -> None:
    assert identity("create", "turn", served, "--out", tmp_path, "-q").code == 0
    path = tmp_path / "default-turn.token"
    old = path.read_text()
    where = ("--kubeconfig", served)
    rotated = kubemint("rotate", path, "--grace", "0s", *where)
    assert rotated.code == 0, rotated
    assert path.read_text() != old
    assert kubemint("verify", path, "--context", "tenant-a", *where).code == 0
    assert kubemint("revoke", path, "--yes", *where).code == 0
    assert identity("show", "turn", served, "-o", "json").json["tokens"] == []


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_f09_reactivate_an_invalidated_token(served: Path, tmp_path: Path) -> None:
    assert identity("create", "idle", served, "--out", tmp_path, "-q").code == 0
    where = ("--kubeconfig", served)
    address = "legacy:tenant-a/default/idle-token"
    kubemint("identity", "reactivate", address, *where).failed(2, "not invalidated")
    label = "kubernetes.io/legacy-token-invalid-since=2026-01-02"
    subprocess.run(
        [KUBECTL or "", "--kubeconfig", served, "--context", "tenant-a", "label", "secret", "idle-token", label],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert "deletion due on 2027-01-02" in identity("show", "idle", served).out
    dry = kubemint("identity", "reactivate", address, "--dry-run", *where)
    assert [line.split()[0] for line in dry.out.splitlines()] == ["STEP", "label", "prove"]
    done = kubemint("identity", "reactivate", tmp_path / "default-idle.token", *where)
    assert done.code == 0, done
    assert done.out == f"{address}\n"
    assert kubemint("verify", tmp_path / "default-idle.token", "--context", "tenant-a", *where).code == 0


def test_the_manifests_need_no_cluster_and_hold_no_token() -> None:
    result = kubemint("identity", "create", "rok", "-n", "ns", "--dry-run", "-o", "yaml")
    assert result.code == 0, result
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(result.out))
    assert [document["kind"] for document in documents] == ["ServiceAccount", "Role", "RoleBinding", "Secret"]
    label = "arrikto.com/service-account-creator"
    assert documents[0]["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "kubemint",
        "kubemint.io/identity": "",
    }
    rok = kubemint("identity", "create", "rok", "-n", "ns", "--rok", "--dry-run", "-o", "yaml")
    assert next(yaml.safe_load_all(rok.out))["metadata"]["labels"][label] == "", "where Rok is to find it"
    assert documents[1]["rules"][0]["resourceNames"] == ["rok"]
    assert documents[3]["type"] == "kubernetes.io/service-account-token"
    assert "data" not in documents[3]
    assert documents[3]["metadata"]["name"].startswith("rok-token-"), "one that is new wherever it is applied"
    named = ("identity", "create", "rok", "-n", "ns", "--secret", "rok-token", "--dry-run", "-o")
    documents[3]["metadata"]["name"] = "rok-token"
    assert list(yaml.safe_load_all(kubemint(*named, "yaml").out)) == documents
    assert msgspec.json.decode(kubemint(*named, "json").out)["items"] == documents


def test_a_dry_run_changes_nothing(served: Path, tmp_path: Path) -> None:
    result = identity("create", "dry", served, "--out", tmp_path, "--dry-run")
    assert result.code == 0, result
    assert [line.split()[0] for line in result.out.splitlines()] == ["STEP", "connect", "account", "rbac", "token"]
    assert list(tmp_path.iterdir()) == []
    shown = identity("show", "dry", served)
    assert shown.code == 1
    assert "does not exist" in shown.out


def test_wrong_wishes(served: Path, tmp_path: Path) -> None:
    identity("create", "x" * 245, served, "--out", tmp_path).failed(2, "too long", "at most 240")
    identity("create", "Rok", served, "--out", tmp_path).failed(2, "cannot be the name")
    identity("create", "rok", served, "--read-only").failed(2, "--read-only")
    nothing = tmp_path / "nothing"
    identity("token", nothing, served, "--out", tmp_path / "t").failed(1, "cannot read")
    nothing.write_text("hello")
    identity("token", nothing, served, "--out", tmp_path / "t").failed(1, "not a JSON Web Token")
    identity("token", nothing, served, "--out", "-").failed(2, "never written to the terminal")


@pytest.mark.real
@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_l01_on_a_real_control_plane_the_manifests_are_applied_and_then_used(
    real_cluster: RealControlPlane, tmp_path: Path
) -> None:
    config = real_cluster.kubeconfig
    manifests = kubemint("identity", "create", "applied", "-n", "default", "--dry-run", "-o", "yaml")
    applied = subprocess.run(
        [KUBECTL or "", "--kubeconfig", config, "--context", "real", "apply", "-f", "-"],
        input=manifests.out, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert applied.returncode == 0, applied
    created = identity("create", "applied", config, "--out", tmp_path, context="real")
    assert created.code == 0, created
    assert created.err.count("skipped") == 2
    out = tmp_path / "short.token"
    path = tmp_path / "default-applied.token"
    minted = identity("token", path, config, "--duration", "10m", "--out", out, context="real")
    assert minted.code == 0, minted
