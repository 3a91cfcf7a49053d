"""The program as people run it, over an embedded fleet that another process of it serves."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest
import yaml

from tui.cli import run

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    """What one run printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)

    def failed(self, code: int, *parts: str) -> None:
        """It ended with `code`, said one clear line with `parts` in it (and at most one of advice), and no data."""
        assert self.code == code, self
        assert self.out == ""
        lines = self.err.splitlines()
        assert lines, self
        assert lines[0].startswith("kubemint: "), self
        assert "Traceback" not in self.err
        assert len(lines) <= 2, self
        assert all(line.startswith("  ") for line in lines[1:]), self
        for part in parts:
            assert part in self.err, self


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tui", *map(str, arguments)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's own environment (whose home is empty); the checkout is importable from anywhere."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error::ResourceWarning", **(extra or {})}


def kubemint(*arguments: str | Path, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
    """One run inside of this process, which spares the start of an interpreter; all else is as people run it."""
    out, err = io.StringIO(), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    with (
        mock.patch.dict(os.environ, env or {}),
        mock.patch.object(sys, "stdin", given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run([str(argument) for argument in arguments])
    return Result(code, out.getvalue(), err.getvalue())


def separately(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Result:
    """One run in a process of its own."""
    done = subprocess.run(
        command(*arguments), input="", capture_output=True, text=True, timeout=60, env=environment(env), check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


def issue(served: Path, *arguments: str | Path, name: str = "robot") -> Result:
    """`kubemint issue` of half an hour for an account in `tenant-a`'s `default`."""
    where = ("-n", "default", "--context", "tenant-a", "--kubeconfig", served)
    return kubemint("issue", name, *where, "--duration", "30m", *arguments)


def token_in(path: Path) -> str:
    """The token of a kubeconfig's first user."""
    token = yaml.safe_load(path.read_text())["users"][0]["user"]["token"]
    assert isinstance(token, str)
    return token


def journal_entries() -> list[dict[str, Any]]:
    """What the journal of this test's home says, oldest first."""
    items: list[dict[str, Any]] = kubemint("journal", "-o", "json").json["items"]
    return items


def refused_within_15_s(kubeconfig: Path, what: Path, context: str = "tenant-a") -> Result:
    """API servers believe a token that they have just seen for ten seconds more."""
    deadline = time.monotonic() + 15
    while True:
        result = kubemint("verify", what, "--kubeconfig", kubeconfig, "--context", context)
        if result.code != 0:
            result.failed(1, "refused")
            return result
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of an embedded fleet that runs for the whole session, troubled clusters included."""
    path = tmp_path_factory.mktemp("served") / "kubeconfig"
    process = subprocess.Popen(
        command("demo", "--kubeconfig-out", path, "--clusters", "3", "--accounts", "6"),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


@pytest.fixture
def robot(served: Path, tmp_path: Path) -> Path:
    """A kubeconfig that was just issued for a new account `robot` in `tenant-a`."""
    path = tmp_path / "robot.kc"
    result = issue(served, "--create", "--out", path)
    assert result.code == 0, result
    assert result.out == f"file:{path}\n"
    return path
