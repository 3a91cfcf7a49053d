"""Create, read, replace, delete, and the metadata that the server keeps."""

from __future__ import annotations

import datetime
import re
import uuid

from tests.contract.objects import accounts, configmap, configmaps, secret, secrets
from tests.contract.server import Server


def test_create_fills_the_metadata(server: Server, ns: str) -> None:
    sent = configmap("a", {"k": "v"}, labels={"app": "x"}, annotations={"note": "y"})
    body = server.admin.post(configmaps(ns), sent).expect(201)
    metadata = body["metadata"]
    assert (body["kind"], body["apiVersion"], body["data"]) == ("ConfigMap", "v1", {"k": "v"})
    assert (metadata["name"], metadata["namespace"]) == ("a", ns)
    assert (metadata["labels"], metadata["annotations"]) == ({"app": "x"}, {"note": "y"})
    assert uuid.UUID(metadata["uid"]).version == 4
    assert int(metadata["resourceVersion"]) > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    created = datetime.datetime.fromisoformat(metadata["creationTimestamp"])
    assert abs(datetime.datetime.now(datetime.UTC) - created) < datetime.timedelta(seconds=10)
    assert "selfLink" not in metadata
    assert server.admin.get(configmaps(ns, "a")).expect(200) == body


def test_plain_objects_have_no_generation(server: Server, ns: str) -> None:
    assert "generation" not in server.admin.post(configmaps(ns), configmap("a")).expect(201)["metadata"]


def test_create_takes_its_identity_from_the_server(server: Server, ns: str) -> None:
    foreign = str(uuid.uuid4())
    sent = configmap(
        "a", uid=foreign, creationTimestamp="2001-01-01T00:00:00Z", deletionTimestamp="2001-01-01T00:00:00Z"
    )
    metadata = server.admin.post(configmaps(ns), sent).expect(201)["metadata"]
    assert metadata["uid"] != foreign
    assert not metadata["creationTimestamp"].startswith("2001")
    assert "deletionTimestamp" not in metadata


def test_create_without_kind(server: Server, ns: str) -> None:
    body = server.admin.post(configmaps(ns), {"metadata": {"name": "a"}}).expect(201)
    assert body["kind"] == "ConfigMap"


def test_generate_name(server: Server, ns: str) -> None:
    sent = {"metadata": {"generateName": "handle-"}}
    names = {server.admin.post(secrets(ns), sent).expect(201)["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    for name in names:
        assert re.fullmatch(r"handle-[bcdfghjklmnpqrstvwxz2456789]{5}", name)


def test_list_holds_items_without_kind(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), configmap("b")).expect(201)
    server.admin.post(configmaps(ns), configmap("a")).expect(201)
    body = server.admin.get(configmaps(ns)).expect(200)
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    names = [item["metadata"]["name"] for item in body["items"] if item["metadata"]["name"] != "kube-root-ca.crt"]
    assert names == ["a", "b"]
    assert all("kind" not in item and "apiVersion" not in item for item in body["items"])
    assert int(body["metadata"]["resourceVersion"]) > 0


def test_empty_list(server: Server, ns: str) -> None:
    body = server.admin.get(f"/api/v1/namespaces/{ns}/pods").expect(200)
    assert body["items"] == []


def test_list_over_all_namespaces(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("only-here")).expect(201)
    items = server.admin.get("/api/v1/secrets").expect(200)["items"]
    assert [i["metadata"]["namespace"] for i in items if i["metadata"]["name"] == "only-here"] == [ns]


def test_replace(server: Server, ns: str) -> None:
    body = server.admin.post(configmaps(ns), configmap("a", {"k": "1"})).expect(201)
    replaced = server.admin.put(configmaps(ns, "a"), {**body, "data": {"k": "2"}}).expect(200)
    assert replaced["data"] == {"k": "2"}
    assert replaced["metadata"]["uid"] == body["metadata"]["uid"]
    assert replaced["metadata"]["creationTimestamp"] == body["metadata"]["creationTimestamp"]
    assert int(replaced["metadata"]["resourceVersion"]) > int(body["metadata"]["resourceVersion"])


def test_replace_that_changes_nothing_keeps_the_version(server: Server, ns: str) -> None:
    body = server.admin.post(configmaps(ns), configmap("a", {"k": "1"})).expect(201)
    again = server.admin.put(configmaps(ns, "a"), body).expect(200)
    assert again["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]


def test_replace_with_an_old_version_conflicts(server: Server, ns: str) -> None:
    body = server.admin.post(configmaps(ns), configmap("a", {"k": "1"})).expect(201)
    server.admin.put(configmaps(ns, "a"), {**body, "data": {"k": "2"}}).expect(200)
    status = server.admin.put(configmaps(ns, "a"), {**body, "data": {"k": "3"}}).fails(
        409,
        "Conflict",
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again",
    )
    assert status["details"] == {"name": "a", "kind": "configmaps"}


def test_replace_without_a_version_overwrites(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), configmap("a", {"k": "1"})).expect(201)
    assert server.admin.put(configmaps(ns, "a"), configmap("a", {"n": "2"})).expect(200)["data"] == {"n": "2"}


def test_replace_with_another_uid_conflicts(server: Server, ns: str) -> None:
    body = server.admin.post(configmaps(ns), configmap("a")).expect(201)
    foreign = {**body, "metadata": {**body["metadata"], "uid": str(uuid.uuid4())}}
    server.admin.put(configmaps(ns, "a"), foreign).fails(409, "Conflict", "Precondition failed: UID in precondition:")


def test_replace_with_another_name(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), configmap("a")).expect(201)
    text = "the name of the object (b) does not match the name on the URL (a)"
    server.admin.put(configmaps(ns, "a"), configmap("b")).fails(400, "BadRequest", text)


