"""`kubemint revoke`: it asks where it can, and is not done by accident where it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, command, environment, journal_entries, kubemint
from tui.fleet.decode import HANDLES
from tui.kube.client import Client
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS


def test_revoke_asks_where_it_can_and_refuses_where_it_cannot(served: Path, robot: Path) -> None:
    kubemint("revoke", robot, "--kubeconfig", served).failed(2, "no terminal to confirm", "--yes")
    assert kubemint("verify", robot, "--kubeconfig", served).code == 0
    for answer, code in {"n": 1, "y": 0}.items():
        assert on_terminal(["revoke", str(robot), "--kubeconfig", str(served)], answer) == code
        done = [entry["step"] for entry in journal_entries() if entry["action"] == "revoke"]
        assert ("handle" in done) is (answer == "y")


def on_terminal(arguments: list[str], answer: str) -> int:
    """Run with a terminal as stdin and type `answer`; gives the exit code."""
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        command(*arguments), stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    os.close(terminal)
    os.write(controller, answer.encode() + b"\n")
    process.communicate(timeout=30)
    os.close(controller)
    return process.returncode


def test_revoke_with_yes(served: Path, robot: Path) -> None:
    result = kubemint("revoke", robot, "--kubeconfig", served, "--yes")
    assert (result.code, result.out) == (0, f"file:{robot}\n"), result
    steps = [entry["step"] for entry in journal_entries() if entry["action"] == "revoke"]
    assert "handle" in steps


def test_its_help_says_how_long_and_what_else_ends() -> None:
    said = " ".join(kubemint("revoke", "--help").out.split())
    assert "finalizer on the handle makes it up to a minute" in said
    assert "together with its older tokens" in said
    assert "within ten seconds (up to a minute if the handle has a finalizer)" in (ROOT / "README.md").read_text()


def test_a_token_that_lives_on_behind_a_finalizer_is_said_however_quiet(served: Path, robot: Path) -> None:
    """The attack: whoever may patch the handle holds it back, and its token works for a minute more."""
    hold_handles(served)
    result = kubemint("revoke", robot, "--kubeconfig", served, "--yes", "-q")
    assert result.code == 0, result
    assert "the token works until its finalizer x.io/hold is gone, 60 s at the most" in result.err
    said = json.loads(
        kubemint("list", "credentials", "--context", "tenant-a", "--kubeconfig", served, "-o", "json").out
    )
    assert {one["state"] for one in said["items"] if one["address"] == f"file:{robot}"} == {"ending"}


def hold_handles(served: Path) -> None:
    async def hold() -> None:
        async with Client(load(str(served)).endpoint("tenant-a")) as client:
            for meta in [one["metadata"] for one in await client.list(SECRETS, fields=HANDLES)]:
                patch = {"metadata": {"finalizers": ["x.io/hold"]}}
                await client.patch(SECRETS, meta["name"], patch, namespace=meta["namespace"])

    asyncio.run(hold())


@pytest.mark.parametrize(
    "name", ["0123456789abcdef", "12345678-1234-1234-1234-123456789abc"], ids=["fingerprint", "id"]
)
def test_a_fingerprint_or_an_id_is_never_a_file_of_that_name(
    served: Path, robot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever may write into the working folder would choose what is revoked, and the leaked one would live on."""
    folder = tmp_path / "anybodys"
    folder.mkdir()
    shutil.copyfile(robot, folder / name)
    monkeypatch.chdir(folder)
    result = kubemint("revoke", name, "--yes", "--kubeconfig", served, "--context", "tenant-a")
    assert result.code != 0
    assert f"not as the file of that name, which is ./{name}" in result.err
    assert kubemint("verify", robot, "--kubeconfig", served).code == 0
    done = kubemint("revoke", f"./{name}", "--yes", "--kubeconfig", served, "--context", "tenant-a")
    assert done.code == 0, done
