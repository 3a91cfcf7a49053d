"""Without a home folder what needs none goes on, and the rest is said in words; what is no file is not waited for."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import tui
from tests.cli.conftest import command, environment, kubemint, served
from tui.kube.home import NoHome, expanded
from tui.kube.kubeconfig import load

__all__ = ["served"]

UNKNOWN = ("unshare", "--user", "--map-user=1000650000", "--map-group=0")
VARIABLES = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "KUBECONFIG")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No home, and an empty folder to work in, where nothing is to be left."""

    def nobody(user: object) -> None:
        raise KeyError(user)

    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("list clusters --context tenant-a", 0),
        ("list credentials --context tenant-a", 0),
        ("hygiene --context tenant-a", 0),
        ("config show", 0),
        ("config check", 0),
        ("rbac read", 0),
        ("exec-credential --context tenant-a -n kube-system --account default", 0),
        ("inspect KUBECONFIG", 0),
        ("completion bash", 0),
    ],
)
def test_what_needs_no_home_goes_on(nowhere: Path, served: Path, words: str, code: int) -> None:
    more = [] if words.split()[0] in ("config", "rbac", "inspect", "completion") else ["--kubeconfig", str(served)]
    done = kubemint(*words.replace("KUBECONFIG", str(served)).split(), *more)
    assert done.code == code, done
    assert done.out or words == "config check"
    assert "internal error" not in done.err
    assert list(nowhere.iterdir()) == [], "no folder is called ~"


@pytest.mark.parametrize(
    "words",
    [
        "issue x -n default --create --context tenant-a --out x",
        "rotate --due",
        "revoke file:/x --yes",
        "undo file:/x",
    ],
)
def test_what_keeps_a_journal_says_where_it_would_be(nowhere: Path, served: Path, words: str) -> None:
    done = kubemint(*words.split(), "--kubeconfig", served)
    done.failed(1, "the journal cannot be stored", "HOME is not set", "XDG_STATE_HOME")
    assert list(nowhere.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("journal", "the journal cannot be stored"),
        ("journal --verify", "the journal cannot be stored"),
        ("config path", "~ is no folder here"),
        ("list clusters", "no cluster is known: there is no kubeconfig to look at: ~ is no folder here"),
        ("inspect ~/token", "~ is no folder here"),
        ("inspect ~nobody-at-all/token", "who is nobody-at-all?"),
        ("verify ~/token", "~ is no folder here"),
        ("demo --kubeconfig-out ~/x", "~ is no folder here"),
    ],
)
def test_what_is_missing_is_said(nowhere: Path, words: str, says: str) -> None:
    done = kubemint(*words.split())
    done.failed(done.code, says)
    assert done.code in (1, 2)
    assert "internal error" not in done.err
    assert list(nowhere.iterdir()) == []


def test_a_folder_of_its_own_is_enough(nowhere: Path, served: Path) -> None:
    out = nowhere / "x"
    issue = ("issue", "nohome", "-n", "default", "--create", "--context", "tenant-a", "--out", out)
    done = kubemint(*issue, "--kubeconfig", served, env={"XDG_STATE_HOME": str(nowhere / "state")})
    assert done.code == 0, done.err
    assert (nowhere / "state" / "kubemint" / "state.db").exists()


@pytest.mark.usefixtures("nowhere")
def test_paths_without_a_home() -> None:
    assert load().warnings
    assert load().contexts == {}
    for path in ("~", "~/x", "~nobody-at-all/x"):
        with pytest.raises(NoHome) as caught:
            expanded(path)
        assert caught.value.hint == "set HOME, or give a whole path"
    assert expanded("/x/~") == Path("/x/~")


def _may_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNKNOWN, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_unshare(), reason="user namespaces are not allowed here")
def test_case_10(served: Path, tmp_path: Path) -> None:
    """As in a container: a user that nobody knows, and nothing in the environment."""
    words = command("list", "clusters", "--context", "tenant-a", "--kubeconfig", served, "-o", "json")
    kept = [f"{name}={environment()[name]}" for name in ("PATH", "PYTHONPATH")]
    whole = [*UNKNOWN, "env", "-i", *kept, *words]
    done = subprocess.run(whole, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    states = {item["name"]: item["state"] for item in json.loads(done.stdout)["items"]}
    assert states["tenant-a"] == "ready"


def test_homes_are_looked_up_in_one_place() -> None:
    root = Path(tui.__file__).parent
    allowed = {"home.py", "exec_cache.py", "paths.py"}
    allowed |= {"completing.py", "known_names.py"}  # at a TAB: without pathlib, and without a home nothing is offered
    texts = ((path, path.read_text()) for path in root.rglob("*.py") if path.name not in allowed)
    assert [path.name for path, text in texts if re.search(r"expanduser\(|\bPath\.home\(", text)] == []


@pytest.mark.parametrize(
    "words",
    [
        "list clusters --kubeconfig PIPE",
        "inspect PIPE",
        "verify PIPE --kubeconfig SERVED --context tenant-a",
        "can PIPE --kubeconfig SERVED --context tenant-a",
        "config check PIPE",
        "hygiene PIPE --kubeconfig SERVED --context tenant-a",
        "issue x -n default --create --context tenant-a --kubeconfig SERVED --out PIPE",
        "issue x -n default --create --context tenant-a --kubeconfig SERVED --merge PIPE",
        "issue --shoot garden-dev/meadow --exec --context harbor --kubeconfig SERVED --out PIPE",
        "snippet x/y --context tenant-a --kubeconfig PIPE",
        "tenant push tenant-a -n default --account default/robot --manifests PIPE --context harbor --kubeconfig SERVED",
    ],
)
def test_a_pipe_is_no_file_for_any_command(served: Path, tmp_path: Path, words: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = words.replace("PIPE", str(pipe)).replace("SERVED", str(served)).split()
    start = time.monotonic()
    done = kubemint(*said)
    assert time.monotonic() - start < 4, "nobody waits for whoever may write to it"
    assert "Traceback" not in done.err
    assert "internal error" not in done.err
    assert pipe.is_fifo()


def test_a_pipe_as_the_settings_is_no_settings(served: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    start = time.monotonic()
    env = {"KUBEMINT_CONFIG": str(tmp_path / "config.yaml")}
    done = kubemint("list", "accounts", "--context", "tenant-a", "--kubeconfig", served, env=env)
    assert done.code == 0
    assert "not a regular file" in done.err
    assert time.monotonic() - start < 4
