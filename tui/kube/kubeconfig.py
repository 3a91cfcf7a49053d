"""Loading and merging kubeconfig files by clientcmd's rules, and turning a context into an `Endpoint`.

Which files count and who wins follows kubectl exactly: an explicit path alone, else every file of `KUBECONFIG`, else
`~/.kube/config`; per entry the first file that has it wins whole; relative paths belong to the file they stand in.
One broken file never hides the others: what could be read is there, and `problems` says what could not.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from .bare_token import INSTEAD, is_bare
from .endpoint import Endpoint
from .entries import ClusterEntry, ContextEntry, Document, Entry, Flaw, UserEntry, read_document
from .errors import ConfigError
from .home import NoHome, home
from .small_file import read_small
from .yaml_loading import MAX_BYTES, load_first
from .yaml_values import YAMLError

NAMES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class KubeConfig:
    """The result of loading and merging. An empty one is valid: there is simply nothing in it."""

    contexts: dict[str, ContextEntry] = field(default_factory=dict)
    clusters: dict[str, ClusterEntry] = field(default_factory=dict)
    users: dict[str, UserEntry] = field(default_factory=dict)
    current_context: str = ""
    files: tuple[Path, ...] = ()
    """Every file of the precedence, first wins, whether it exists or not."""
    problems: tuple[ConfigError, ...] = ()
    warnings: tuple[str, ...] = ()
    unknown_current: str = ""
    """Why it is not known which context is the current one: what would have said so could not be read."""

    def endpoint(self, context: str | None = None) -> Endpoint:
        """Where `context` (default: current-context) leads, with every file it names read. Raises ConfigError."""
        from .resolving import resolve

        return resolve(self, self._chosen(context))

    def current(self) -> str:
        """The context that is meant where none is named. Raises ConfigError where there is no such one."""
        name = self.current_context
        if not name and self.unknown_current:
            raise ConfigError(
                f"which context is the current one cannot be known: {self.unknown_current}",
                hint="repair that, or name the context",
            )
        if not name:
            raise ConfigError(
                "no context was given and current-context is not set" + self._first_problem(), hint=self._names()
            )
        if name not in self.contexts:
            files = ", ".join(str(path) for path in self.files) or "the kubeconfig"
            raise ConfigError(
                f'context "{name}" of current-context is not in {files}' + self._first_problem(),
                hint=f"{self._names()}; `kubectl config use-context NAME` chooses one",
            )
        return name

    def _chosen(self, context: str | None) -> ContextEntry:
        name = context if context is not None else self.current()
        entry = self.contexts.get(name)
        if entry is None:
            raise ConfigError(f'context "{name}" does not exist' + self._first_problem(), hint=self._names())
        return entry

    def _names(self) -> str:
        names = sorted(self.contexts)
        if not names:
            looked = ", ".join(str(path) for path in self.files)
            return f"no context was found in: {looked}" if looked else "the kubeconfig has no contexts"
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        return f"contexts: {', '.join(names[:NAMES_SHOWN])}{more}"

    def _first_problem(self) -> str:
        return f" ({self.problems[0]})" if self.problems and not self.contexts else ""


def load(explicit: str | None = None, environ: Mapping[str, str] | None = None) -> KubeConfig:
    """Loads what kubectl would load. Raises ConfigError only for an explicit file that is missing or unreadable."""
    environ = os.environ if environ is None else environ
    files = precedence(explicit, environ)
    documents: list[Document] = []
    problems: list[ConfigError] = []
    missing: list[Path] = []
    for path in files:
        try:
            documents.append(_read(path))
        except ConfigError as error:
            if explicit:
                raise
            problems.append(error)
            documents.append(Document(unread=(Flaw("current-context", error.message),)))
        except FileNotFoundError:
            missing.append(path)
    if explicit and missing:
        raise ConfigError(f"the kubeconfig {explicit} does not exist")
    if not files and not environ.get("KUBECONFIG"):
        return replace(_merge([], files, [], ()), warnings=(f"there is no kubeconfig to look at: {NoHome().message}",))
    warnings = (f"Config not found: {', '.join(map(str, missing))}",) if missing and len(missing) == len(files) else ()
    return _merge(documents, files, problems, warnings)


def parse(data: bytes, origin: Path | None = None) -> KubeConfig:
    """One kubeconfig from memory. Raises ConfigError where it is none.

    Without `origin` nothing outside of `data` is believed: `endpoint` then refuses file references and exec plugins,
    since whoever wrote the text is not whoever owns this machine.
    """
    files = (origin,) if origin is not None else ()
    return _merge([_parse(data, origin)], files, [], ())


def precedence(explicit: str | None, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that count, absolute, in order, without duplicates."""
    if explicit:
        return (Path(explicit).absolute(),)
    listed = environ.get("KUBECONFIG", "")
    if listed:
        paths = (Path(part).absolute() for part in listed.split(os.pathsep) if part)
        return tuple(dict.fromkeys(paths))
    try:
        return ((Path(environ["HOME"]) if environ.get("HOME") else home()) / ".kube" / "config",)
    except NoHome:
        return ()


def in_cluster(environ: Mapping[str, str] | None = None) -> Endpoint | None:
    """The API server of the cluster this process runs in, None where it runs in none."""
    from .resolving import in_cluster_endpoint

    return in_cluster_endpoint(os.environ if environ is None else environ)


def _read(path: Path) -> Document:
    reason = ""
    try:
        data = read_small(path, MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except NotADirectoryError:
        raise FileNotFoundError(str(path)) from None
    except OSError as error:
        reason = error.strerror or os.strerror(errno.EIO)
    if reason:
        raise ConfigError(f'error loading config file "{path}": {reason}')
    return _parse(data, path)


def _parse(data: bytes, origin: Path | None) -> Document:
    label = str(origin) if origin is not None else "(from memory)"
    if is_bare(data):
        raise ConfigError(f"{'this' if origin is None else origin} is a bare token", hint=INSTEAD)
    try:
        return read_document(load_first(data), origin, label)
    except YAMLError as error:
        message = str(error)
    raise ConfigError(f'error loading config file "{label}": {message}')


def _merge(
    documents: Iterable[Document], files: tuple[Path, ...], problems: list[ConfigError], warnings: tuple[str, ...]
) -> KubeConfig:
    contexts: dict[str, ContextEntry] = {}
    clusters: dict[str, ClusterEntry] = {}
    users: dict[str, UserEntry] = {}
    current = unknown = ""
    earlier: dict[str, Flaw] = {}
    for document in documents:
        _add(contexts, document.contexts, earlier.get("contexts"))
        _add(clusters, document.clusters, earlier.get("clusters"))
        _add(users, document.users, earlier.get("users"))
        for flaw in document.unread:
            first = f"{flaw.what}; it comes first, and may say another one of this name"
            earlier.setdefault(flaw.where, Flaw(f"{flaw.where} of {document.label}", first))
        if not (current or unknown):  # the first that says it, unless one before it cannot be read
            unread = (str(flaw) for flaw in document.unread if flaw.where == "current-context")
            unknown = next(unread, "")
            current = "" if unknown else document.current_context
        problems += document.problems
    return KubeConfig(contexts, clusters, users, current, files, tuple(problems), warnings, unknown)


def _add(into: dict[str, Entry], entries: dict[str, Entry], earlier: Flaw | None) -> None:
    """Entries of one more file; `earlier` is a list of theirs that could not be read in a file that comes first."""
    for name in [one for one in entries if one not in into]:
        made: Entry = entries[name]
        into[name] = made if earlier is None else replace(made, flaws=(*made.flaws, earlier))
