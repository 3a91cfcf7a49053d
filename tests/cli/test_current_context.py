"""Which cluster a verb takes where none is named: the current one, said where there were several to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import kubemint

ACCOUNT = "default/robot"


@pytest.fixture
def several(served: Path, tmp_path: Path) -> Path:
    """tenant-a by two names, of which the second is the current one."""
    path = tmp_path / "several"
    document = yaml.safe_load(served.read_text())
    first = next(one for one in document["contexts"] if one["name"] == "tenant-a")
    document["contexts"] = [first, {**first, "name": "again"}]
    return written(path, document, "again")


def written(path: Path, document: dict[str, Any], current: str) -> Path:
    path.write_text(yaml.safe_dump({**document, "current-context": current}))
    return path


def test_which_context_and_user_were_taken_is_said(several: Path) -> None:
    user = yaml.safe_load(several.read_text())["contexts"][0]["context"]["user"]
    said = f"in again, the current context, as user {user}; --context names another\n"
    taken = kubemint("can", ACCOUNT, "--kubeconfig", several)
    assert taken.err.count(said) == 1, taken
    named = kubemint("can", ACCOUNT, "--kubeconfig", several, "--context", "tenant-a")
    assert "current context" not in named.err
    assert taken.out == named.out


def test_where_there_is_one_nothing_needs_to_be_said(several: Path) -> None:
    document = yaml.safe_load(several.read_text())
    document["contexts"] = document["contexts"][1:]
    assert "current context" not in kubemint("can", ACCOUNT, "--kubeconfig", written(several, document, "again")).err


@pytest.mark.parametrize("verb", ["can", "lineage"])
def test_a_current_context_that_is_lost_is_named_as_that(several: Path, verb: str) -> None:
    lost = written(several, yaml.safe_load(several.read_text()), "gone")
    refused = kubemint(verb, ACCOUNT, "--kubeconfig", lost)
    refused.failed(refused.code, f'context "gone" of current-context is not in {lost}', "contexts: again, tenant-a")
    assert refused.code in (1, 2)
