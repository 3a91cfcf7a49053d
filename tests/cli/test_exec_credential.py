"""kubemint as a credential plugin: kubeconfigs without a secret, answered by the cluster once, then by the cache."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.answers import remember
from tests.cli.conftest import Result, command, environment, kubemint, separately
from tui.issuance.model.certificate import read_certificate
from tui.issuance.records.exec_cache import INFO, VERSIONS, Question
from tui.kube.kubeconfig import load

V1, V1BETA1 = VERSIONS


def account_words(out: Path, *more: str) -> list[str]:
    """What `kubemint issue` is told for an account's kubeconfig that has no secret in it."""
    return ["default", "-n", "kube-system", "--context", "tenant-a", "--exec", *more, "--out", str(out)]


def kubeconfig_of(served: Path, folder: Path, *more: str, shoot: str = "garden-dev/meadow") -> Path:
    """A shoot's kubeconfig that kubemint answers."""
    out = folder / "shoot.kubeconfig"
    wanted = ["--shoot", shoot, "--context", "harbor", "--exec", "--out", str(out), *more]
    done = kubemint("issue", "--kubeconfig", served, *wanted)
    assert done.code == 0, done.err
    return out


def asked(kubeconfig: Path, version: str = V1, **changes: Any) -> str:
    """What kubectl tells the plugin of the kubeconfig's first cluster."""
    cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    extensions = cluster.pop("extensions", [])
    extension = extensions[0].get("extension") if extensions else None
    spec = {"interactive": False, "cluster": cluster | {"config": extension} | changes}
    return json.dumps({"kind": "ExecCredential", "apiVersion": version, "spec": spec})


def plugin(config: Path, cache: Path, info: str) -> Result:
    """Run what the kubeconfig's user says, as kubectl does."""
    exec_ = yaml.safe_load(config.read_text())["users"][0]["user"]["exec"]
    env = {entry["name"]: entry["value"] for entry in exec_["env"]}
    assert exec_["command"] == "kubemint"
    return separately(*exec_["args"], env=env | {INFO: info, "XDG_CACHE_HOME": str(cache)})


def test_a_kubeconfig_as_gardenlogins(served: Path, tmp_path: Path) -> None:
    out = kubeconfig_of(served, tmp_path, "--level", "viewer", "--duration", "20m")
    config = yaml.safe_load(out.read_text())
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    names = ["garden-dev--meadow-external", "garden-dev--meadow-internal"]
    assert [entry["name"] for entry in config["contexts"]] == names
    assert config["contexts"][0]["context"] == {
        "cluster": names[0],
        "namespace": "default",
        "user": "garden-dev--meadow",
    }
    for cluster in config["clusters"]:
        (extension,) = cluster["cluster"]["extensions"]
        assert extension["name"] == "client.authentication.k8s.io/exec"
        assert extension["extension"] == {
            "shootRef": {"namespace": "garden-dev", "name": "meadow"},
            "gardenClusterIdentity": "garden-demo",
        }
    (user,) = config["users"]
    assert user["user"]["exec"] == {
        "apiVersion": V1,
        "command": "kubemint",
        "args": ["exec-credential", "--context", "harbor", "--level", "viewer", "--duration", "20m"],
        "env": [{"name": "KUBECONFIG", "value": str(served)}],
        "installHint": "kubemint answers for this kubeconfig; put kubemint on the PATH",
        "interactiveMode": "Never",
        "provideClusterInfo": True,
    }
    plugin_ = load(str(out)).endpoint().login.exec
    assert plugin_ is not None
    assert plugin_.cluster_config == extension["extension"]
    kubeconfig_of(served, tmp_path)  # again into the same file: what is replaced holds nothing that could get lost
    assert "--level" not in yaml.safe_load(out.read_text())["users"][0]["user"]["exec"]["args"]
    out.write_text("something else\n")
    again = (
        "issue",
        "--kubeconfig",
        served,
        "--shoot",
        "garden-dev/meadow",
        "--context",
        "harbor",
        "--exec",
        "--out",
        out,
    )
    kubemint(*again).failed(2, "was not written by kubemint")
    assert out.read_text() == "something else\n"
    done = kubemint(*again, "--force")
    assert "is kept beside it" in done.err
    assert yaml.safe_load(out.read_text())["kind"] == "Config"
    assert out.with_name(f"{out.name}.replaced-by-kubemint").read_text() == "something else\n"


