"""The branch of a lineage that says who uses it: pods and what they mount, CSI drivers, External Secrets."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.kube.errors import KubeError

from .consumers import NotInstalled, asking_drivers, carriers, pods, why_not
from .errors import IssuanceError
from .lineage_tree import Node, Part, Subject, kept_secret
from .types import Credential, Identity

if TYPE_CHECKING:
    from .clusters import Clusters
    from .consumers import Pod


async def users_of(clusters: Clusters, subject: Subject, credentials: Sequence[Credential]) -> Node:
    """Pods and External Secrets, in every namespace where the account or one of its Secrets lies."""
    secrets: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    if subject.identity is not None:
        secrets[subject.identity.cluster, subject.identity.namespace] = set()
    for one in credentials:
        where = kept_secret(one)
        if where is not None:
            secrets[where[0], where[1]].add(where[2])
    found = await asyncio.gather(
        *(_users_in(clusters, cluster, namespace, names, subject)
          for (cluster, namespace), names in secrets.items())
    )  # fmt: skip
    nodes = [node for part, _ in found for node in part]
    problems = [problem for _, told in found for problem in told]
    if subject.identity is None:
        return Node(kind=Part.USERS, note="whoever holds your kubeconfig; pods do not log in like this")
    return Node(
        kind=Part.USERS,
        note="" if nodes else "nobody that can be seen" if not problems else "",
        problem="; ".join(dict.fromkeys(problems)),
        children=tuple(nodes),
    )


async def _users_in(
    clusters: Clusters, cluster: str, namespace: str, secrets: set[str], subject: Subject
) -> tuple[list[Node], list[str]]:
    where = f"{namespace} of {cluster}"
    identity = subject.identity
    nodes: list[Node] = []
    problems: list[str] = []
    try:
        client = await clusters.client(cluster)
    except (KubeError, IssuanceError) as error:
        return [], [f"{cluster}: {error}"]
    runs = identity is not None and (identity.cluster, identity.namespace) == (cluster, namespace)
    try:
        drivers = await asking_drivers(client) if runs else {}
    except KubeError as error:
        drivers = {}
        problems.append(f"{why_not(error, 'CSI drivers')} in {cluster}")
    try:
        for pod in await pods(client, namespace):
            nodes += _of_pod(pod, cluster, identity if runs else None, secrets, drivers)
    except KubeError as error:
        problems.append(f"{why_not(error, 'pods')} in {where}")
    try:
        for carrier in await carriers(client, namespace, secrets, identity or Identity("", "", "")):
            name = f"{carrier.namespace}/{carrier.name}" if carrier.namespace else carrier.name
            nodes.append(Node(kind=carrier.kind, name=name, note=carrier.says, cluster=cluster))
    except NotInstalled:
        pass  # nothing to say: most clusters have no External Secrets
    except KubeError as error:
        problems.append(f"{why_not(error, 'External Secrets')} in {where}")
    return nodes, problems


def _of_pod(
    pod: Pod, cluster: str, identity: Identity | None, secrets: set[str], drivers: dict[str, tuple[str, ...]]
) -> list[Node]:
    children = [
        Node(kind="uses", name=f"Secret {pod.metadata.namespace}/{name}", note=how) for name, how in pod.uses(secrets)
    ]
    runs = identity is not None and pod.spec.service_account_name == identity.name
    if runs:
        children += [
            Node(
                kind="CSI volume",
                name=driver,
                note=f"the driver is given tokens of it for {', '.join(map(_audience, drivers[driver]))}",
            )
            for driver in pod.drivers
            if driver in drivers
        ]
    if not runs and not children:
        return []
    says = "runs as it" if runs else "runs as another account"
    phase = f", {pod.status.phase.lower()}" if pod.status.phase not in ("", "Running") else ""
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    return [Node(kind="Pod", name=name, note=says + phase, cluster=cluster, children=tuple(children))]


def _audience(audience: str) -> str:
    return audience or "the API server"
