"""What nobody tidied up: in the management cluster and in the kubeconfig, one example of everything that can be wrong.

Put in last, so that everything else of the fleet stays as it is without it. The kubeconfig's entries belong to no
context: no cluster of the fleet is entered with them.
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificate

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.storage import CLUSTER_ROLE_BINDINGS, SECRETS
from tui.demo.apiserver.tokens import Lifetime
from tui.demo.operators.kubeconfigs import write_private
from tui.demo.operators.objects import binding, robot

from .population import Settler

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

_DAY: Final = timedelta(days=1)
READABLE: Final = "nightly-job.token"
"""The one file of the fleet that others may read; its token expired long ago, and nobody else reaches its folder."""
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def leave_untidy(cluster: EmbeddedCluster) -> None:
    """An admin's token that never ends, a month-long one, and a Secret that an annotation repeats."""
    settler = Settler(cluster)
    release = settler.account("ci", "release-bot")
    admin = binding("release-bot-admin", "", ("ClusterRole", "cluster-admin"), robot("ci", "release-bot"))
    settler.put(CLUSTER_ROLE_BINDINGS, admin, 400 * _DAY)
    settler.legacy("release-bot-static", release)
    grafana = settler.account("monitoring", "grafana")
    settler.managed("grafana-wallboard", grafana, 9 * _DAY, 30 * _DAY, with_handle=False, handle=None)
    ledger = settler.account("payments", "ledger")
    kept = settler.managed("ledger-batch", ledger, timedelta(hours=1), timedelta(hours=8))
    applied = {"apiVersion": "v1", "kind": "Secret", "data": {"kubeconfig": "ZGVtbw=="}}
    noted = dict(kept) | {"metadata": dict(kept["metadata"])}
    noted["metadata"]["annotations"] = dict(kept["metadata"]["annotations"]) | {_APPLIED: json.dumps(applied)}
    cluster.storage.update(SECRETS, noted)


def untidy_entries(cluster: EmbeddedCluster, folder: Path) -> tuple[dict[str, Object], dict[str, Object]]:
    """Clusters and users for the kubeconfig: TLS unchecked, a password, expired logins, a plugin nobody runs."""
    now = cluster.clock()
    owner = Settler(cluster).account("ci", "release-bot")
    token, _ = cluster.tokens.bound_token(owner, Lifetime(3600, 3600), issued_at=now - 3 * _DAY)
    kept = folder / READABLE
    write_private(kept, token.encode(), mode=0o644)
    public = load_pem_x509_certificate(cluster.admin.certificate).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    expired = cluster.authority.certify(public, "old-laptop", [], now - 400 * _DAY, now - 35 * _DAY)
    clusters: dict[str, Object] = {"staging-lab": {"server": "https://10.9.0.1:6443", "insecure-skip-tls-verify": True}}
    return clusters, {
        "nightly-job": {"tokenFile": str(kept)},
        "old-laptop": {
            "client-certificate-data": b64encode(expired).decode(),
            "client-key-data": b64encode(cluster.admin.key.reveal_bytes()).decode(),
        },
        "staging-lab": {"username": "admin", "password": "demo-only"},
        "old-plugin": {"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "cloud-login"}},
    }
