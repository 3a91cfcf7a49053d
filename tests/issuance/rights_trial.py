"""Somebody with the Roles of one flow and no others, and all that is said to them on the way."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.issuance.dpf_place import Place
from tui.demo.operators.kubeconfigs import vouching
from tui.fleet.reach import Timing
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.engine import Engine
from tui.issuance.families.rights import Flow
from tui.issuance.formats import Format
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.types import Destination, Identity, IssueSpec, Plan, StepResult, StepStatus
from tui.issuance.records.state import StateStore
from tui.issuance.users.grace_length import GraceWish
from tui.kube.errors import KubeError
from tui.kube.resource import SERVICE_ACCOUNTS, Resource

RBAC = "rbac.authorization.k8s.io"
KINDS = {
    "Role": Resource(RBAC, "v1", "roles", "Role"),
    "ClusterRole": Resource(RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    "RoleBinding": Resource(RBAC, "v1", "rolebindings", "RoleBinding"),
    "ClusterRoleBinding": Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
}
ACCOUNT, KEPT = "robot", "robot-credential"
PROJECTS = {"meadow": "garden-dev", "shop": "garden-prod"}
SHOOT_OF = {
    Flow.SHOOT_ADMIN: "meadow",
    Flow.SHOOT_VIEWER: "meadow",
    Flow.SHOOT_EXEC: "meadow",
    Flow.SHOOT_OIDC: "shop",
}
"""Flows in a garden, which only the embedded fleet has, and the shoot that each is tried with."""
QUICK = Timing(heartbeat=0.2, probe=1.0, rediscover=0.2, forbidden=0.2, retry_first=0.05, retry_longest=0.2)
ABOUT_RIGHTS = re.compile(r"\bright\b|\bneeds:|forbidden|cannot be revoked: it has no handle")


@dataclass
class Trial:
    """A flow tried by somebody with few rights, and everything it said about rights."""

    place: Place
    folder: Path
    admin: Engine
    engine: Engine
    clusters: KubeconfigClusters
    config: Path
    said: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """All that was said, about rights or not."""
    patience: float = 1.0
    """Seconds in which a fleet may still say something: a watch begins, and is refused, after its list."""

    @property
    def identity(self) -> Identity:
        return Identity(self.place.host, self.place.ns, ACCOUNT)

    def spec(self, *destinations: Destination) -> IssueSpec:
        return IssueSpec(identity=self.identity, destinations=destinations, format=Format.TOKEN)

    def file(self, name: str) -> FileDestination:
        return FileDestination(str(self.folder / name))

    def secret(self) -> SecretDestination:
        return SecretDestination(self.place.host, self.place.ns, KEPT)

    def say(self, text: str) -> None:
        self.heard.append(text)
        if ABOUT_RIGHTS.search(text):
            self.said.append(text)

    async def execute(
        self, planning: Awaitable[Plan], meanwhile: Callable[[], None] = lambda: None, at: str = ""
    ) -> bool:
        """Plan, then execute; what is refused on the way is said. Whether it worked.

        `meanwhile` happens before the step `at`: what the plan saw is looked at again when that begins.
        """
        try:
            plan = await planning
        except KubeError as error:
            self.say(f"{error} {error.hint}")
            return False
        for warning in plan.warnings:
            self.say(warning)

        def checkpoint(point: str) -> None:
            if point == f"before:{at}":
                meanwhile()

        self.engine.checkpoint = checkpoint

        def on_step(result: StepResult) -> None:
            if result.status in (StepStatus.FAILED, StepStatus.SKIPPED):
                self.say(result.message)

        outcome = await self.engine.execute(plan, on_step)
        await self.engine.settle()
        self.say(f"{outcome.error} {outcome.hint}")
        return outcome.ok


@contextlib.asynccontextmanager
async def trial_of(place: Place, folder: Path, made: list[dict[str, Any]]) -> AsyncIterator[Trial]:
    """Somebody with these Roles and no others. What lies elsewhere than in the trial's namespace is taken away."""
    admin, ns = place.client, place.ns
    for name in ("operator", ACCOUNT):
        await admin.create(SERVICE_ACCOUNTS, {"metadata": {"name": name}}, namespace=ns)
    wide = []
    for role in made:
        inside = role["metadata"].get("namespace")
        name = role["metadata"]["name"] + ("" if inside == ns else f"-{ns}")
        await admin.create(KINDS[role["kind"]], role | {"metadata": {"name": name}}, namespace=inside)
        binding = KINDS[f"{role['kind']}Binding"]
        subject = {"kind": "ServiceAccount", "name": "operator", "namespace": ns}
        wish = {"roleRef": {"apiGroup": RBAC, "kind": role["kind"], "name": name}, "subjects": [subject]}
        await admin.create(binding, wish | {"metadata": {"name": name}}, namespace=inside)
        wide += [] if inside == ns else [(binding, name, inside), (KINDS[role["kind"]], name, inside)]
    answer: dict[str, Any] = await admin.create(
        SERVICE_ACCOUNTS, {"spec": {}}, namespace=ns, name="operator", subresource="token"
    )
    config = folder / "operator.kubeconfig"
    config.touch(mode=0o600)
    config.write_text(json.dumps(_kubeconfig(place, answer["status"]["token"])))
    clusters = KubeconfigClusters(str(config))
    states = [StateStore.open(folder / name) for name in ("operator", "admin")]
    at_once = GraceWish(timedelta(0), given=True)  # also where nobody may see who needs it longer
    engine = Engine(clusters, states[0], grace=at_once, owner="operator")
    helper = Engine(place.known, states[1], grace=timedelta(0), owner="admin")
    try:
        yield Trial(place, folder, helper, engine, clusters, config)
    finally:
        await engine.aclose()
        await helper.aclose()
        await clusters.aclose()
        for state in states:
            state.close()
        for resource, name, inside in wide:
            await admin.delete(resource, name, namespace=inside)


def _kubeconfig(place: Place, token: str) -> dict[str, Any]:
    endpoint = place.known.endpoint(place.host)
    ca = base64.b64encode(endpoint.ca or b"").decode()
    trust = vouching(authority for name in place.known.names() if (authority := place.known.endpoint(name).ca))
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": place.host,
        "contexts": [{"name": place.host, "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": endpoint.server, "certificate-authority-data": ca, **trust}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
