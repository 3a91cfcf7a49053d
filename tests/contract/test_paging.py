"""Lists in pages: limit, continue, what remains, and tokens that are too old."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import eventually
from tests.contract.objects import configmap, configmaps
from tests.contract.server import Server


@pytest.fixture(scope="module")
def filled(server: Server) -> str:
    """A namespace with the ConfigMaps `page-00` to `page-09`."""
    ns = server.new_namespace("paged")
    for number in range(10):
        server.admin.post(configmaps(ns), configmap(f"page-{number:02}", labels={"page": "yes"})).expect(201)
    if server.has_controllers:  # which put one more there, and must not do so between two lists
        eventually(lambda: server.found(configmaps(ns, "kube-root-ca.crt")), "the root CA is published")
    return ns


def names(body: Any) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"] if item["metadata"]["name"] != "kube-root-ca.crt"]


def test_pages(server: Server, filled: str) -> None:
    found: list[str] = []
    params: dict[str, str] = {}
    versions = set()
    while True:
        body = server.admin.get(configmaps(filled), limit=4, **params).expect(200)
        found += names(body)
        versions.add(body["metadata"]["resourceVersion"])
        assert len(body["items"]) <= 4
        if not body["metadata"].get("continue"):
            break
        params["continue"] = body["metadata"]["continue"]
    assert found == [f"page-{number:02}" for number in range(10)]
    assert len(versions) == 1  # every page shows the same moment


def test_remaining_count(server: Server, filled: str) -> None:
    total = len(server.admin.get(configmaps(filled)).expect(200)["items"])
    metadata = server.admin.get(configmaps(filled), limit=4).expect(200)["metadata"]
    assert metadata["remainingItemCount"] == total - 4
    second = server.admin.get(configmaps(filled), limit=4, **{"continue": metadata["continue"]}).expect(200)["metadata"]
    assert second["remainingItemCount"] == total - 8


def test_selected_pages_do_not_count(server: Server, filled: str) -> None:
    body = server.admin.get(configmaps(filled), limit=4, labelSelector="page=yes").expect(200)
    assert names(body) == ["page-00", "page-01", "page-02", "page-03"]
    assert body["metadata"]["continue"]
    assert "remainingItemCount" not in body["metadata"]


def test_last_page_has_no_token(server: Server, filled: str) -> None:
    metadata = server.admin.get(configmaps(filled), limit=500).expect(200)["metadata"]
    assert "continue" not in metadata
    assert "remainingItemCount" not in metadata


def test_pages_do_not_see_what_came_later(server: Server) -> None:
    ns = server.new_namespace("paged")
    for number in range(4):
        server.admin.post(configmaps(ns), configmap(f"a-{number}")).expect(201)
    first = server.admin.get(configmaps(ns), limit=2).expect(200)
    server.admin.post(configmaps(ns), configmap("a-9")).expect(201)
    server.admin.delete(configmaps(ns, "a-3")).expect(200)
    rest = server.admin.get(configmaps(ns), **{"continue": first["metadata"]["continue"]}).expect(200)
    assert names(first) + names(rest) == ["a-0", "a-1", "a-2", "a-3"]


def test_broken_continue_token(server: Server, filled: str) -> None:
    answer = server.admin.get(configmaps(filled), limit=2, **{"continue": "broken!"})
    answer.fails(400, "BadRequest", "continue key is not valid")


def test_continue_refuses_a_resource_version(server: Server, filled: str) -> None:
    token = server.admin.get(configmaps(filled), limit=2).expect(200)["metadata"]["continue"]
    answer = server.admin.get(configmaps(filled), limit=2, resourceVersion="5", **{"continue": token})
    assert answer.status in (400, 422), answer.content


def test_resource_version_zero_is_allowed(server: Server, filled: str) -> None:
    body = server.admin.get(configmaps(filled), resourceVersion="0").expect(200)
    assert set(names(body)) == {f"page-{number:02}" for number in range(10)}


def test_future_resource_version(server: Server, filled: str) -> None:
    version = int(server.admin.get(configmaps(filled)).expect(200)["metadata"]["resourceVersion"])
    answer = server.admin.get(configmaps(filled), resourceVersion=str(version + 100000), timeoutSeconds=1)
    assert answer.status == 504
    assert "Too large resource version" in answer.body["message"]


def test_continue_token_of_forgotten_history(server: Server, filled: str) -> None:
    body = server.admin.get(configmaps(filled), limit=4).expect(200)
    server.admin.post(configmaps(filled), configmap("page-xx")).expect(201)
    server.admin.delete(configmaps(filled, "page-xx")).expect(200)
    server.forget_history()
    answer = server.admin.get(configmaps(filled), limit=4, **{"continue": body["metadata"]["continue"]})
    if server.has("snapshots"):
        read = [*names(body), *names(answer.expect(200))]
        assert read == [f"page-{number:02}" for number in range(len(read))]
        assert len(read) > 4
        return
    status = answer.fails(
        410, "Expired", "The provided continue parameter is too old to display a consistent list result"
    )
    token = status["metadata"]["continue"]
    body = server.admin.get(configmaps(filled), limit=500, **{"continue": token}).expect(200)
    assert "page-09" in names(body)
    assert "page-00" not in names(body)
