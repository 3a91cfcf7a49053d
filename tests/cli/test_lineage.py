"""`kubemint lineage` of what is not there: a slip of the hand is said to be one, and nothing is made up about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import kubemint
from tui.headless.reaching import said_of
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, Outcome


def test_an_account_that_nobody_saw_is_not_called_gone(served: Path) -> None:
    result = kubemint("lineage", "ci/nobody", "--kubeconfig", served, "--context", "tenant-a")
    assert (result.code, result.out) == (1, ""), result
    assert "there is no service account nobody (namespace ci, cluster tenant-a)" in result.err


def test_a_file_that_is_not_there_is_said_to_be_missing(served: Path, tmp_path: Path) -> None:
    missing = f"file:{tmp_path / 'missing'}"
    result = kubemint("lineage", missing, "--kubeconfig", served, "--context", "tenant-a")
    assert result.code == 1, result
    assert "no such file" in result.err


def test_on_a_machine_without_a_state_what_is_not_there_is_said_to_be_missing(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "none"))
    result = kubemint("lineage", "secret:tenant-a/default/none", "--kubeconfig", served, "--context", "tenant-a")
    result.failed(1, "not found")
    assert "state" not in result.err
    assert not (tmp_path / "none").exists(), "looking makes no state"


def test_what_is_the_same_for_several_is_said_once() -> None:
    def outcome(name: str, *left: str, error: str = "") -> Outcome:
        address = Address(CredentialKind.FILE, "", "", name)
        return Outcome(
            plan="p", action=Action.RECOVER, address=address, ok=not error, results=(), error=error, left=left
        )

    away = "whether the old token still works could not be checked: no cluster is called x"
    many = [outcome("/a", error=away), outcome("/a", error=away), outcome("/b", error=away), outcome("/c")]
    assert said_of(many) == [f"file:/a, file:/b still open: {away}", "file:/c finished"]
