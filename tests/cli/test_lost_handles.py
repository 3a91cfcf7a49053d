"""A managed Secret that somebody deletes by hand: hygiene finds its token, and the command it names ends it."""

from __future__ import annotations

import asyncio
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import issue, kubemint
from tui.issuance.trust import orphans
from tui.kube.client import Client
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS


def test_the_finding_names_the_command_that_ends_it(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "YOUNG", timedelta(0))

    async def delete_by_hand() -> None:
        async with Client(load(str(served)).endpoint("tenant-a")) as client:
            await client.delete(SECRETS, "lost-place", namespace="default")

    def lost() -> list[dict[str, Any]]:
        result = kubemint("hygiene", "--kubeconfig", served, "--context", "tenant-a", "-o", "json")
        assert result.code == 0, result
        items: list[dict[str, Any]] = result.json["items"]
        return [item for item in items if item["rule"] == "lost-handle" and item["identity"].endswith("/lost-one")]

    issued = issue(served, "--create", "--secret", "default/lost-place", name="lost-one")
    assert issued.code == 0, issued
    assert lost() == []
    asyncio.run(delete_by_hand())
    (finding,) = lost()
    assert "default/lost-place, where it is not" in finding["reason"]
    program, *words = shlex.split(finding["command"])
    assert program == "kubemint"
    ended = kubemint(*words, "--yes", "--kubeconfig", served)
    assert ended.code == 0, ended
    assert lost() == []