def test_i13_the_answer_has_the_version_asked_for_and_the_certificates_end(served: Path, tmp_path: Path) -> None:
    config, cache = kubeconfig_of(served, tmp_path), tmp_path / "cache"
    answers = [plugin(config, cache, asked(config, version)) for version in (V1, V1BETA1, V1)]
    bodies = [answer.json for answer in answers]
    assert [body["apiVersion"] for body in bodies] == [V1, V1BETA1, V1]
    for body in bodies:
        assert body["kind"] == "ExecCredential"
        certificate = read_certificate(body["status"]["clientCertificateData"].encode())
        assert datetime.fromisoformat(body["status"]["expirationTimestamp"]) == certificate.not_after
        assert certificate.common_name == "gardener.cloud:admin:kubernetes-admin"
        assert 0 < (certificate.not_after - datetime.now(UTC)).total_seconds() <= 900
    assert bodies[0]["status"] == bodies[1]["status"] == bodies[2]["status"], "one certificate for all: from the cache"
    kept = next((cache / "kubemint" / "exec").glob("*.json"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_from_its_cache_it_answers_with_the_standard_library_alone(tmp_path: Path) -> None:
    words = ["exec-credential", "--context", "nowhere"]
    env = environment({"XDG_CACHE_HOME": str(tmp_path), "KUBECONFIG": "/nowhere", INFO: ""})
    env.pop("PYTHONWARNINGS")
    status = remember(Question(words[1:], env))
    program = "import sys\nfrom tui.__main__ import main\nmain()\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, env=env, check=True)
    assert json.loads(done.stdout)["status"] == status
    # A Python's own start imports too: its `sitecustomize`, and what the `.pth` files of an environment say.
    bare = [sys.executable, "-c", "import sys\nprint(*sys.modules)"]
    start = set(subprocess.run(bare, capture_output=True, text=True, env=env, check=True).stdout.split())
    imported = set(done.stderr.split()) - start
    foreign = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {
        "tui",
        "tui.__main__",
        "tui.issuance",
        "tui.issuance.records",
        "tui.issuance.records.exec_cache",
        "tui.issuance.records.exec_record",
    }
    assert not imported & {"asyncio", "typing", "datetime", "dataclasses", "pathlib", "click", "ssl"}


@pytest.mark.parametrize("spoiled", ["mode", "link", "late", "text"])
def test_a_cache_that_others_can_touch_or_that_has_ended_is_not_believed(tmp_path: Path, spoiled: str) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    question = Question(["--context", "c"], env)
    file = Path(question.file)
    remember(question)
    assert question.known() is not None
    assert Question(["--context", "other"], env).known() is None
    assert Question(["--context", "c"], env | {"KUBECONFIG": "/another"}).known() is None
    if spoiled == "mode":
        file.chmod(0o640)
    elif spoiled == "link":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    elif spoiled == "late":
        remember(question, lasts=-1)
    else:
        file.write_text("{")
    assert question.known() is None


def test_auto_falls_back_to_viewer_and_a_forbidden_level_says_so(served: Path, tmp_path: Path) -> None:
    """In this project the operator may only look."""
    config = kubeconfig_of(served, tmp_path, shoot="garden-audit/ledger")
    body = plugin(config, tmp_path / "cache", asked(config)).json
    certificate = read_certificate(body["status"]["clientCertificateData"].encode())
    assert certificate.common_name.startswith("gardener.cloud:viewer:")
    config = kubeconfig_of(served, tmp_path, "--level", "admin", shoot="garden-audit/ledger")
    refused = plugin(config, tmp_path / "cache", asked(config))
    refused.failed(1, "forbidden", "create shoots/adminkubeconfig.core.gardener.cloud in namespace garden-audit")


def test_what_the_kubeconfig_says_must_be_so(served: Path, tmp_path: Path) -> None:
    config, cache = kubeconfig_of(served, tmp_path), tmp_path / "cache"
    other = asked(config, server="https://somewhere.else:443")
    plugin(config, cache, other).failed(1, "is not at https://somewhere.else:443", "create the kubeconfig again")
    shoot = {"namespace": "garden-dev", "name": "meadow"}
    stranger = asked(config, config={"shootRef": shoot, "gardenClusterIdentity": "another-garden"})
    plugin(config, cache, stranger).failed(2, "garden another-garden", "harbor is garden-demo")
    plugin(config, cache, asked(config, config=None)).failed(2, "name a shoot or account")
    plugin(config, cache, asked(config, "client.authentication.k8s.io/v1alpha1")).failed(2, "v1alpha1")
    plugin(config, cache, "{").failed(2, INFO)
    assert not list(cache.rglob("*.json"))


def test_a_terminal_is_never_written_to(served: Path, tmp_path: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    words = command("exec-credential", "--kubeconfig", served, "--context", "harbor", "--shoot", "garden-dev/meadow")
    env = environment({"XDG_CACHE_HOME": str(tmp_path)})
    try:
        done = subprocess.run(words, stdout=follower, stderr=subprocess.PIPE, text=True, env=env, check=False)
    finally:
        os.close(leader)
        os.close(follower)
    assert done.returncode == 2
    assert "never written to the terminal" in done.stderr


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_enters_a_shoot_and_a_cluster_with_no_secret_on_disk(served: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "kubemint"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m tui "$@"\n')
    script.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    env = environment({"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache"), "KUBECONFIG": "/nowhere"})
    shoot = kubeconfig_of(served, tmp_path)
    robot = tmp_path / "robot.kubeconfig"
    wanted = account_words(robot, "--duration", "20m")
    assert kubemint("issue", "--kubeconfig", served, *wanted).code == 0
    for config, name in ((shoot, "gardener.cloud:admin:kubernetes-admin"), (robot, "kube-system:default")):
        words = ["kubectl", "--kubeconfig", str(config), "auth", "whoami", "-o", "name"]
        said = subprocess.run([*words[:-2], "-o", "json"], capture_output=True, text=True, env=env, check=False)
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["status"]["userInfo"]["username"].endswith(name)
    assert "token" not in robot.read_text().replace("exec-credential", "")


def test_a_token_for_an_account(served: Path, tmp_path: Path) -> None:
    out = tmp_path / "robot.kubeconfig"
    wanted = account_words(out, "--audience", "vault")
    shown = kubemint("issue", "--kubeconfig", served, *wanted, "--dry-run")
    assert "command: kubemint" in shown.out
    assert not out.exists()
    assert kubemint("issue", "--kubeconfig", served, *wanted).code == 0
    status = plugin(out, tmp_path / "cache", asked(out)).json["status"]
    claims = json.loads(base64.urlsafe_b64decode(status["token"].split(".")[1] + "=="))
    assert claims["sub"] == "system:serviceaccount:kube-system:default"
    assert claims["aud"] == ["vault"]
    assert datetime.fromisoformat(status["expirationTimestamp"]).timestamp() == claims["exp"]


def test_a_token_for_an_account_that_ends_with_a_node(served: Path) -> None:
    where = (
        "exec-credential",
        "-n",
        "default",
        "--account",
        "default",
        "--context",
        "tenant-a",
        "--kubeconfig",
        served,
    )
    separately(*where, "--bound-node", "no-such").failed(1, "there is no Node no-such to bind it to")
    kubemint("exec-credential", "--shoot", "a/b", "--bound-node", "x").failed(2, "--bound-node is for --account")


def test_what_does_not_go_together(served: Path, tmp_path: Path) -> None:
    base = ["issue", "--kubeconfig", str(served), "--context", "harbor"]
    shoot = ["--shoot", "garden-dev/meadow", "--out", str(tmp_path / "x")]
    kubemint(*base, *shoot, "--oidc", "--level", "admin").failed(2, "identity provider decides")
    kubemint(*base, *shoot, "--exec", "--address", "internal").failed(2, "every address is a context")
    kubemint(*base, "default", "-n", "default", "--oidc", "--out", tmp_path / "x").failed(2, "needs --shoot")
    kubemint(*base, "default", "-n", "default", "--exec", "--secret", "a/b").failed(2, "a file of its own")
    kubemint("exec-credential", "-n", "x").failed(2, "-n NAMESPACE --account NAME")
    kubemint("exec-credential", "--audience", "x").failed(2, "--audience is for --account")
    kubemint(*base, "--shoot", "garden-dev/fresh", "--exec", "--out", tmp_path / "x").failed(1, "no addresses yet")


def test_a_login_with_an_identity_provider(served: Path, tmp_path: Path) -> None:
    out = tmp_path / "oidc.kubeconfig"
    base = ["issue", "--kubeconfig", str(served), "--context", "harbor", "--oidc", "--out", str(out)]
    done = kubemint(*base, "--shoot", "garden-audit/ledger")
    assert done.code == 0, done.err
    (user,) = yaml.safe_load(out.read_text())["users"]
    assert user["user"]["exec"] == {
        "apiVersion": V1,
        "command": "kubectl",
        "args": [
            "oidc-login",
            "get-token",
            "--oidc-issuer-url=https://login.example.com",
            "--oidc-client-id=kubernetes",
        ],
        "installHint": "kubelogin answers for this kubeconfig: kubectl krew install oidc-login",
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": False,
    }
    assert "the shoot garden-audit/ledger" in done.err
    by_preset = kubemint(*base[:-1], str(tmp_path / "b"), "--shoot", "garden-dev/meadow")
    assert "says the OpenIDConnectPreset garden-dev/project" in by_preset.err
    kubemint(*base, "--shoot", "garden-prod/tenant-b", "-q").failed(
        2, "no preset is for it", "make an OpenIDConnectPreset"
    )
