"""A second management cluster, `quay`, in which no DPF controller runs: its requests wait for whoever keeps them.

Whether a controller is at work is read from the traces it leaves. Here there are none: what was issued once is long
overdue, what was wished since was never looked at, and a deletion has been stuck since the cluster behind it is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tui.demo.apiserver.faults import ServerState
from tui.demo.apiserver.storage import DEFINITIONS, SECRETS
from tui.demo.apiserver.verify import INVALID_SINCE, LAST_USED
from tui.demo.operators.dpf_kinds import MANAGEMENT_CRDS, REQUESTS
from tui.demo.operators.objects import token_secret

from .population import Settler
from .seed import OPERATOR, Management, copied, stuck

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

NAME: Final = "quay"
NAMESPACE: Final = "berths"
_HOUR: Final = timedelta(hours=1)


def populate_unattended(cluster: EmbeddedCluster, others: Mapping[str, EmbeddedCluster]) -> None:
    """Fills it. `others` are the fleet's other clusters, some of which are its DPU clusters too."""
    settler = Settler(cluster)
    for definition in MANAGEMENT_CRDS:
        settler.put(DEFINITIONS, copied(definition))
    for namespace in (OPERATOR, NAMESPACE, "dpu-services"):
        cluster.add_namespace(namespace)
    Unattended(cluster, others).fill()


class Unattended(Management):
    """Its objects."""

    def fill(self) -> None:
        """Two tenants and one that is away as DPU clusters, and a request for every way of being left alone."""
        healthy = [other for other in self.others.values() if other.state is ServerState.NORMAL][1:]
        away = next((other for other in self.others.values() if other.state is ServerState.UNREACHABLE), None)
        targets = [other.name for other in healthy[:2]]
        for name in (*targets, *([away.name] if away is not None else [])):
            self.dpu_cluster(self.others[name])
        first = targets[0] if targets else None
        self.wish(NAMESPACE, "crane", first, "kubeconfig", "1h")
        self.wish(NAMESPACE, "lighthouse", None, "tokenFile", "2h")
        self.issued(NAMESPACE, "tide-gauge", targets[-1] if targets else None, "tokenFile", "1h", 26 * _HOUR, _HOUR)
        if away is not None:
            self._stuck(away.name)
        self._forgotten_token()

    def _forgotten_token(self) -> None:
        """A token Secret from the days when every account got one, which the cluster invalidated."""
        owner = self.settler.account(NAMESPACE, "harbour-master")
        secret = token_secret("harbour-master-token-x7k2m", NAMESPACE, owner)
        days = {LAST_USED: 566, INVALID_SINCE: 201}
        labels = {label: f"{self.now - timedelta(days=ago):%Y-%m-%d}" for label, ago in days.items()}
        secret["metadata"]["labels"] = labels
        self.settler.put(SECRETS, secret, timedelta(days=931))

    def _stuck(self, target: str) -> None:
        """A request that was deleted when its cluster could not be reached any more."""
        name = "old-ferry"
        request = self.issued(NAMESPACE, name, target, "kubeconfig", "12h", 40 * _HOUR, 12 * _HOUR)
        text = f"cannot clean up service account dpu-services/{name} in {OPERATOR}/{target}: connection refused"
        waiting = "AwaitingDeletion"
        self.change_status(request, conditions=stuck(waiting, waiting, text, self.now - 9 * _HOUR))
        self.cluster.storage.delete(REQUESTS, name, NAMESPACE)
