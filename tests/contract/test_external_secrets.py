"""External Secrets' definitions, our own and the real ones, and the objects that kubemint writes for them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.contract.server import Server
from tui.demo.operators.eso import definitions
from tui.issuance.model.types import Push
from tui.issuance.objects.external_secrets import (
    CLUSTER_STORES,
    EXTERNAL_SECRETS,
    STORES,
    external_secret,
    push_secret,
    secret_store,
    tenant_store,
)
from tui.kube.resource import Resource

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "crds"
ROOT = "/apis/external-secrets.io"
PUSH = Push("tenant-a-robot", "tenant-a", "tenant-a", "kube-system", "management-serviceaccount-token")


@pytest.fixture(scope="session", params=["own", "published"])
def operator(request: pytest.FixtureRequest, server: Server, other_server: Server) -> Server:
    """A cluster with the definitions: those of the embedded fleet, or those that External Secrets publishes."""
    if request.param == "own":
        for definition in definitions(served(server, STORES) or "v1"):  # the demo has the old one in its old cluster
            server.define(definition)
        return server
    files = sorted(PUBLISHED.glob("external-secrets.io_*.yaml"))
    if not files:
        pytest.skip(f"no published definitions in {PUBLISHED}")
    for file in files:
        if server.side == "real" and "_externalsecrets" in file.name:
            continue  # 1.20 refuses this one: its defaults are newer than that server's rules
        other_server.define(yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader))
    return other_server


def served(operator: Server, resource: Resource) -> str | None:
    """The version that it serves this in, as kubemint chooses it: the group's preferred one; None where none is."""
    found = operator.admin.get(ROOT)
    if found.status == 404:
        return None
    group = found.expect(200)
    for version in (group["preferredVersion"], *group["versions"]):
        resources = operator.admin.get(f"/apis/{version['groupVersion']}").expect(200)["resources"]
        if resource.plural in [one["name"] for one in resources]:
            return str(version["version"])
    return None


def found_in(operator: Server, resource: Resource) -> Resource:
    version = served(operator, resource)
    assert version is not None, f"{resource.name} is not served"
    return msgspec.structs.replace(resource, version=version)


def test_secret_store(operator: Server) -> None:
    ns = operator.new_namespace("eso")
    stores = found_in(operator, STORES)
    accepted(operator, stores.path(ns), secret_store(stores, "a", ns, "https://a.example:6443"))


def test_push_secret(operator: Server) -> None:
    ns = operator.new_namespace("eso")
    accepted(operator, f"{ROOT}/v1alpha1/namespaces/{ns}/pushsecrets", push_secret(PUSH, ns, "source", "abc"))


def test_cluster_secret_store(operator: Server) -> None:
    ns = operator.new_namespace("eso")
    stores = found_in(operator, CLUSTER_STORES)
    store = tenant_store(stores, "https://a.example:6443", ns)
    store["metadata"]["name"] = ns
    accepted(operator, stores.path(), store)


def test_external_secret(operator: Server) -> None:
    ns = operator.new_namespace("eso")
    if served(operator, EXTERNAL_SECRETS) is None:
        pytest.skip("1.20 refuses the published definition of ExternalSecret")
    secrets = found_in(operator, EXTERNAL_SECRETS)
    accepted(operator, secrets.path(ns), external_secret(secrets, "settings", ns, timedelta(hours=1)))


def test_a_store_that_is_not_one_is_refused(operator: Server) -> None:
    ns = operator.new_namespace("eso")
    stores = found_in(operator, STORES)
    store = secret_store(stores, "a", ns, "https://a.example:6443")
    store["spec"]["provider"]["kubernetes"]["server"]["caProvider"]["type"] = "File"
    operator.admin.post(stores.path(ns), store).fails(422, "Invalid", "caProvider.type")


def accepted(operator: Server, path: str, body: Any) -> None:
    """It is created, and nothing of what kubemint says in it is pruned."""
    made = operator.admin.post(path, body).expect(201)
    assert holds(made["spec"], msgspec.to_builtins(body["spec"])), made["spec"]


def holds(found: Any, wanted: Any) -> bool:
    """Whether everything wanted is in what was found; servers fill in defaults beside it."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and holds(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(holds, found, wanted))
    return bool(found == wanted)
