"""`kubemint issue --shoot` as people run it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import kubemint
from tui.kube.kubeconfig import parse


def test_a_shoot_from_dry_run_to_revoke(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "shoot"
    where = ("--kubeconfig", served, "--context", "harbor")
    asked = ("issue", "--shoot", "garden-dev/tenant-a", "--level", "viewer", "--duration", "10m", "--out", path, *where)
    shown = kubemint(*asked, "--dry-run")
    assert shown.code == 0, shown
    assert "create shoots/viewerkubeconfig.core.gardener.cloud" in shown.out
    assert not path.exists()
    made = kubemint(*asked, "-o", "json")
    assert made.code == 0, made
    (item,) = made.json["items"]
    assert item["credential"]["shoot"] == {
        "garden": "harbor",
        "namespace": "garden-dev",
        "name": "tenant-a",
        "level": "viewer",
    }
    assert item["credential"]["grantedSeconds"] == 600
    assert "PRIVATE KEY" not in made.out + made.err
    assert parse(path.read_bytes()).current_context == "garden-dev--tenant-a-external"
    listed = kubemint("list", "credentials", *where, "-o", "name")
    assert f"file:{path}" in listed.out.splitlines()
    rotated = kubemint("rotate", f"file:{path}", *where)
    assert (rotated.code, rotated.out) == (0, f"file:{path}\n"), rotated
    kubemint("revoke", f"file:{path}", "--yes", *where).failed(2, "cannot be revoked: it is a client certificate")


def test_what_does_not_go_together(served: Path, tmp_path: Path) -> None:
    where = ("--out", tmp_path / "x", "--kubeconfig", served, "--context", "harbor")
    kubemint("issue", "robot", "--shoot", "garden-dev/tenant-a", *where).failed(2, "which is not for an account")
    kubemint("issue", "--shoot", "tenant-a", *where).failed(2, "does not name a shoot")
    kubemint("issue", "robot", "-n", "ci", "--level", "admin", *where).failed(2, "needs --shoot")
    kubemint("issue", "robot", "-n", "ci", "--exec", "--level", "admin", *where).failed(2, "--level needs --shoot")
    kubemint("issue", "--exec", "--user", "x", *where).failed(2, "--exec cannot be used with --user")
    kubemint("issue", "--shoot", "", *where).failed(2, "--shoot")
    kubemint("issue", *where).failed(2, "NAME with -n NAMESPACE", "--shoot NS/NAME or --user NAME")
    kubemint("issue", "-n", "ci", *where).failed(2, "NAME")
    no_level = ("--shoot", "garden-dev/meadow", "--oidc", "--level", "admin")
    kubemint("issue", *no_level, *where).failed(2, "--oidc: takes no --level and no --duration")
    kubemint("issue", "robot", *where).failed(2, "--namespace")
    kubemint("issue", "--shoot", "garden-dev/fresh", *where).failed(1, "no addresses yet", "still being created")
