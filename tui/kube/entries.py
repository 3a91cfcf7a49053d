"""The entries of a kubeconfig as data: clusters, users and contexts, each with the file it came from.

`read_document` types one parsed file. What kubectl's strict reader would refuse (a number where a string belongs, a
name given twice) becomes a problem with the field's name, and everything else is still read.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from .endpoint import ExecPlugin, Impersonation
from .errors import ConfigError
from .sensitive import Sensitive
from .yaml_loading import Plain, plain_values

EXEC_EXTENSION = "client.authentication.k8s.io/exec"


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
    origin: Path | None = None


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


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """One entry of `contexts`."""

    name: str
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    origin: Path | None = None


Entry = TypeVar("Entry", ClusterEntry, UserEntry, ContextEntry)


@dataclass(slots=True)
class Document:
    """What one file says."""

    clusters: dict[str, ClusterEntry] = field(default_factory=dict)
    users: dict[str, UserEntry] = field(default_factory=dict)
    contexts: dict[str, ContextEntry] = field(default_factory=dict)
    current_context: str = ""
    problems: list[ConfigError] = field(default_factory=list)


def read_document(value: object, origin: Path | None, label: str) -> Document:
    """Types a parsed file, called `label` in problems. Raises ConfigError where it is no kubeconfig."""
    if value is None:
        return Document()
    if not isinstance(value, dict):
        raise ConfigError(f'error loading config file "{label}": not a kubeconfig (the top level is not a mapping)')
    document = Document()
    top = _Fields(value, "", label, document.problems)
    kind, version = top.string("kind"), top.string("apiVersion")
    if kind not in ("", "Config") or version not in ("", "v1"):
        raise ConfigError(f'error loading config file "{label}": kind {kind!r} of {version!r} is not a v1 Config')
    document.current_context = top.string("current-context")
    document.clusters = _entries(top, "clusters", "cluster", lambda n, f: _cluster(n, f, origin))
    document.users = _entries(top, "users", "user", lambda n, f: _user(n, f, origin))
    document.contexts = _entries(top, "contexts", "context", lambda n, f: _context(n, f, origin))
    return document


def _entries(top: _Fields, plural: str, inner: str, make: Callable[[str, _Fields], Entry]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for index, item in enumerate(top.items(plural)):
        outer = _Fields(item, f"{plural}[{index}]", top.label, top.problems)
        name = outer.string("name")
        if name in entries:
            top.problem(plural, f"duplicate name {name!r} in list")
            continue
        entries[name] = make(name, outer.inside(inner))
    return entries


def _cluster(name: str, fields: _Fields, origin: Path | None) -> ClusterEntry:
    return ClusterEntry(
        name=name,
        server=fields.string("server"),
        certificate_authority=fields.string("certificate-authority"),
        certificate_authority_data=fields.data("certificate-authority-data"),
        insecure=fields.boolean("insecure-skip-tls-verify"),
        tls_server_name=fields.string("tls-server-name"),
        proxy_url=fields.string("proxy-url"),
        disable_compression=fields.boolean("disable-compression"),
        exec_config=_exec_extension(fields),
        origin=origin,
    )


def _exec_extension(fields: _Fields) -> object:
    for item in fields.items("extensions"):
        if isinstance(item, dict) and item.get("name") == EXEC_EXTENSION:
            return plain_values(item.get("extension"))
    return None


def _user(name: str, fields: _Fields, origin: Path | None) -> UserEntry:
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
        auth_provider=fields.inside("auth-provider").string("name") or "unnamed" if fields.has("auth-provider") else "",
        impersonate=_impersonation(fields),
        origin=origin,
    )


def _exec(fields: _Fields) -> ExecPlugin:
    env = [_Fields(item, f"{fields.path}.env", fields.label, fields.problems) for item in fields.items("env")]
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
    extra_fields = fields.inside("as-user-extra") if fields.has("as-user-extra") else None
    extra = tuple((key, extra_fields.strings(key)) for key in sorted(extra_fields.mapping)) if extra_fields else ()
    return Impersonation(user, uid, groups, extra) if user or uid or groups or extra else None


def _context(name: str, fields: _Fields, origin: Path | None) -> ContextEntry:
    return ContextEntry(
        name=name,
        cluster=fields.string("cluster"),
        user=fields.string("user"),
        namespace=fields.string("namespace"),
        origin=origin,
    )


class _Fields:
    """Typed access to one mapping. A value of the wrong type is a problem and reads as if it were missing."""

    def __init__(self, value: object, path: str, label: str, problems: list[ConfigError]) -> None:
        self.path, self.label, self.problems = path, label, problems
        self.mapping: dict[str, object] = {}
        if isinstance(value, dict):
            self.mapping = value
        elif value is not None:
            self.problem("", "not a mapping")

    def problem(self, key: str, what: str) -> None:
        where = ".".join(part for part in (self.path, key) if part)
        self.problems.append(ConfigError(f'config file "{self.label}", {where}: {what}: kubectl cannot read this'))

    def has(self, key: str) -> bool:
        return self.mapping.get(key) is not None

    def inside(self, key: str) -> _Fields:
        path = f"{self.path}.{key}" if self.path else key
        return _Fields(self.mapping.get(key), path, self.label, self.problems)

    def string(self, key: str) -> str:
        return self._text(key, self.mapping.get(key))

    def _text(self, key: str, value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, Plain):  # the text still names what it means; only kubectl refuses it
            self.problem(key, f"{_kind(value)} instead of a string, put quotes around it")
            return value.text
        self.problem(key, "not a string")
        return ""

    def strings(self, key: str) -> tuple[str, ...]:
        return tuple(self._text(key, item) for item in self.items(key))

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
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            pass  # answered below, away from the exception: it holds the text
        self.problem(key, "not base64")
        return None


def _kind(value: Plain) -> str:
    return "a boolean" if isinstance(value.value, bool) else "a number"
