"""What DPF and kubemint write for a token: the data of a Secret of each form, byte for byte."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

# Scalars that a reader of YAML 1.1, or Go's, may not take for text.
_AMBIGUOUS: Final = re.compile(r"[-+.~]?[0-9].*|[-+.~=]|~|y|n|yes|no|on|off|true|false|null|\.inf|\.nan", re.IGNORECASE)


class _Dumper(yaml.CSafeDumper):
    pass


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.Node:
    style = '"' if _AMBIGUOUS.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def secret_data(form: str, cluster: EmbeddedCluster, namespace: str, account: str, token: str) -> dict[str, str]:
    """The base64 data of the Secret for `form`. Raises ValueError for a form that nobody knows."""
    if form == "kubeconfig":
        data = {"kubeconfig": kubeconfig(cluster, namespace, account, token)}
    elif form == "tokenFile":
        host, _, port = cluster.url.removeprefix("https://").rpartition(":")
        data = {
            "KUBERNETES_CA_DATA": cluster.authority.pem,
            "KUBERNETES_SERVICE_HOST": host.encode(),
            "KUBERNETES_SERVICE_PORT": port.encode(),
            "TOKEN_FILE": token.encode(),
        }
    elif form == "token":
        data = {"token": token.encode()}
    elif form == "serviceAccount":
        data = {"ca.crt": cluster.authority.pem, "namespace": namespace.encode(), "token": token.encode()}
    else:
        raise ValueError(f"unsupported secret type: {form}")
    return {key: b64encode(value).decode() for key, value in data.items()}


def kubeconfig(cluster: EmbeddedCluster, namespace: str, account: str, token: str) -> bytes:
    """A kubeconfig as DPF's reference controller writes it."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "clusters": [
            {
                "cluster": {
                    "certificate-authority-data": b64encode(cluster.authority.pem).decode(),
                    "server": cluster.url,
                },
                "name": cluster.name,
            }
        ],
        "contexts": [{"context": {"cluster": cluster.name, "namespace": namespace, "user": account}, "name": account}],
        "current-context": account,
        "kind": "Config",
        "preferences": {},
        "users": [{"name": account, "user": {"token": token}}],
    }
    return yaml.dump(document, Dumper=_Dumper, width=2**20).encode()


def token_in(data: dict[str, str]) -> str | None:
    """The token that a Secret of either form holds, None where there is none."""
    if "TOKEN_FILE" in data:
        return b64decode(data["TOKEN_FILE"]).decode() or None
    if "kubeconfig" in data:
        try:
            document = yaml.load(b64decode(data["kubeconfig"]), yaml.CSafeLoader)
            return str(document["users"][0]["user"]["token"]) or None
        except (yaml.YAMLError, LookupError, TypeError):
            return None
    return None
