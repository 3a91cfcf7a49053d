"""The home folder, which not everybody has: a container may run as a user without HOME and without a passwd entry.

What needs it says so in words; what does not goes on. Here too: what users are called, of whom some have no name.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from .errors import ConfigError


class NoHome(ConfigError):
    """A path begins with a home folder that there is not."""

    def __init__(self, written: str = "~") -> None:
        user = written.removeprefix("~")
        who = f"HOME is not set, and user {os.geteuid()} has no entry in passwd" if not user else f"who is {user}?"
        super().__init__(f"{written} is no folder here: {who}", hint="set HOME, or give a whole path")


def expanded(path: Path | str) -> Path:
    """The path with `~` and `~user` replaced. Raises NoHome where that is nothing."""
    path = Path(path)
    try:
        return path.expanduser()
    except RuntimeError:
        pass
    raise NoHome(path.parts[0])


def home() -> Path:
    """The home folder. Raises NoHome."""
    return expanded("~")


def user(uid: int) -> str:
    """The name of a user, or the number of one who has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
