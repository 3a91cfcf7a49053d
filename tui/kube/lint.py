"""What kubectl would say about a kubeconfig before it uses it: clientcmd's validation, entry by entry.

`KubeConfig.endpoint` refuses the one entry that is asked for, at its first reason. `lint` names everything that kubectl
refuses or warns of, in all entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from .entries import ClusterEntry, ContextEntry, UserEntry
from .small_file import read_small
from .usable import of_cluster, of_user, why_no_authority

if TYPE_CHECKING:
    from .kubeconfig import KubeConfig

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


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
    for refusal in of_cluster(cluster):
        yield Severity.ERROR, refusal
    if cluster.server.lower().startswith("http:"):
        yield Severity.WARNING, f'cluster "{name}" is plain http: kubectl sends no credentials there'
    if cluster.certificate_authority and not cluster.certificate_authority_data:
        yield from _readable("certificate-authority", cluster.certificate_authority, cluster.origin, name)
    if cluster.certificate_authority_data and (problem := why_no_authority(cluster.certificate_authority_data)):
        yield Severity.ERROR, f"certificate-authority-data of {name} {problem}"
    if cluster.insecure and not (cluster.certificate_authority or cluster.certificate_authority_data):
        yield Severity.WARNING, f'cluster "{name}" skips TLS verification: anyone in between can read the credentials'


def _user(user: UserEntry) -> Iterator[tuple[Severity, str]]:
    name = user.name
    for refusal in of_user(user):
        yield Severity.ERROR, refusal
    if user.client_certificate and not user.client_certificate_data:
        yield from _readable("client-cert", user.client_certificate, user.origin, name)
    if (user.client_certificate or user.client_certificate_data) and user.client_key and not user.client_key_data:
        yield from _readable("client-key", user.client_key, user.origin, name)
    if user.token and user.token_file:
        yield Severity.WARNING, f"{name} has token and tokenFile; kubectl uses the file"
    if user.exec is not None and (user.token or user.token_file):
        yield Severity.WARNING, f"{name} has a token, so its exec plugin never runs"


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


def _readable(what: str, written: str, origin: Path | None, name: str) -> Iterator[tuple[Severity, str]]:
    if origin is None:
        yield Severity.ERROR, f"{what} of {name} names a file of the machine it was written on"
        return
    try:
        read_small(origin.parent / written, 1)
    except OSError as error:
        yield Severity.ERROR, f"unable to read {what} {written} for {name} due to {error.strerror}"
