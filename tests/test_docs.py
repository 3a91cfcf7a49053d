"""What the pages show does what it says: commands and programs run, verbs, flows, pictures and links exist.

Blocks marked `sh` are run, in the order of their page and in a folder of its own, on one embedded fleet; blocks marked
`text` are shapes and not commands. Blocks marked `python` in docs/library.md are run too.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import kubemint
from tui.cli import VERBS
from tui.headless import habits
from tui.issuance.families.rights import Flow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui.demo.running import FleetThread

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))]
OTHERS = ["CONTRIBUTING.md", "SECURITY.md", *sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "decisions").glob("*.md")
)]  # fmt: skip


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.DOTALL | re.MULTILINE)


def lines(block: str) -> list[str]:
    """Of a block; one that goes on is one."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def commands(page: str) -> list[str]:
    return lines("".join(blocks(page, "sh")))


WITH_COMMANDS = [page for page in PAGES if commands(page)]
OPENS_THE_DASHBOARD = re.compile(r"^kubemint( --(context|command|kubeconfig) \S+| --read-only| --demo)*\s*(#.*)?$")


def as_run(words: list[str]) -> list[str]:
    """Nobody waits for a grace period or is asked, and what never ends is looked at once."""
    bare = [word for word in words if word != "--watch"]
    also = {"rotate": ["--grace", "0s"], "revoke": ["--yes"]}.get(bare[0], [])
    return [*bare, *(also if not any(word.startswith("--dry-run") for word in bare) else [])]


def expected(line: str) -> set[int]:
    """The exit codes that the line's comment promises: `# exits 4 if …` may also be 0."""
    return {0, *map(int, re.findall(r"# exits (\d)", line))}


def tried(block: str, where: Path, environment: dict[str, str]) -> None:
    """Run one block: commands of kubemint in this process, which spares an interpreter each, all else by a shell."""

    def shell(script: str) -> None:
        if shutil.which("kubectl") is None and "kubectl " in script:
            return
        result = subprocess.run(
            ["bash", "-ec", script], cwd=where, env=environment, capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert result.returncode == 0, f"{script}\n{result.stdout}{result.stderr}"

    if block.startswith("trap "):
        shell(block)
        return
    for line in lines(block):
        if OPENS_THE_DASHBOARD.match(line):
            continue
        words = shlex.split(line, comments=True)
        if words[0] != "kubemint":
            shell(line)
            continue
        out = words.index(">") if ">" in words else len(words)
        result = kubemint(*as_run(words[1:out]), env=environment)
        assert result.code in expected(line), f"{line}\n{result}"
        if out < len(words):
            (where / words[out + 1]).write_text(result.out)


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetThread]:
    from tui.demo.running import FleetThread

    with FleetThread(accounts=10, troubled=False) as running:
        yield running


