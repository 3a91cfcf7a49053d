"""`kubemint tenant` as people run it, over the embedded fleet."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import yaml

from tests.cli.conftest import kubemint
from tests.issuance.tenancy import one_context

PUSHED = "secret:harbor/clusters/tenant-a/kube-system/{}"


def push(served: Path, secret: str, *more: str | Path) -> list[str | Path]:
    return [
        *("tenant", "push", "tenant-a", "-n", "clusters", "--context", "harbor", "--kubeconfig", served),
        *("--account", "ci/from-tenant", "--create", "--secret", f"kube-system/{secret}", *more),
    ]


def test_a_store_as_manifests_shows_no_material(served: Path) -> None:
    where = ("--context", "harbor", "--kubeconfig", served, "-n", "clusters")
    shown = kubemint("tenant", "store", "tenant-a", *where, "--dry-run", "-o", "yaml")
    assert shown.code == 0, shown
    secret, store = yaml.safe_load_all(shown.out)
    assert secret["metadata"]["name"] == "tenant-a-secretstore-auth"
    assert set(secret["data"].values()) == {"***"}
    assert store["spec"]["provider"]["kubernetes"]["remoteNamespace"] == "kube-system"
    planned = kubemint("tenant", "store", "tenant-a", *where, "--dry-run")
    assert "secretstores.external-secrets.io" in planned.out
    made = kubemint("tenant", "store", "tenant-a", *where)
    assert made.code == 0, made
    assert made.out == "secret:harbor/clusters/tenant-a-secretstore-auth\n"
    journal = kubemint("journal", "-o", "json")
    assert "tenant-a-secretstore-auth" in journal.out
    key = base64.b64encode(one_context(served, "tenant-a")).decode()[200:240]
    assert key not in journal.out + made.err + shown.out


def test_push_rotate_and_revoke(served: Path, tmp_path: Path) -> None:
    manifests = tmp_path / "tenant.yaml"
    done = kubemint(*push(served, "cli-direct", "--read", "settings", "--manifests", manifests))
    assert done.code == 0, done
    address = PUSHED.format("cli-direct")
    assert done.out == f"{address}\n"
    store, external = yaml.safe_load_all(manifests.read_text())
    assert (store["kind"], external["kind"]) == ("ClusterSecretStore", "ExternalSecret")
    token = store["spec"]["provider"]["kubernetes"]["auth"]["token"]["bearerToken"]
    assert token == {"key": "token", "name": "cli-direct", "namespace": "kube-system"}
    assert external["metadata"]["name"] == "settings"
    verified = kubemint("verify", address, "--kubeconfig", served)
    assert verified.code == 0, verified
    rotated = kubemint("rotate", address, "--kubeconfig", served, "--grace", "0s")
    assert rotated.code == 0, rotated
    revoked = kubemint("revoke", address, "--kubeconfig", served, "--yes")
    assert revoked.code == 0, revoked


def test_push_by_external_secrets(served: Path) -> None:
    where = ("--context", "harbor", "--kubeconfig", served, "-n", "clusters")
    assert kubemint("tenant", "store", "tenant-a", *where).code == 0
    done = kubemint(*push(served, "cli-eso", "--via", "external-secrets", "--wait", "15s", "--grace", "0s"))
    assert done.code == 0, done
    assert done.out == "secret:harbor/clusters/tenant-a-from-tenant-token\n"
    assert "may have an expired one" in done.err.replace("\n", " ")


def test_a_dry_run_pushes_nothing(served: Path) -> None:
    planned = kubemint(*push(served, "cli-dry", "--dry-run", "-o", "json"))
    assert planned.code == 0, planned
    steps = msgspec.json.decode(planned.out)["steps"]
    assert [step["step"] for step in steps if step["step"] != "account"] == [
        *("intent", "handle", "token", "prove", "write:0", "check:0", "commit")
    ]
    assert kubemint("verify", PUSHED.format("cli-dry"), "--kubeconfig", served).code == 1


def test_wrong_usage_is_said_in_a_line(served: Path) -> None:
    kubemint("tenant", "store", "tenant-a", "-n", "clusters", "--kubeconfig", served).failed(2, "--context NAME")
    kubemint(*push(served, "x", "--read-only")).failed(2, "--read-only forbids")
    kubemint(*push(served, "x", "--via", "external-secrets", "--force")).failed(2, "--force: only with --via direct")
    missing = ("tenant", "store", "nobody", "-n", "clusters", "--context", "harbor", "--kubeconfig", served)
    kubemint(*missing).failed(1, "Secret clusters/nobody-kubeconfig does not exist")
