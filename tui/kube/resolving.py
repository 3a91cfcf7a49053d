"""From a context's entries to an `Endpoint`: precedence of logins, files read in, paths made absolute."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .amounts import size
from .endpoint import Endpoint, ExecPlugin, Login
from .entries import ClusterEntry, ContextEntry, UserEntry
from .errors import ConfigError
from .sensitive import Sensitive
from .small_file import read_small
from .usable import why_no_authority, why_unusable

if TYPE_CHECKING:
    from .kubeconfig import KubeConfig

SERVICE_ACCOUNT_FOLDER: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MAX_FILE: Final = 1024 * 1024


def resolve(config: KubeConfig, context: ContextEntry) -> Endpoint:
    """The endpoint of one context. Raises ConfigError with the context as its cluster."""
    try:
        _check(context)
        cluster, user = _cluster_of(config, context), _user_of(config, context)
        _check(cluster)
        if user is not None:
            _check(user)
        server, authority = _server(cluster), _authority(cluster)
        file = _authority_file(cluster)
        secure = server.lower().startswith("https:")
        return Endpoint(
            name=context.name,
            server=server,
            ca=authority,
            ca_read=(file, authority) if file and authority is not None else None,
            insecure=cluster.insecure,
            tls_server_name=cluster.tls_server_name or None,
            proxy_url=cluster.proxy_url or None,
            disable_compression=cluster.disable_compression,
            namespace=context.namespace or "default",
            cluster_name=cluster.name,
            login=_login(user, cluster) if user is not None and secure else Login(),
            delivered=cluster.origin is None,
            vouches=cluster.vouches if cluster.origin is not None else (),
        )
    except ConfigError as error:
        raise ConfigError(error.message, cluster=context.name, hint=error.hint) from None


def _check(entry: ClusterEntry | UserEntry | ContextEntry) -> None:
    """What cannot be read or does not go together is never used, and never taken for absent."""
    if problem := why_unusable(entry):
        hint = "correct it; until then nothing is sent there" if entry.flaws else ""
        raise ConfigError(problem, hint=hint)


def _cluster_of(config: KubeConfig, context: ContextEntry) -> ClusterEntry:
    if not context.cluster:
        raise ConfigError("cluster was not specified for this context")
    if (cluster := config.clusters.get(context.cluster)) is None:
        raise ConfigError(f'cluster "{context.cluster}" of this context does not exist')
    return cluster


def _user_of(config: KubeConfig, context: ContextEntry) -> UserEntry | None:
    if not context.user:
        return None  # kubectl goes in anonymously
    if (user := config.users.get(context.user)) is None:
        raise ConfigError(f'user "{context.user}" of this context does not exist')
    return user


def _server(cluster: ClusterEntry) -> str:
    server = cluster.server if "://" in cluster.server else f"http://{cluster.server}"
    valid = False
    try:
        parts = urlsplit(server)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        valid = valid and "@" not in parts.netloc
        server = server.partition("#")[0].partition("?")[0]  # kubectl drops them, too
    except ValueError:
        pass
    if not valid:
        raise ConfigError(f'the server of cluster "{cluster.name}" is not an http or https URL')
    return server.rstrip("/")


def _authority(cluster: ClusterEntry) -> bytes | None:
    data, what = cluster.certificate_authority_data, f'certificate-authority-data of cluster "{cluster.name}"'
    if data is None and cluster.certificate_authority:
        data = _file(cluster.certificate_authority, cluster.origin, "certificate-authority")
        what = f"certificate-authority {_located(cluster.certificate_authority, cluster.origin, '')}"
    if data is not None and (problem := why_no_authority(data)):
        raise ConfigError(f"{what} {problem}", hint="put the authority's PEM certificate there")
    return data


def _authority_file(cluster: ClusterEntry) -> str | None:
    """Where the authority was read from; data in the kubeconfig itself wins, and does not change."""
    if cluster.certificate_authority_data is not None or not cluster.certificate_authority:
        return None
    return str(_located(cluster.certificate_authority, cluster.origin, "certificate-authority"))


def _login(user: UserEntry, cluster: ClusterEntry) -> Login:
    certificate = user.client_certificate_data
    if certificate is None and user.client_certificate:
        certificate = _file(user.client_certificate, user.origin, "client-certificate")
    key = user.client_key_data
    if key is None and user.client_key:
        key = Sensitive(_file(user.client_key, user.origin, "client-key"))
    if (certificate is None) != (key is None):
        missing = "client-key" if key is None else "client-certificate"
        raise ConfigError(f'user "{user.name}" has no {missing}; certificate and key belong together')
    pair_files = None
    if user.client_certificate_data is None and user.client_key_data is None and certificate is not None:
        certificate_file = _located(user.client_certificate, user.origin, "client-certificate")
        pair_files = str(certificate_file), str(_located(user.client_key, user.origin, "client-key"))
    token_file = str(_located(user.token_file, user.origin, "tokenFile")) if user.token_file else None
    static = bool(user.token or token_file or user.username or certificate)
    login = Login(
        token=user.token,
        token_file=token_file,
        client_certificate=certificate,
        client_key=key,
        pair_files=pair_files,
        username=user.username or None,
        password=user.password,
        exec=None if static or user.exec is None else _plugin(user, user.exec, cluster),
        impersonate=user.impersonate,
    )
    if user.auth_provider and not (static or login.exec):
        raise ConfigError(
            f'user "{user.name}" logs in with the auth-provider "{user.auth_provider}", which is gone',
            hint="use an exec plugin instead",
        )
    return login


def _plugin(user: UserEntry, plugin: ExecPlugin, cluster: ClusterEntry) -> ExecPlugin:
    if user.origin is None:
        raise ConfigError(
            f'user "{user.name}" wants to run a program; kubemint runs plugins only from your own kubeconfigs'
        )
    command = plugin.command
    if os.sep in command:  # a bare name is looked up in PATH instead
        command = str(_located(command, user.origin, "exec command"))
    return replace(plugin, command=command, cluster_config=cluster.exec_config)


def _located(written: str, origin: Path | None, what: str) -> Path:
    if origin is None:
        raise ConfigError(f"{what} names a file of the machine it was written on", hint="put the data itself in")
    return Path(os.path.normpath(origin.parent / written))


def _file(written: str, origin: Path | None, what: str) -> bytes:
    path = _located(written, origin, what)
    return _whole(path, f"{what} {path}")


def _whole(path: Path, named: str, cluster: str = "") -> bytes:
    """All of a small file. Raises ConfigError where it cannot be read, or is too large: part of it is another one."""
    try:
        data = read_small(path, _MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"unable to read {named}: {error.strerror}", cluster=cluster) from None
    if len(data) > _MAX_FILE:
        raise ConfigError(f"{named} is larger than {size(_MAX_FILE)}", cluster=cluster)
    return data


def in_cluster_endpoint(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT_FOLDER) -> Endpoint | None:
    """The endpoint a pod finds in its environment and its mounted service account; None outside of a pod.

    Raises ConfigError where the authority cannot be read.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    token_file = folder / "token"
    if not host or not port or not token_file.is_file():
        return None
    name, file = "in-cluster", folder / "ca.crt"
    authority = _whole(file, str(file), name)
    if problem := why_no_authority(authority):
        raise ConfigError(f"{file} {problem}", cluster=name, hint="look at how it is mounted")
    file = folder / "namespace"
    namespace = _whole(file, str(file), name).strip() if file.exists() else b""
    if not namespace.isascii():
        raise ConfigError(f"{file} is no namespace", cluster=name)
    return Endpoint(
        name=name,
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca=authority,
        namespace=namespace.decode() or "default",
        cluster_name="incluster",
        ca_read=(str(folder / "ca.crt"), authority),
        login=Login(token_file=str(token_file)),
    )
