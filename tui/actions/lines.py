"""What does the same as a key, outside of the dashboard: a command line word by word, or a request to an API server.

kubemint's own verbs come first; where there is none it is kubectl, and for a cluster that no context leads to the
request itself. No server is asked: everything is worked out from rows. Whoever shows a command quotes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from tui.fleet.rows import Row
from tui.issuance import Known
from tui.kube import shell
from tui.kube.home import NoHome, home
from tui.kube.paths import strange_folder
from tui.kube.resource import Resource


def kubeconfig_options(named: str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What makes a command mean the same kubeconfig in whatever folder and shell it is pasted: the one that was
    `named`, or those of the environment; nothing where that is the one that goes without saying."""
    if named:
        return ("--kubeconfig", os.path.abspath(named))  # noqa: PTH100 - links stay as they are
    listed = [os.path.abspath(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]  # noqa: PTH100
    with suppress(NoHome):
        if listed == [str(home() / ".kube" / "config")]:
            return ()
    return ("env", f"KUBECONFIG={os.pathsep.join(listed)}") if listed else ()


def command(words: Sequence[str], options: Sequence[str]) -> str:
    """A command line with the `kubeconfig_options`: what sets the environment stands before it.

    Forms make the folder of a file; a command is told to (`-p`) where it would refuse it else.
    """
    words = tuple(words)
    at = words.index("--out") + 1 if "--out" in words else len(words)
    if words[:1] == ("kubemint",) and words[at : at + 1] and strange_folder(words[at]) is not None:
        words = (*words, "-p")
    return shell.command(*options, *words) if options[:1] == ("env",) else shell.command(*words, *options)


class Line(msgspec.Struct, frozen=True):
    """One way to do it: the words of a command, or METHOD and path of a request to `cluster`."""

    words: tuple[str, ...] = ()
    request: str = ""
    cluster: str = ""

    def text(self, options: Sequence[str] = ()) -> str:
        """As it is typed; `options` say which kubeconfig is meant."""
        return command(self.words, options) if self.words else self.request


class Asked(msgspec.Struct, frozen=True):
    """What is chosen, and what else a command depends on."""

    rows: Sequence[Row]
    folder: Path
    """Where files go by default."""
    contexts: Collection[str]
    """The clusters that kubectl knows by this name."""
    now: datetime
    clusters: Sequence[str] = ()
    """Those that something can be made in, the one at hand first."""
    lifetime: str = "1h"
    """How long a new credential lives by default."""
    marked: bool = False
    """Whether rows are marked, instead of one being under the cursor."""
    known: Known = Known()

    @property
    def row(self) -> Row | None:
        """The only one that is chosen."""
        return self.rows[0] if len(self.rows) == 1 else None


Command = Callable[[Asked], list[Line]]


def always(*words: str) -> Command:
    """The same whatever is chosen."""
    return lambda asked: [Line(words)]


def unless_marked(*words: str) -> Command:
    """The same for everything; none that is for what is marked alone."""
    return lambda asked: [] if asked.marked else [Line(words)]


def kubectl(
    asked: Asked,
    cluster: str,
    how: tuple[str, ...],
    method: str,
    resource: Resource,
    namespace: str,
    name: str,
    *more: str,
) -> Line:
    """kubectl where a context leads to the cluster, else the request."""
    if cluster not in asked.contexts:
        return Line(request=f"{method} {resource.path(namespace or None, name)}", cluster=cluster)
    verb, *options = how
    where = ("-n", namespace) if namespace else ()
    return Line(("kubectl", verb, resource.name, name, *more, *where, "--context", cluster, *options))
