"""Merging into a kubeconfig that somebody works with: rows G13 and G15, and what must survive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from tests.kube.kubeconfigs import needs_kubectl
from tui.issuance.destinations.kubeconfig_file import merge, preview, remove, token_for
from tui.issuance.destinations.kubeconfig_lock import locked
from tui.issuance.errors import FileError, UsageError
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.model.types import Identity
from tui.kube import kubeconfig as loading
from tui.kube.errors import ConfigError
from tui.kube.sensitive import Sensitive

from .samples import ENDPOINT, jwt, kubectl

NOW = timedelta(0)
OLD, NEW = jwt({"jti": "old"}), jwt({"jti": "new"})
EXISTING = """\
# my clusters, do not touch
apiVersion: v1
kind: Config
x-unknown: {deep: [1, "1", yes]}
current-context: work   # at work
clusters:
  # the office
  - name: work
    cluster:
      server: https://work:6443
      insecure-skip-tls-verify: true
      x-vendor: 0x1F
contexts:
  - context: {cluster: work, user: me, namespace: '08'}
    name: work

users:
  - name: me
    user:
      token: "secret-of-the-owner"
      client-key-data: |
        c2VjcmV0
# the end
"""


def addition(token: Sensitive = OLD, name: str = "robot", cluster: str = "c1", server: str = "") -> Sensitive:
    endpoint = replace(ENDPOINT, cluster_name=cluster, server=server or ENDPOINT.server)
    return kubeconfig(token, endpoint, Identity("c", "shop", name))


def write(folder: Path, text: str, name: str = "config") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_everything_else_stays_as_it_was_written(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    done = merge(path, addition(), "r1")
    assert (done.changed, done.comments_kept, done.context) == (True, True, "robot")
    text = path.read_text()
    kept = iter(text.splitlines())
    assert all(line in kept for line in EXISTING.splitlines()), "every line is there, in its order"
    seen = json.loads(kubectl(path, "config", "view", "--raw", "-o", "json"))
    assert seen["current-context"] == "work"
    assert [entry["name"] for entry in seen["contexts"]] == ["robot", "work"]
    assert {entry["name"]: entry["user"].get("token") for entry in seen["users"]} == {
        "me": "secret-of-the-owner",
        "robot": OLD.reveal(),
    }
    endpoint = loading.load(str(path)).endpoint("robot")
    assert (endpoint.server, endpoint.ca, endpoint.namespace) == (ENDPOINT.server, ENDPOINT.ca, "shop")


def test_a_rotation_replaces_its_own_entries_only(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    merge(path, addition(), "r1")
    first = path.read_text()
    assert token_for(path, "r1") == OLD
    merge(path, addition(NEW), "r1")
    assert token_for(path, "r1") == NEW
    assert path.read_text() == first.replace(OLD.reveal(), NEW.reveal())
    again = merge(path, addition(NEW), "r1")
    assert (again.changed, again.diff) == (False, "")
    assert token_for(path, "r2") is None


@pytest.mark.parametrize("namespace", ["theirs", None])
def test_a_rotation_keeps_the_namespace_that_a_person_set(tmp_path: Path, namespace: str | None) -> None:
    path = write(tmp_path, EXISTING)
    merge(path, addition(), "r1")
    text = path.read_text()
    (line,) = [one for one in text.splitlines(keepends=True) if one.strip() == "namespace: shop"]
    path.write_text(text.replace(line, line.replace("shop", namespace) if namespace is not None else ""))
    merge(path, addition(NEW), "r1")
    assert token_for(path, "r1") == NEW
    (entry,) = [one for one in yaml.safe_load(path.read_text())["contexts"] if one["name"] == "robot"]
    assert entry["context"].get("namespace") == namespace
    assert (entry["context"]["cluster"], entry["context"]["user"]) == ("c1", "robot")


def test_what_was_added_can_be_removed_without_a_trace(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    merge(path, addition(), "r1")
    assert remove(path, "r1").changed
    assert path.read_text() == EXISTING
    assert not remove(path, "r1").changed


def test_a_shared_cluster_entry_goes_with_the_last_who_uses_it(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    merge(path, addition(name="one"), "r1")
    merge(path, addition(name="two"), "r2")
    assert sorted(loading.load(str(path)).clusters) == ["c1", "work"]
    remove(path, "r1")
    assert loading.load(str(path)).endpoint("two").server == ENDPOINT.server
    remove(path, "r2")
    assert path.read_text() == EXISTING


def test_names_that_are_taken_are_never_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    merge(path, addition(name="me", cluster="work"), "r1")
    done = merge(path, addition(name="work", cluster="c1"), "r2")
    assert done.context == "work@c1"
    done = merge(path, addition(name="work", cluster="c1", server="https://elsewhere"), "r3")
    assert done.context == "work@c1-2"
    assert loading.load(str(path)).endpoint("work@c1-2").server == "https://elsewhere"
    config = loading.load(str(path))
    assert config.users["me"].token == Sensitive("secret-of-the-owner")
    assert config.clusters["work"].server == "https://work:6443"
    for name in ("me@work", "work@c1"):
        assert config.endpoint(name).login.token == OLD
        assert config.endpoint(name).server == ENDPOINT.server
    assert merge(path, addition(NEW, name="work", cluster="c1"), "r2").context == "work@c1", (
        "a rotation keeps its names"
    )


def test_names_in_other_files_of_the_list_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.write_bytes(addition().reveal_bytes())
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'new'}:{other}")
    assert preview(tmp_path / "new", addition(), "r1").context == "robot@c1"
    assert preview(tmp_path / "apart", addition(), "r1").context == "robot", "it is in no list"


def test_the_same_cluster_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(addition(name="owner").reveal_bytes())
    merge(path, addition(), "r1")
    config = loading.load(str(path))
    assert list(config.clusters) == ["c1"]
    assert config.endpoint("robot").login.token == OLD
    remove(path, "r1")
    assert list(loading.load(str(path)).clusters) == ["c1"]


@pytest.mark.parametrize(
    "text",
    ["kind: Config\n", "kind: Config\ncurrent-context: ''   # none\nusers: []\n", "# c\nkind: Config\ncontexts: []\n"],
)
def test_the_only_context_becomes_the_current_one(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    assert "+current-context: robot" in merge(path, addition(), "r1").diff
    assert kubectl(path, "config", "current-context") == "robot\n"
    assert path.read_text().startswith(text.splitlines(keepends=True)[0])
    merge(path, addition(name="other"), "r2")
    assert kubectl(path, "config", "current-context") == "robot\n", "and stays it"
    remove(path, "r1")
    assert loading.load(str(path)).current_context == "", "it never names what is gone"


@pytest.mark.parametrize("text", [None, "", "\n \n", "# nothing yet\n", "null\n", "---\n"])
def test_a_new_or_empty_file(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "new" / "config"
    if text is not None:
        path.parent.mkdir()
        path.write_text(text)
    merge(path, addition(), "r1")
    assert kubectl(path, "config", "current-context") == "robot\n"
    assert loading.load(str(path)).endpoint().login.token == OLD
    if text is None:
        assert path.stat().st_mode & 0o777 == 0o600
    if text and "#" in text:
        assert path.read_text().startswith(text)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"kind": "Config", "apiVersion": "v1", "users": [{"name": "me", "user": {"token": "t"}}]}),
        "kind: Config\nclusters: []\ncontexts: null\nusers:\n",
        "kind: Config\nclusters: []  # none yet\ncurrent-context: ''",
        "users:\n- name: me\n  user: {token: t}",
        "users: [{name: me, user: {token: t}}]\n",
        "clusters:\n  -\n    name: work\n    cluster: &c {server: 'https://w'}\n  - name: two\n    cluster: *c\n",
        "kind: Config\r\nusers:\r\n- name: me\r\n  user:\r\n    token: t\r\n",
        "\ufeffkind: Config\nusers: []\n",
        "kind: Config\nusers: []\n---\nkind: Other\n",
        "users:\n- name: me\n  user:\n    token: |\n      t\n\n\n# end",
        "kind: Config\npreferences: {colors: true}\nextensions:\n- name: x\n  extension: {a: 012, b: ~, c: 1.50}\n",
        "contexts: !!seq\n- name: a\n  context: {cluster: c, user: u}\n",
    ],
)
def test_every_layout_keeps_its_values_and_stays_readable(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    before = json.loads(kubectl(path, "config", "view", "--raw", "-o", "json"))
    merge(path, addition(), "r1")
    merge(path, addition(NEW), "r1")
    after = json.loads(kubectl(path, "config", "view", "--raw", "-o", "json"))
    for section in ("clusters", "users", "contexts"):
        entries = [entry for entry in after[section] if entry["name"] not in ("robot", "c1")]
        assert entries == (before[section] or [])
    assert after.get("extensions") == before.get("extensions")
    assert token_for(path, "r1") == NEW
    remove(path, "r1")
    assert json.loads(kubectl(path, "config", "view", "--raw", "-o", "json"))["users"] in (before["users"], None, [])


@pytest.mark.parametrize(
    "text",
    [
        "a: [1,\n",
        "- a\n- list\n",
        "kind: Pod\n",
        "users:\n- name: 12\n  user: {token: t}\n",
        "users:\n- {name: a, user: {}}\n- {name: a, user: {}}\n",
        "users: {name: a}\n",
        "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(f"c{i}: &c{i} [{'*b, ' * 20}]\n" for i in range(3)) + "x: *nope\n",
        "x" * 100 + ": \x00\n",
    ],
)
def test_what_does_not_parse_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=str(path)) as caught:
        merge(path, addition(), "r1")
    assert "not changed" in caught.value.hint
    assert path.read_text() == text
    assert os.listdir(tmp_path) == ["config"]


@pytest.mark.parametrize(
    "text",
    ["services:\n  web: {image: nginx}\n", "name: chart\nversion: 1.2.3\n", '{"a": 1}\n', "1: x\n---\nkind: Config\n"],
)
def test_what_is_something_else_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    """kubectl takes it for a kubeconfig without entries."""
    path = write(tmp_path, text)
    for change in (preview, merge):
        with pytest.raises(ConfigError, match=f"{path} is YAML, but no kubeconfig: it holds ") as caught:
            change(path, addition(), "r1")
        assert "not changed" in caught.value.hint
    assert path.read_text() == text
    assert os.listdir(tmp_path) == ["config"]


@pytest.mark.parametrize("key", ["apiVersion: v1", "kind: Config", "preferences: {}", "current-context: ''", "users:"])
def test_what_has_nothing_but_a_key_of_a_kubeconfig_is_one(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, f"{key}\nx-note: mine\n")
    merge(path, addition(), "r1")
    assert token_for(path, "r1") == OLD


def test_only_a_single_way_in_can_be_added(tmp_path: Path) -> None:
    for text in (b"", b"x: [", EXISTING.replace("kind: Config", "kind: X").encode(), b"clusters: []\n"):
        with pytest.raises(UsageError, match="one cluster, one user and one context"):
            merge(tmp_path / "config", Sensitive(text), "r1")
    assert os.listdir(tmp_path) == []


def test_the_diff_shows_what_changes_and_no_material(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    first = preview(path, addition(), "r1")
    assert path.read_text() == EXISTING
    assert "+- context:" in first.diff
    assert "+    server: https://10.1.2.3:6443" in first.diff
    merge(path, addition(), "r1")
    second = preview(path, addition(NEW), "r1")
    assert f'-    token: "•••••••• {OLD.fingerprint}"' in second.diff.replace("token: •", 'token: "•')
    for diff in (first.diff, second.diff, repr(first), str(second)):
        for material in (OLD.reveal(), NEW.reveal(), "secret-of-the-owner", "c2VjcmV0"):
            assert material not in diff


def test_g13_a_held_lock_is_waited_for_then_named_with_its_age(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    lock = tmp_path / "config.lock"
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))  # what kubectl does
    os.utime(lock, (time.time() - 200, time.time() - 200))
    start = time.monotonic()
    with pytest.raises(FileError, match=r"config\.lock has been there for 3 minutes") as caught:
        merge(path, addition(), "r1", wait=timedelta(seconds=0.3))
    assert 0.3 <= time.monotonic() - start < 5
    assert str(lock) in caught.value.hint
    assert lock.exists(), "it is never deleted silently"
    assert path.read_text() == EXISTING
    threading.Timer(0.2, lock.unlink).start()
    assert merge(path, addition(), "r1", wait=timedelta(seconds=20)).changed, "once it is gone, the merge goes on"
    assert os.listdir(tmp_path) == ["config"]


@needs_kubectl
def test_g13_a_second_writer_waits_and_kubectl_is_kept_out(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    with locked(path):
        with pytest.raises(FileError, match="another kubemint, has been writing the kubeconfig for"), locked(path, NOW):
            raise AssertionError("two at once")
        environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(path), "HOME": str(tmp_path)}
        refused = subprocess.run(
            ["kubectl", "config", "set-context", "x", "--cluster=work"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode != 0
        assert "config.lock: file exists" in refused.stderr
    kubectl(path, "config", "set-context", "x", "--cluster=work")


def test_g13_the_lock_of_a_killed_kubemint_is_taken_over(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tui.issuance.destinations.kubeconfig_lock import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert (tmp_path / "config.lock").exists()
    assert merge(path, addition(), "r1").changed
    assert not (tmp_path / "config.lock").exists()


def test_writers_of_a_link_and_of_its_target_exclude_each_other(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    link = tmp_path / "link"
    link.symlink_to(path)
    with locked(link), pytest.raises(FileError), locked(path, NOW):
        raise AssertionError("two at once")
    merge(link, addition(), "r1")
    assert link.is_symlink()
    assert token_for(path, "r1") == OLD


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            merge(path, addition(name=f"robot-{number}"), f"r{number}", wait=timedelta(seconds=60))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {f"robot-{number}" for number in range(8)} < set(loading.load(str(path)).contexts)


def test_what_others_may_read_becomes_private_and_bad_places_are_clear_errors(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    path.chmod(0o640)
    merge(path, addition(), "r1")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileError, match="is a folder"):
        merge(tmp_path, addition(), "r1")
    with pytest.raises(FileError, match="not a directory"):
        merge(path / "below", addition(), "r1")
    assert os.listdir(tmp_path) == ["config"]


def test_a_hundred_contexts_are_quick(tmp_path: Path) -> None:
    entries = "".join(f"- name: c{i}\n  context: {{cluster: c{i}, user: u}}\n" for i in range(500))
    path = write(tmp_path, f"kind: Config\ncontexts:\n{entries}")
    start = time.monotonic()
    merge(path, addition(), "r1")
    assert time.monotonic() - start < 10
    assert len(loading.load(str(path)).contexts) == 501


def test_the_marks_survive_kubectl(tmp_path: Path) -> None:
    path = write(tmp_path, EXISTING)
    merge(path, addition(), "r1")
    kubectl(path, "config", "set-context", "robot", "--namespace=elsewhere")
    kubectl(path, "config", "rename-context", "robot", "mine")
    done = merge(path, addition(NEW), "r1")
    assert done.context == "mine", "a name its owner gave is kept"
    config = loading.load(str(path))
    assert sorted(config.contexts) == ["mine", "work"]
    assert sorted(config.users) == ["me", "robot"]
    assert config.endpoint("mine").login.token == NEW
