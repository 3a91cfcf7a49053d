"""Clusters for one verb: reached when they are needed, nothing runs in the background.

Beside the contexts of the kubeconfig these are DPUClusters and clusters of Cluster API, called `HOST/NAMESPACE/NAME`
as in the fleet; their kubeconfig is read from the host when they are first asked for, and they are entered with what
it says alone, where the operator said yes to that.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

from tui.issuance import (
    Engine,
    GraceWish,
    KubeconfigClusters,
    Outcome,
    StateStore,
    StepStatus,
    capi,
    find_delivered,
)
from tui.kube import limits
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint

from .deadlines import open_before, say_open
from .exits import complain
from .printing import say
from .session import GRACE, Setting


class VerbClusters(KubeconfigClusters):
    """Every context, the cluster this process runs in, and every cluster found in another one that is named."""

    def __init__(self, place: Setting) -> None:
        super().__init__(place.config)
        self.gate = place.gate()
        self._why_read_only = place.settings.why_read_only
        self._others: dict[str, Endpoint] = {}
        if place.in_cluster is not None:
            self._others[place.in_cluster.name] = place.in_cluster

    def names(self) -> Sequence[str]:
        return (*super().names(), *self._others)

    def endpoint(self, name: str) -> Endpoint:
        return self._others.get(name) or super().endpoint(name)

    async def client(self, name: str) -> Client:
        await self.find(name)
        client = await super().client(name)
        client.read_only = self._why_read_only(name)  # also for verbs that have no engine, and so no plan to refuse
        return client

    async def find(self, name: str) -> None:
        """Make a DPUCluster, or one of Cluster API's, known by its name; other names are left to `endpoint`."""
        host, _, rest = name.rpartition("/")
        host, _, namespace = host.rpartition("/")
        if name in self.names() or not (host and namespace and rest) or host not in self.names():
            return
        found = await find_delivered(await self.client(host), host, namespace, rest)
        self._others[name] = await self.gate.admit(found)

    async def tenant(self, host: str, namespace: str, cluster: str) -> str:
        """What a cluster of Cluster API is called. Raises Untrusted where entering it was not confirmed."""
        name = capi.cluster_name(host, namespace, cluster)
        await self.client(host)
        await self.find(name)
        return name


@contextlib.asynccontextmanager
async def open_engine(
    place: Setting, *, grace: timedelta | GraceWish = GRACE, acting: bool = True
) -> AsyncIterator[Engine]:
    """An engine over those clusters. Where it is to act, what an earlier run left open is finished or undone first.

    Looking needs no state of its own: where there is none, or none that can be opened, a passing one serves.
    """
    passing = contextlib.ExitStack()
    state = place.state() if acting else place.state_if_any()
    if state is None:
        folder = passing.enter_context(tempfile.TemporaryDirectory(prefix="kubemint-"))
        state = StateStore.open(Path(folder) / "state")
    before = open_before(state)
    try:
        async with VerbClusters(place) as clusters:
            guard = place.settings.why_read_only
            engine = Engine(clusters, state, grace=grace, guard=guard, gate=clusters.gate, foresees=not acting)
            try:
                if acting:
                    await finish_open_work(engine)
                yield engine
            finally:
                for name, said in clusters.clocks().items():
                    complain(f"{name}: {said}")
                await engine.aclose()
                if acting:
                    say_open(state, before)
    finally:
        state.close()
        passing.close()


async def finish_open_work(engine: Engine) -> None:
    """Let the engine recover, for a while; what it did is said in one line each, the rest stays for the next time.

    What somebody else has to carry on (a push into a tenant) may never arrive, and is none of this command's business:
    it is given a moment, as it may be there by now, and is said to be open still. A loop and the dashboard wait for it
    as long as it takes, beside everything else (`Fleet`), and so does whoever rotates that credential again.
    """
    with limits.within(limits.RECOVERING), limits.impatient(limits.ARRIVING):
        outcomes = await engine.recover()
    for said in said_of(outcomes):
        say(f"left by an earlier run: {said}")


def said_of(outcomes: Sequence[Outcome]) -> list[str]:
    """What became of the work of earlier runs: what is the same for several credentials is said once."""
    alike: dict[str, list[str]] = {}
    for outcome in outcomes:
        back = next((one.message for one in outcome.results if one.status is StepStatus.UNDONE), "")
        done = f"undone: {back}" if back else "finished"
        how = "; ".join((done, *outcome.left)) if outcome.ok else f"still open: {outcome.error}"
        names = alike.setdefault(how, [])
        if str(outcome.address) not in names:
            names.append(str(outcome.address))
    return [f"{', '.join(names)} {how}" for how, names in alike.items()]
