"""The entries of a kubeconfig as data: clusters, users and contexts, each with the file it came from.

`read_document` types one parsed file. Absent, unreadable and wrong are three things: a field that is there and cannot
be read (base64 that is none, a list where a name belongs, a key or a name given twice) is a `Flaw` of its entry. Such
an entry can be looked at, never used: whoever wanted another authority, or to act as someone lesser, did want it.
`tui.kube.resolving` refuses it with the flaw's words. All other entries work.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from .endpoint import ExecPlugin, Impersonation
from .errors import ConfigError
from .sensitive import Sensitive
from .yaml_loading import is_fraction
from .yaml_values import DoubledDict, Plain, plain_values

EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"
TRUST_EXTENSION: Final = "kubemint.io/trust"
"""Of a cluster's entry in a file of the operator's own: the authorities of the clusters that it may deliver."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One field that was there and could not be read: where it stands (`users[0].user.as`), and what is wrong."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class ClusterEntry:
    """One entry of `clusters`, as written: paths are not resolved yet."""

    name: str
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: bytes | None = None
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = field(default="", repr=False)
    disable_compression: bool = False
    exec_config: object = None
    """The extension named `client.authentication.k8s.io/exec`."""
    vouches: tuple[str, ...] = ()
    """The `authorities` of the extension named `kubemint.io/trust`: SHA-256 fingerprints as hexadecimal digits."""
    origin: Path | None = None
    flaws: tuple[Flaw, ...] = ()
    """What could not be read; where there is anything, the other fields are only for showing."""


@dataclass(frozen=True, slots=True)
class UserEntry:
    """One entry of `users`, as written: paths are not resolved yet."""

    name: str
    token: Sensitive | None = None
    token_file: str = ""
    client_certificate: str = ""
    client_certificate_data: bytes | None = None
    client_key: str = ""
    client_key_data: Sensitive | None = None
    username: str = ""
    password: Sensitive | None = None
    exec: ExecPlugin | None = None
    """The command as written; `KubeConfig.endpoint` resolves it against `origin`."""
    auth_provider: str = ""
    impersonate: Impersonation | None = None
    origin: Path | None = None
    flaws: tuple[Flaw, ...] = ()
    """What could not be read; where there is anything, the other fields are only for showing."""


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """One entry of `contexts`."""

    name: str
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    origin: Path | None = None
    flaws: tuple[Flaw, ...] = ()
    """What could not be read; where there is anything, the other fields are only for showing."""


Entry = TypeVar("Entry", ClusterEntry, UserEntry, ContextEntry)


@dataclass(slots=True)
class Document:
    """What one file says."""

    label: str = ""
    """What the file is called."""
    clusters: dict[str, ClusterEntry] = field(default_factory=dict)
    users: dict[str, UserEntry] = field(default_factory=dict)
    contexts: dict[str, ContextEntry] = field(default_factory=dict)
    current_context: str = ""
    problems: list[ConfigError] = field(default_factory=list)
    unread: tuple[Flaw, ...] = ()
    """Of `current-context` and the three lists: what could not be read as a whole, or not whom it is about."""


def read_document(value: object, origin: Path | None, label: str) -> Document:
    """Types a parsed file, called `label` in problems. Raises ConfigError where it is no kubeconfig."""
    if value is None:
        return Document()
    if not isinstance(value, dict):
        raise ConfigError(f'error loading config file "{label}": not a kubeconfig (the top level is not a mapping)')
    document = Document(label)
    top = _Fields(value, "", label, document.problems, [])
    kind, version = top.string("kind"), top.string("apiVersion")
    if kind not in ("", "Config") or version not in ("", "v1"):
        raise ConfigError(f'error loading config file "{label}": kind {kind!r} of {version!r} is not a v1 Config')
    document.current_context = top.name("current-context")
    document.clusters = _entries(top, "clusters", "cluster", lambda n, f: _cluster(n, f, origin))
    document.users = _entries(top, "users", "user", lambda n, f: _user(n, f, origin))
    document.contexts = _entries(top, "contexts", "context", lambda n, f: _context(n, f, origin))
    document.unread = tuple(flaw for flaw in top.flaws if flaw.where in _SECTIONS)
    return document


