"""The API server by itself, over plain HTTP with open doors: streams, faults, discovery, shapes, custom kinds."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tui.demo.apiserver.access import ANONYMOUS, Admission, Attributes, Decision, UserInfo
from tui.demo.apiserver.server import ApiServer
from tui.demo.apiserver.status import StatusError, forbidden
from tui.demo.apiserver.storage import CONFIG_MAPS, DEFINITIONS, NAMESPACES, SERVICE_ACCOUNTS, Storage
from tui.demo.apiserver.wording import in_words_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MAPS = "/api/v1/namespaces/n/configmaps"
Client = TestClient[web.Request, web.Application]


class World:
    """A server, and the knobs that the tests turn."""

    def __init__(self, version: str = "v1.34.1") -> None:
        self.storage = Storage(lambda: NOW)
        self.storage.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
        self.effect: web.StreamResponse | int | None = None
        self.denied = ""
        self.server = ApiServer(
            storage=self.storage,
            version_info={"gitVersion": version},
            clock=lambda: NOW,
            authenticate=self.authenticate,
            authorize=lambda _user, wanted: Decision(wanted.verb != self.denied, "the test says so"),
            admit=(self.admit,),
            faults=self.trouble,
        )

    async def authenticate(self, request: web.Request) -> UserInfo | None:
        return None if "anonymous" in request.query else UserInfo("tester")

    async def trouble(
        self, _request: web.Request, _wanted: Attributes, _user: UserInfo | None
    ) -> web.StreamResponse | int | None:
        return self.effect

    def admit(self, review: Admission) -> None:
        if review.name == "unwanted":
            raise forbidden("", "configmaps", review.name, "nobody wants it")
        if review.obj is not None and review.kind.plural == "configmaps":
            review.obj["metadata"].setdefault("labels", {})["admitted"] = "yes"

    def add(self, name: str, **data: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "n"}
        return self.storage.create(
            CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(world.server.app)) as client:
        yield client


async def read(response: aiohttp.ClientResponse) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(await asyncio.wait_for(response.content.readline(), 5))
    return event


async def test_the_clock_of_the_cluster_is_in_the_date_header(client: Client) -> None:
    response = await client.get("/version")
    assert response.headers["Date"] == "Fri, 02 Jan 2026 03:04:05 GMT"


async def test_refusals_name_user_verb_and_place(client: Client, world: World) -> None:
    world.denied = "list"
    status = await (await client.get(MAPS)).json()
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert status["message"] == (
        'configmaps is forbidden: User "tester" cannot list resource "configmaps" in API group "" in the namespace "n"'
        ": the test says so"
    )
    world.denied = "get"
    status = await (await client.get("/metrics?anonymous")).json()
    assert status["message"] == (f'forbidden: User "{ANONYMOUS.username}" cannot get path "/metrics": the test says so')


async def test_admission_changes_and_refuses(client: Client) -> None:
    obj = await (await client.post(MAPS, json={"metadata": {"name": "a"}})).json()
    assert obj["metadata"]["labels"] == {"admitted": "yes"}
    status = await (await client.post(MAPS, json={"metadata": {"name": "unwanted"}})).json()
    assert (status["code"], status["message"]) == (403, 'configmaps "unwanted" is forbidden: nobody wants it')


async def test_a_watch_follows_and_marks_its_place(client: Client, world: World) -> None:
    world.server.resources.bookmark_every = 0.05
    world.add("first")
    async with client.get(MAPS, params={"watch": "1", "allowWatchBookmarks": "true"}) as response:
        assert (await read(response))["object"]["metadata"]["name"] == "first"
        second = world.add("second")
        event = await read(response)
        assert (event["type"], event["object"]["kind"]) == ("ADDED", "ConfigMap")
        bookmark = await read(response)
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
        assert bookmark["object"]["kind"] == "ConfigMap"


async def test_initial_events_end_with_a_bookmark(client: Client, world: World) -> None:
    world.add("first")
    query = {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
    }
    async with client.get(MAPS, params=query) as response:
        assert (await read(response))["type"] == "ADDED"
        bookmark = await read(response)
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_closing_ends_watches_cleanly(client: Client, world: World) -> None:
    async with client.get(MAPS, params={"watch": "1"}) as response:
        world.add("first")
        await read(response)
        await world.server.close()
        assert await asyncio.wait_for(response.content.read(), 5) == b""


async def test_watches_can_be_dropped(client: Client, world: World) -> None:
    async with client.get(MAPS, params={"watch": "1"}) as response:
        world.add("first")
        await read(response)
        assert world.server.drop_watches(lambda request: "serviceaccounts" in request.path) == 0
        assert world.server.drop_watches() == 1
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(response.content.read(), 5)


async def test_a_client_that_leaves_is_forgotten(client: Client, world: World) -> None:
    response = await client.get(MAPS, params={"watch": "1"})
    world.add("first")
    await read(response)
    response.close()
    for index in range(100):
        world.add(f"more-{index}")
        await asyncio.sleep(0.01)
        if world.server.drop_watches() == 0:
            return
    pytest.fail("the watch outlived its client")


async def test_answers_can_be_cut(client: Client, world: World) -> None:
    world.add("first")
    world.effect = 10
    response = await client.get(MAPS)
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()
    response = await client.get(MAPS, params={"watch": "1"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await asyncio.wait_for(response.read(), 5)


async def test_a_fault_may_answer_instead(client: Client, world: World) -> None:
    world.effect = web.Response(status=503, text="down")
    assert (await client.get(MAPS)).status == 503


async def test_tables_of_a_watch_declare_their_columns_once(client: Client, world: World) -> None:
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    async with client.get(MAPS, params={"watch": "1"}, headers=accept) as response:
        world.add("first", a="1")
        world.add("second")
        first, second = await read(response), await read(response)
    assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert first["object"]["rows"][0]["cells"] == ["first", 1, "0s"]
    assert second["object"]["columnDefinitions"] == []
    assert second["object"]["rows"][0]["object"]["metadata"]["name"] == "second"


async def test_rows_can_carry_whole_objects_or_none(client: Client, world: World) -> None:
    world.add("first", a="1")
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    table = await (await client.get(f"{MAPS}/first", params={"includeObject": "Object"}, headers=accept)).json()
    assert table["rows"][0]["object"]["data"] == {"a": "1"}
    table = await (await client.get(MAPS, params={"includeObject": "None"}, headers=accept)).json()
    assert table["rows"][0]["object"] is None


async def test_yaml_where_it_is_asked_for(client: Client, world: World) -> None:
    world.add("first", a="1")
    response = await client.get(f"{MAPS}/first", headers={"Accept": "application/yaml"})
    assert response.content_type == "application/yaml"
    assert yaml.safe_load(await response.text())["data"] == {"a": "1"}


@pytest.mark.parametrize(
    ("mode", "status", "warned"), [("Strict", 400, False), ("Warn", 201, True), ("Ignore", 201, False)]
)
async def test_unknown_fields(client: Client, mode: str, status: int, warned: bool) -> None:
    body = {"metadata": {"name": "a"}, "bogus": 1}
    response = await client.post(MAPS, json=body, params={"fieldValidation": mode})
    assert response.status == status
    assert ("Warning" in response.headers) is warned
    if status == 400:
        assert 'unknown field "bogus"' in (await response.json())["message"]


async def test_old_servers_know_no_field_validation() -> None:
    async with TestClient(TestServer(World("v1.20.2").server.app)) as client:
        body = {"metadata": {"name": "a"}, "bogus": 1}
        response = await client.post(MAPS, json=body, params={"fieldValidation": "Strict"})
        assert response.status == 201
        assert "Warning" not in response.headers


async def test_k07_old_servers_drop_token_requests() -> None:
    body = {"metadata": {"name": "csi.x"}, "spec": {"tokenRequests": [{"audience": "gcp"}], "requiresRepublish": True}}
    async with TestClient(TestServer(World("v1.20.2").server.app)) as client:
        obj = await (await client.post("/apis/storage.k8s.io/v1/csidrivers", json=body)).json()
        assert not {"tokenRequests", "requiresRepublish"} & obj["spec"].keys()
    async with TestClient(TestServer(World().server.app)) as client:
        obj = await (await client.post("/apis/storage.k8s.io/v1/csidrivers", json=body)).json()
        assert obj["spec"]["tokenRequests"] == [{"audience": "gcp"}]


@pytest.mark.parametrize(
    ("requests", "problem"),
    [
        ([{"audience": "a"}, {"audience": "a"}], 'spec.tokenRequests[1].audience: Duplicate value: "a"'),
        ([{"expirationSeconds": 10}], "may not specify a duration less than 10 minutes"),
        ([{"expirationSeconds": 2**32 + 1}], "may not specify a duration larger than 2^32 seconds"),
        ([{"audience": ""}], ""),
        ([{"audience": ""}, {"audience": "gcp"}, {"audience": "aws"}], ""),
    ],
)
async def test_k05_token_requests_of_a_driver(client: Client, requests: list[Any], problem: str) -> None:
    body = {"metadata": {"name": "csi.x"}, "spec": {"tokenRequests": requests}}
    response = await client.post("/apis/storage.k8s.io/v1/csidrivers", json=body)
    assert response.status == (422 if problem else 201)
    assert problem in (await response.json()).get("message", "")


async def test_aggregated_discovery(client: Client) -> None:
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"}
    response = await client.get("/apis", headers=accept)
    assert response.headers["Content-Type"] == accept["Accept"].split(",")[0]
    groups = {group["metadata"]["name"]: group for group in (await response.json())["items"]}
    (version,) = groups["rbac.authorization.k8s.io"]["versions"]
    assert [resource["resource"] for resource in version["resources"]] == [
        "clusterrolebindings",
        "clusterroles",
        "rolebindings",
        "roles",
    ]
    core = await (await client.get("/api", headers=accept)).json()
    secrets = next(r for r in core["items"][0]["versions"][0]["resources"] if r["resource"] == "secrets")
    assert secrets["responseKind"] == {"group": "", "version": "v1", "kind": "Secret"}


def definition(served: bool = True) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    version = {"name": "v1", "served": served, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.x.io"},
        "spec": {
            "group": "x.io",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version],
        },
    }


async def test_a_definition_in_the_storage_is_served(client: Client, world: World) -> None:
    things = "/apis/x.io/v1/namespaces/n/things"
    assert (await client.get(things)).status == 404
    world.storage.create(DEFINITIONS, definition())
    await asyncio.sleep(0)
    stored = world.storage.get(DEFINITIONS, "things.x.io")
    assert stored is not None
    assert {c["type"]: c["status"] for c in stored["status"]["conditions"]}["Established"] == "True"
    body = {"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"size": 1}}
    assert (await client.post(things, json=body)).status == 201
    document = await (await client.get("/openapi/v3/apis/x.io/v1")).json()
    assert "io.x.v1.Thing" in document["components"]["schemas"]
    world.storage.delete(DEFINITIONS, "things.x.io")
    assert (await client.get(things)).status == 404
    assert world.storage.list(("x.io", "things")) == []


async def test_a_version_that_is_served_no_longer_goes(client: Client, world: World) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await client.post(path, json=definition())).status == 201
    assert (await client.get("/apis/x.io/v1/things")).status == 200
    patch = {"spec": {"versions": definition(served=False)["spec"]["versions"]}}
    headers = {"Content-Type": "application/merge-patch+json"}
    assert (await client.patch(f"{path}/things.x.io", data=json.dumps(patch), headers=headers)).status == 200
    assert (await client.get("/apis/x.io/v1/things")).status == 404


async def test_versions_of_a_kind_share_their_objects(client: Client, world: World) -> None:
    both = definition()
    beta = {**both["spec"]["versions"][0], "name": "v1beta1", "storage": False}
    both["spec"]["versions"].append(beta)
    both["spec"]["scope"] = "Cluster"
    world.storage.create(DEFINITIONS, both)
    await asyncio.sleep(0)
    body = {"apiVersion": "x.io/v1beta1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"size": 1, "no": 2}}
    created = await (await client.post("/apis/x.io/v1beta1/things", json=body)).json()
    assert (created["apiVersion"], created["spec"]) == ("x.io/v1beta1", {"size": 1})
    stored = world.storage.get(("x.io", "things"), "t")
    assert stored is not None
    assert stored["apiVersion"] == "x.io/v1"
    assert (await (await client.get("/apis/x.io/v1/things/t")).json())["apiVersion"] == "x.io/v1"
    listed = await (await client.get("/apis/x.io/v1beta1/things")).json()
    assert [item["apiVersion"] for item in listed["items"]] == ["x.io/v1beta1"]
    headers = {"Content-Type": "application/merge-patch+json"}
    patch = {"spec": {"size": 2}}
    patched = await (await client.patch("/apis/x.io/v1beta1/things/t", data=json.dumps(patch), headers=headers)).json()
    assert (patched["apiVersion"], patched["metadata"]["generation"]) == ("x.io/v1beta1", 2)
    before = world.storage.version
    await client.patch("/apis/x.io/v1beta1/things/t", data=json.dumps(patch), headers=headers)
    assert world.storage.version == before, "the same again is no write"
    group = await (await client.get("/apis/x.io")).json()
    assert [v["version"] for v in group["versions"]] == ["v1", "v1beta1"]


async def test_ten_thousand_objects_are_listed_quickly(client: Client, world: World) -> None:
    for index in range(10_000):
        world.storage.create(
            SERVICE_ACCOUNTS,
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": f"a{index}", "namespace": "n"}},
        )
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    start = time.perf_counter()
    body = await (await client.get("/api/v1/serviceaccounts", headers=accept)).read()
    assert time.perf_counter() - start < 10, "it takes some 0.05 s; a slow machine is no reason to fail"
    assert len(json.loads(body)["items"]) == 10_000


@pytest.mark.parametrize(
    ("version", "long", "columns"),
    [
        ("v1.32.4", "must be no more than 63 characters", ["Name", "Secrets", "Age"]),
        ("v1.34.1", "must be no more than 63 bytes", ["Name", "Secrets", "Age"]),
        ("v1.36.2", "must be no more than 63 bytes", ["Name", "Age"]),
    ],
)
async def test_a_server_speaks_as_those_of_its_age(version: str, long: str, columns: list[str]) -> None:
    world = World(version)
    async with TestClient(TestServer(world.server.app)) as client:
        body = {"metadata": {"name": "a", "labels": {"k": "x" * 64}}}
        status = await (await client.post(MAPS, json=body)).json()
        assert long in status["message"]
        assert long in status["details"]["causes"][0]["message"]
        accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        table = await (await client.get("/api/v1/namespaces/n/serviceaccounts", headers=accept)).json()
        assert [column["name"] for column in table["columnDefinitions"]] == columns


@pytest.mark.parametrize(("minor", "zero"), [(34, "0x0"), (35, "0")])
def test_words_that_changed_stay_as_they_were_for_older_servers(minor: int, zero: str) -> None:
    error = StatusError(422, "Invalid", "Invalid value: 0: must be specified for an update", {"name": "x"})
    assert in_words_of(minor, error).message == f"Invalid value: {zero}: must be specified for an update"
    assert in_words_of(minor, error).details == {"name": "x"}
