"""Files that are none: whatever a path leads to, reading it ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from tui.kube import small_file
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import load
from tui.kube.small_file import read_small
from tui.settings import reading as settings

KUBECONFIG = b"apiVersion: v1\nkind: Config\ncurrent-context: piped\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, FileIO]]:
    """What a shell hands over for `<(command)`: the end to read from, and the other one.

    As files, which are closed once: closed again by its number, an end would be whatever another thread opened since.
    """
    reading, writing = os.pipe()
    with FileIO(reading), FileIO(writing, "w") as writer:
        yield reading, writer


def test_a_pipe_that_was_handed_over_is_read_to_its_end_however_slowly_it_is_written(pipe: tuple[int, FileIO]) -> None:
    def write() -> None:
        for byte in KUBECONFIG:
            pipe[1].write(bytes([byte]))
        pipe[1].close()

    writer = threading.Thread(target=write)
    writer.start()
    assert load(f"/dev/fd/{pipe[0]}").current_context == "piped"
    writer.join()


def test_a_pipe_that_nobody_writes_to_is_given_up(pipe: tuple[int, FileIO], monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/dev/fd/{pipe[0]}"
    with pytest.raises(TimeoutError):
        read_small(Path(path), 10, patience=0.1)
    monkeypatch.setattr(small_file.read_small, "__kwdefaults__", {"patience": 0.1})
    with pytest.raises(ConfigError, match="No process writes to this pipe"):
        load(path)


def test_a_pipe_that_has_a_name_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    """For as long as nobody writes to it, which is what somebody may have made it for."""
    os.mkfifo(tmp_path / "config")
    (tmp_path / "link").symlink_to(tmp_path / "config")
    start = time.monotonic()
    for name in ("config", "link"):
        with pytest.raises(ConfigError, match="Not a regular file"):
            load(str(tmp_path / name))
    found = settings.load(tmp_path / "config", {})
    assert "not a regular file" in str(found.findings[0])
    assert "cannot be read" in found.why_read_only("anything"), "what was to be protected is not known"
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(("path", "said"), [("/dev/zero", "Not a regular file"), ("/", "Is a directory")])
def test_devices_and_folders_are_refused(path: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(path)


def test_links_without_end_are_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.symlink_to(two)
    two.symlink_to(one)
    with pytest.raises(ConfigError, match="links"):
        load(str(one))


def test_no_more_is_read_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    assert read_small(tmp_path / "file", 10) == b"x" * 10
