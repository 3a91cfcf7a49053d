"""The branches of a lineage that say who runs as an account, and who uses what was issued for it: pods and what they
mount, CSI drivers, External Secrets."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tui.issuance.errors import IssuanceError
from tui.issuance.model.types import Credential, Identity
from tui.issuance.users.consumers import NotInstalled, asking_drivers, carriers, pods, why_not
from tui.issuance.users.secret_users import SecretName, SecretUsers
from tui.kube.errors import KubeError

from .lineage_tree import Node, Part, Subject, kept_secret

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.users.consumers import Pod


OWN: Final = "with tokens of their own: revoking a credential ends none of them"


class Users(NamedTuple):
    """Two things that are easily taken for one: who runs as the account, and who uses what was issued for it."""

    runs: Node
    uses: Node


async def users_of_one(clusters: Clusters, credential: Credential) -> Users | None:
    """The same for one credential alone; None where it speaks for no account."""
    if credential.identity is None:
        return None
    subject = Subject(
        cluster=credential.identity.cluster,
        username=credential.identity.username,
        identity=credential.identity,
        here=credential.address,
    )
    return await users_of(clusters, subject, [credential])


async def users_of_account(clusters: Clusters, identity: Identity) -> Users:
    """The same for an account, of whose credentials none is known."""
    return await users_of(
        clusters, Subject(cluster=identity.cluster, username=identity.username, identity=identity), []
    )


def user_said(node: Node) -> str:
    """One of them in a line."""
    how = [f"{child.name}, {child.note}" if child.note else child.name for child in node.children]
    return f"{node.kind} {node.name}" + (f": {'; '.join(how) or node.note}" if how or node.note else "")


async def users_of(clusters: Clusters, subject: Subject, credentials: Sequence[Credential]) -> Users:
    """Pods and External Secrets, in every namespace where the account or one of its Secrets lies."""
    if subject.identity is None:
        note = "anyone with your kubeconfig; pods do not log in like this"
        return Users(Node(kind=Part.RUNS, note="none: it is not a service account"), Node(kind=Part.USERS, note=note))
    secrets: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    secrets[subject.identity.cluster, subject.identity.namespace] = set()
    for one in credentials:
        where = kept_secret(one)
        if where is not None:
            secrets[where[0], where[1]].add(where[2])
    found = await asyncio.gather(
        *(_Namespace(cluster, namespace, names, subject.identity).look(clusters)
          for (cluster, namespace), names in secrets.items())
    )  # fmt: skip
    far, hidden = await _far(clusters, secrets)
    runs = [node for part in found for node in part.runs]
    uses = [*(node for part in found for node in part.uses), *far]
    unseen = "; ".join(
        dict.fromkeys(
            [*(problem for part in found for problem in part.problems), *(f"not looked at: {why}" for why in hidden)]
        )
    )
    nobody = "" if unseen else "none that can be seen"
    return Users(
        Node(kind=Part.RUNS, note=OWN if runs else nobody, problem=unseen, children=tuple(runs)),
        Node(kind=Part.USERS, note="" if uses else nobody, problem=unseen, children=tuple(uses)),
    )


async def _far(
    clusters: Clusters, secrets: Mapping[tuple[str, str], Collection[str]]
) -> tuple[list[Node], tuple[str, ...]]:
    """The ExternalSecrets that fetch one of these, wherever they are, as the length of a grace counts them."""
    users = SecretUsers()
    wanted = [SecretName(*where, name) for where, names in secrets.items() for name in sorted(names)]
    try:
        found = [(one, await users.fetched(clusters, one)) for one in wanted]
    finally:
        await users.aclose()
    nodes = {
        (use.name, one.cluster): Node(kind=use.kind, name=use.name, note=use.how, cluster=one.cluster)
        for one, (uses, _) in found
        for use in uses
    }
    return list(nodes.values()), tuple(dict.fromkeys(why for _, (_, hidden) in found for why in hidden))


@dataclass
class _Namespace:
    """What was found in one namespace."""

    cluster: str
    name: str
    secrets: set[str]
    """The Secrets of credentials in it."""
    identity: Identity
    runs: list[Node] = field(default_factory=list)
    uses: list[Node] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    async def look(self, clusters: Clusters) -> _Namespace:
        try:
            client = await clusters.client(self.cluster)
        except (KubeError, IssuanceError) as error:
            self.problems.append(f"{self.cluster}: {error}")
            return self
        where = f"{self.name} of {self.cluster}"
        drivers: dict[str, tuple[str, ...]] = {}
        try:
            drivers = await asking_drivers(client) if self._at_home else {}
        except KubeError as error:
            self.problems.append(f"{why_not(error, 'CSI drivers')} in {self.cluster}")
        try:
            for pod in await pods(client, self.name):
                self._pod(pod, drivers)
        except KubeError as error:
            self.problems.append(f"{why_not(error, 'pods')} in {where}")
        try:
            for carrier in await carriers(client, self.name, self.secrets, self.identity):
                name = f"{carrier.namespace}/{carrier.name}" if carrier.namespace else carrier.name
                node = Node(kind=carrier.kind, name=name, note=carrier.says, cluster=self.cluster)
                (self.runs if carrier.as_account else self.uses).append(node)
        except NotInstalled:
            pass  # nothing to say: most clusters have no External Secrets
        except KubeError as error:
            self.problems.append(f"{why_not(error, 'External Secrets')} in {where}")
        return self

    @property
    def _at_home(self) -> bool:
        """Whether it is the account's own namespace."""
        return (self.identity.cluster, self.identity.namespace) == (self.cluster, self.name)

    def _pod(self, pod: Pod, drivers: dict[str, tuple[str, ...]]) -> None:
        name = f"{pod.metadata.namespace}/{pod.metadata.name}"
        phase = pod.status.phase.lower() if pod.status.phase not in ("", "Running") else ""
        runs = self._at_home and pod.spec.service_account_name == self.identity.name
        if runs:
            volumes = tuple(
                Node(
                    kind="CSI volume",
                    name=driver,
                    note=f"the driver is given tokens of it for {', '.join(map(_audience, drivers[driver]))}",
                )
                for driver in pod.drivers
                if driver in drivers
            )
            self.runs.append(Node(kind="Pod", name=name, note=phase, cluster=self.cluster, children=volumes))
        uses = tuple(
            Node(kind="uses", name=f"Secret {pod.metadata.namespace}/{secret}", note=how)
            for secret, how in pod.uses(self.secrets)
        )
        if uses:
            whose = "runs as it too" if runs else "runs as another account"
            note = ", ".join(filter(None, (whose, phase)))
            self.uses.append(Node(kind="Pod", name=name, note=note, cluster=self.cluster, children=uses))


def _audience(audience: str) -> str:
    return audience or "the API server"
