"""Which entries may be used: what was read of them, and kubectl's own rules about what goes together.

Pure decisions on typed entries, made before a file is opened or a connection begins. `resolving` refuses what is
refused here, `lint` shows all of it. The words are kubectl's where it has some, so that someone can look them up.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from .entries import ClusterEntry, ContextEntry, UserEntry

PROXY_SCHEMES: Final = ("http", "https", "socks5")
PROVIDER: Final = "oidc"
"""The one auth-provider that kubectl still has; beside another way in it says nothing."""
_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
"""Those that current clients know; v1alpha1 is gone since 1.24."""
_MODES: Final = ("Never", "IfAvailable", "Always")
CERTIFICATE: Final = re.compile(
    rb"^-----BEGIN CERTIFICATE-----[ \t\r]*\n([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", re.MULTILINE
)
"""One certificate of a bundle, as Go's encoding/pem finds it: what stands between them may be anything."""


def why_unusable(entry: ClusterEntry | UserEntry | ContextEntry) -> str:
    """Why this entry cannot be used; empty where it may be used as far as its text goes."""
    if entry.flaws:
        flaw = entry.flaws[0]
        return f"{flaw}{f' in {entry.origin}' if entry.origin is not None else ''}"
    if isinstance(entry, ClusterEntry):
        return next(of_cluster(entry), "")
    return next(of_user(entry), "") if isinstance(entry, UserEntry) else ""


def of_cluster(cluster: ClusterEntry) -> Iterator[str]:
    """Why kubectl refuses this cluster, without opening the files that it names."""
    name = cluster.name
    if not cluster.server:
        yield f'no server found for cluster "{name}"'
    if cluster.proxy_url and not _proxy_valid(cluster.proxy_url):
        yield f"invalid 'proxy-url' for cluster \"{name}\": use http, https or socks5"
    if cluster.certificate_authority and cluster.certificate_authority_data:
        both = f"certificate-authority-data and certificate-authority are both specified for {name}"
        yield f"{both}. certificate-authority-data will override."
    if cluster.insecure and (cluster.certificate_authority or cluster.certificate_authority_data):
        yield f"specifying a root certificates file with the insecure flag is not allowed for {name}"


def of_user(user: UserEntry) -> Iterator[str]:
    """Why kubectl refuses this user, without opening the files that it names."""
    name = user.name
    methods = (["token"] if user.token else []) + (["basicAuth"] if user.username or user.password else [])
    if user.client_certificate and user.client_certificate_data:
        yield f"client-cert-data and client-cert are both specified for {name}. client-cert-data will override."
    if user.client_certificate or user.client_certificate_data:
        if user.client_key and user.client_key_data:
            yield f"client-key-data and client-key are both specified for {name}; client-key-data will override"
        elif not (user.client_key or user.client_key_data):
            missing = f"client-key-data or client-key must be specified for {name}"
            yield f"{missing} to use the clientCert authentication method."
    yield from refused_plugin(user)
    if user.auth_provider and user.auth_provider != PROVIDER:
        yield f'user "{name}" has the auth-provider "{user.auth_provider}", which is gone'
    if len(methods) > 1:
        found = " ".join(methods)
        yield f"more than one authentication method found for {name}; found [{found}], only one is allowed"
    who = user.impersonate
    if who is not None and not who.user:
        yield f"requesting uid, groups or user-extra for {name} without impersonating a user"


def refused_plugin(user: UserEntry) -> Iterator[str]:
    """Why kubectl refuses to run the entry's credential plugin; nothing where it has none, or a good one."""
    plugin, name = user.exec, user.name
    if plugin is None:
        return
    if user.auth_provider:
        yield f"authProvider cannot be provided in combination with an exec plugin for {name}"
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


def why_no_authority(data: bytes) -> str:
    """Why this PEM bundle cannot be trusted; empty where it holds a certificate. What is in it is not looked at.

    kubectl takes an empty file for no file at all, and trusts the system's authorities; kubemint does not.
    """
    if not data.strip():
        return "is empty"
    for found in CERTIFICATE.finditer(data):
        try:
            if binascii.a2b_base64(found[1]):
                return ""
        except binascii.Error:
            continue
    return "holds no PEM certificate"


def _proxy_valid(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in PROXY_SCHEMES and bool(parts.hostname)
    except ValueError:
        return False
