"""A kubeconfig that a person named, read from where it lies: what the files beside it hold is put into it.

What comes of it stands on its own, and whoever reads it goes by the rules for text from anywhere: nothing else is read
for it, and no program is run. What was pasted, or came from a cluster, never comes through here.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from .errors import ConfigError
from .sensitive import Sensitive
from .small_file import read_small
from .yaml_loading import load_first
from .yaml_values import Plain, YAMLError

_MAX_FILE: Final = 1024 * 1024


def _data(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _token(content: bytes) -> str:
    return content.decode("utf-8", "replace").strip()


_FILES: Final[dict[tuple[str, str], dict[str, tuple[str, Callable[[bytes], str]]]]] = {
    ("clusters", "cluster"): {"certificate-authority": ("certificate-authority-data", _data)},
    ("users", "user"): {
        "client-certificate": ("client-certificate-data", _data),
        "client-key": ("client-key-data", _data),
        "tokenFile": ("token", _token),
    },
}
"""What names a file, and what says the same in place: `tokenFile` counts before it, the others after it."""


def with_files(content: Sensitive, path: Path, *, strict: bool = False) -> Sensitive:
    """The same with the files that it names in it, paths relative to its own; anything else stays as it is.

    A file that cannot be read stays named, or with `strict` is a ConfigError.
    """
    try:
        document = load_first(content.reveal_bytes())
    except YAMLError:
        return content
    changed = False
    for (section, inner), names in _FILES.items():
        for entry in _entries(document, section, inner):
            for name, (instead, written) in names.items():
                if isinstance(named := entry.get(name), str) and named:
                    changed |= _put(entry, name, instead, written, path.parent / named, strict)
    if not changed:
        return content
    return Sensitive(json.dumps(document, default=_plain).encode())


def _put(
    entry: dict[Any, Any], name: str, instead: str, written: Callable[[bytes], str], path: Path, strict: bool
) -> bool:
    if name != "tokenFile" and entry.get(instead):
        del entry[name]
        return True
    why = ""
    try:
        held = read_small(Path(os.path.normpath(path)), _MAX_FILE + 1)
        why = "it is too large" if len(held) > _MAX_FILE else ""
    except OSError as error:
        held, why = b"", error.strerror or "it cannot be read"
    if not why:
        entry[instead] = written(held)
    elif not (name == "tokenFile" and entry.get(instead)):
        if strict:
            raise ConfigError(f"unable to read {name} {path}: {why}")
        return False
    del entry[name]
    return True


def _entries(document: object, section: str, inner: str) -> Iterator[dict[Any, Any]]:
    listed = document.get(section) if isinstance(document, dict) else None
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get(inner), dict):
            yield entry[inner]


def _plain(value: object) -> object:
    return value.value if isinstance(value, Plain) else str(value)
