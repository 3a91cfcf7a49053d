"""Lists in pages, and what a server says that it has."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.kube.server import FakeServer, gives, listing, refuses
from tui.kube.client import Client
from tui.kube.errors import Gone
from tui.kube.resource import CONFIG_MAPS, SECRETS


async def test_pages_small_first_then_large(server: FakeServer, client: Client) -> None:
    server.says(gives(listing("a", more="c1+/=")), gives(listing("b", more="c2")), gives(listing("c")))
    pages = [page async for page in client.pages(SECRETS, namespace="ci", labels="a=b,c!=d", fields="type=x")]
    assert [[item["metadata"]["name"] for item in page.items] for page in pages] == [["a"], ["b"], ["c"]]
    assert [page.more for page in pages] == [True, True, False]
    assert pages[-1].resource_version == "10"
    queries = [dict(request.query) for request in server.requests]
    assert [query["limit"] for query in queries] == ["500", "5000", "5000"]
    assert [query.get("continue") for query in queries] == [None, "c1+/=", "c2"]
    assert all(query["labelSelector"] == "a=b,c!=d" and query["fieldSelector"] == "type=x" for query in queries)


async def test_410_in_the_middle_of_a_list_starts_it_over(server: FakeServer, client: Client) -> None:
    server.says(gives(listing("a", more="old")), refuses(410, "Expired"), gives(listing("b", "c")))
    pages = [page async for page in client.pages(SECRETS)]
    assert [page.restarted for page in pages] == [False, True]
    assert "limit" not in server.requests[2].query
    assert "continue" not in server.requests[2].query
    server.says(gives(listing("a", more="old")), refuses(410, "Expired"), gives(listing("b", "c")))
    assert [item["metadata"]["name"] for item in await client.list(SECRETS)] == ["b", "c"]
    server.says(refuses(410, "Expired"))
    with pytest.raises(Gone):
        await client.list(SECRETS)


async def test_lists_of_old_servers_may_have_null_items(server: FakeServer, client: Client) -> None:
    server.says(gives({"metadata": {"resourceVersion": "1"}, "items": None}))
    assert await client.list(CONFIG_MAPS) == []


async def test_lists_decode_into_the_type_that_is_asked_for(server: FakeServer, client: Client) -> None:
    server.says(gives(listing("a", "b")))
    assert [item.metadata.name for item in await client.list(SECRETS, metadata_only=True, type=Named)] == ["a", "b"]
    assert "PartialObjectMetadataList" in server.requests[0].headers["Accept"]


class Meta(msgspec.Struct):
    name: str


class Named(msgspec.Struct):
    metadata: Meta


DISCOVERY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"resources": [{"name": "secrets", "kind": "Secret", "namespaced": True}, {"name": "secrets/status"}]},
    "/apis": {
        "groups": [
            {
                "name": "apps",
                "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                "preferredVersion": {"version": "v1"},
            },
            {"name": "down.example", "versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}},
            {"name": "empty.example", "versions": [{"version": "v1"}]},
        ]
    },
    "/apis/apps/v1": {"resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True}]},
    "/apis/apps/v1beta1": {
        "resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": True},
            {"name": "relics", "kind": "Relic", "namespaced": False},
        ]
    },
    "/apis/empty.example/v1": {"resources": None},
}


async def discovery(request: web.Request) -> web.StreamResponse:
    known = DISCOVERY.get(request.path)
    return await (gives(known) if known is not None else refuses(503, "ServiceUnavailable", "its server is down"))(
        request
    )


async def test_discovery(server: FakeServer, client: Client) -> None:
    server.says(discovery)
    found = await client.discover()
    assert found.serves("", "secrets")
    assert found.serves("apps", "deployments", "v1beta1")
    assert not found.serves("apps", "deployments", "v2")
    assert not found.serves("apps", "nothing")
    assert found.version_of("apps", "deployments") == "v1"
    assert found.version_of("apps", "relics") == "v1beta1"
    assert found.version_of("none", "none") is None
    relics = found.resource("apps", "relics")
    assert relics is not None
    assert (relics.kind, relics.namespaced, relics.path()) == ("Relic", False, "/apis/apps/v1beta1/relics")
    assert found.failed == {"down.example/v1": "its server is down"}


async def test_discovery_of_some_groups_asks_only_for_them(server: FakeServer, client: Client) -> None:
    server.says(discovery)
    found = await client.discover(("apps",))
    assert found.serves("apps", "deployments")
    assert found.versions["down.example"] == ("v1",)
    assert sorted(request.path for request in server.requests) == [
        "/api",
        "/apis",
        "/apis/apps/v1",
        "/apis/apps/v1beta1",
    ]
