"""Somebody else swaps a folder while kubemint is at it: whatever the moment, nothing is made, replaced or removed where
the operator did not say, and no token is given away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.test_kubeconfig_file import EXISTING, NEW, addition
from tui.issuance.destinations import kubeconfig_file
from tui.issuance.destinations.file import FilePlace
from tui.issuance.destinations.files import make_private, write_private
from tui.issuance.destinations.folders import reached
from tui.issuance.destinations.standing import write_file
from tui.issuance.errors import IssuanceError
from tui.issuance.model.types import Identity
from tui.issuance.records.state import StateStore
from tui.kube.errors import KubeError

BOB = 12345
CALLS = ("open", "stat", "lstat", "mkdir", "link", "replace", "rename", "unlink", "readlink", "scandir")
THERE = re.compile(r"\.|sub|new|folder|\.?config.*")
"""What is named in the folder that is swapped, and on the way to it."""
RENAME = os.rename
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


class Swaps:
    """Before the given call that names something there (counted from 1) `sub` becomes what was `alt`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.left, self.done = folder, 0, False
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # so often it takes long
        for name in CALLS:
            monkeypatch.setattr(os, name, self._at(getattr(os, name)))

    def _at(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **words: Any) -> Any:
            if self.left and THERE.fullmatch(os.path.basename(str(given[0]))):
                self.left -= 1
                if not self.left:
                    RENAME(self.folder / "sub", self.folder / "was")
                    RENAME(self.folder / "alt", self.folder / "sub")
                    self.done = True
            return real(*given, **words)

        return call


def remembered(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """What lies in a folder, whose it is and who may read it."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_uid, path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


def fresh(path: Path) -> None:
    write_file(path, NEW, force=False)


def forced(path: Path) -> None:
    write_file(path, NEW, force=True)


def placed(path: Path) -> None:
    """As a plan does, with an undo after it; on its own thread, so that calls are counted one after the other."""
    with closing(StateStore.open(path.parents[2] / "state")) as state:
        place = FilePlace(str(path), Identity("c", "shop", "robot"), state, force=True)
        place._look()
        place._put(NEW)
        place._restore()


def plain(path: Path) -> None:
    write_private(path, NEW)


def deeper(path: Path) -> None:
    write_file(path.parent / "new" / "folder" / path.name, NEW, force=False)


def private(path: Path) -> None:
    make_private(path)


def unmerged(path: Path) -> None:
    done = kubeconfig_file.merge(path, addition(NEW), "r1")
    kubeconfig_file.put_back(path, done)


def taken_out(path: Path) -> None:
    kubeconfig_file.merge(path, addition(NEW), "r1")
    kubeconfig_file.remove(path, "r1")


WORK: list[tuple[Callable[[Path], None], bool, bool]] = [
    # what is done, whether a file lies where it is done, and whether one lies where the swap leads
    (fresh, False, False),
    (fresh, False, True),
    (forced, True, True),
    (placed, True, True),
    (placed, False, True),
    (plain, True, True),
    (plain, False, False),
    (deeper, False, False),
    (private, True, True),
    (unmerged, True, True),
    (unmerged, False, True),
]


@as_root
@pytest.mark.parametrize(("work", "here", "there"), WORK, ids=[f"{row[0].__name__}-{row[1]}-{row[2]}" for row in WORK])
def test_a_folder_that_becomes_a_link_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Path], None], here: bool, there: bool
) -> None:
    """Bob owns the folder that is written to, and puts a link of his to a folder of ours in its place."""
    at = 0
    with monkeypatch.context() as patched:
        swaps = Swaps(tmp_path, patched)
        while True:
            at += 1
            his, mine = tmp_path / f"his{at}", tmp_path / f"mine{at}"
            (his / "sub").mkdir(parents=True)
            mine.mkdir(mode=0o700)
            (his / "alt").symlink_to(mine)
            if here:
                (his / "sub" / "config").write_text(EXISTING)
                (his / "sub" / "config").chmod(0o644)
            if there:
                (mine / "config").write_text(EXISTING + "# ours\n")
                (mine / "config").chmod(0o644)
            for path in (his, his / "sub", his / "alt"):
                os.lchown(path, BOB, BOB)
            before = remembered(mine)
            swaps.folder, swaps.left, swaps.done = his, at, False
            with suppress(IssuanceError, KubeError):
                work(his / "sub" / "config")
            swaps.left = 0
            assert remembered(mine) == before, f"swapped at call {at}"
            assert sorted(os.listdir(mine)) == sorted(before), f"swapped at call {at}"
            if not swaps.done:
                break
    assert at > 3, "every call was a moment to swap"


def test_where_links_cannot_be_held_open_paths_lead_where_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS has no O_PATH."""
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/deep")
    (tmp_path / "file").symlink_to(tmp_path / "link" / ".." / "config")
    (tmp_path / "real" / "config").write_text("x")
    for _ in range(2):
        with reached(tmp_path / "file") as way:
            found = way.lstat()
            assert way.target == (tmp_path / "real" / "config").resolve()
            assert [link for link, _ in way.links] == [tmp_path / "file", tmp_path / "link"]
            assert found is not None
            assert found.st_size == 1
        with reached(tmp_path / "link" / "a" / "b", make=True) as way:
            assert way.lstat() is None
            assert (way.target.parent.stat().st_mode & 0o777, way.folder_mode) == (0o700, 0o700)
        with pytest.raises(NotADirectoryError), reached(tmp_path / "real" / "config" / "below"):
            pass
        with reached("/") as way:
            assert (way.target, way.name) == (Path("/"), ".")
        monkeypatch.delattr(os, "O_PATH", raising=False)
        (tmp_path / "real" / "deep" / "a").rmdir()


@as_root
@pytest.mark.parametrize("owner", [os.geteuid(), BOB])
@pytest.mark.parametrize("work", [forced, placed, unmerged, taken_out], ids=lambda work: work.__name__)
def test_another_folder_is_not_the_one_that_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Path], None], owner: int
) -> None:
    """In it lies a file of ours that nobody looked at, or one of his, whose owner must not come to own a token."""
    at = 0
    with monkeypatch.context() as patched:
        swaps = Swaps(tmp_path, patched)
        while True:
            at += 1
            his = tmp_path / str(at)
            for name in ("sub", "alt"):
                (his / name).mkdir(parents=True)
                (his / name / "config").write_text(f"{EXISTING}# in {name}\n")
            os.chown(his / "alt" / "config", owner, owner)
            os.chown(his, BOB, BOB)
            swaps.folder, swaps.left, swaps.done = his, at, False
            with suppress(IssuanceError, KubeError):
                work(his / "sub" / "config")
            swaps.left = 0
            found = remembered(his).values()
            for name in ("sub", "alt"):
                assert any(f"# in {name}" in text.decode() for text, _, _ in found), f"swapped at call {at}: lost"
            for text, whose, _ in found:
                assert whose != BOB or NEW.reveal() not in text.decode(), f"swapped at call {at}: a token is his"
            if not swaps.done:
                break
    assert at > 10, "every call was a moment to swap"
