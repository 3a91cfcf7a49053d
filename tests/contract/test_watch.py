"""Watches: where they begin, what they say, and how they end."""

from __future__ import annotations

import time

from tests.contract.objects import configmap, configmaps, secret, secrets, widget, widgets
from tests.contract.server import Server


def version_of(server: Server, ns: str) -> str:
    return str(server.admin.get(configmaps(ns)).expect(200)["metadata"]["resourceVersion"])


def test_changes_after_a_list(server: Server, ns: str) -> None:
    with server.admin.watch(secrets(ns), resourceVersion=version_of(server, ns)) as events:
        created = server.admin.post(secrets(ns), secret("a")).expect(201)
        server.admin.patch(secrets(ns, "a"), {"metadata": {"labels": {"x": "y"}}}).expect(200)
        server.admin.delete(secrets(ns, "a")).expect(200)
        added = events.until("ADDED", name="a")
        assert added["object"] == created
        modified = events.until("MODIFIED", name="a")
        assert modified["object"]["metadata"]["labels"] == {"x": "y"}
        deleted = events.until("DELETED", name="a")
        assert deleted["object"]["metadata"]["uid"] == created["metadata"]["uid"]
        versions = [int(e["object"]["metadata"]["resourceVersion"]) for e in (added, modified, deleted)]
        assert versions[0] < versions[1] < versions[2]


def test_resume_from_an_event(server: Server, ns: str) -> None:
    first = server.admin.post(configmaps(ns), configmap("a")).expect(201)["metadata"]["resourceVersion"]
    server.admin.post(configmaps(ns), configmap("b")).expect(201)
    with server.admin.watch(configmaps(ns), resourceVersion=first, labelSelector="!root") as events:
        names = [events.until("ADDED", name="b")["object"]["metadata"]["name"]]
        server.admin.post(configmaps(ns), configmap("c")).expect(201)
        names.append(events.until("ADDED", name="c")["object"]["metadata"]["name"])
    assert names == ["b", "c"]


def test_without_a_version_the_present_comes_first(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("a", type="example.org/x")).expect(201)
    with server.admin.watch(secrets(ns), fieldSelector="type=example.org/x") as events:
        event = events.next()
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "a")


def test_one_object_by_name(server: Server, ns: str) -> None:
    version = version_of(server, ns)
    with server.admin.watch(configmaps(ns), resourceVersion=version, fieldSelector="metadata.name=b") as events:
        server.admin.post(configmaps(ns), configmap("a")).expect(201)
        server.admin.post(configmaps(ns), configmap("b")).expect(201)
        assert events.next()["object"]["metadata"]["name"] == "b"


def test_objects_enter_and_leave_a_selector(server: Server, ns: str) -> None:
    version = version_of(server, ns)
    with server.admin.watch(configmaps(ns), resourceVersion=version, labelSelector="in=yes") as events:
        server.admin.post(configmaps(ns), configmap("a")).expect(201)
        path = configmaps(ns, "a")
        server.admin.patch(path, {"metadata": {"labels": {"in": "yes"}}}).expect(200)
        server.admin.patch(path, {"data": {"k": "v"}}).expect(200)
        server.admin.patch(path, {"metadata": {"labels": {"in": "no"}}}).expect(200)
        server.admin.patch(path, {"data": {"k": "w"}}).expect(200)
        server.admin.post(configmaps(ns), configmap("z", labels={"in": "yes"})).expect(201)
        seen = [events.next() for _ in range(4)]
    types = [(event["type"], event["object"]["metadata"]["name"]) for event in seen]
    assert types == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "z")]


def test_bookmarks(server: Server, ns: str) -> None:
    version = version_of(server, ns)
    # one comes each minute and about two seconds before the end, if anything of the kind changed anywhere
    path, ends = configmaps(ns), 3
    with server.admin.watch(path, resourceVersion=version, allowWatchBookmarks=True, timeoutSeconds=ends) as events:
        server.admin.post(configmaps("default"), {"metadata": {"generateName": "elsewhere-"}}).expect(201)
        last = events.until("BOOKMARK")
    assert (last["object"]["kind"], last["object"]["apiVersion"]) == ("ConfigMap", "v1")
    assert int(last["object"]["metadata"]["resourceVersion"]) > int(version)
    assert "name" not in last["object"]["metadata"]


def test_no_bookmarks_unasked(server: Server, ns: str) -> None:
    with server.admin.watch(secrets(ns), resourceVersion=version_of(server, ns), timeoutSeconds=1) as events:
        assert all(event["type"] != "BOOKMARK" for event in events.rest())


def test_timeout_ends_a_watch_cleanly(server: Server, ns: str) -> None:
    start = time.monotonic()
    with server.admin.watch(secrets(ns), resourceVersion=version_of(server, ns), timeoutSeconds=1) as events:
        events.rest()
    assert 0.5 < time.monotonic() - start < 20


def test_version_that_is_too_old(server: Server, widget_api: str, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a")).expect(201)
    server.forget_history()
    with server.admin.watch(widgets(ns), resourceVersion="1") as events:
        assert events.status == 200
        event = events.next()
    assert event["type"] == "ERROR"
    status = event["object"]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")


def test_broken_version(server: Server, ns: str) -> None:
    answer = server.admin.get(configmaps(ns), watch=True, resourceVersion="nope")
    assert answer.status in (400, 422, 500)
    assert 'Invalid value: "nope"' in answer.body["message"]
