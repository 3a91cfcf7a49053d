"""Files that are none: whatever a path leads to, reading it ends."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tui.kube import small_file
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import load
from tui.kube.small_file import read_small

KUBECONFIG = b"apiVersion: v1\nkind: Config\ncurrent-context: piped\n"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_pipe_is_read_to_its_end_however_slowly_it_is_written(pipe: Path) -> None:
    def write() -> None:
        with pipe.open("wb", buffering=0) as stream:
            for byte in KUBECONFIG:
                stream.write(bytes([byte]))

    writer = threading.Thread(target=write)
    writer.start()
    assert load(str(pipe)).current_context == "piped"
    writer.join()


def test_a_pipe_that_nobody_writes_to_is_given_up(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError):
        read_small(pipe, 10, patience=0.1)
    monkeypatch.setattr(small_file.read_small, "__kwdefaults__", {"patience": 0.1})
    with pytest.raises(ConfigError, match="Nobody writes to this pipe"):
        load(str(pipe))


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
