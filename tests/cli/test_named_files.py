"""A file that a person names is read from where it lies, as for kubectl; what comes on stdin names nothing."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import kubemint
from tests.cli.test_exec_credential import account_words, kubeconfig_of

WHO = "system:serviceaccount:default:robot"


@pytest.fixture
def beside(robot: Path, tmp_path: Path) -> Path:
    """The robot's kubeconfig with its authority and its token in files beside it, named as seen from there."""
    document = yaml.safe_load(robot.read_text())
    (folder := tmp_path / "beside" / "pki").mkdir(parents=True)
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    (folder / "ca.crt").write_bytes(base64.b64decode(cluster.pop("certificate-authority-data")))
    (folder / "token").write_text(user.pop("token") + "\n")
    cluster["certificate-authority"], user["tokenFile"] = "pki/ca.crt", "./pki/token"
    path = folder.parent / "config"
    path.write_text(yaml.safe_dump(document))
    return path


def test_files_beside_it_are_read_relative_to_it(beside: Path, served: Path, tmp_path: Path) -> None:
    found = kubemint("verify", beside, "-o", "json")
    assert (found.code, found.json["username"]) == (0, WHO), found
    assert kubemint("can", beside).code == 0
    said = kubemint("inspect", beside, "-o", "json")
    assert said.json["expiresAt"] is not None
    dry = kubemint("revoke", "--token-file", beside, "--dry-run", "--kubeconfig", served)
    assert dry.code == 0, dry
    if kubectl := shutil.which("kubectl"):
        who = subprocess.run(
            [kubectl, "--kubeconfig", beside, "auth", "whoami"], capture_output=True, text=True, check=True
        )
        assert WHO in who.stdout


