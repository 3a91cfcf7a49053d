"""A management cluster with one tenant, as Cluster API leaves them: what tests of tenants start from."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import Any

import yaml

from tests.issuance.arena import Arena, Bench
from tui.issuance.families.tenants.wish import TenantPush
from tui.issuance.model.types import Identity
from tui.issuance.objects.capi import CLUSTER_LABEL, SECRET_TYPE
from tui.kube.client import Client
from tui.kube.resource import NAMESPACES, SECRETS

_NUMBERS = itertools.count(1)


class Tenancy(Bench):
    """An engine on the arena's cluster, which manages `tenant`; `box` is a fresh namespace in there."""

    def __init__(self, arena: Arena, tenant: str, **engine: Any) -> None:
        super().__init__(arena, **engine)
        self.tenant = tenant
        self.box = f"box-{arena.namespace}-{next(_NUMBERS)}"

    async def __aenter__(self) -> Tenancy:
        await super().__aenter__()
        self.there: Client = await self.clusters.client(self.tenant)
        await self.there.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.box}})
        await self.client.create(SECRETS, self.cluster_secret(), namespace=self.arena.namespace)
        return self

    def cluster_secret(self, name: str = "", **changes: Any) -> dict[str, Any]:
        """Cluster API's Secret for the tenant."""
        name = name or self.tenant
        value = base64.b64encode(one_context(self.arena.kubeconfig, self.tenant)).decode()
        metadata = {"name": f"{name}-kubeconfig", "labels": {CLUSTER_LABEL: name}}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": SECRET_TYPE}
        return secret | {"data": {"value": value}} | changes

    def wish(self, **changes: Any) -> TenantPush:
        given: dict[str, Any] = {
            "identity": Identity(self.arena.name, self.arena.namespace, "robot"),
            "namespace": self.arena.namespace,
            "cluster": self.tenant,
            "tenant": self.tenant,
            "remote_namespace": self.box,
            "create_account": True,
        }
        return TenantPush(**given | changes)

    async def push(self, **changes: Any) -> Any:
        return await self.engine.execute(await self.engine.plan(self.wish(**changes)))

    async def pushed(self, namespace: str = "", name: str = "management-serviceaccount-token") -> dict[str, Any]:
        """The Secret in the tenant."""
        found: dict[str, Any] = await self.there.get(SECRETS, name, namespace=namespace or self.box)
        return found


def one_context(path: Path, context: str) -> bytes:
    """A kubeconfig with that context alone, as Cluster API makes it."""
    config = yaml.safe_load(path.read_bytes())
    chosen = next(one for one in config["contexts"] if one["name"] == context)
    wanted = {"clusters": chosen["context"]["cluster"], "users": chosen["context"]["user"], "contexts": context}
    kept = {kind: [one for one in config[kind] if one["name"] == name] for kind, name in wanted.items()}
    for one in kept["clusters"]:
        inline(one["cluster"], "certificate-authority", path.parent)
    for one in kept["users"]:
        inline(one["user"], "client-certificate", path.parent)
        inline(one["user"], "client-key", path.parent)
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **kept, "current-context": context}).encode()


def inline(entry: dict[str, Any], key: str, folder: Path) -> None:
    if key in entry:
        entry[f"{key}-data"] = base64.b64encode((folder / entry.pop(key)).read_bytes()).decode()


def decoded(secret: dict[str, Any], key: str) -> str:
    return base64.b64decode(secret["data"][key]).decode()
