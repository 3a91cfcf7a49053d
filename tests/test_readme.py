"""What the README shows does what it says: its program runs, its commands and pictures exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tui.cli import VERBS
from tui.issuance.families.rights import Flow

if TYPE_CHECKING:
    from tui.demo.running import FleetThread

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_program_of_the_readme_issues_a_kubeconfig_that_works(embedded_fleet: FleetThread, tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "KUBECONFIG": str(embedded_fleet.kubeconfig)}
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"^expires 20\d\d-", result.stdout, re.MULTILINE), result.stdout
    made = tmp_path / "robot.kubeconfig"
    assert made.stat().st_mode & 0o777 == 0o600
    verified = subprocess.run(
        [sys.executable, "-m", "tui", "verify", str(made)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert "system:serviceaccount:default:robot" in verified.stdout, verified.stderr


def test_the_program_is_about_ten_lines() -> None:
    body = TEXT.partition("async def main")[2].partition("\n\n\n")[0]
    assert len(body.strip().splitlines()) <= 10


@pytest.mark.parametrize("picture", re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT))
def test_pictures_are_there(picture: str) -> None:
    assert (ROOT / picture).read_text(encoding="utf-8").startswith("<svg")


SAID = set(re.findall(r"^ {4}(?:uv run )?kubemint ([a-z][a-z-]*)", TEXT, re.MULTILINE))


@pytest.mark.parametrize("verb", sorted(SAID))
def test_verbs_are_there(verb: str) -> None:
    assert verb in VERBS


def test_features_name_verbs_and_flows_that_are_there() -> None:
    table = TEXT.partition("### What is where")[2].partition("## The commands")[0]
    commands = [line.rsplit(" | ", 1)[1] for line in table.splitlines() if line.startswith("| ")]
    verbs = {words.split()[0] for column in commands for words in re.findall(r"`([^`]+)`", column)}
    assert len(verbs) > 10
    assert verbs <= set(VERBS)
    rights = TEXT.partition("### The least rights")[2].partition("## The dashboard")[0]
    lines = [line.split("|")[2] for line in rights.splitlines() if line.startswith("| ")]
    flows = {flow for column in lines for flow in re.findall(r"`([^`]+)`", column)}
    assert len(flows) > 10
    assert flows <= set(Flow)


def test_everything_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(((?!https?:)[^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def commands() -> list[str]:
    """Every command of the README that names a cluster or a file it made, as it stands there."""
    blocks = re.sub(r"\\\n\s+", "", TEXT)
    found = re.findall(r"^ {4}((?:uv run kubemint|kubemint|kubectl) .*?)(?: {2,}.*)?$", blocks, re.MULTILINE)
    return [one for one in found if re.search(r"harbor|robot\.kubeconfig|rok\.token", one) and "--read-only" not in one]


def test_every_command_on_a_cluster_works_as_it_stands(tmp_path: Path) -> None:
    """In the order of the page, in one folder; nobody waits for a grace period or is asked."""
    from tui.demo.running import FleetThread

    shell = f'kubemint() {{ "{sys.executable}" -m tui "$@"; }}; uv() {{ shift; "$@"; }}\n'
    tried = commands()
    assert len(tried) >= 10, tried
    with FleetThread(accounts=10, troubled=False) as fleet:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "KUBECONFIG": str(fleet.kubeconfig)}
        for line in tried:
            if line.startswith("kubectl") and shutil.which("kubectl") is None:
                continue
            verb = line.removeprefix("uv run ").split()[1]
            command = shell + line + {"rotate": " --grace 0s", "revoke": " --yes"}.get(verb, "")
            result = subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", *sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")
)])  # fmt: skip
def test_what_a_page_links_to_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()] == []
