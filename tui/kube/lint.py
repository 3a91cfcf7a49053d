"""What kubectl would say about a kubeconfig before it uses it: clientcmd's validation, entry by entry.

`KubeConfig.endpoint` refuses only what cannot work. `lint` names everything that kubectl refuses or warns of, in
kubectl's own words where it has some, so that somebody can look them up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from .entries import ClusterEntry, ContextEntry, UserEntry
from .resolving import PROXY_SCHEMES
from .small_file import read_small

if TYPE_CHECKING:
    from .endpoint import ExecPlugin
    from .kubeconfig import KubeConfig

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
"""Those that current clients know; v1alpha1 is gone since 1.24."""
_MODES: Final = ("Never", "IfAvailable", "Always")


class Severity(StrEnum):
    """Whether kubectl refuses it, or does something else than the text suggests."""

    ERROR = "error"
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True):
    """One remark. `kind` is file, cluster, user or context; `name` the entry, `origin` the file it stands in."""

    severity: Severity
    kind: str
    name: str
    message: str
    origin: str = ""


def lint(config: KubeConfig) -> tuple[Finding, ...]:
    """Every remark on a loaded configuration, files first, then clusters, users and contexts by name."""
    return tuple(_findings(config))


def _findings(config: KubeConfig) -> Iterator[Finding]:
    for problem in config.problems:
        yield Finding(Severity.ERROR, "file", "", problem.message)
    for warning in config.warnings:
        yield Finding(Severity.WARNING, "file", "", warning)
    if not (config.contexts or config.clusters or config.users or config.problems):
        yield Finding(Severity.ERROR, "file", "", "invalid configuration: no configuration has been provided")
    if config.current_context and config.current_context not in config.contexts:
        message = f"context was not found for specified context: {config.current_context}"
        yield Finding(Severity.ERROR, "context", config.current_context, message)
    for _, cluster in sorted(config.clusters.items()):
        for severity, message in _cluster(cluster):
            yield Finding(severity, "cluster", cluster.name, message, str(cluster.origin or ""))
    for _, user in sorted(config.users.items()):
        for severity, message in _user(user):
            yield Finding(severity, "user", user.name, message, str(user.origin or ""))
    for _, context in sorted(config.contexts.items()):
        for message in _context(context, config):
            yield Finding(Severity.ERROR, "context", context.name, message, str(context.origin or ""))


def _cluster(cluster: ClusterEntry) -> Iterator[tuple[Severity, str]]:
    name = cluster.name
    if not cluster.server:
        yield Severity.ERROR, f'no server found for cluster "{name}"'
    elif cluster.server.lower().startswith("http:"):
        yield Severity.WARNING, f'cluster "{name}" is plain http: kubectl sends no credentials there'
    if cluster.proxy_url and not _proxy_valid(cluster.proxy_url):
        yield Severity.ERROR, f"invalid 'proxy-url' for cluster \"{name}\": use http, https or socks5"
    if cluster.certificate_authority and cluster.certificate_authority_data:
        both = f"certificate-authority-data and certificate-authority are both specified for {name}"
        yield Severity.ERROR, f"{both}. certificate-authority-data will override."
    elif cluster.certificate_authority:
        yield from _readable("certificate-authority", cluster.certificate_authority, cluster.origin, name)
    if cluster.insecure and (cluster.certificate_authority or cluster.certificate_authority_data):
        yield Severity.ERROR, f"specifying a root certificates file with the insecure flag is not allowed for {name}"
    elif cluster.insecure:
        yield Severity.WARNING, f'cluster "{name}" skips TLS verification: anybody in between can read the credentials'


def _user(user: UserEntry) -> Iterator[tuple[Severity, str]]:
    name = user.name
    methods = (["token"] if user.token else []) + (["basicAuth"] if user.username or user.password else [])
    if user.client_certificate or user.client_certificate_data:
        yield from _certificate(user)
    if user.exec is not None:
        for message in refused_plugin(user):
            yield Severity.ERROR, message
    elif user.auth_provider:
        yield Severity.WARNING, f"auth-provider {user.auth_provider} of {name} is gone from current clients"
    if len(methods) > 1:
        found = " ".join(methods)
        yield (
            Severity.ERROR,
            f"more than one authentication method found for {name}; found [{found}], only one is allowed",
        )
    if user.token and user.token_file:
        yield Severity.WARNING, f"{name} has token and tokenFile; kubectl uses the file"
    if user.exec is not None and (user.token or user.token_file):
        yield Severity.WARNING, f"{name} has a token, so its exec plugin never runs"
    who = user.impersonate
    if who is not None and not who.user:
        yield Severity.ERROR, f"requesting uid, groups or user-extra for {name} without impersonating a user"


def _certificate(user: UserEntry) -> Iterator[tuple[Severity, str]]:
    name = user.name
    if user.client_certificate and user.client_certificate_data:
        yield (
            Severity.ERROR,
            (f"client-cert-data and client-cert are both specified for {name}. client-cert-data will override."),
        )
    elif user.client_certificate:
        yield from _readable("client-cert", user.client_certificate, user.origin, name)
    if user.client_key and user.client_key_data:
        yield (
            Severity.ERROR,
            (f"client-key-data and client-key are both specified for {name}; client-key-data will override"),
        )
    elif user.client_key:
        yield from _readable("client-key", user.client_key, user.origin, name)
    elif not user.client_key_data:
        missing = f"client-key-data or client-key must be specified for {name}"
        yield Severity.ERROR, f"{missing} to use the clientCert authentication method."


def refused_plugin(user: UserEntry) -> Iterator[str]:
    """Why kubectl refuses to run the entry's credential plugin; nothing where it has none, or a good one."""
    if user.exec is None:
        return
    if user.auth_provider:
        yield f"authProvider cannot be provided in combination with an exec plugin for {user.name}"
    yield from _exec(user.exec, user.name)


