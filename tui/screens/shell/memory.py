"""What the dashboard remembers over a restart: where the user was, how lists were sorted, what was typed.

A small JSON file in the state folder, never with material. Whatever is in it, it is only believed where it fits.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from tui.issuance import FileError, write_private
from tui.kube.sensitive import Sensitive, looks_secret
from tui.kube.small_file import read_small
from tui.screens.areas.since import LastTime

from .commands import opening

FILE: Final = "dashboard.json"
LONGEST: Final = 50
"""So many filters and commands are kept."""
_LARGEST: Final = 256 * 1024
_LINE: Final = 300


class Sorted(msgspec.Struct, frozen=True):
    """How one list is sorted."""

    by: str = ""
    reverse: bool = False


class Memory(msgspec.Struct, kw_only=True):
    """One session's last state, and the first of the next."""

    area: str = "overview"
    filter: str = ""
    """Of that area's list."""
    cursor: str = ""
    """The key of the row under the cursor."""
    sorts: dict[str, Sorted] = {}
    filters: list[str] = []
    commands: list[str] = []
    needed: LastTime = LastTime()
    """What needed attention."""

    def history(self, kind: str) -> list[str]:
        """What was typed after `/` or `:`, the newest last."""
        return self.filters if kind == "/" else self.commands

    def add(self, kind: str, text: str) -> None:
        """Remember a line; one that was there before moves to the end. What looks like a credential is forgotten."""
        text = text.strip()[:_LINE]
        if not text or looks_secret(text):
            return
        lines = self.history(kind)
        if text in lines:
            lines.remove(text)
        lines.append(text)
        del lines[:-LONGEST]


def read(path: Path | None) -> Memory:
    """What is remembered; nothing, where it cannot be read."""
    if path is None:
        return Memory()
    try:
        memory = msgspec.json.decode(read_small(path, _LARGEST), type=Memory)
    except (OSError, msgspec.DecodeError, UnicodeError):
        return Memory()
    memory.filters = [line[:_LINE] for line in memory.filters if line.isprintable()][-LONGEST:]
    memory.commands = [line[:_LINE] for line in memory.commands if line.isprintable()][-LONGEST:]
    if not memory.filter.isprintable() or len(memory.filter) > _LINE:
        memory.filter = ""
    return memory


def beginning(memory: Memory, begin: str) -> Memory:
    """The same, but for where the user is: on what was typed after `--command`, where it was."""
    if begin:
        command = opening(begin)
        memory.area, memory.filter, memory.cursor = command.name, command.filter, ""
    return memory


def write(path: Path, memory: Memory, kept: bytes = b"") -> bytes:
    """Keep it, unless it is what was `kept` the last time; without a message where that is not possible."""
    data = msgspec.json.format(msgspec.json.encode(memory))
    if data != kept:
        with contextlib.suppress(FileError):
            write_private(path, Sensitive(data.decode()))
    return data
