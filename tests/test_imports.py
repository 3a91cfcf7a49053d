"""What is imported when: the issuance core and the commands run without a screen, and the first look costs nothing."""

from __future__ import annotations

import functools
import pkgutil
import subprocess
import sys
from collections.abc import Iterable
from types import ModuleType

import pytest

import tui.headless
import tui.issuance
from tui.cli import VERBS

SCREEN = {"textual", "rich"}
HEAVY = {
    "kubernetes",
    "aiohttp",
    "textual",
    "rich",
    "cryptography",
    "jwt",
    "msgspec",
    "yaml",
    "sqlite3",
    "asyncio",
    "pydantic",
}


def imported_by(code: str) -> set[str]:
    """The top-level packages that a fresh Python imports by running `code`, beside what its own start imports.

    What that is differs: some systems' Python runs a `sitecustomize`, and an environment's `.pth` files may import.
    """
    return _held_after(code) - _held_after("")


@functools.cache
def _held_after(code: str) -> set[str]:
    report = "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"  # `run` may close stdout
    program = f"{code}\nimport sys\n{report}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def modules_of(package: ModuleType) -> Iterable[str]:
    path, name = package.__path__, package.__name__
    return [name, *(module.name for module in pkgutil.walk_packages(path, f"{name}."))]


def test_the_whole_issuance_core_imports_without_a_screen() -> None:
    names = modules_of(tui.issuance)
    assert len(list(names)) > 20
    assert not imported_by("\n".join(f"import {name}" for name in names)) & SCREEN


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_imports_without_a_screen(verb: str) -> None:
    module = VERBS[verb][0].partition(":")[0]
    assert not imported_by(f"import {module}") & SCREEN


def test_every_headless_module_but_the_dashboards_imports_without_a_screen() -> None:
    names = [name for name in modules_of(tui.headless) if not name.endswith(".dashboard")]
    assert not imported_by("\n".join(f"import {name}" for name in names)) & SCREEN


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["-h"]])
def test_the_first_look_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"from tui.cli import run\nassert run({arguments!r}) == 0"
    assert not imported_by(code) & HEAVY


@pytest.mark.parametrize("verb", VERBS)
def test_a_commands_help_needs_no_cluster_code(verb: str) -> None:
    code = f"from tui.cli import run\nassert run([{verb!r}, '--help']) == 0"
    assert not imported_by(code) & {"kubernetes", "aiohttp", "textual", "rich", "cryptography", "jwt", "pydantic"}


@pytest.mark.parametrize("verb", ["issue", "list"])
def test_the_help_of_everyday_commands_imports_neither_the_loop_nor_yaml(verb: str) -> None:
    code = f"from tui.cli import run\nassert run([{verb!r}, '--help']) == 0"
    assert not imported_by(code) & {"asyncio", "yaml", "sqlite3"}


def test_usage_errors_are_found_without_a_cluster() -> None:
    code = "from tui.cli import run\nassert run(['issue']) == 2\nassert run(['nope']) == 2"
    assert not imported_by(code) & {"kubernetes", "aiohttp", "textual", "rich"}


UNUSED = {"requests", "urllib3", "pydantic", "oauthlib", "requests_oauthlib", "websocket", "dateutil", "certifi"}
"""What the front door of the `kubernetes` package imports, and nobody here uses."""


def test_the_client_is_reached_past_the_front_door_of_its_package() -> None:
    assert not imported_by("import tui.kube.transport") & UNUSED


def test_whoever_asks_the_package_for_more_is_given_it() -> None:
    code = """
import tui.kube.transport, kubernetes
from kubernetes import client, config
from kubernetes.aio import client as aio, config as aio_config
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.utils import create_from_dict
assert client.V1Pod and config.load_kube_config and aio.CoreV1Api and aio_config.load_kube_config
assert kubernetes.aio.client is aio and kubernetes.watch.Watch
assert issubclass(tui.kube.transport.Transport, RESTClientObject) and aio.ApiClient
try:
    kubernetes.nothing_like_this
except AttributeError as error:
    assert "nothing_like_this" in str(error)
else:
    raise AssertionError
"""
    assert "kubernetes" in imported_by(code)