def test_what_comes_on_stdin_names_no_file_of_this_machine(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(beside.parent)
    refused = kubemint("verify", "-", stdin=beside.read_text())
    assert refused.code != 0
    assert "names a file of the machine" in refused.err


def test_a_file_beside_it_that_is_not_there_is_named(beside: Path) -> None:
    (beside.parent / "pki" / "token").unlink()
    refused = kubemint("verify", beside)
    assert refused.code == 1
    assert "tokenFile" in refused.err
    assert "pki/token" in refused.err


def own(served: Path, folder: Path) -> Path:
    """A kubeconfig without a secret, which kubemint itself answers."""
    out = folder / "own.kubeconfig"
    assert kubemint("issue", "--kubeconfig", served, *account_words(out)).code == 0
    return out


def test_kubemints_own_exec_file_is_answered_without_another_process(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own(served, tmp_path)
    monkeypatch.setenv("PATH", "/nonexistent")
    found = kubemint("verify", path, "--kubeconfig", served, "-o", "json")
    assert (found.code, found.json["username"]) == (0, "system:serviceaccount:kube-system:default"), found
    assert kubemint("can", path, "--kubeconfig", served).code == 0
    refused = kubemint("verify", "-", "--kubeconfig", served, stdin=path.read_text())
    assert refused.code == 1
    assert "wants to run a program" in refused.err


def own_shoot(served: Path, folder: Path) -> Path:
    """The same for a shoot."""
    return kubeconfig_of(served, folder)


def test_a_shoots_own_exec_file_is_answered_without_another_process(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_shoot(served, tmp_path)
    monkeypatch.setenv("PATH", "/nonexistent")
    found = kubemint("verify", path, "--kubeconfig", served, "-o", "json")
    assert (found.code, found.json["username"]) == (0, "gardener.cloud:admin:kubernetes-admin"), found
    assert kubemint("can", path, "--kubeconfig", served).code == 0
    assert kubemint("inspect", path).code == 0
    for verb in ("lineage", "revoke"):
        refused = kubemint(verb, path, "--kubeconfig", served)
        refused.failed(2, "the file holds nothing: kubemint gets a client certificate for a shoot of harbor each time")
    refused = kubemint("verify", "-", "--kubeconfig", served, stdin=path.read_text())
    assert (refused.code, "wants to run a program" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("server", "is not at https://127.0.0.1:1"),
        ("proxy", "connects through a proxy"),
        ("insecure", "certificate is not verified"),
        ("context", "no cluster is known here by that name"),
        ("garden", "for a shoot of the garden another"),
        ("other", "only for your own clusters"),
    ],
)
def test_a_shoots_file_that_says_something_else_gets_no_certificate(
    served: Path, tmp_path: Path, change: str, said: str
) -> None:
    path = own_shoot(served, tmp_path)
    document = yaml.safe_load(path.read_text())
    plugin = document["users"][0]["user"]["exec"]
    for entry in document["clusters"]:
        cluster = entry["cluster"]
        match change:
            case "server":
                cluster["server"] = "https://127.0.0.1:1"
            case "proxy":
                cluster["proxy-url"] = "http://127.0.0.1:1"
            case "insecure":
                del cluster["certificate-authority-data"]
                cluster["insecure-skip-tls-verify"] = True
            case "garden":
                cluster["extensions"][0]["extension"]["gardenClusterIdentity"] = "another"
    match change:
        case "context":
            plugin["args"][plugin["args"].index("--context") + 1] = "nowhere"
        case "other":
            plugin["args"] += ["--kubeconfig", os.devnull]
    path.write_text(yaml.safe_dump(document))
    refused = kubemint("verify", path, "--kubeconfig", served)
    assert refused.code in (1, 2), refused
    assert said in refused.err


@pytest.mark.parametrize("change", ["server", "ca", "proxy", "insecure", "command", "other"])
def test_a_file_that_leads_elsewhere_gets_no_token(
    served: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever writes a file would have a token of any account sent to a server of his."""
    path = own(served, tmp_path)
    document = yaml.safe_load(path.read_text())
    cluster, plugin = document["clusters"][0]["cluster"], document["users"][0]["user"]["exec"]
    match change:
        case "server":
            cluster["server"] = "https://127.0.0.1:1"
        case "ca":
            del cluster["certificate-authority-data"]
        case "proxy":
            cluster["proxy-url"] = "http://127.0.0.1:1"
        case "insecure":
            del cluster["certificate-authority-data"]
            cluster["insecure-skip-tls-verify"] = True
        case "command":
            plugin["command"] = "touch"
        case _:
            plugin["args"] += ["--kubeconfig", os.devnull]
    path.write_text(yaml.safe_dump(document))
    refused = kubemint("verify", path, "--kubeconfig", served)
    assert refused.code in (1, 2), refused
    assert "is not known here" in refused.err or "only for your own clusters" in refused.err


def test_lineage_of_a_colleagues_file_names_cluster_account_and_credential(
    beside: Path, served: Path, robot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By this machine's records where they know it; else the clusters are asked for its account, and sent nothing."""
    found = kubemint("lineage", beside, "--kubeconfig", served)
    assert found.code == 0, found
    assert "is a login of robot (namespace default, cluster tenant-a)" in found.err
    assert "this machine's records know its fingerprint" in found.err
    assert f"it is file:{robot}" in found.err
    assert "◂ this one" in found.out
    bare = tmp_path / "token"
    bare.write_text((beside.parent / "pki" / "token").read_text())
    head, claims, signature = bare.read_text().split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    later = base64.urlsafe_b64encode(json.dumps(said | {"exp": said["exp"] + 9}).encode()).decode().rstrip("=")
    forged = tmp_path / "forged"
    forged.write_text(f"{head}.{later}.{signature}")
    found = kubemint("lineage", forged, "--kubeconfig", served)
    assert f"it names what file:{robot} is bound to, but it is not the token in it" in found.err
    assert "◂ this one" not in found.out
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-machine"))
    for path in (beside, bare):
        found = kubemint("lineage", path, "--kubeconfig", served)
        assert found.code == 0, found
        assert "tenant-a has its account, by the UID" in found.err
        assert "nothing confirmed the token itself" in found.err
        assert found.out.startswith("ServiceAccount") or "robot" in found.out.splitlines()[0]
    other = kubemint("lineage", bare, "--kubeconfig", served, "--context", "harbor")
    other.failed(2, "no cluster has the account default/robot of this token")


def test_lineage_of_kubemints_own_exec_file_is_that_of_its_account(served: Path, tmp_path: Path) -> None:
    path = own(served, tmp_path)
    found = kubemint("lineage", path, "--kubeconfig", served)
    assert found.code == 0, found
    assert "kubemint is its plugin" in found.err
    assert "default" in found.out.splitlines()[0]


def test_revoking_a_colleagues_file_names_what_ends_and_ends_it(beside: Path, served: Path, robot: Path) -> None:
    where = ("--kubeconfig", served)
    dry = kubemint("revoke", beside, "--dry-run", *where)
    assert dry.code == 0, dry
    assert "tenant-a/default/" in dry.out
    assert f"{beside} holds the token of file:{robot}" in dry.err
    unasked = kubemint("revoke", beside, *where)
    assert unasked.code == 2
    assert "there is no terminal to confirm on" in unasked.err
    done = kubemint("revoke", beside, "--yes", *where)
    assert done.code == 0, done
    assert done.out.startswith("handle:tenant-a/default/")
    again = kubemint("revoke", beside, "--yes", *where)
    assert (again.code, again.out) == (2, "")
    assert "no cluster has the Secret" in again.err


def test_what_cannot_be_ended_is_refused_plainly(served: Path, tmp_path: Path) -> None:
    refused = kubemint("revoke", own(served, tmp_path), "--yes", "--kubeconfig", served)
    refused.failed(2, "holds no token: kubectl runs kubemint, which requests one for", "delete the account")
    admin = tmp_path / "admin"
    document = yaml.safe_load(served.read_text())
    first = document["users"][0]
    document["users"], document["current-context"] = [first], ""
    document["contexts"] = [one for one in document["contexts"] if one["context"]["user"] == first["name"]]
    admin.write_text(yaml.safe_dump(document))
    refused = kubemint("revoke", admin, "--yes", "--kubeconfig", served)
    refused.failed(2, "holds a client certificate and no token")
    kubemint("lineage", admin, "--kubeconfig", served).failed(2, "holds a client certificate and no token")