_SECTIONS: Final = ("current-context", "clusters", "users", "contexts")


def _entries(top: _Fields, plural: str, inner: str, make: Callable[[str, _Fields], Entry]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    shared = tuple(flaw for flaw in top.flaws if flaw.where == plural)  # the whole list stands there twice
    for index, item in enumerate(top.items(plural)):
        outer: _Fields = _Fields(item, f"{plural}[{index}]", top.label, top.problems, list(shared))
        name = outer.name("name")
        if any(flaw.where in (outer.path, f"{outer.path}.name") for flaw in outer.flaws):
            top.flaws.append(Flaw(plural, "one of them has no name that can be read"))
        made: Entry = make(name, outer.inside(inner))
        if name in entries:
            outer.problem("name", f"duplicate name {name!r} in list")
            made = entries[name]
        flaws = tuple(dict.fromkeys((*made.flaws, *outer.flaws)))
        entries[name] = replace(made, flaws=flaws)
    return entries


def _cluster(name: str, fields: _Fields, origin: Path | None) -> ClusterEntry:
    extensions = _extensions(fields)
    return ClusterEntry(
        name=name,
        server=fields.string("server"),
        certificate_authority=fields.string("certificate-authority"),
        certificate_authority_data=fields.data("certificate-authority-data"),
        insecure=fields.boolean("insecure-skip-tls-verify"),
        tls_server_name=fields.string("tls-server-name"),
        proxy_url=fields.string("proxy-url"),
        disable_compression=fields.boolean("disable-compression"),
        exec_config=extensions.get(EXEC_EXTENSION),
        vouches=_vouched(extensions.get(TRUST_EXTENSION)),
        origin=origin,
    )


def _extensions(fields: _Fields) -> dict[str, object]:
    """Every extension by its name."""
    found: dict[str, object] = {}
    for index, value in enumerate(fields.items("extensions")):
        item = fields.item(f"extensions[{index}]", value)
        name = item.string("name")
        if name in found:
            item.problem("name", f"duplicate name {name!r} in list")
        extension = item.mapping.get("extension")
        if name == EXEC_EXTENSION:  # it says which cluster is meant
            for key in _doubled(extension):
                item.problem(f"extension.{key}", "given twice", "which one is meant is not known")
        found[name] = plain_values(extension)
    return found


def _doubled(value: object) -> Iterator[str]:
    """The keys that stand twice in their mapping, anywhere in the tree."""
    if isinstance(value, DoubledDict):
        yield from value.twice
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from _doubled(item)


def _vouched(extension: object) -> tuple[str, ...]:
    """What cannot be read vouches for nobody."""
    said = extension.get("authorities") if isinstance(extension, dict) else None
    return tuple(one for one in said if isinstance(one, str)) if isinstance(said, list) else ()


def _user(name: str, fields: _Fields, origin: Path | None) -> UserEntry:
    _extensions(fields)
    key, token, password = fields.data("client-key-data"), fields.string("token"), fields.string("password")
    return UserEntry(
        name=name,
        token=Sensitive(token) if token else None,
        token_file=fields.string("tokenFile"),
        client_certificate=fields.string("client-certificate"),
        client_certificate_data=fields.data("client-certificate-data"),
        client_key=fields.string("client-key"),
        client_key_data=Sensitive(key) if key else None,
        username=fields.string("username"),
        password=Sensitive(password) if password else None,
        exec=_exec(fields.inside("exec")) if fields.has("exec") else None,
        auth_provider=_auth_provider(fields.inside("auth-provider")) if fields.has("auth-provider") else "",
        impersonate=_impersonation(fields),
        origin=origin,
    )


def _auth_provider(fields: _Fields) -> str:
    if fields.has("config"):
        config = fields.inside("config")
        for key in config.mapping:
            config.string(key)
    return fields.string("name") or "unnamed"


def _exec(fields: _Fields) -> ExecPlugin:
    env = [fields.item(f"env[{index}]", item) for index, item in enumerate(fields.items("env"))]
    return ExecPlugin(
        command=fields.string("command"),
        args=fields.strings("args"),
        env=tuple((item.string("name"), item.string("value")) for item in env),
        api_version=fields.string("apiVersion"),
        install_hint=fields.string("installHint"),
        provide_cluster_info=fields.boolean("provideClusterInfo"),
        interactive_mode=fields.string("interactiveMode"),
    )


def _impersonation(fields: _Fields) -> Impersonation | None:
    user, uid, groups = fields.string("as"), fields.string("as-uid"), fields.strings("as-groups")
    said = fields.inside("as-user-extra")
    for key in filter(is_fraction, said.mapping):
        said.problem(key, "a number as a key", "kubectl writes it another way")
    extra = tuple((key, said.strings(key)) for key in sorted(said.mapping))
    return Impersonation(user, uid, groups, extra) if user or uid or groups or extra else None


def _context(name: str, fields: _Fields, origin: Path | None) -> ContextEntry:
    _extensions(fields)
    return ContextEntry(
        name=name,
        cluster=fields.name("cluster"),
        user=fields.name("user"),
        namespace=fields.name("namespace"),
        origin=origin,
    )


class _Fields:
    """Typed access to one mapping. A value that cannot be read is a problem of its file and a flaw of its entry."""

    def __init__(self, value: object, path: str, label: str, problems: list[ConfigError], flaws: list[Flaw]) -> None:
        self.path, self.label, self.problems, self.flaws = path, label, problems, flaws
        self.mapping: dict[str, object] = {}
        if isinstance(value, dict):
            self.mapping = value
        elif value is not None:
            self.problem("", "not a mapping")
        if isinstance(value, DoubledDict):
            for key, line in value.twice.items():
                self.problem(key, f"given twice (again in line {line})", "which one is meant is not known")

    def problem(self, key: str, what: str, why: str = "kubectl cannot read this") -> None:
        """The field cannot be read."""
        self.flaws.append(Flaw(self._where(key), what))
        self._remark(key, what, why)

    def _remark(self, key: str, what: str, why: str = "kubectl cannot read this") -> None:
        self.problems.append(ConfigError(f'config file "{self.label}", {self._where(key)}: {what}: {why}'))

    def _where(self, key: str) -> str:
        return ".".join(part for part in (self.path, key) if part)

    def has(self, key: str) -> bool:
        return self.mapping.get(key) is not None

    def inside(self, key: str) -> _Fields:
        return self.item(key, self.mapping.get(key))

    def item(self, key: str, value: object) -> _Fields:
        """A mapping inside of this one; what cannot be read there is a flaw of the same entry."""
        return _Fields(value, self._where(key), self.label, self.problems, self.flaws)

    def name(self, key: str) -> str:
        """A string that only names something. Without its quotes `12` still does; only kubectl refuses it then."""
        value = self.mapping.get(key)
        if isinstance(value, Plain):
            self._remark(key, f"{_kind(value)} instead of a string, put quotes around it")
            return value.text
        return self.string(key)

    def string(self, key: str) -> str:
        return self._text(key, self.mapping.get(key))

    def _text(self, key: str, value: object) -> str:
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, Plain):
            self.problem(key, f"{_kind(value)} instead of a string, put quotes around it")
            return value.text
        self.problem(key, "not a string")
        return ""

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings. One that is left empty is unreadable too: groups without one of them are other groups."""
        found = []
        for index, item in enumerate(self.items(key)):
            if item is None:
                self.problem(f"{key}[{index}]", "not a string")
            found.append(self._text(f"{key}[{index}]", item))
        return tuple(found)

    def boolean(self, key: str) -> bool:
        value = self.mapping.get(key)
        if value is None:
            return False
        if isinstance(value, Plain) and isinstance(value.value, bool):
            return value.value
        self.problem(key, "not true or false")
        return False

    def items(self, key: str) -> list[object]:
        value = self.mapping.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.problem(key, "not a list")
        return []

    def data(self, key: str) -> bytes | None:
        text = self.string(key)
        if not text:
            return None
        try:  # line breaks are skipped as Go skips them, and nothing else
            found = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            found = b""  # answered below, away from the exception: it holds the text
        if not found:
            self.problem(key, "not base64" if text.strip() else "blank")
        return found or None


def _kind(value: Plain) -> str:
    return "a boolean" if isinstance(value.value, bool) else "a number"
