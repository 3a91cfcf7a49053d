"""Same input, same verdict: every row of `inputs` through kubectl and through kubemint, and what the server saw."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import kubemint

from .depot import Depot, Seen
from .inputs import Input, rows

ROWS = rows()
pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not in PATH")


@pytest.fixture(scope="module")
def depot() -> Iterator[Depot]:
    with Depot() as depot:
        yield depot


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(ROWS) >= 80
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_same_verdict(row: Input, depot: Depot, tmp_path: Path) -> None:
    kubeconfig = _written(row, depot, tmp_path)
    environment = {name: _ports(value, depot) for name, value in row.environment.items()}
    theirs = _kubectl(row, kubeconfig, environment, depot)
    ours = _kubemint(row, kubeconfig, environment, depot)
    assert "Traceback" not in ours.said
    expected = (True, False) if row.stricter else (False, True) if row.laxer else (theirs.works, theirs.works)
    assert (theirs.works, ours.works) == expected, (theirs.said, ours.said)
    if theirs.works and ours.works:
        assert (ours.seen, ours.proxied) == (theirs.seen, theirs.proxied)
    if not ours.works:
        assert ours.said.strip()


class Verdict:
    def __init__(self, works: bool, said: str, depot: Depot) -> None:
        self.works, self.said = works, said
        depot.settle()
        self.seen: set[Seen] = set(depot.seen)
        self.proxied: set[str] = set(depot.proxied)


def _kubectl(row: Input, kubeconfig: Path, environment: dict[str, str], depot: Depot) -> Verdict:
    depot.forget()
    context = ("--context", row.context) if row.context is not None else ()
    what = ("get", "--raw", "/api/v1/namespaces/default/serviceaccounts", "--request-timeout=5s")
    done = subprocess.run(
        ["kubectl", "--kubeconfig", kubeconfig, *context, *what],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Verdict(done.returncode == 0 and "ServiceAccountList" in done.stdout, done.stderr, depot)


def _kubemint(row: Input, kubeconfig: Path, environment: dict[str, str], depot: Depot) -> Verdict:
    depot.forget()
    context = ("--context", row.context) if row.context is not None else ()
    done = kubemint("list", "accounts", "-n", "default", *context, "--kubeconfig", kubeconfig, env=environment)
    return Verdict(done.code == 0 and "default" in done.out, done.err or done.out, depot)


def _ports(text: str, depot: Depot) -> str:
    for name, port in depot.ports.items():
        text = text.replace(f"@PORT:{name}@", str(port))
    return text


def _written(row: Input, depot: Depot, folder: Path) -> Path:
    document = row.document if isinstance(row.document, str) else json.dumps(row.document, ensure_ascii=False)
    path = folder / "kubeconfig"
    path.write_bytes(_ports(document, depot).encode())
    for name, content in row.files.items():
        file = folder / name
        file.write_bytes(content if isinstance(content, bytes) else _ports(content, depot).encode())
        file.chmod(0o700 if name.startswith("plugin") else 0o600)
    return path
