"""From `config.yaml`, the environment and flags to settings: what is wrong is said with its line, and left out.

Every value that can be taken is taken; for one that cannot, the default counts and there is a finding. Where each
value comes from is kept beside it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec

from tui.issuance import ClusterTrust, UsageError, parse_duration
from tui.kube.amounts import size
from tui.kube.home import NoHome, expanded
from tui.kube.small_file import read_small
from tui.kube.text import safe_text
from tui.kube.yaml_values import LinedDict, LinedList, Plain, YAMLError

from .model import Confirm, Settings, matching

FILE: Final = "KUBEMINT_CONFIG"
"""Names another file than the one in the XDG folder."""
PREFIX: Final = "KUBEMINT_"
_LARGEST: Final = 256 * 1024
_CLOSED: Final = {"confirm": Confirm.ALWAYS}
"""What counts for a setting that is there and cannot be read, where the default may let through what it was to stop.
`read_only` and its list are such too: `Loaded.why_all_read_only`."""
_WHAT: Final = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    timedelta: "a duration such as 30s, 1h or 7d",
}


class Origin(StrEnum):
    """Where a value comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    where: str
    """`/home/you/.config/kubemint/config.yaml:3`, or the name of a variable."""
    path: str
    """`alerts.prod-*.window`; empty where it concerns the whole file."""
    message: str

    def __str__(self) -> str:
        return safe_text(": ".join(part for part in (self.where, self.path, self.message) if part))


