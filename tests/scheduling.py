"""Which worker of pytest-xdist gets which file: long files first, and few workers with a real control plane.

A long file that begins last leaves the other workers idle. A real control plane costs five seconds to start and works
by itself while it waits, so two workers take the files that need one for as long as there are others to take.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

PLANES: Final = 2
"""So many workers look for files that need a real control plane; the others take them when nothing else is left."""

SECONDS: Final = {
    "tests/dashboard/test_bulk.py": 15.0,
    "tests/fleet/test_one_server.py": 4.0,
    "tests/test_leaks.py": 3.0,
    "tests/dashboard/": 1.0,
    "tests/fleet/test_f": 0.6,
    "tests/fleet/": 1.0,
    "tests/faults/": 0.7,
    "tests/test_": 0.5,
    "tests/cli/": 0.4,
    "tests/demo/": 0.2,
    "tests/security/": 0.2,
    "tests/issuance/": 0.2,
    "tests/contract/": 0.1,
    "tests/kubectl/": 0.1,
}
"""About how long a test of a room takes, or of a file that is far longer than its room; others are look-ups in tables
(0.02 s). The first that fits counts."""

_REAL_SIDE: Final = re.compile(r"\[(?:[^\]]*-)?real[\]-]")
_REAL_FIXTURES: Final = ("real_control_plane", "real_cluster")


def seconds(file: str, tests: int) -> float:
    """About how long a file takes: only for comparing."""
    each = next((value for room, value in SECONDS.items() if file.startswith(room)), 0.02)
    return tests * each


def needs_plane(text: str, nodeids: Iterable[str]) -> bool:
    """Whether a file has a test of the real control plane: it names the fixture, or a side in its tests' names."""
    return any(name in text for name in _REAL_FIXTURES) or any(_REAL_SIDE.search(nodeid) for nodeid in nodeids)


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]
    """Whole files, as `--dist loadfile` does, in an order of ours."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        served = self.nodes.index(node) < PLANES

        def rank(file: str) -> tuple[bool, float]:
            tests = self.workqueue[file]
            return self._needs_plane(file) == served, seconds(file, len(tests))

        self.workqueue.move_to_end(max(self.workqueue, key=rank), last=False)
        super()._assign_work_unit(node)

    def _needs_plane(self, file: str) -> bool:
        if file not in self._known:
            self._known[file] = needs_plane((self.config.rootpath / file).read_text(), self.workqueue[file])
        return self._known[file]

    @functools.cached_property
    def _known(self) -> dict[str, bool]:
        return {}
