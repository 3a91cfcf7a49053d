"""`kubemint config use|merge|unmerge|import`: whole kubeconfigs, with everything else in the file as it was."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Result, issue, kubemint

ANCHORS = """\
# who to ask: facilities
apiVersion: v1
kind: Config
clusters:
- name: north   # hall 1
  cluster: &hall
    server: https://127.0.0.1:1
- name: south   # hall 2
  cluster: *hall
contexts:
- name: north
  context: {cluster: north, user: clerk}
users:
- name: clerk
  user: {token: x}
current-context: north
"""
OTHER = {
    "apiVersion": "v1", "kind": "Config", "current-context": "east",
    "clusters": [{"name": "east", "cluster": {"server": "https://east.example:6443"}}],
    "contexts": [{"name": "east", "context": {"cluster": "east", "user": "east", "namespace": "hall"}}],
    "users": [{"name": "east", "user": {"token": "its-token"}}],
}  # fmt: skip


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine"
    path.write_text(ANCHORS)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other"
    path.write_text(yaml.safe_dump(OTHER))
    return path


def done(result: Result) -> Result:
    assert result.code == 0, result
    return result


def kubectl(*words: str) -> str:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    return subprocess.run(["kubectl", *words], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_what_is_taken_in_leaves_every_other_byte(mine: Path, other: Path, ending: str) -> None:
    mine.write_bytes(ANCHORS.replace("\n", ending).encode())
    before = mine.read_bytes().splitlines(keepends=True)
    done(kubemint("config", "import", other))
    after = mine.read_bytes().splitlines(keepends=True)
    left = iter(after)
    assert all(line in left for line in before), "comments, anchors and order are as they were"
    assert all(line.endswith(ending.encode()) for line in after)
    assert {one["name"] for one in yaml.safe_load(mine.read_bytes())["contexts"]} == {"north", "east"}
    assert b"its-token" in mine.read_bytes()
    done(kubemint("config", "import", other))
    assert mine.read_bytes().splitlines(keepends=True) == after, "a second time nothing changes"
    done(kubemint("config", "unmerge", "east"))
    assert mine.read_bytes().splitlines(keepends=True) == before
    assert stat.S_IMODE(mine.stat().st_mode) == 0o600


def test_use_is_use_context(mine: Path, other: Path) -> None:
    done(kubemint("config", "merge", other))
    said = done(kubemint("config", "use", "east"))
    assert 'Switched to context "east"' in said.err
    assert "# hall 2" in mine.read_text()
    assert "*hall" in mine.read_text()
    assert kubectl("config", "current-context").strip() == "east"
    kubemint("config", "use", "nowhere").failed(2, 'no context exists with the name: "nowhere"', "north, east")


@pytest.mark.parametrize("was", ["north", "'north'", '"north"'])
def test_what_stands_beside_the_current_context_stays(mine: Path, other: Path, was: str) -> None:
    done(kubemint("config", "merge", other))
    mine.write_text(mine.read_text().replace("current-context: north\n", f"current-context: {was}   # as usual\n"))
    done(kubemint("config", "use", "east"))
    assert "\ncurrent-context: east  # as usual\n" in mine.read_text()


def test_paths_in_a_file_of_ones_own_mean_the_same_afterwards(mine: Path, other: Path, tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/login", "interactiveMode": "Never"}
    cluster = {"server": "https://east.example:6443", "certificate-authority": "pki/ca.crt"}
    (folder := tmp_path / "folder").mkdir()
    path = folder / "config"
    path.write_text(yaml.safe_dump({
        **OTHER, "clusters": [{"name": "east", "cluster": cluster}],
        "users": [{"name": "east", "user": {"tokenFile": "token", "exec": plugin}}],
    }))  # fmt: skip
    done(kubemint("config", "merge", path))
    document = yaml.safe_load(mine.read_text())
    assert document["clusters"][-1]["cluster"]["certificate-authority"] == str(folder / "pki/ca.crt")
    assert document["users"][-1]["user"]["tokenFile"] == str(folder / "token")
    assert document["users"][-1]["user"]["exec"]["command"] == str(folder / "bin/login")


def test_a_name_that_is_taken_is_offered_another(mine: Path, other: Path) -> None:
    other.write_text(yaml.safe_dump(OTHER).replace("name: east", "name: north"))
    other.write_text(yaml.safe_dump({**OTHER, "current-context": "north", "contexts": [
        {"name": "north", "context": {"cluster": "east", "user": "east"}}]}))  # fmt: skip
    before = mine.read_bytes()
    kubemint("config", "merge", other).failed(2, "north is in", "--rename adds it as north@east")
    assert mine.read_bytes() == before
    done(kubemint("config", "merge", other, "--rename"))
    assert "north@east" in kubectl("config", "get-contexts", "-o", "name")


@pytest.mark.parametrize("first", ["merge", "import"])
def test_what_only_has_the_name_of_what_was_taken_in_replaces_nothing(mine: Path, other: Path, first: str) -> None:
    """Whoever sends a kubeconfig chooses the names in it: another server, authority or login is another thing."""
    done(kubemint("config", first, other))
    before = mine.read_bytes()
    done(kubemint("config", first, other))
    assert mine.read_bytes() == before, "the same comes in once"
    text = other.read_text()
    for changed in (text.replace("east.example", "evil.example"), text.replace("its-token", "evil-token")):
        other.write_text(changed)
        for how in ("merge", "import"):
            kubemint("config", how, other).failed(2, "east", "--rename", "kubemint config unmerge east")
        assert mine.read_bytes() == before
    done(kubemint("config", "unmerge", "east"))
    done(kubemint("config", "merge", other))
    assert b"evil-token" in mine.read_bytes()


def test_what_would_be_lost_is_said_before_it_is_written(mine: Path, other: Path) -> None:
    text = "{apiVersion: v1, kind: Config, clusters: [], contexts: [], users: []} # who to ask\n"
    mine.write_text(text)
    kubemint("config", "merge", other).failed(2, "comments, anchors and order are lost", "--force")
    assert mine.read_text() == text
    done(kubemint("config", "merge", other, "--force"))
    assert "east" in kubectl("config", "get-contexts", "-o", "name")


def test_a_dry_run_shows_it_masked_and_writes_nothing(mine: Path, other: Path) -> None:
    said = done(kubemint("config", "import", other, "--dry-run"))
    assert "its-token" not in said.out + said.err
    assert "east.example" in said.out
    assert mine.read_text() == ANCHORS


@pytest.mark.parametrize(
    ("user", "cluster", "words"),
    [
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}}, {}, "would run a program"),
        ({"tokenFile": "/etc/passwd"}, {}, "names a file"),
        ({"token": "x", "as": "root"}, {}, "impersonate"),
        ({"token": "x"}, {"server": "https://127.0.0.1:6443"}, "server"),
        ({"token": "x"}, {"insecure-skip-tls-verify": True}, "insecure-skip-tls-verify"),
    ],
)
def test_foreign_ones_come_in_by_the_delivered_rules(
    mine: Path, other: Path, user: dict[str, object], cluster: dict[str, object], words: str
) -> None:
    changed = {
        **OTHER,
        "users": [{"name": "east", "user": user}],
        "clusters": [{"name": "east", "cluster": {"server": "https://east.example:6443", **cluster}}],
    }
    other.write_text(yaml.safe_dump(changed))
    refused = kubemint("config", "import", other)
    refused.failed(1, "is not imported", words)
    assert mine.read_text() == ANCHORS


def test_only_what_was_taken_in_is_taken_out(mine: Path) -> None:
    kubemint("config", "unmerge", "north").failed(2, "no context north that kubemint imported")
    kubemint("config", "use", "north", "--read-only").failed(2, "config use makes changes")
    assert mine.read_text() == ANCHORS


def test_preferences_are_left_out_where_the_settings_say_so(
    served: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default they are there, as kubectl wrote them before 1.34; with the setting no file that kubemint makes has
    them: an issued one, a merged one and its copy, one that was imported, and one that asks kubemint."""
    for setting, there in (("", True), ("false", False)):
        folder = tmp_path / (setting or "usual")
        folder.mkdir()
        if setting:
            monkeypatch.setenv("KUBEMINT_PREFERENCES", setting)
        out, merged, copied, taken, asks = (folder / name for name in ("out", "merged", "copied", "taken", "asks"))
        done(issue(served, "--create", "--out", out, name=f"a{there}".lower()))
        done(issue(served, "--create", "--merge", merged, name=f"b{there}".lower()))
        entry = next(one for one in kubemint("list", "credentials", "--kubeconfig", served, "-o", "name").out.split()
                     if str(merged) in one)  # fmt: skip
        done(kubemint("export", entry, "--out", copied, "--kubeconfig", served))
        done(kubemint("config", "import", other, "--kubeconfig", taken))
        done(issue(served, "--exec", "--out", asks, name=f"a{there}".lower()))
        for file in (out, merged, copied, taken, asks):
            text = file.read_text()
            assert yaml.safe_load(text)["users"], text
            assert ("\npreferences: {}\n" in text) is there, file.name
