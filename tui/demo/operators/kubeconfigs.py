"""The kubeconfigs of the embedded fleet: the operator's, and those that clusters keep in Secrets about each other."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.faults import ServerState
from tui.kube.entries import TRUST_EXTENSION

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

MARK: Final = b"# An embedded fleet of kubemint; it lives as long as the process that wrote this.\n"
LOGIN_COMMAND: Final = "demo-login"
_LOGIN_SCRIPT: Final = """\
#!/bin/sh
# The credential plugin of the cluster whose users must log in: `login` opens a session, `token` answers kubectl.
session={session}
case "$1" in
  login) mv {answer} "$session" 2>/dev/null; echo "logged in to {cluster}" >&2 ;;
  token)
    if [ -f "$session" ]; then cat "$session"; else
      echo "error: your session for {cluster} has expired; run: {command} login" >&2
      exit 1
    fi ;;
  *) echo "usage: $0 login|token" >&2; exit 2 ;;
esac
"""


class _Quoted(yaml.CSafeDumper):
    """Writes every string in quotes, because kubectl reads YAML 1.1 differently from everybody else."""


_Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def dump(config: Object) -> bytes:
    """A kubeconfig as YAML that every reader reads alike."""
    return yaml.dump(config, Dumper=_Quoted, sort_keys=True, width=2**20).encode()


def config(
    current: str, clusters: Mapping[str, Object], contexts: Mapping[str, Object], users: Mapping[str, Object]
) -> bytes:
    """A kubeconfig of these entries by their names."""
    lists = {"clusters": clusters, "contexts": contexts, "users": users}
    document: Object = {"apiVersion": "v1", "kind": "Config", "current-context": current}
    for plural, entries in lists.items():
        document[plural] = [{"name": name, plural[:-1]: entry} for name, entry in entries.items()]
    return dump(document)


def fleet_kubeconfig(
    clusters: Mapping[str, EmbeddedCluster], folder: Path, more: tuple[dict[str, Object], dict[str, Object]]
) -> bytes:
    """One context for each cluster, the first being current; `more` clusters and users belong to no context.

    Each entry vouches for the authorities of all, so that nobody has to say yes to what they deliver about each other.
    """
    trust = vouching(cluster.authority.pem for cluster in clusters.values())
    users: dict[str, Object] = {}
    for name, cluster in clusters.items():
        user = cluster.certificate_user()
        if cluster.state is ServerState.LOGIN:
            user = {"exec": _login_plugin(cluster, folder / name)}
        users[f"{name}-admin"] = user
    return MARK + config(
        next(iter(clusters)),
        {name: cluster.entry() | trust for name, cluster in clusters.items()} | more[0],
        {name: {"cluster": name, "user": f"{name}-admin", "namespace": "default"} for name in clusters},
        users | more[1],
    )


def vouching(authorities: Iterable[bytes]) -> Object:
    """The extension by which a cluster's entry vouches for what that cluster delivers, where these (PEM) sign it."""
    known = sorted({hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest() for pem in authorities})
    return {"extensions": [{"name": TRUST_EXTENSION, "extension": {"authorities": known}}]}


def admin_kubeconfig(cluster: EmbeddedCluster) -> bytes:
    """What a control-plane provider keeps in a Secret of the management cluster: one cluster, one user, one context."""
    name, user = cluster.name, f"{cluster.name}-admin"
    context = f"{user}@{name}"
    return config(
        context,
        {name: cluster.entry()},
        {context: {"cluster": name, "user": user}},
        {user: cluster.certificate_user()},
    )


def _login_plugin(cluster: EmbeddedCluster, folder: Path) -> Object:
    """A credential plugin that fails until somebody runs `demo-login login`, written into `folder`."""
    command = folder / LOGIN_COMMAND
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "clientCertificateData": cluster.admin.certificate.decode(),
            "clientKeyData": cluster.admin.key.reveal(),
        },
    }
    write_private(folder / "answer.json", json.dumps(answer).encode())
    script = _LOGIN_SCRIPT.format(
        session=shlex.quote(str(folder / "session.json")),
        answer=shlex.quote(str(folder / "answer.json")),
        cluster=cluster.name,
        command=command,
    )
    write_private(command, script.encode(), mode=0o700)
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(command),
        "args": ["token"],
        "interactiveMode": "IfAvailable",
        "installHint": f"log in again: {command} login",
    }


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """A new file that nobody else can read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
        file.write(data)
