"""What a person does with whole kubeconfigs: choose the current context, take the contexts of a file in, and out again.

Entries that are taken in are marked like those of a credential, so that the same thing is taken in again without a
second copy, and `unmerge` takes out exactly them. What only has the same name is another thing: it replaces nothing.
A file of one's own is merged as it is, with the paths in it written whole; a foreign one is taken apart by
`tui.kube.delivered` and written anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tui.issuance.errors import UsageError
from tui.issuance.formats.kubeconfig import several
from tui.issuance.formats.yaml_text import dump
from tui.kube.delivered import Allow, DeliveredError, Several, read_all
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import load, parse, precedence
from tui.kube.sensitive import Sensitive
from tui.kube.yaml_loading import load_first

from . import kubeconfig_file as file
from .files import read_private, write_private
from .kubeconfig_edit import Change, edit
from .kubeconfig_lock import locked
from .kubeconfig_marks import SECTIONS, inner_of, wish_of
from .standing import look_at

_MARK: Final = re.compile(r"taken-in:(?:[0-9a-f]{16}:)?(.*)", re.DOTALL)
"""What entries that were taken in are marked with: the digest of what came in, and its name. Earlier ones have none."""
LOST: Final = "its comments, anchors and order are lost: it cannot be edited line by line"


def written_to(explicit: str | None, environ: Mapping[str, str] | None = None) -> Path:
    """The file that kubectl would write: the first that there is, else the last. Raises ConfigError."""
    files = precedence(explicit, os.environ if environ is None else environ)
    if not files:
        raise ConfigError("there is no kubeconfig to write", hint="name one with --kubeconfig")
    return next((path for path in files if path.exists()), files[-1])


def use(explicit: str | None, name: str, *, force: bool = False) -> Path:
    """Make `name` the current context where kubectl would; gives the file.

    Raises UsageError, ConfigError, FileError.
    """
    config = load(explicit)
    if name not in config.contexts:
        known = ", ".join(list(config.contexts)[:12])
        raise UsageError(f'no context exists with the name: "{name}"', f"contexts: {known}" if known else "")
    path = written_to(explicit)
    if config.current_context == name:
        return path
    with locked(path):
        there = look_at(path)
        text, document = file.read(path, there.which)
        edited = edit(text, document, [Change("current-context", None, name)])
        if not edited.in_place and not force:
            raise lost(path)
        write_private(path, Sensitive(edited.text), judged=there.which)
    return path


def lost(path: Path) -> UsageError:
    """Said before anything is written."""
    return UsageError(f"{path} is not written: {LOST}", "write it anyway with --force")


def own_ways(path: Path) -> dict[str, Sensitive]:
    """Every context of a file of one's own as a kubeconfig, by name. Raises ConfigError, FileError."""
    content = read_private(path)
    config, document = parse(content.reveal_bytes()), load_first(content.reveal_bytes())
    if config.problems:
        raise config.problems[0]
    entries = {section: dict(_named(document, section)) for section in SECTIONS}
    ways = {}
    for name, context in config.contexts.items():
        cluster, user = entries["clusters"].get(context.cluster), entries["users"].get(context.user)
        if cluster is None or user is None:
            raise ConfigError(f"context {name} of {path} names a cluster or a user that is not there")
        _stand_alone(inner_of(cluster, "clusters"), inner_of(user, "users"), path.absolute().parent)
        whole = {
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [cluster], "users": [user], "contexts": [entries["contexts"][name]],
        }  # fmt: skip
        ways[name] = Sensitive(dump(whole))
    return ways


def _stand_alone(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> None:
    """Paths relative to their file are written whole: a token file goes on being read."""
    plugin = user.get("exec")
    for inside, names in (
        (cluster, ("certificate-authority",)),
        (user, ("client-certificate", "client-key", "tokenFile")),
        (plugin if isinstance(plugin, dict) else {}, ("command",)),
    ):
        for name in names:
            written = inside.get(name)
            if isinstance(written, str) and written and (name != "command" or os.sep in written):
                inside[name] = os.path.normpath(folder / written)


def foreign_ways(content: Sensitive, named: str, allow: Allow) -> dict[str, Sensitive]:
    """The same for a file from elsewhere, by the rules for what a cluster delivers. Raises ConfigError."""
    try:
        found = read_all(content.reveal_bytes(), allow)
    except DeliveredError as error:
        said = error.message.partition("is not used: ")[2] or error.message
        raise ConfigError(
            f"{named} is not imported: {said}",
            hint=error.hint
            or "see what it holds with `kubemint inspect`; allow more with --allow (near, insecure, proxy)",
        ) from None
    return {way.endpoint.name: several(Several((way,), way)) for way in found.ways}


def plan(path: Path, ways: Mapping[str, Sensitive]) -> Iterator[tuple[str, file.Merge]]:
    """What taking each of them in would do; nothing is written."""
    for name, way in ways.items():
        yield name, file.preview(path, way, _wish(name, way), names=_names(name, way))


def take_in(path: Path, name: str, way: Sensitive) -> file.Merge:
    """Put one context into the file; under a name that is free, where its own is taken."""
    return file.merge(path, way, _wish(name, way), names=_names(name, way))


def _wish(name: str, way: Sensitive) -> str:
    return f"taken-in:{way.fingerprint}:{name}"


def take_out(path: Path, context: str) -> file.Merge:
    """Take out what was taken in under this name, or was called so. Raises UsageError for what is another's."""
    if (wish := _taken_in_as(path, context)) is not None:
        return file.remove(path, wish)
    raise UsageError(
        f"{path} has no context {context} that kubemint imported",
        "`kubectl config delete-context` removes one of your own, `kubemint revoke` one that was issued",
    )


def was_taken_in(path: Path, context: str) -> bool:
    """Whether `take_out` takes something out."""
    return _taken_in_as(path, context) is not None


def _taken_in_as(path: Path, context: str) -> str | None:
    for name, entry in _named(file.read(path)[1], "contexts"):
        wish = wish_of(entry, "contexts")
        mark = _MARK.fullmatch(wish) if isinstance(wish, str) else None
        if mark is not None and context in (name, mark[1]):
            return mark[0]
    return None


def _names(name: str, way: Sensitive) -> file.Names:
    (cluster,) = parse(way.reveal_bytes()).clusters
    return file.Names(cluster, name)


def _named(document: Any, section: str) -> Iterator[tuple[str, Any]]:
    listed = document.get(section) if isinstance(document, dict) else None
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield entry["name"], entry
