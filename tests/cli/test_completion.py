"""Shell completion: the scripts, and what they offer without asking any cluster."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, environment, issue, kubemint, separately
from tui.fleet import known_names
from tui.headless.completion import SHELLS

BASH, KUBECTL = shutil.which("bash"), shutil.which("kubectl")
QUOTELESS = "it;$(touch ran)`touch ran`"
"""It would run as it stands; with a quote that stays open, bash waits for more."""
HOSTILE = "it;$(touch ran)`touch ran`'\"x"


def offered(words: str, last: str) -> list[str]:
    """What is offered for `last` behind `words`, the way bash asks."""
    line = f"{words} {last}"
    env = {
        "_KUBEMINT_COMPLETE": "bash_complete", "COMP_LINE": line, "COMP_POINT": str(len(line.encode())),
        "COMP_CUR": last,
    }  # fmt: skip
    return [answer.partition(",")[2] for answer in separately(env=env).out.splitlines() if answer]


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts(shell: str) -> None:
    result = kubemint("completion", shell)
    assert result.code == 0
    assert f"{shell}_complete" in result.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.out, text=True, check=True)


def test_commands_and_options_are_offered() -> None:
    assert "rotate" in offered("kubemint", "ro")
    assert offered("kubemint config", "sh") == ["show"]
    assert "--expiring" in offered("kubemint list", "--exp")
    assert offered("kubemint --theme", "col") == ["colour-blind"]
    assert offered("kubemint issue robot --type", "kubec") == ["kubeconfig"]


def test_contexts_come_from_the_kubeconfig(served: Path) -> None:
    assert "tenant-a" in offered(f"kubemint --kubeconfig {served} --context", "tenant-")
    assert "harbor" in offered(f"kubemint list clusters --kubeconfig {served} --context", "h")
    assert offered("kubemint --kubeconfig /nonexistent --context", "") == []


def test_what_a_list_saw_is_offered_and_nothing_else_is_kept(served: Path, tmp_path: Path) -> None:
    assert offered("kubemint rotate", "/x") == ["/x"], "nothing is known: the shell completes files"
    out = tmp_path / "robot.kubeconfig"
    assert issue(served, "--create", "--out", out).code == 0
    for area in ("credentials", "accounts"):
        kubemint("list", area, "--kubeconfig", served, "--context", "tenant-a")
    assert offered("kubemint rotate", str(tmp_path)) == [str(out)]
    assert offered("kubemint verify", "file:") == [f"file:{out}"]
    assert "default" in offered("kubemint list accounts --context tenant-a -n", "def")
    assert "robot" in offered("kubemint issue -n default --context tenant-a", "ro")
    assert "default/robot" in offered("kubemint tenant push tenant-a -n default --account", "default/r")
    file = Path(known_names.folder()) / "names.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "eyJ" not in file.read_text()


def test_names_age_and_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    now = time.time()
    held = {"c": {"namespaces": {"new": now - 60, "old": now - 8 * 86400, "later": now + 3600}, "tokens": {"x": now}}}
    known_names.write_json("names.json", held)
    assert known_names.read() == {"c": {"namespaces": {"new": now - 60}}}
    (tmp_path / "kubemint" / "names.json").chmod(0o644)
    assert known_names.read() == {}, "others may have written it"


def test_a_running_dashboard_leaves_names_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tui.fleet.rows import AccountRow
    from tui.fleet.store import FleetStore
    from tui.issuance import Identity

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store = FleetStore()
    known_names.keep_on(store, first=0, every=3600)
    store.put(AccountRow(identity=Identity("harbor", "berths", "crane")))
    store.flush()
    store.put(AccountRow(identity=Identity("harbor", "berths", "buoy")))
    store.flush()
    for thread in threading.enumerate():
        if thread.name == "known names":
            thread.join(10)
    assert list(known_names.read()["harbor"]["accounts"]) == ["berths/crane"], "not at every change"


def test_it_is_there_before_anybody_notices(served: Path) -> None:
    """Beyond the interpreter's own start, in processor time: the machine may be busy with other things."""
    line = "kubemint rotate secret:"
    env = environment({
        "_KUBEMINT_COMPLETE": "bash_complete", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_CUR": "",
    })  # fmt: skip
    known_names.write_json("names.json", {"c": {"addresses": {f"secret:c/n/{n}": time.time() for n in range(20000)}}})

    def spent(*arguments: str) -> float:
        before = os.times()
        subprocess.run([sys.executable, *arguments], env=env, capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    spent("-m", "tui")  # reads the commands once
    beyond = [spent("-m", "tui") - spent("-c", "pass") for _ in range(5)]
    assert min(beyond) < 0.1, beyond
    said = subprocess.run([sys.executable, "-X", "importtime", "-m", "tui"], env=env, capture_output=True, text=True)
    assert not [line for line in said.stderr.splitlines() if line.endswith((" click", " yaml", " asyncio", " msgspec"))]


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize("begun", ["it", "'it", '"it', "it;", "'it;", "\\it"])
@pytest.mark.parametrize("name", [HOSTILE, QUOTELESS], ids=["with quotes", "without"])
def test_a_name_that_is_a_command_is_only_ever_a_name(tmp_path: Path, begun: str, name: str) -> None:
    """In a bash that someone types into: TAB, TAB, Enter; nothing of the name is run."""
    assert BASH is not None
    (tmp_path / "config").write_text(json.dumps({"contexts": [{"name": name, "context": {}}]}))
    tool = tmp_path / "bin" / "kubemint"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tui "$@"\n')
    tool.chmod(0o755)
    (tmp_path / "rc").write_text(kubemint("completion", "bash").out + "\nPS1='ready> '\nPS2='more> '\n")
    env = environment({
        "PATH": f"{tool.parent}:{os.environ['PATH']}", "KUBECONFIG": str(tmp_path / "config"), "TERM": "dumb",
    })  # fmt: skip
    subprocess.run([tool, "--help"], env=env, capture_output=True, check=True)
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [BASH, "--noprofile", "--rcfile", tmp_path / "rc", "-i"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=env, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)

    def said(*enough: str) -> str:
        """What it shows until one of these comes: bash takes one key after the other, each to its end."""
        shown, until = "", time.monotonic() + 20
        while not any(one in shown for one in enough):
            assert time.monotonic() < until, shown
            if select.select([ours], [], [], 0.2)[0]:
                shown += os.read(ours, 65536).decode(errors="replace")
        return shown

    try:
        said("ready> ")
        os.write(ours, f"echo got; kubemint list --context {begun}\t\t\n".encode())
        begins = ("\r\ngot\r\n", "\r\nmore> ")
        shown = said(*begins, "(y or n)")
        if "(y or n)" in shown:  # every command there is
            os.write(ours, b"n\n")
            shown += said(*begins)
        if "\r\ngot\r\n" in shown:  # it runs what came of it
            shown += said("ready> ")
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)
    assert not (tmp_path / "ran").exists(), shown
    if begun in ("it",):
        assert "touch ran" in shown, "it is offered, in quotes"


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_kubectl_mint_and_its_completion(tmp_path: Path, served: Path) -> None:
    assert KUBECTL is not None
    for name, begin in (
        ("kubectl-mint", "from tui.__main__ import main as f"),
        ("kubectl_complete-mint", "from tui.__main__ import complete_for_kubectl as f"),
    ):
        tool = tmp_path / name
        python = f"import sys; sys.argv[0] = '{tool}'; {begin}; f()"
        tool.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c "{python}" "$@"\n')
        tool.chmod(0o755)
    env = environment({"PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(served)})

    def kubectl(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([KUBECTL, *words], env=env, capture_output=True, text=True, check=False)

    assert "Usage: kubectl mint" in kubectl("mint", "--help").stdout
    listed = kubectl("mint", "list", "clusters", "-o", "name")
    assert "tenant-a" in listed.stdout, listed
    offers = kubectl("__complete", "mint", "ro").stdout
    assert offers.splitlines()[0] == "rotate", offers
    assert "tenant-a" in kubectl("__complete", "mint", "list", "clusters", "--context", "tenant").stdout
    assert "mint" in kubectl("plugin", "list").stdout
