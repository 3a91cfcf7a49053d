"""CSI drivers that live in an embedded cluster, and pods whose volumes they mount.

One driver asks for tokens of the pods that it serves, one does not, one asks for them once and never again, and one
asks for what no API server accepts today. On an old server nothing is left of such a wish but the note that
`kubectl apply` wrote, as on a real one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from tui.demo.apiserver.builtin import kinds_of_version
from tui.demo.apiserver.storage import CSI_DRIVERS, NODES, PODS, SERVICE_ACCOUNTS
from tui.demo.operators.objects import made

from .population import Settler, running

ASKING: Final = "secrets-store.csi.k8s.io"
SILENT: Final = "nfs.csi.k8s.io"
ONCE: Final = "kms.csi.example.com"
BROKEN: Final = "restored.csi.example.com"
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_AGE: Final = timedelta(days=40)
_SPECS: Final[Mapping[str, Mapping[str, Any]]] = {
    ASKING: {
        "attachRequired": False,
        "podInfoOnMount": True,
        "volumeLifecycleModes": ["Ephemeral"],
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "tokenRequests": [{"audience": "vault", "expirationSeconds": 3600}, {"audience": "", "expirationSeconds": 600}],
        "requiresRepublish": True,
    },
    SILENT: {
        "attachRequired": False,
        "podInfoOnMount": False,
        "volumeLifecycleModes": ["Persistent", "Ephemeral"],
        "fsGroupPolicy": "File",
        "requiresRepublish": False,
    },
}
_MORE: Final[Mapping[str, Mapping[str, Any]]] = {
    ONCE: {"attachRequired": False, "tokenRequests": [{"audience": "kms", "expirationSeconds": 600}]},
    BROKEN: {
        "attachRequired": False,
        "tokenRequests": [{"audience": "vault"}, {"audience": "vault"}, {"audience": "aws", "expirationSeconds": 10}],
        "requiresRepublish": True,
    },
}
"""Of the management cluster alone. The last one came back with an old backup, past the API server."""
_VOLUMES: Final = (
    ("payments", "api", "vault-api-0", ASKING),
    ("ci", "runner", "nfs-runner-0", SILENT),
    ("payments", "ledger", "vault-ledger-0", ASKING),
)
"""Namespace, account, pod, driver."""


def add_drivers(settler: Settler, *, more: bool = False) -> None:
    """The drivers (or `more` of them), and a pod for each whose account is there."""
    cluster = settler.cluster
    minor = int(cluster.version.split(".")[1])
    (kind,) = (kind for kind in kinds_of_version(minor) if kind.collection == CSI_DRIVERS)
    known = (kind.schema or {})["properties"]["spec"]["properties"]
    for name, spec in {**_SPECS, **(_MORE if more else {})}.items():
        wish = made(kind.kind, name, "", kind.api_version, spec=dict(spec))
        note = json.dumps(wish, separators=(",", ":")) + "\n"
        kept = {field: value for field, value in spec.items() if field in known}
        metadata = {"name": name, "annotations": {_APPLIED: note}}
        settler.put(CSI_DRIVERS, wish | {"metadata": metadata, "spec": kept}, _AGE)
    for namespace, account, pod, driver in _VOLUMES:
        if cluster.storage.get(SERVICE_ACCOUNTS, account, namespace) is not None:
            settler.put(PODS, _pod(settler, namespace, account, pod, driver), _AGE)


def _pod(settler: Settler, namespace: str, account: str, name: str, driver: str) -> dict[str, Any]:
    nodes = settler.cluster.storage.list(NODES)
    volume = {"name": "store", "csi": {"driver": driver, "readOnly": True}}
    container = {"name": account, "image": f"registry.example/{account}:1.0"}
    mount = {"name": "store", "mountPath": "/mnt/store", "readOnly": True}
    return made(
        "Pod",
        name,
        namespace,
        labels={"app": account},
        spec={
            "serviceAccountName": account,
            "nodeName": nodes[0]["metadata"]["name"] if nodes else "",
            "containers": [container | {"volumeMounts": [mount]}],
            "volumes": [volume],
        },
        status=running(account),
    )
