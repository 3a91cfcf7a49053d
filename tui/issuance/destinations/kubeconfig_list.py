"""The other files of a KUBECONFIG: of entries of one name the first file's counts, so a new one may shadow theirs.

Whoever writes into one file of a list would lead the contexts in another one to another server, or log in with another
user, without a word in that file. So the names of all of them are taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import precedence
from tui.kube.small_file import read_small
from tui.kube.yaml_loading import MAX_BYTES, load_first
from tui.kube.yaml_values import YAMLError


class Others(msgspec.Struct, frozen=True):
    """What the other files of the list have."""

    names: frozenset[str] = frozenset()
    """Of their clusters, users and contexts."""
    current: bool = False
    """Whether one of them says which context is the current one."""


def others_of(
    path: Path, sections: Collection[str], ours: Callable[[Any, str], bool], environ: Mapping[str, str] | None = None
) -> Others:
    """What the files beside `path` have in the KUBECONFIG that it belongs to; nothing where it belongs to none.

    `ours` says of an entry and its section whether it is a copy of what is written now. Raises ConfigError where one
    of the files cannot be read: then it is not known which names are taken.
    """
    listed = precedence(None, os.environ if environ is None else environ)
    beside = [one for one in listed if os.path.realpath(one) != os.path.realpath(path)]
    if len(beside) == len(listed):
        return Others()
    documents = [_read(one, path) for one in beside]
    return Others(
        names=frozenset(
            str(entry.get("name"))
            for document in documents
            for section in sections
            for entry in _entries(document, section)
            if not ours(entry, section)
        ),
        current=any(document.get("current-context") for document in documents),
    )


def _entries(document: dict[str, Any], section: str) -> list[dict[str, Any]]:
    found = document.get(section)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _read(path: Path, into: Path) -> dict[str, Any]:
    try:
        document = load_first(read_small(path, MAX_BYTES + 1))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, YAMLError) as error:
        raise ConfigError(
            f"{path} is beside {into} in KUBECONFIG and cannot be read, so which names it has is not known: {error}",
            hint="repair it, remove it from KUBECONFIG, or choose a file that is not in KUBECONFIG",
        ) from None
    return document if isinstance(document, dict) else {}
