"""`python -m tests.mutation [MODULE]...`: change the homes of trust bit by bit, and see that a test notices each time.

mutmut makes the mutants in a copy of the tree and runs the tests of `homes.HOMES` on each. What survives is printed,
and the exit code is 1, unless it only changes words or has its reason in `homes.ACCEPTED`. Not part of CI: it takes
minutes. It needs the dependency group `mutation`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .homes import ACCEPTED, DECIDING, HOMES
from .reading import counted, survivors

ROOT = Path(__file__).resolve().parents[2]


def main(wanted: list[str]) -> int:
    """Run the homes that are named, or all; 0 where nothing survived without a reason."""
    unknown = [name for name in wanted if name not in HOMES]
    if unknown:
        print(f"not one of the homes: {', '.join(unknown)}; they are:", *HOMES, sep="\n  ")
        return 2
    return max([_home(name) for name in wanted or HOMES])


def _home(module: str) -> int:
    with tempfile.TemporaryDirectory(prefix="kubemint-mutation-") as folder:
        copy = Path(folder)
        for part in ("tui", "tests", "styles"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "__snapshots__"))
        shutil.copy(ROOT / "README.md", copy)
        (copy / "pyproject.toml").write_text(_settings(module))
        done = subprocess.run(
            [sys.executable, "-m", "mutmut", "run", *_deciding(module)],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        mutated = copy / "mutants" / module
        if not mutated.with_name(f"{mutated.name}.meta").exists():
            print(f"{module}: no mutant was made\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            return 1
        if not (tried := counted(mutated)):
            print(
                f"{module}: no mutant was tried, its tests fail without any\n{done.stdout[-500:]}{done.stderr[-2000:]}"
            )
            return 1
        found = list(survivors(mutated))
        unexplained = [one for one in found if not one.words and one.change not in ACCEPTED]
        accepted = sum(not one.words for one in found) - len(unexplained)
        print(
            f"{module}: {tried} mutants, {len(found)} survived: {sum(one.words for one in found)} change "
            f"only words, {accepted} have a reason, {len(unexplained)} have none"
        )
        for one in unexplained:
            print(f"  {one.key}\n    " + one.change.replace("\n", "\n    "))
        return 1 if unexplained else 0


def _deciding(module: str) -> list[str]:
    """The mutants that are tried, by mutmut's names; none where all are."""
    dotted = module.removesuffix(".py").replace("/", ".")
    return [
        f"{dotted}.x\N{LATIN LETTER LATERAL CLICK}{kind}\N{LATIN LETTER LATERAL CLICK}{name}__mutmut_*"
        if kind
        else f"{dotted}.x_{name}__mutmut_*"
        for kind, _, name in (wanted.rpartition(".") for wanted in DECIDING.get(module, ()))
    ]


def _settings(module: str) -> str:
    """The project's own settings, and mutmut's for one module."""
    tests = ", ".join(f'"{test}"' for test in HOMES[module])
    return (
        (ROOT / "pyproject.toml").read_text()
        + f"""
[tool.mutmut]
source_paths = ["tui"]
only_mutate = ["{module}"]
also_copy = ["tests", "styles", "README.md"]
pytest_add_cli_args = ["-n", "0", "--reruns", "0", "-q", "-x"]
pytest_add_cli_args_test_selection = [{tests}]
"""
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
