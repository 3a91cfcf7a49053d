"""Files as people name them: what a path means, and what a file is called by default."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from tui.kube.home import NoHome, expanded, home


def file_stem(name: str) -> str:
    """A name from a cluster as the name of a file: letters, digits and `.-_` stay, the rest becomes a dash."""
    return "".join(char if char.isalnum() or char in ".-_" else "-" for char in name)[:200].lstrip(".") or "credential"


def whole_path(text: str) -> Path:
    """What someone typed as an absolute path; as it is where it names a home folder that is not there."""
    path = Path(text)
    with contextlib.suppress(NoHome):
        path = expanded(path)
    return path.absolute()


def strange_folder(text: str) -> Path | None:
    """The folder of a path, where it is not there and lies neither in the home nor in the working folder.

    A letter too many in a path would else leave a folder, and a credential in it, where nobody looks for one.
    """
    folder, bases = whole_path(text).parent, [Path.cwd()]
    with contextlib.suppress(NoHome):
        bases.append(home())
    with contextlib.suppress(OSError, ValueError):  # whoever writes says what is wrong with the path
        if not folder.exists() and not any(folder.resolve().is_relative_to(base.resolve()) for base in bases):
            return folder
    return None


def is_folder(text: str) -> bool:
    """Whether what someone typed names a folder; not where that cannot be looked up."""
    return _holds(text, Path.is_dir)


def is_file(text: str) -> bool:
    """Whether it names a file; not where that cannot be looked up."""
    return _holds(text, Path.is_file)


def _holds(text: str, asked: Callable[[Path], bool]) -> bool:
    try:
        return asked(whole_path(text))
    except (OSError, ValueError):
        return False  # whoever writes says what is wrong with it


def short_path(path: str) -> str:
    """A path with the home folder as `~`."""
    own = os.path.expanduser("~")  # noqa: PTH111 - text for people, not a path to open
    return "~" + path[len(own) :] if own != "/" and path.startswith(own + "/") else path
