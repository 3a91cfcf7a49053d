"""Changing single values of `config.yaml`: one line each, everything else and every comment stays as it is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tui.issuance import UsageError, read_private, write_private
from tui.kube.home import expanded
from tui.kube.sensitive import Sensitive

from .reading import parse, written
from .schema import plain

CHANGEABLE: Final = ("theme", "confirm", "grace", "lifetime", "export_folder")
"""What the dashboard writes; the rest is written by hand."""
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", "~"})
_VALUE: Final = re.compile(
    r"""(?P<key>[A-Za-z]+:)[ \t]*(?:"[^"\\]*"|'[^']*'|[^#"'|>&*!{\[\s][^#]*?)?(?P<rest>[ \t]*(?:[ \t]#.*)?)"""
)
"""One key with a value that ends on its line, and the comment behind it."""
_SAFE: Final = re.compile(r"[A-Za-z0-9~/][A-Za-z0-9_./~-]*")


class Change(msgspec.Struct, frozen=True):
    """The file as it would be. `diff` is what to show before it is written."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> list[str]:
        lines = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def plan_change(path: Path, values: Mapping[str, object]) -> Change:
    """What writing these values (by the names of the model's fields) would make of the file.

    Raises NoHome, and UsageError where a value stands there in a way that only a person should touch.
    """
    path = expanded(path)
    before = _content(path)
    lines = before.split("\n")
    known = parse(path, before.encode(), [])
    for name, value in values.items():
        key, text = written(name), _text(plain(value))
        line = known.lines.get(key)
        if line is None:
            while lines and not lines[-1].strip():
                lines.pop()
            lines += [f"{key}: {text}", ""]
            continue
        found = _VALUE.fullmatch(lines[line - 1])
        if found is None or found["key"] != f"{key}:":
            raise UsageError(f"{key} in line {line} is not written on one line", f"change it by hand in {path}")
        lines[line - 1] = f"{key}: {text}{found['rest']}"
    after = "\n".join(lines)
    became = parse(path, after.encode(), []).settings
    for name, value in values.items():
        if getattr(became, name) != value:
            raise UsageError(f"{written(name)} cannot be put into this file", f"change it by hand in {path}")
    return Change(path, before, after)


def write_change(change: Change) -> None:
    """Write it, whole or not at all. Raises FileError, and UsageError where the file was changed meanwhile."""
    if _content(change.path) != change.before:
        raise UsageError(f"{change.path} was changed by another program just now", "look at it and try again")
    write_private(change.path, Sensitive(change.after))


def _content(path: Path) -> str:
    if not path.exists():
        return ""
    try:
        return read_private(path).reveal()
    except UnicodeDecodeError:
        problem = f"{path} is not UTF-8 text"
    raise UsageError(problem, "rewrite it by hand")


def _text(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if _SAFE.fullmatch(text) and text.lower() not in _WORDS else msgspec.json.encode(text).decode()
