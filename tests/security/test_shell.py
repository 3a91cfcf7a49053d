"""Names are names in every text that a shell reads: completion, command lines to be pasted, hints, commands to run."""

from __future__ import annotations

import ast
import json
import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

import tui
from tests.cli.conftest import environment, kubemint
from tests.cli.test_completion import offered
from tests.kube.kubeconfigs import simple
from tui.cli import VERBS
from tui.kube.login_command import login_command
from tui.kube.shell import command, harmless, in_quotes, plain, quoted

EVIL = (
    *("prod;touch${IFS}x", "$(touch x)", "`touch x`", "a&touch x", "a|touch x", "a>x", "a\ttouch", "a b", "a'b", 'a"b'),
    *("*", "?", "[a]", "{a,b}", "a,b", "a\\b", "!1", "#a", "~root", "=ls", "-o", "--help", "%1", "+x", "^a^b", "a\nb"),
    *("a\x1b]0;x\x07", "a\u202eb", "", "a(b)", "a<b", "\x01", "\udcff"),
)
GOOD = ("prod", "gke_p_z_n", "arn:aws:eks:eu-1:1:cluster/x", "admin@cluster", "a.b-c", "/home/me/x.kubeconfig", "größe")


def test_only_plain_names_are_offered(tmp_path: Path) -> None:
    documents = [simple(name) for name in (*EVIL, *GOOD) if name != "\udcff"]
    merged = {key: [item for one in documents for item in one[key]] for key in ("clusters", "users", "contexts")}
    file = tmp_path / "config"
    file.write_text(json.dumps(merged))
    found = offered(f"kubemint --kubeconfig {file} --context", "")
    assert sorted(one for one in found if plain(one)) == sorted(GOOD)
    assert {one for written in found for one in shlex.split(written)} <= {*EVIL, *GOOD}, "each is one word: the name"
    assert all(len(shlex.split(written)) == 1 for written in found)
    assert [name for name in EVIL if plain(name)] == []
    assert [name for name in GOOD if not plain(name)] == []
    assert [name for name in EVIL if harmless(name)] == ["=ls", "-o", "--help", "%1", "+x"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_runs_nothing_that_was_completed(tmp_path: Path) -> None:
    """A real bash with the real script: Tab, then Enter."""
    (tmp_path / "config").write_text(json.dumps(simple("prod;touch${IFS}x")))
    (tmp_path / "kubemint").write_text(f'#!/bin/sh\nexec {sys.executable} -m tui "$@"\n')
    (tmp_path / "kubemint").chmod(0o755)
    (tmp_path / "script").write_text(kubemint("completion", "bash").out)
    env = environment({"KUBECONFIG": str(tmp_path / "config"), "PS1": "> ", "TERM": "dumb"})
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    leader, follower = pty.openpty()
    words = ["bash", "--norc", "--noprofile", "-i"]
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), follower)
    shell = subprocess.Popen(words, cwd=tmp_path, env=env, start_new_session=True, **ends)  # type: ignore[call-overload]
    os.close(follower)
    said, deadline = b"", time.monotonic() + 20
    try:
        os.write(leader, b". ./script\nkubemint --version --context p\t\necho do''ne\n")
        while b"done\r" not in said:
            assert select.select([leader], [], [], max(0.0, deadline - time.monotonic()))[0], said
            said += os.read(leader, 65536)
    finally:
        shell.kill()
        shell.wait(10)
        os.close(leader)
    assert re.search(rb"kubemint [0-9]", said), "it was run with what Tab made of it"
    assert not (tmp_path / "x").exists(), said


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_what_is_quoted_is_one_word_of_a_shell_again() -> None:
    words = [word for word in (*EVIL, *GOOD) if word]
    script = command("printf", "%s\\0", *words)
    assert all(sign.isprintable() for sign in script)
    assert shlex.split(command("echo", "a b", "$x")) == ["echo", "a b", "$x"]
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout == b"".join(os.fsencode(word) + b"\0" for word in words)
    assert in_quotes("it's") == "'it'\\''s'"
    assert quoted("plain") == "plain"


QUOTING = ("shlex.quote", "shlex.join")
KUBECTL = ("apply", "auth", "config", "create", "delete", "describe", "get", "krew", "patch", "version")
LINE = re.compile(
    rf"((kubectl|kubemint) (--?[\w-]+|{'|'.join((*KUBECTL, *VERBS))})|chmod [0-7]+|\brm|\bhelm)( [\w-]+)* $"
)


def sources() -> list[Path]:
    root = Path(tui.__file__).parent
    return [path for path in root.rglob("*.py") if "demo" not in path.relative_to(root).parts]


def test_every_command_line_is_put_together_in_one_place() -> None:
    """No text puts a value straight behind the words of a command, and only one module quotes."""
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            for before, value in pairwise(node.values) if isinstance(node, ast.JoinedStr) else ():
                text = str(before.value) if isinstance(before, ast.Constant) else ""
                if isinstance(value, ast.FormattedValue) and LINE.search(text):
                    found.append(f"{path.name}:{value.lineno}: {text}")
            if isinstance(node, ast.Attribute) and path.name != "shell.py" and ast.unparse(node) in QUOTING:
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("session for 'a/b login' is over, sign in", ""),
        ('the realm "prod login" expired', ""),
        ("could not 'refresh login session' of a/b", ""),
        ("the `a/b login` expired", ""),
        ("`login` required", ""),
        ("not logged in, see 'docs/login'", ""),
        ("login: please log in; the token `abc` expired", ""),
        ("run `acme login; rm -rf ~` now", ""),
        ("run `acme $(x) login` now", ""),
        ("the session expired, run `acme login --here`", "acme login --here"),
        ("`there renew`: the session expired, log in", "there renew"),
        ("ERROR: Please run 'az login' to setup account.", "az login"),
        ("xaz login", ""),
        ("not logged in; run 'there login a/b' first", "there login a/b"),
        ("not logged in; run 'gone login a/b' first", ""),
        ("session expired; run: /opt/there login", "/opt/there login"),
        ("session expired; run: /opt/gone login", ""),
        ("there login --tenant x\nthe session expired", "there login --tenant x"),
        ("gone login --tenant x\nthe session expired", ""),
        ("log in with gcloud auth login --no-browser, then retry", "gcloud auth login --no-browser"),
    ],
)
def test_only_what_can_be_run_is_said_to_be_run(text: str, expected: str) -> None:
    assert login_command(text, lambda program: program in ("there", "/opt/there")) == expected


def test_a_program_below_the_working_folder_is_nobodys_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "."):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "b").write_text("#!/bin/sh\n")
        (tmp_path / folder / "b").chmod(0o755)
    assert login_command("not logged in; run 'a/b login'") == ""
    assert login_command("not logged in; run './b login'") == ""
    assert login_command(f"not logged in; run '{tmp_path}/b login'") == f"{tmp_path}/b login"