@dataclass(frozen=True, slots=True)
class Source:
    """Where one value comes from, in a word and in full."""

    origin: Origin = Origin.DEFAULT
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.origin.value} {self.detail}".rstrip()


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings that count now, their sources, and what was wrong with what was given."""

    settings: Settings
    path: Path
    exists: bool = False
    sources: Mapping[str, Source] = field(default_factory=dict)
    """By the name of the field in the file; what is not named is the default."""
    findings: tuple[Finding, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    """By path, `keymap.rotate`: where it stands in the file."""

    def source(self, name: str) -> Source:
        return self.sources.get(name, Source())

    def finding(self, path: str, message: str) -> Finding:
        """Something wrong with a value of the file that only the caller can know."""
        line = self.lines.get(path)
        return Finding(str(self.path) if line is None else f"{self.path}:{line}", path, message)

    def with_flags(self, **flags: object) -> Loaded:
        """The same where these were given on the command line (None and False were not)."""
        given = {name: value for name, value in flags.items() if value not in (None, False, "")}
        sources = dict(self.sources)
        for name in given:
            sources[written(name)] = Source(Origin.FLAG, f"--{name.replace('_', '-')}")
        return replace(self, settings=msgspec.structs.replace(self.settings, **given), sources=sources)

    def with_values(self, values: Mapping[str, object], *, kept: bool) -> Loaded:
        """The same where these were chosen while kubemint runs, and written to the file or not."""
        settings = msgspec.structs.replace(self.settings, **values)
        if kept:
            fresh = load(self.path)
            flags = {name: source for name, source in self.sources.items() if source.origin is Origin.FLAG}
            return replace(fresh, settings=settings, sources={**fresh.sources, **flags})
        chosen = {written(name): Source(Origin.CHOSEN, "here") for name in values}
        return replace(self, settings=settings, sources={**self.sources, **chosen})

    def why_all_read_only(self) -> str:
        """Why nothing may be changed anywhere; empty where something may.

        Where what was said about it cannot be read, nothing may: the user may rely on it.
        """
        unread = next((found for found in self.findings if not found.path or _protects(found.path)), None)
        if unread is not None:
            where = unread.where if unread.where.startswith(PREFIX) else str(self.path)
            return f"what {where} says of read-only clusters cannot be read ({safe_text(unread.message)})"
        return f"kubemint is read-only ({self.source('readOnly')})" if self.settings.read_only else ""

    def why_read_only(self, cluster: str) -> str:
        """Why nothing may be changed in this cluster, or with no name on this machine; empty where it may."""
        if (why := self.why_all_read_only()) or not cluster:
            return why
        glob = matching(cluster, self.settings.read_only_contexts)
        where = self.source("readOnlyContexts").detail
        return f"{cluster} is read-only ({glob!r} in readOnlyContexts, {where})" if glob else ""

    def trusts(self) -> ClusterTrust:
        """Which delivered clusters are entered without asking.

        Where one of the rules cannot be read none counts: what is left of it might say more than was meant.
        """
        unread = any(found.path.partition(".")[0] == "trust" or not found.path for found in self.findings)
        sources = () if unread else self.settings.trust
        return ClusterTrust(sources=sources, everything=self.settings.trust_delivered)


def _protects(path: str) -> bool:
    """Whether what stands there was meant to protect clusters, misspelt names among it."""
    return path.replace("_", "").replace("-", "").lower().startswith("readonly")


def default_path() -> Path:
    """Where `config.yaml` is: `$KUBEMINT_CONFIG`, or `kubemint/config.yaml` in the XDG config folder.

    Where there is no home folder it begins with `~`, and nothing is there. Raises NoHome where the variable means one.
    """
    given = os.environ.get(FILE)
    if given:
        return expanded(given).absolute()
    from platformdirs import user_config_path

    with suppress(RuntimeError):
        return user_config_path("kubemint", appauthor=False) / "config.yaml"
    return Path("~/.config/kubemint/config.yaml")


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Loaded:
    """What counts: the environment over the file over the defaults. Never raises; what is wrong is a finding."""
    named = path is None and bool(os.environ.get(FILE))
    findings: list[Finding] = []
    try:
        path = default_path() if path is None else path
    except NoHome as error:
        path = Path(os.environ.get(FILE, ""))
        findings.append(Finding(FILE, "", error.message))
    data = _read(path, findings) if path.is_absolute() else None
    if named and data is None and not findings:
        findings.append(Finding(FILE, "", f"{path} does not exist"))
    loaded = parse(path, data, findings)
    values: dict[str, Any] = {}
    sources = dict(loaded.sources)
    for name, variable, value in _from_environment(os.environ if environment is None else environment, findings):
        values[name] = value
        sources[written(name)] = Source(Origin.ENVIRONMENT, variable)
    settings = msgspec.structs.replace(loaded.settings, **values)
    return replace(loaded, settings=settings, sources=sources, findings=tuple(findings))


def parse(path: Path, data: bytes | None, findings: list[Finding]) -> Loaded:
    """What a file with this content says (None: there is no file); what is wrong is added to `findings`."""
    reader = _Reader(str(path), findings)
    values: dict[str, Any] = {}
    try:
        tree = _tree(data) if data else None
    except YAMLError as error:
        line, _, message = str(error).partition(": ")
        where = f"{path}:{line.removeprefix('line ')}" if line.startswith("line ") else str(path)
        findings.append(Finding(where, "", f"not YAML: {message or line}"))
    else:
        if isinstance(tree, LinedDict):
            values = reader.struct(tree, Settings, "")
        elif tree is not None:
            findings.append(Finding(f"{path}:1", "", "must be a mapping of settings, such as `theme: light`"))
    sources = {written(name): Source(Origin.FILE, f"{path}:{reader.lines[written(name)]}") for name in values}
    return Loaded(Settings(**values), path, data is not None, sources, tuple(findings), reader.lines)


def _tree(data: bytes) -> object:
    from tui.kube.yaml_loading import load_first  # PyYAML, which whoever has no file need not wait for

    return load_first(data, lined=True)


def _read(path: Path, findings: list[Finding]) -> bytes | None:
    """The content of the file, None where there is none; nothing of one that cannot be read."""
    try:
        data = read_small(path, _LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        findings.append(Finding(str(path), "", (error.strerror or type(error).__name__).lower()))
        return b""
    if len(data) > _LARGEST:
        findings.append(Finding(str(path), "", f"larger than {size(_LARGEST)}; is this the right file?"))
        return b""
    return data


def _from_environment(environment: Mapping[str, str], findings: list[Finding]) -> Iterable[tuple[str, str, Any]]:
    """Fields of one value may be given as `KUBEMINT_READ_ONLY=true`."""
    for name, hint in _hints(Settings).items():
        variable = PREFIX + name.upper()
        text = environment.get(variable)
        if text is None or not isinstance(hint, type) or issubclass(hint, msgspec.Struct):
            continue
        value: object = text
        if hint is bool:
            value = {"1": True, "true": True, "0": False, "false": False}.get(text.lower(), text)
        try:
            yield name, variable, _leaf(value, hint)
        except ValueError as error:
            findings.append(Finding(variable, written(name), str(error)))
            if name in _CLOSED:
                yield name, variable, _CLOSED[name]


class _Reader:
    """Takes what fits and notes what does not."""

    def __init__(self, file: str, findings: list[Finding]) -> None:
        self._file = file
        self._findings = findings
        self.lines: dict[str, int] = {}

    def struct(self, node: LinedDict, kind: type[msgspec.Struct], path: str) -> dict[str, Any]:
        names = {written(name): name for name in kind.__struct_fields__}
        hints = _hints(kind)
        found: dict[str, Any] = {}
        for key, value in self._items(node, path):
            at = _join(path, key)
            if key not in names:
                self._say(node.lines[key], at, f"is not known; there is {', '.join(names)}")
            elif value is not None:  # a key without a value says nothing
                self._take(value, hints[names[key]], at, node.lines[key], partial(found.__setitem__, names[key]))
        return found

    def _take(self, value: object, hint: Any, path: str, line: int, put: Callable[[Any], None]) -> None:
        origin = get_origin(hint)
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            if isinstance(value, LinedDict):
                put(hint(**self.struct(value, hint, path)))
            else:
                self._say(line, path, f"must be a mapping of {', '.join(map(written, hint.__struct_fields__))}")
        elif origin is dict:
            if isinstance(value, LinedDict):
                inner: dict[str, Any] = {}
                for key, item in self._items(value, path):
                    kind, at = get_args(hint)[1], value.lines[key]
                    self._take(item, kind, _join(path, key), at, partial(inner.__setitem__, key))
                put(inner)
            else:
                self._say(line, path, "must be a mapping")
        elif origin is tuple:
            if isinstance(value, LinedList):
                items: list[Any] = []
                for number, (item, there) in enumerate(zip(value, value.lines, strict=True)):
                    self.lines[f"{path}.{number}"] = there
                    self._take(item, get_args(hint)[0], f"{path}.{number}", there, items.append)
                put(tuple(items))
            else:
                self._say(line, path, "must be a list, such as [a, b]")
        else:
            try:
                put(_leaf(value, hint))
            except ValueError as error:
                self._say(line, path, str(error))
                if path in _CLOSED:
                    put(_CLOSED[path])

    def _items(self, node: LinedDict, path: str) -> Iterable[tuple[str, object]]:
        for key, line in node.twice.items():
            self._say(line, _join(path, key), "is given twice; the last one counts")
        for key, value in node.items():
            self.lines[_join(path, key)] = node.lines[key]
            yield key, value

    def _say(self, line: int, path: str, message: str) -> None:
        self._findings.append(Finding(f"{self._file}:{line}", path, message))


def _leaf(value: object, hint: Any) -> Any:
    """One value as its type. Raises ValueError with what is allowed."""
    shown = safe_text(value.text if isinstance(value, Plain) else value, 40)
    if isinstance(value, Plain) and hint is not bool:
        value = value.text  # `y` and `1` are keys, whatever YAML thinks of them
    elif isinstance(value, Plain):
        value = value.value
    if hint is timedelta:
        if not isinstance(value, str):
            raise ValueError(f"must be {_WHAT[timedelta]}")
        try:
            return parse_duration(value)
        except UsageError as error:
            raise ValueError(f"{shown!r} is not a duration; {error.hint}") from None
    if issubclass(hint, StrEnum):
        allowed = [item.value for item in hint]
        if value not in allowed:
            raise ValueError(f"{shown!r} is not one of {', '.join(allowed)}")
        return hint(str(value))
    if not isinstance(value, hint):
        shape = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(shown)
        raise ValueError(f"must be {_WHAT[hint]}, not {shape}")
    return value


def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The types of the fields without what only describes them."""
    return {name: _bare(hint) for name, hint in get_type_hints(kind).items() if name in kind.__struct_fields__}


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def written(name: str) -> str:
    """`read_only` as it is written in the file."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
