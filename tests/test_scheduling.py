"""Which worker gets which file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import pytest_make_parametrize_id
from tests.scheduling import SECONDS, needs_plane, seconds


@pytest.mark.parametrize(
    ("text", "nodeid", "needed"),
    [
        ("", "tests/contract/test_a.py::test_x[real]", True),
        ("", "tests/contract/test_a.py::test_x[real-json]", True),
        ("", "tests/contract/test_a.py::test_x[json-real]", True),
        ("", "tests/contract/test_a.py::test_x[embedded]", False),
        ("", "tests/contract/test_a.py::test_real[unreal-really]", False),
        ("def test_x(real_cluster: RealControlPlane) -> None:", "tests/cli/test_a.py::test_x", True),
        ("def test_x(real_control_plane: RealControlPlane) -> None:", "tests/cli/test_a.py::test_x", True),
    ],
)
def test_files_of_the_real_control_plane_are_known(text: str, nodeid: str, needed: bool) -> None:
    assert needs_plane(text, [nodeid]) is needed


def test_screens_take_longer_than_tables() -> None:
    assert seconds("tests/dashboard/test_a.py", 30) > seconds("tests/kube/test_a.py", 300)


def test_what_is_named_is_there_and_files_stand_before_their_rooms() -> None:
    names = list(SECONDS)
    root = Path(__file__).parents[1]
    assert [name for name in names if not list(root.glob(f"{name.rstrip('/')}*"))] == []
    hidden = [name for index, name in enumerate(names) if any(name.startswith(before) for before in names[:index])]
    assert hidden == []


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("short", None),
        (7, None),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n", "pem"),
        ("kind: Config\n", "pem"),
        ("x" * 101, "pem"),
    ],
    ids=["short", "number", "certificate", "lines", "long"],
)
def test_names_of_tests_hold_nothing_that_each_worker_makes_anew(value: object, name: str | None) -> None:
    assert pytest_make_parametrize_id(value, "pem") is name
