"""Where the engine is tested: a namespace of its own on one cluster, and what tests look at there."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.engine import Engine
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Destination, Identity, IssueSpec, Outcome
from tui.issuance.objects.managed import SELECTOR
from tui.issuance.records.state import StateStore
from tui.kube.client import Client, Timeouts
from tui.kube.errors import KubeError, Unauthorized
from tui.kube.kubeconfig import parse
from tui.kube.resource import NAMESPACES, SECRETS, SERVICE_ACCOUNTS, TOKEN_REVIEWS
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.demo import FaultRule
    from tui.demo.running import FleetThread

_NUMBERS = itertools.count(1)
SECOND = timedelta(seconds=1)


def handle_of(outcome: Outcome) -> str:
    """The name of the handle that what was issued is bound to."""
    assert outcome.credential is not None
    assert outcome.credential.handle is not None
    return outcome.credential.handle.name


@dataclass
class Arena:
    """One cluster of one side; `name` is its context. Only the embedded sides have faults."""

    side: str
    kubeconfig: Path
    name: str
    folder: Path
    namespace: str
    fleet: FleetThread | None = None

    @property
    def old(self) -> bool:
        """Whether the server is one of the old ones (1.20), without SelfSubjectReview and `jti`."""
        return self.side != "embedded"

    def identity(self, account: str = "robot") -> Identity:
        return Identity(self.name, self.namespace, account)

    def file(self, name: str = "robot.kubeconfig") -> FileDestination:
        return FileDestination(str(self.folder / name))

    def secret(self, name: str = "robot-credential") -> SecretDestination:
        return SecretDestination(self.name, self.namespace, name)

    def secret_address(self, name: str = "robot-credential") -> Address:
        return Address(CredentialKind.SECRET, self.name, self.namespace, name)

    def spec(self, *destinations: Destination, **fields: Any) -> IssueSpec:
        given: dict[str, Any] = {
            "identity": self.identity(),
            "destinations": destinations or (self.file(),),
            "create_account": True,
        }
        return IssueSpec(**given | fields)

    def forget(self) -> None:
        """The ten seconds are over in which the embedded server remembers a token that it has accepted."""
        assert self.fleet is not None

        async def work(fleet: Any) -> None:
            fleet.cluster(self.name).authenticator.forget()

        self.fleet.call(work)

    @contextmanager
    def fault(self, rule: FaultRule) -> Iterator[None]:
        """A rule on this cluster for as long as the block lasts."""
        assert self.fleet is not None

        async def put(fleet: Any) -> None:
            fleet.cluster(self.name).faults.add(rule)

        async def take(fleet: Any) -> None:
            fleet.cluster(self.name).faults.remove(rule)

        self.fleet.call(put)
        try:
            yield
        finally:
            self.fleet.call(take)


class Bench:
    """An engine on an arena, with the operator's own client to look around with."""

    def __init__(self, arena: Arena, *, state: str = "state", patience: float = 5, **engine: Any) -> None:
        self.arena = arena
        self.clusters = KubeconfigClusters(str(arena.kubeconfig), timeouts=Timeouts(connect=2, read=patience))
        self.state = StateStore.open(arena.folder / state)
        given: dict[str, Any] = {"grace": timedelta(0), "owner": "tests"}
        self.engine = Engine(self.clusters, self.state, **given | engine)

    async def __aenter__(self) -> Self:
        self.client = await self.clusters.client(self.arena.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.aclose()
        await self.clusters.aclose()
        self.state.close()

    async def issue(self, spec: IssueSpec, **words: bool) -> Any:
        """Issue, and insist that it worked."""
        outcome = await self.engine.execute(await self.engine.plan(spec, **words))
        assert outcome.ok, outcome
        return outcome

    async def rotate(self, address: Address) -> Any:
        """Rotate and let the grace end, and insist that it worked."""
        outcome = await self.engine.execute(await self.engine.plan_rotate(address))
        assert outcome.ok, outcome
        await self.engine.settle()
        return outcome

    async def handles(self) -> list[str]:
        """The names of all handles in the namespace."""
        found = await self.client.list(
            SECRETS, namespace=self.arena.namespace, metadata_only=True, labels=f"{SELECTOR},kubemint.io/role=handle"
        )
        return sorted(item["metadata"]["name"] for item in found)

    async def secrets(self) -> list[str]:
        """The names of all Secrets that are not the token Secrets which old servers make by themselves."""
        found = await self.client.list(SECRETS, namespace=self.arena.namespace)
        return sorted(
            item["metadata"]["name"] for item in found if item["type"] != "kubernetes.io/service-account-token"
        )

    async def works(self, token: Sensitive) -> bool:
        """Whether the API server accepts the token right now, asked with the token itself."""
        async with Client(self.clusters.endpoint(self.arena.name).with_token(token)) as bearer:
            try:
                await bearer.get(SERVICE_ACCOUNTS, "default", namespace=self.arena.namespace)
            except Unauthorized:
                return False
            except KubeError:
                return True
            return True

    async def review(self, token: Sensitive, *audiences: str) -> dict[str, Any]:
        """The status of a TokenReview."""
        spec: dict[str, Any] = {"token": token} | ({"audiences": list(audiences)} if audiences else {})
        wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        answer: dict[str, Any] = await self.client.create(TOKEN_REVIEWS, wish)
        return dict(answer["status"])

    async def make_account(self, name: str = "robot", **metadata: Any) -> str:
        """A service account; its UID."""
        wish = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name} | metadata}
        made: dict[str, Any] = await self.client.create(SERVICE_ACCOUNTS, wish, namespace=self.arena.namespace)
        return str(made["metadata"]["uid"])


def token_in(path: str | Path) -> Sensitive:
    """The token in a kubeconfig file."""
    token = parse(Path(path).read_bytes()).endpoint().login.token
    assert token is not None
    return token


async def make_namespace(arena: Arena) -> None:
    """The arena's namespace, with its `default` account where a controller makes one."""
    async with KubeconfigClusters(str(arena.kubeconfig)) as clusters:
        client = await clusters.client(arena.name)
        wish = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": arena.namespace}}
        await client.create(NAMESPACES, wish)


def new_arena(side: str, kubeconfig: Path, name: str, folder: Path, fleet: FleetThread | None = None) -> Arena:
    """An arena in a fresh namespace."""
    arena = Arena(side, kubeconfig, name, folder, f"issuance-{next(_NUMBERS)}", fleet)
    asyncio.run(make_namespace(arena))
    return arena
