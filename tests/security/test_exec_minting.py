"""How often the credential plugin asks a cluster for a token, and to which cluster it gives what."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from tests.cli.conftest import Result, command, environment, kubemint, served
from tests.cli.test_exec_credential import asked
from tests.security.test_exec_cache import V1, env, question, told
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.families.gardener import exec_minting as for_shoots
from tui.issuance.families.plugin import exec_minting
from tui.issuance.records.exec_cache import INFO, Question, cache_folder
from tui.kube.kubeconfig import load

__all__ = ["env", "question", "served"]

ACCOUNT = ("-n", "kube-system", "--account", "default")


class Asking:
    """The plugin, asked for a token of an account of `tenant-a` from a cache of its own."""

    def __init__(self, served: Path, folder: Path) -> None:
        self.served = served
        self.env = {"XDG_CACHE_HOME": str(folder / "cache"), INFO: ""}
        self.folder = folder / "cache" / "kubemint" / "exec"

    def words(self, *more: str) -> list[str]:
        return ["exec-credential", "--kubeconfig", str(self.served), "--context", "tenant-a", *ACCOUNT, *more]

    def run(self, *more: str, **env: str) -> Result:
        words = self.words(*more)
        with mock.patch.object(sys, "argv", ["kubemint", *words]):  # the question is what the program was called with
            return kubemint(*words, env=self.env | env)

    def once(self, *more: str, **env: str) -> str:
        done = self.run(*more, **env)
        assert done.code == 0, done.err
        text: str = done.json["status"]["token"]
        return text

    def shell(self, script: str) -> list[str]:
        """The tokens that a shell gets which runs the plugin itself, as kubectl does."""
        text = script.replace("PLUGIN", " ".join(command(*self.words())))
        done = subprocess.run(["sh", "-c", f"{text}; true"], capture_output=True, text=True, env=environment(self.env),
                              check=True)  # fmt: skip
        assert done.stderr == ""
        return [json.loads(line)["status"]["token"] for line in done.stdout.splitlines()]

    def age(self, seconds: float) -> None:
        """Let that much time pass for what is kept."""
        for file in self.folder.glob("*.json"):
            kept = json.loads(file.read_text())
            for key in ("goodUntil", "renewAt", "mintedAt"):
                kept[key] -= seconds
            file.write_text(json.dumps(kept))

    def kept(self) -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in sorted(self.folder.glob("*.json"))]


@pytest.fixture
def asking(served: Path, tmp_path: Path) -> Asking:
    copy = tmp_path / "kubeconfig"
    copy.write_text(served.read_text())
    return Asking(copy, tmp_path)


def test_thirty_cold_callers_get_one_token(asking: Asking) -> None:
    """All of one parent, as of a shell that starts thirty kubectls: no refusal."""
    words = command(*asking.words())
    with ThreadPoolExecutor(30) as pool:
        runs = list(
            pool.map(
                lambda _: subprocess.run(
                    words, capture_output=True, text=True, env=environment(asking.env), check=True
                ),
                range(30),
            )
        )
    assert len({run.stdout for run in runs}) == 1
    assert {run.stderr for run in runs} == {""}


def test_who_was_killed_holds_nobody_up(asking: Asking) -> None:
    env = environment(asking.env)
    folder = Path(cache_folder(env))
    folder.mkdir(parents=True)
    lock = folder / (Question(asking.words()[1:], env).name + ".json.lock")
    program = (
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"1\n"
    waiting = subprocess.Popen(command(*asking.words()), stdout=subprocess.PIPE, env=env)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.4)
    holder.send_signal(signal.SIGKILL)
    start = time.monotonic()
    out, _ = waiting.communicate(timeout=10)
    holder.communicate()
    assert json.loads(out)["status"]["token"]
    assert time.monotonic() - start < 8


def test_a_refused_answer_is_made_anew_and_an_accepted_one_is_not(asking: Asking) -> None:
    """Each shell is a client: who asks twice got a 401 in between."""
    (first,) = asking.shell("PLUGIN")
    given, anew, fresh = asking.shell("PLUGIN; PLUGIN; PLUGIN")
    assert given == first
    assert anew != first
    assert fresh == anew, "what was just made for the same client would be refused again"
    assert asking.shell("PLUGIN") == [anew]


def test_a15_a_token_of_an_hour_is_renewed_in_its_last_twelve_minutes(asking: Asking) -> None:
    first = asking.once()
    asking.age(47 * 60)
    assert asking.once() == first
    asking.age(3 * 60)
    assert asking.once() != first


def test_a17_a_failed_renewal_gives_the_old_token_and_says_why(asking: Asking) -> None:
    first, text = asking.once(), asking.served.read_text()
    asking.age(50 * 60)
    (kept,) = asking.kept()
    asking.served.write_text(re.sub(r"https://127.0.0.1:[0-9]+", "https://127.0.0.1:1", text))  # nobody is there
    done = asking.run()
    assert done.code == 0, done.err
    assert done.json["status"]["token"] == first
    assert "connection refused" in done.err
    assert "the cached answer still works; a new one is requested from" in done.err
    (after,) = asking.kept()
    assert kept["renewAt"] < time.time() < after["renewAt"] < after["goodUntil"]
    assert after["failures"] == 1
    assert asking.run().err == "", "not before the planned retry"
    asking.age(after["renewAt"] - time.time())
    asking.served.write_text(text)
    assert asking.once() != first
    asking.age(3600)
    asking.served.write_text("")
    ended = asking.run()
    assert (ended.code, ended.out) == (1, ""), "what has ended is never given"


def test_a19_another_wish_is_another_token(asking: Asking) -> None:
    tokens = [asking.once(), asking.once("--duration", "20m"), asking.once("--audience", "vault")]
    tokens += [asking.once("--audience", "vault", "--audience", "api"), asking.once(KUBECONFIG="/another")]
    assert len(set(tokens)) == 5
    assert asking.once() == tokens[0]


def test_a21_a_failure_is_never_kept(asking: Asking) -> None:
    assert asking.run("--account", "nobody").code == 1
    assert asking.kept() == []
    assert asking.once()


def test_a_token_goes_to_its_own_cluster_only(asking: Asking) -> None:
    own = load(str(asking.served)).endpoint("tenant-a").server
    for server in ("https://evil.example", f"{own}/behind/the/same/address", "http://evil.example"):
        info = {"kind": "ExecCredential", "apiVersion": V1, "spec": {"cluster": {"server": server}}}
        asking.run(**{INFO: json.dumps(info)}).failed(1, f"the token would go to {server}")
    assert asking.kept() == []


def test_a_client_that_does_not_say_where_a_token_goes_gets_none(asking: Asking) -> None:
    none: list[Any] = [{}, {"cluster": None}, {"cluster": {}}, {"cluster": {"server": ""}}]
    for said in none:
        info = {"kind": "ExecCredential", "apiVersion": V1, "spec": said}
        asking.run(**{INFO: json.dumps(info)}).failed(2, "does not say to which server the token goes")
    assert asking.kept() == []


@pytest.mark.parametrize(
    ("server", "refusal"),
    [
        ("https://own.example:6443", ""),
        ("https://OWN.example:6443/", ""),
        ("https://own.example", "would go to https://own.example, and harbor is at https://own.example:6443"),
        ("http://own.example:6443", "would go to"),
        ("https://own.example:6443/behind", "would go to"),
        ("nonsense", "would go to nonsense"),
        ("", "does not say to which server the token goes"),
        (None, "does not say to which server the token goes"),
    ],
)
def test_to_which_server_a_token_goes(env: dict[str, str], server: str | None, refusal: str) -> None:
    own = "https://own.example:6443"
    question = told(env, {"server": server})
    if refusal:
        kind = IssuanceError if server else UsageError
        with pytest.raises(kind, match=refusal) as caught:
            exec_minting.check_server(question, "harbor", own)
        assert type(caught.value) is kind
    else:
        exec_minting.check_server(question, "harbor", own)
    exec_minting.check_server(Question([], env, caller="one"), "harbor", own)  # by hand: the words name the cluster


def test_to_which_server_and_garden_a_certificate_goes(env: dict[str, str]) -> None:
    server, config = "https://api.meadow", {"gardenClusterIdentity": "garden-demo"}
    assert for_shoots.meant(told(env, {"server": server, "config": config})) == ("garden-demo", server)
    odd: list[Any] = [None, {}, {"gardenClusterIdentity": ""}, {"gardenClusterIdentity": ["garden-demo"]}]
    for one in odd:
        with pytest.raises(UsageError, match="does not say which garden"):
            for_shoots.meant(told(env, {"server": server, "config": one}))
    for none in ("", None):
        with pytest.raises(UsageError, match="to which server the certificate goes"):
            for_shoots.meant(told(env, {"server": none, "config": config}))
    for_shoots.check_garden("garden-demo", "harbor", "garden-demo")
    for found, says in (("another", "but harbor is another"), ("", "one that does not say who it is")):
        with pytest.raises(UsageError, match=says):
            for_shoots.check_garden("garden-demo", "harbor", found)


@pytest.mark.parametrize(
    ("named", "said", "shoot"),
    [
        ("", {"namespace": "garden-dev", "name": "meadow"}, ("garden-dev", "meadow")),
        ("garden-x/other", {"namespace": "garden-dev", "name": "meadow"}, ("garden-x", "other")),
        ("garden-x/a/b", None, ("garden-x", "a/b")),
        ("garden-x", {"namespace": "garden-dev", "name": "meadow"}, None),
        ("/other", None, None),
        ("garden-x/", None, None),
        ("", {"namespace": "garden-dev"}, None),
        ("", {"name": "meadow"}, None),
        ("", {"namespace": ["garden-dev"], "name": "meadow"}, None),
        ("", {"namespace": "garden-dev", "name": 5}, None),
        ("", "garden-dev/meadow", None),
        ("", None, None),
    ],
)
def test_which_shoot_is_meant(env: dict[str, str], named: str, said: Any, shoot: tuple[str, str] | None) -> None:
    question = told(env, {"config": {"shootRef": said}})
    if shoot is None:
        with pytest.raises(UsageError, match="name a shoot or account"):
            for_shoots.shoot_of(question, named)
    else:
        assert for_shoots.shoot_of(question, named) == shoot


def test_behind_one_address_there_may_be_several_clusters(asking: Asking) -> None:
    entry = next(
        one["cluster"] for one in yaml.safe_load(asking.served.read_text())["clusters"] if one["name"] == "tenant-a"
    )

    def info(server: str) -> str:
        return json.dumps({"kind": "ExecCredential", "apiVersion": V1, "spec": {"cluster": {"server": server}}})

    asking.run(**{INFO: info(f"{entry['server']}/k8s/clusters/evil")}).failed(1, "the token would go to")
    assert asking.kept() == []
    assert asking.once(**{INFO: info(f"{entry['server']}/")})


@pytest.fixture
def shoot(served: Path, tmp_path: Path) -> Path:
    out = tmp_path / "shoot.kubeconfig"
    words = ("--shoot", "garden-dev/meadow", "--context", "harbor", "--exec", "--out", out)
    assert kubemint("issue", "--kubeconfig", served, *words).code == 0
    return out


def test_a_shoot_is_given_a_certificate_only_where_garden_and_server_are_said(
    served: Path, shoot: Path, tmp_path: Path
) -> None:
    reference = {"namespace": "garden-dev", "name": "meadow"}
    words = ("exec-credential", "--kubeconfig", served, "--context", "harbor", "--shoot", "garden-dev/meadow")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    for info, says in (
        (asked(shoot, config={"shootRef": reference}), "does not say which garden"),
        (asked(shoot, config={"shootRef": reference, "gardenClusterIdentity": ""}), "does not say which garden"),
        (asked(shoot, config={"shootRef": reference, "gardenClusterIdentity": ["garden-demo"]}), "which garden"),
        (asked(shoot, server=""), "does not say to which server"),
        (asked(shoot, server=None), "does not say to which server"),
        (json.dumps({"kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": False}}), "which garden"),
    ):
        kubemint(*words, env=env | {INFO: info}).failed(2, says)
    for server in ("http://api.meadow", "https://[", "nonsense"):
        kubemint(*words, env=env | {INFO: asked(shoot, server=server)}).failed(1, "is not at")
    assert not list(tmp_path.rglob("*.json"))
    assert kubemint(*words, env=env | {INFO: asked(shoot)}).code == 0
