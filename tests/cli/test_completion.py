"""Shell completion: the scripts, and what they offer without asking any cluster."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import kubemint, separately
from tui.headless.completion import SHELLS


def offered(words: str, last: str) -> list[str]:
    """What is offered for `last` behind `words`, the way bash asks."""
    line = [*words.split(), last]
    environment = {
        "_KUBEMINT_COMPLETE": "bash_complete", "COMP_WORDS": "\n".join(line), "COMP_CWORD": str(len(line) - 1),
    }  # fmt: skip
    return [answer.partition(",")[2] for answer in separately(env=environment).out.splitlines() if answer]


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


def test_contexts_come_from_the_kubeconfig(served: Path) -> None:
    assert "tenant-a" in offered(f"kubemint --kubeconfig {served} --context", "tenant-")
    assert "harbor" in offered(f"kubemint list clusters --kubeconfig {served} --context", "h")
    assert offered("kubemint --kubeconfig /nonexistent --context", "") == []


def test_files_of_this_machine_are_offered(served: Path, tmp_path: Path) -> None:
    assert offered("kubemint rotate", "/x") == ["/x"], "nothing is known: the shell completes files"
    out = tmp_path / "robot.kubeconfig"
    issue = ("issue", "robot", "-n", "default", "--create", "--out", out, "--context", "tenant-a")
    assert kubemint(*issue, "--kubeconfig", served).code == 0
    assert offered("kubemint rotate", str(tmp_path)) == [str(out)]
    assert offered("kubemint verify", "file:") == [f"file:{out}"]
