"""Deletion: preconditions, finalizers, owners, and namespaces that end."""

from __future__ import annotations

import uuid

from tests.contract.api import eventually
from tests.contract.objects import accounts, configmap, configmaps, secret, secrets, widget, widgets
from tests.contract.server import Server


def test_uid_precondition(server: Server, ns: str) -> None:
    body = server.admin.post(secrets(ns), secret("a")).expect(201)
    foreign = str(uuid.uuid4())
    answer = server.admin.delete(secrets(ns, "a"), {"preconditions": {"uid": foreign}})
    text = f"the UID in the precondition ({foreign}) does not match the UID in record ({body['metadata']['uid']}). "
    answer.fails(409, "Conflict", text)
    server.admin.delete(secrets(ns, "a"), {"preconditions": {"uid": body["metadata"]["uid"]}}).expect(200)


def test_of_a_deletion_with_a_body_the_query_does_not_count(server: Server, ns: str) -> None:
    """So `dryRun` in the query of a deletion that has options deletes."""
    for name in ("kept", "gone", "orphaned"):
        server.admin.post(configmaps(ns), configmap(name)).expect(201)
    server.admin.delete(configmaps(ns, "kept"), {"dryRun": ["All"]}).expect(200)
    server.admin.get(configmaps(ns, "kept")).expect(200)
    server.admin.delete(configmaps(ns, "kept"), dryRun="All").expect(200)
    server.admin.get(configmaps(ns, "kept")).expect(200)
    server.admin.delete(configmaps(ns, "gone"), {"apiVersion": "v1", "kind": "DeleteOptions"}, dryRun="All").expect(200)
    server.admin.get(configmaps(ns, "gone")).fails(404, "NotFound")
    server.admin.delete(
        configmaps(ns, "orphaned"), {"kind": "DeleteOptions", "apiVersion": "v1"}, propagationPolicy="?"
    )
    server.admin.get(configmaps(ns, "orphaned")).fails(404, "NotFound")


def test_version_precondition(server: Server, ns: str) -> None:
    old = server.admin.post(secrets(ns), secret("a")).expect(201)["metadata"]["resourceVersion"]
    new = server.admin.patch(secrets(ns, "a"), {"stringData": {"k": "v"}}).expect(200)["metadata"]["resourceVersion"]
    answer = server.admin.delete(secrets(ns, "a"), {"preconditions": {"resourceVersion": old}})
    text = f"the ResourceVersion in the precondition ({old}) does not match the ResourceVersion in record ({new}). "
    answer.fails(409, "Conflict", text)
    server.admin.delete(secrets(ns, "a"), {"preconditions": {"resourceVersion": new}}).expect(200)


def test_finalizers_hold_an_object(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), configmap("a", finalizers=["kubemint.io/hold"])).expect(201)
    server.admin.delete(configmaps(ns, "a")).expect(200)
    body = server.admin.get(configmaps(ns, "a")).expect(200)
    assert body["metadata"]["deletionTimestamp"].endswith("Z")
    assert body["metadata"]["deletionGracePeriodSeconds"] == 0
    server.admin.patch(configmaps(ns, "a"), {"metadata": {"finalizers": None}}).expect(200)
    server.admin.get(configmaps(ns, "a")).fails(404, "NotFound")


def test_deleting_twice_changes_nothing(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), configmap("a", finalizers=["kubemint.io/hold"])).expect(201)
    server.admin.delete(configmaps(ns, "a")).expect(200)
    first = server.admin.get(configmaps(ns, "a")).expect(200)["metadata"]
    server.admin.delete(configmaps(ns, "a")).expect(200)
    again = server.admin.get(configmaps(ns, "a")).expect(200)["metadata"]
    assert again["deletionTimestamp"] == first["deletionTimestamp"]
    assert again["resourceVersion"] == first["resourceVersion"]


def test_no_new_finalizers_while_deleting(server: Server, ns: str) -> None:
    server.admin.post(configmaps(ns), configmap("a", finalizers=["kubemint.io/hold"])).expect(201)
    server.admin.delete(configmaps(ns, "a")).expect(200)
    patch = {"metadata": {"finalizers": ["kubemint.io/hold", "kubemint.io/more"]}}
    answer = server.admin.patch(configmaps(ns, "a"), patch)
    answer.fails(
        422, "Invalid", "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted"
    )


def test_finalizer_names_are_qualified(server: Server, ns: str) -> None:
    answer = server.admin.post(configmaps(ns), configmap("a", finalizers=["hold"]))
    answer.fails(
        422, "Invalid", 'metadata.finalizers[0]: Invalid value: "hold": name is neither a standard finalizer name'
    )


