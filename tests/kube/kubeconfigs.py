"""Kubeconfigs for tests, and what kubectl makes of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tui.kube.kubeconfig import KubeConfig

KEYS = (
    *("apiVersion", "kind", "clusters", "users", "contexts", "current-context", "name", "cluster", "user", "context"),
    *(
        "server",
        "token",
        "tokenFile",
        "exec",
        "env",
        "args",
        "extensions",
        "extension",
        "namespace",
        "as-groups",
        "proxy-url",
    ),
    *("client-key-data", "certificate-authority-data", "insecure-skip-tls-verify", "as-user-extra", "auth-provider"),
)

PEM = b"-----BEGIN CERTIFICATE-----\nZGF0YQ==\n-----END CERTIFICATE-----\n"
"""What looks like an authority to whoever does not look into it."""
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "x", "interactiveMode": "Never"}

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not in PATH")


def config(**parts: Any) -> dict[str, Any]:
    """A kubeconfig document: `cluster={name: {...}}`, `user=…`, `context=…`, `current=…`."""
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    for kind in ("cluster", "user", "context"):
        document[f"{kind}s"] = [{"name": name, kind: entry} for name, entry in parts.get(kind, {}).items()]
    if "current" in parts:
        document["current-context"] = parts["current"]
    return document


def simple(name: str = "one", **cluster: Any) -> dict[str, Any]:
    return config(
        cluster={name: {"server": "https://127.0.0.1:6443", **cluster}},
        user={name: {"token": "t"}},
        context={name: {"cluster": name, "user": name}},
        current=name,
    )


def write(path: Path, document: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return str(path)


def kubectl_view(**environ: str) -> dict[str, Any]:
    done = subprocess.run(
        ["kubectl", "config", "view", "--raw", "-o", "json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environ},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


def same_as_kubectl(ours: KubeConfig, theirs: dict[str, Any]) -> bool:
    assert ours.current_context == theirs["current-context"]
    clusters = {item["name"]: item["cluster"].get("server", "") for item in theirs["clusters"] or ()}
    users = {item["name"]: item["user"].get("token") for item in theirs["users"] or ()}
    contexts = {item["name"]: item["context"] for item in theirs["contexts"] or ()}
    assert {name: entry.server for name, entry in ours.clusters.items()} == clusters
    assert {name: entry.token.reveal() if entry.token else None for name, entry in ours.users.items()} == users
    assert {name: (entry.cluster, entry.user, entry.namespace) for name, entry in ours.contexts.items()} == {
        name: (entry.get("cluster", ""), entry.get("user", ""), entry.get("namespace", ""))
        for name, entry in contexts.items()
    }
    return True