@pytest.fixture
def shells(fleet: FleetThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a shell has that installed kubemint and uses the embedded fleet."""
    program = tmp_path / "bin" / "kubemint"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tui "$@"\n')
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(ROOT), "KUBECONFIG": str(fleet.kubeconfig), "PATH": path, "PWD": str(work)}


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_every_command_of_a_page_works_as_it_stands(page: str, shells: dict[str, str]) -> None:
    assert len(commands(page)) >= 4
    for block in blocks(page, "sh"):
        tried(block, Path.cwd(), shells)


def test_commands_are_where_they_are_run() -> None:
    """A command in a block of another sort would be one that nothing tries."""
    for page in PAGES:
        bare = re.sub(r"^```.*?^```$", "", text(page), flags=re.DOTALL | re.MULTILINE)
        assert re.findall(r"^ {4}(?:kubemint|kubectl) .*", bare, re.MULTILINE) == [], page


def test_the_first_program_issues_a_kubeconfig_that_works(shells: dict[str, str]) -> None:
    """In a process of its own, as somebody would run it."""
    program = blocks("docs/library.md", "python")[0]
    result = subprocess.run([sys.executable, "-c", program], env=shells, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert re.search(r"^expires 20\d\d-", result.stdout, re.MULTILINE), result.stdout
    made = Path("robot.kubeconfig")
    assert made.stat().st_mode & 0o777 == 0o600
    verified = kubemint("verify", made, env=shells)
    assert "system:serviceaccount:default:robot" in verified.out, verified


def test_the_first_program_is_about_ten_lines() -> None:
    body = blocks("docs/library.md", "python")[0].partition("async def main")[2].partition("\n\n\n")[0]
    assert len(body.strip().splitlines()) <= 10


def test_the_programs_for_the_systems_work(shells: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    from tui.issuance import Engine, KubeconfigClusters, StateStore

    first, *others = blocks("docs/library.md", "python")
    names: dict[str, Any] = {}
    exec(first.partition("async def main")[0] + "\n".join(others), names)
    said: dict[str, str] = {}

    async def run() -> None:
        async with KubeconfigClusters(shells["KUBECONFIG"]) as clusters:
            engine = Engine(clusters, StateStore.open(Path("state").absolute()))
            for example in re.findall(r"^async def (\w+)\(engine", "\n".join(others), re.MULTILINE):
                await names[example](engine)
                said[example] = capsys.readouterr().out
            await engine.aclose()

    asyncio.run(run())
    assert "Request the token" in said.pop("rotate_a_request")
    assert re.search(r"'vault': datetime", said.pop("preview_a_driver"))
    assert len(said) == 3
    assert all(one.startswith("True ") for one in said.values()), said
    assert {path.name for path in Path().iterdir()} >= {"ci-rok.token", "meadow.kubeconfig"}


@pytest.mark.parametrize("page", PAGES)
def test_verbs_are_there(page: str) -> None:
    shown = "\n".join([*commands(page), *blocks(page, "text")])
    words = {
        word for found in re.findall(r"^kubemint ([a-z][a-z|-]*)", shown, re.MULTILINE) for word in found.split("|")
    }
    words |= set(re.findall(r"`kubemint ([a-z][a-z-]*)[ `]", text(page)))
    assert words - set(VERBS) - set(habits.ALSO) - {"get"} == set()


def test_the_page_of_commands_names_every_verb() -> None:
    (shapes,) = blocks("docs/commands.md", "text")
    for verb in set(VERBS) - {"completion"}:
        assert re.search(rf"^kubemint (\S+\|)?{verb}\b", shapes, re.MULTILINE), verb


def test_features_name_verbs_that_are_there() -> None:
    table = text("docs/dashboard.md").partition("## What is where")[2].partition("\n## ")[0]
    shown = [line.rsplit(" | ", 1)[1] for line in table.splitlines() if line.startswith("| ")]
    verbs = {words.split()[0] for column in shown for words in re.findall(r"`([^`]+)`", column)}
    assert len(verbs) > 10
    assert verbs <= set(VERBS)


def test_rights_name_flows_that_are_there() -> None:
    lines = [line.split("|")[2] for line in text("docs/rights.md").splitlines() if line.startswith("| ")]
    flows = {flow for column in lines for flow in re.findall(r"`([^`]+)`", column)}
    assert len(flows) > 10
    assert flows <= set(Flow)


@pytest.mark.parametrize("page", PAGES)
def test_pictures_are_there(page: str) -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text(page)):
        assert (ROOT / page).parent.joinpath(picture).read_text(encoding="utf-8").startswith("<svg"), picture


@pytest.mark.parametrize("page", [*PAGES, *OTHERS])
def test_what_a_page_links_to_exists(page: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text(page)) if "://" not in link]
    for link in links:
        path, _, heading = link.partition("#")
        target = (ROOT / page).parent.joinpath(path) if path else ROOT / page
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, link


def test_the_readme_is_short() -> None:
    """What somebody reads before trying it; the rest is in docs."""
    assert len(text("README.md")) < 7000