def test_watchers_see_both_steps_of_a_held_deletion(server: Server, widget_api: str, ns: str) -> None:
    body = widget("a")
    body["metadata"]["finalizers"] = ["kubemint.io/hold"]
    version = server.admin.post(widgets(ns), body).expect(201)["metadata"]["resourceVersion"]
    with server.admin.watch(widgets(ns), resourceVersion=version) as events:
        server.admin.delete(widgets(ns, "a")).expect(200)
        assert events.next()["type"] == "MODIFIED"
        server.admin.patch(widgets(ns, "a"), {"metadata": {"finalizers": []}}).expect(200)
        assert events.next()["type"] == "DELETED"


def test_orphaned_objects_are_collected(server: Server, ns: str) -> None:
    server.needs_controllers()
    owner = server.account(ns)
    reference = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "robot", "uid": owner["metadata"]["uid"]}
    server.admin.post(configmaps(ns), configmap("owned", ownerReferences=[reference])).expect(201)
    server.admin.delete(accounts(ns, "robot")).expect(200)
    server.gone(configmaps(ns, "owned"))


def test_new_namespace(server: Server) -> None:
    name = server.new_namespace()
    body = server.admin.get(f"/api/v1/namespaces/{name}").expect(200)
    assert body["spec"]["finalizers"] == ["kubernetes"]
    assert body["status"] == {"phase": "Active"}
    label = {"kubernetes.io/metadata.name": name}
    assert body["metadata"].get("labels", {}) == (label if server.has("namespace-label") else {})


def test_new_namespace_gets_its_default_account(server: Server, ns: str) -> None:
    server.needs_controllers()
    eventually(lambda: server.admin.get(accounts(ns, "default")).status == 200, "the default account")
    eventually(lambda: server.admin.get(configmaps(ns, "kube-root-ca.crt")).status == 200, "the root CA")
    data = server.admin.get(configmaps(ns, "kube-root-ca.crt")).expect(200)["data"]
    assert data["ca.crt"].strip() == server.authority.strip()


def test_the_default_account_comes_back(server: Server, ns: str) -> None:
    server.needs_controllers()
    first = eventually(lambda: server.found(accounts(ns, "default")), "the default account")["metadata"]["uid"]
    server.admin.delete(accounts(ns, "default")).expect(200)

    def back() -> bool:
        body = server.found(accounts(ns, "default"))
        return body is not None and body["metadata"]["uid"] != first

    eventually(back, "another default account")


def test_namespace_ends_with_everything_in_it(server: Server, widget_api: str) -> None:
    server.needs_controllers()
    ns = server.new_namespace("ending")
    server.admin.post(secrets(ns), secret("a")).expect(201)
    server.admin.post(widgets(ns), widget("a")).expect(201)
    body = server.admin.delete(f"/api/v1/namespaces/{ns}").expect(200)
    assert body["status"]["phase"] == "Terminating"
    assert body["metadata"]["deletionTimestamp"]
    server.gone(f"/api/v1/namespaces/{ns}", seconds=30)
    assert server.admin.get(secrets(ns)).expect(200)["items"] == []


def test_nothing_is_created_in_a_namespace_that_ends(server: Server) -> None:
    server.needs_controllers()
    ns = server.new_namespace("ending")
    server.admin.post(configmaps(ns), configmap("held", finalizers=["kubemint.io/hold"])).expect(201)
    server.admin.delete(f"/api/v1/namespaces/{ns}").expect(200)
    text = f'secrets "a" is forbidden: unable to create new content in namespace {ns} because it is being terminated'
    status = server.admin.post(secrets(ns), secret("a")).fails(403, "Forbidden", text)
    assert status["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    server.admin.patch(configmaps(ns, "held"), {"metadata": {"finalizers": None}}).expect(200)
    server.gone(f"/api/v1/namespaces/{ns}", seconds=30)


def test_nothing_is_created_in_a_missing_namespace(server: Server) -> None:
    for path, body in ((secrets("nope"), secret("a")), (accounts("nope"), {"metadata": {"name": "a"}})):
        status = server.admin.post(path, body).fails(404, "NotFound", 'namespaces "nope" not found')
        assert status["details"] == {"name": "nope", "kind": "namespaces"}


def test_lists_of_a_missing_namespace_are_empty(server: Server) -> None:
    assert server.admin.get(secrets("nope")).expect(200)["items"] == []


def test_the_default_namespace_stays(server: Server) -> None:
    answer = server.admin.delete("/api/v1/namespaces/default")
    answer.fails(403, "Forbidden", 'namespaces "default" is forbidden: this namespace may not be deleted')