def test_replace_what_does_not_exist(server: Server, ns: str) -> None:
    server.admin.put(configmaps(ns, "a"), configmap("a")).fails(404, "NotFound", 'configmaps "a" not found')


def test_delete(server: Server, ns: str) -> None:
    body = server.admin.post(configmaps(ns), configmap("a")).expect(201)
    status = server.admin.delete(configmaps(ns, "a")).expect(200)
    assert (status["kind"], status["status"]) == ("Status", "Success")
    assert status["details"] == {"name": "a", "kind": "configmaps", "uid": body["metadata"]["uid"]}
    server.admin.get(configmaps(ns, "a")).fails(404, "NotFound")
    server.admin.delete(configmaps(ns, "a")).fails(404, "NotFound", 'configmaps "a" not found')


def test_a_recreated_object_is_another(server: Server, ns: str) -> None:
    first = server.admin.post(accounts(ns), {"metadata": {"name": "x"}}).expect(201)
    server.admin.delete(accounts(ns, "x")).expect(200)
    second = server.admin.post(accounts(ns), {"metadata": {"name": "x"}}).expect(201)
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


def test_delete_collection(server: Server, ns: str) -> None:
    for name, label in (("a", "1"), ("b", "1"), ("c", "2")):
        server.admin.post(configmaps(ns), configmap(name, labels={"n": label})).expect(201)
    server.admin.delete(configmaps(ns), labelSelector="n=1").expect(200)
    left = {item["metadata"]["name"] for item in server.admin.get(configmaps(ns)).expect(200)["items"]}
    assert left - {"kube-root-ca.crt"} == {"c"}


def test_dry_run_changes_nothing(server: Server, ns: str) -> None:
    body = server.admin.post(configmaps(ns), configmap("a"), dryRun="All").expect(201)
    assert body["metadata"]["uid"]
    server.admin.get(configmaps(ns, "a")).fails(404, "NotFound")
    server.admin.post(configmaps(ns), configmap("a", {"k": "1"})).expect(201)
    server.admin.patch(configmaps(ns, "a"), {"data": {"k": "2"}}, dryRun="All").expect(200)
    server.admin.delete(configmaps(ns, "a"), dryRun="All").expect(200)
    assert server.admin.get(configmaps(ns, "a")).expect(200)["data"] == {"k": "1"}
    server.admin.post(configmaps(ns), configmap("a"), dryRun="All").fails(409, "AlreadyExists")


def test_resource_versions_are_one_sequence(server: Server, ns: str) -> None:
    first = server.admin.post(configmaps(ns), configmap("a")).expect(201)
    second = server.admin.post(secrets(ns), secret("a")).expect(201)
    listed = server.admin.get(configmaps(ns)).expect(200)
    versions = [int(body["metadata"]["resourceVersion"]) for body in (first, second, listed)]
    assert versions[0] < versions[1] <= versions[2]


def test_names_of_253_characters_with_dots(server: Server, ns: str) -> None:
    name = ".".join(["a" * 60] * 4) + ".b-cdefghi"
    assert len(name) == 253
    assert server.admin.post(secrets(ns), secret(name)).expect(201)["metadata"]["name"] == name
    server.admin.get(secrets(ns, name)).expect(200)
