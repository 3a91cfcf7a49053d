"""Which worker gets which file."""

from __future__ import annotations

import pytest

from tests.scheduling import needs_plane, seconds


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
