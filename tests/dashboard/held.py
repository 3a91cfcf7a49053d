"""What the embedded clusters really hold, past every screen: objects, handles, and which tokens are accepted."""

from __future__ import annotations

import base64
from typing import Any

from tests.dashboard.conftest import Driver
from tui.demo.apiserver.access import Object
from tui.demo.apiserver.storage import SECRETS, Collection
from tui.kube.client import Client
from tui.kube.errors import Forbidden, Unauthorized
from tui.kube.kubeconfig import load
from tui.kube.resource import SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive


def held(driver: Driver, cluster: str, collection: Collection, name: str, namespace: str = "") -> Object | None:
    """One object as it is stored, or nothing."""

    async def look(fleet: Any) -> Object | None:
        found: Object | None = fleet.cluster(cluster).storage.get(collection, name, namespace)
        return found

    return driver.demo.call(look)


def handles(driver: Driver, cluster: str, namespace: str) -> set[str]:
    """The names of the handles that tokens of a namespace are bound to."""

    async def look(fleet: Any) -> set[str]:
        found = fleet.cluster(cluster).storage.list(SECRETS, namespace)
        marked = (obj["metadata"] for obj in found)
        return {meta["name"] for meta in marked if (meta.get("labels") or {}).get("kubemint.io/role") == "handle"}

    return driver.demo.call(look)


async def accepted(driver: Driver, cluster: str, token: str) -> bool:
    """Whether the API server lets this token in right now, its ten seconds of remembering left aside."""

    async def forget(fleet: Any) -> None:
        fleet.cluster(cluster).authenticator.forget()

    driver.demo.call(forget)
    endpoint = load(str(driver.demo.kubeconfig)).endpoint(cluster)
    async with Client(endpoint.with_token(Sensitive(token))) as bearer:
        try:
            await bearer.get(SERVICE_ACCOUNTS, "default", namespace="default")
        except Unauthorized:
            return False
        except Forbidden:
            return True
        return True


def decoded(secret: Object | None, key: str) -> str:
    """One value of a Secret's data."""
    assert secret is not None
    return base64.b64decode(secret["data"][key]).decode()
