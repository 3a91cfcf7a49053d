"""What the tests of the fleet say again and again."""

from __future__ import annotations

from tui.fleet.fleet import Fleet
from tui.fleet.rows import Reach
from tui.issuance.model.types import Identity
from tui.issuance.objects import managed
from tui.kube.client import Client
from tui.kube.resource import SERVICE_ACCOUNTS


def reach(fleet: Fleet, name: str) -> Reach:
    return fleet.store.clusters[name].reach


def has_account(fleet: Fleet, name: str, cluster: str = "harbor") -> bool:
    return str(Identity(cluster, "default", name)) in fleet.store.accounts


async def create_account(client: Client, name: str) -> None:
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": name}}, namespace="default")


def managed_secret(name: str, expires: str = "2030-01-01T01:00:00Z") -> dict[str, object]:
    return {
        "metadata": {
            "name": name,
            "labels": {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "credential"},
            "annotations": {
                managed.ACCOUNT: "default/robot",
                managed.FORMAT: "kubeconfig",
                managed.REQUESTED: "1h",
                managed.GRANTED: "1h",
                managed.ISSUED: "2030-01-01T00:00:00Z",
                managed.EXPIRES: expires,
            },
        }
    }