def _exec(plugin: ExecPlugin, name: str) -> Iterator[str]:
    rest = f"must be specified for {name} to use exec authentication plugin"
    if not plugin.command:
        yield f"command {rest}"
    if not plugin.api_version:
        yield f"apiVersion {rest}"
    elif plugin.api_version not in _VERSIONS:
        yield f'exec plugin: invalid apiVersion "{plugin.api_version}"'
    if any(not variable for variable, _ in plugin.env):
        yield f"env variable name {rest}"
    if plugin.interactive_mode and plugin.interactive_mode not in _MODES:
        yield f'invalid interactiveMode for {name}: "{plugin.interactive_mode}"'
    if not plugin.interactive_mode and not plugin.api_version.endswith("beta1"):
        yield f"interactiveMode {rest}"


def _context(context: ContextEntry, config: KubeConfig) -> Iterator[str]:
    name = context.name
    if not name:
        yield "empty context name is not allowed"
    if not context.user:
        yield f'user was not specified for context "{name}"'
    elif context.user not in config.users:
        yield f'user "{context.user}" was not found for context "{name}"'
    if not context.cluster:
        yield f'cluster was not specified for context "{name}"'
    elif context.cluster not in config.clusters:
        yield f'cluster "{context.cluster}" was not found for context "{name}"'
    if context.namespace and not _LABEL.fullmatch(context.namespace):
        yield f'namespace "{context.namespace}" for context "{name}" does not conform to the kubernetes DNS_LABEL rules'


def _proxy_valid(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in PROXY_SCHEMES and bool(parts.hostname)


def _readable(what: str, written: str, origin: Path | None, name: str) -> Iterator[tuple[Severity, str]]:
    if origin is None:
        yield Severity.ERROR, f"{what} of {name} names a file of the machine it was written on"
        return
    try:
        read_small(origin.parent / written, 1)
    except OSError as error:
        yield Severity.ERROR, f"unable to read {what} {written} for {name} due to {error.strerror}"
